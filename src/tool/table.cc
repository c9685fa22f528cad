// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <wchar.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <tuple>

#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kHead = 2;       // lines above the rows
constexpr size_t kLongest = 300;  // bytes of a text that are looked at: more than a terminal has columns for
constexpr const char* kBlocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr char kAsciiBlocks[] = " .:-=+*#@";

size_t width_of(const std::string& character, wchar_t* code) {
  mbstate_t state{};
  const size_t used = mbrtowc(code, character.data(), character.size(), &state);
  const int width = used == character.size() ? wcwidth(*code) : -1;
  return width < 0 ? SIZE_MAX : static_cast<size_t>(width);
}

std::string short_number(double value) {
  if (std::isnan(value)) return "";
  char text[32];
  const double size = std::abs(value);
  if (size < 1e15 && value == std::floor(value)) {
    std::snprintf(text, sizeof text, "%.0f", value);
  } else {
    std::snprintf(text, sizeof text, size >= 1e6 ? "%.3e" : "%.4g", value);
  }
  return text;
}

std::string age_text(uint64_t then, uint64_t now) {
  if (then == 0) return "";
  const uint64_t seconds = now > then ? (now - then) / 1'000'000'000 : 0;
  if (seconds < 100) return std::to_string(seconds) + 's';
  if (seconds < 6000) return std::to_string(seconds / 60) + 'm';
  return std::to_string(seconds / 3600) + 'h';
}

std::string value_of(const Series& series, bool is_utf8) {
  std::string text = short_number(series.value);
  if (series.has_distribution) {
    std::string bars;
    for (const uint8_t height : series.bars) bars += is_utf8 ? kBlocks[height] : std::string(1, kAsciiBlocks[height]);
    text = bars;
    constexpr const char* kNames[] = {" p50 ", " p90 ", " p99 "};
    for (size_t i = 0; i < 3; ++i)
      text += kNames[i] + (std::isnan(series.quantiles[i]) ? "-" : short_number(series.quantiles[i]));
    text += " n " + short_number(series.value);
  }
  return series.unit.empty() ? text : text + ' ' + series.unit;
}

// The widths of the columns, between which there is a blank. What is left goes to texts by their share.
std::array<size_t, kColumns> widths(size_t width, bool has_distributions) {
  std::array<size_t, kColumns> all{0, 0, 0, 0, has_distributions ? 57u : 24u, 10, 4};
  if (width < 100) all[4] = has_distributions ? width / 2 : 14;
  const size_t fixed = all[4] + all[5] + all[6] + kColumns - 1;
  const size_t left = width > fixed ? width - fixed : 0;
  all[0] = left * 15 / 100;
  all[1] = left * 15 / 100;
  all[2] = left * 35 / 100;
  all[3] = left - all[0] - all[1] - all[2];
  return all;
}

template <typename Key>
void sort_by(std::vector<const Series*>* rows, bool is_reversed, Key&& key) {
  std::stable_sort(rows->begin(), rows->end(), [&](const Series* one, const Series* other) {
    return is_reversed ? key(*other) < key(*one) : key(*one) < key(*other);
  });
}

// Of numbers the largest comes first, and what has none last.
double descending(double value) { return std::isnan(value) ? INFINITY : -value; }

void sort(std::vector<const Series*>* rows, Column column, bool is_reversed) {
  const auto text = [&](const std::string Series::*member) {
    sort_by(rows, is_reversed, [member](const Series& s) {
      return std::tie(s.*member, s.service, s.scope, s.metric, s.attributes, s.pid);
    });
  };
  switch (column) {
    case Column::kService:
      return text(&Series::service);
    case Column::kScope:
      return text(&Series::scope);
    case Column::kMetric:
      return text(&Series::metric);
    case Column::kAttributes:
      return text(&Series::attributes);
    case Column::kValue:
      return sort_by(rows, is_reversed, [](const Series& s) { return descending(s.value); });
    case Column::kRate:
      return sort_by(rows, is_reversed, [](const Series& s) { return descending(s.rate); });
    case Column::kAge:
      return sort_by(rows, is_reversed, [](const Series& s) { return UINT64_MAX - s.arrived_unix_nano; });
  }
}

std::string filter_text(const Filter& filter) {
  std::string text;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(" ") + name + '=' + printable(value);
  };
  add("metric", filter.metric);
  add("attribute", filter.attribute);
  add("service", filter.service);
  if (filter.pid != 0) add("pid", std::to_string(filter.pid));
  return text.empty() ? "" : ", only" + text;
}

}  // namespace

std::string fitted(const std::string& text, size_t width, bool is_utf8, bool is_right) {
  std::string out;
  std::string fits;  // with an ellipsis behind it
  size_t columns = 0;
  size_t columns_of_fits = 0;
  bool is_whole = true;
  for (size_t at = 0; at < text.size() && is_whole;) {
    size_t size = 1;
    while (at + size < text.size() && (static_cast<uint8_t>(text[at + size]) & 0xc0) == 0x80) ++size;
    std::string character = text.substr(at, size);
    size_t wide = 1;
    if (size > 1 || static_cast<uint8_t>(text[at]) >= 0x80 || static_cast<uint8_t>(text[at]) < ' ') {
      wchar_t code = 0;
      wide = is_utf8 ? width_of(character, &code) : SIZE_MAX;
      // What combines with the character before it could pile up without end; not all terminals agree about it either.
      if (wide == SIZE_MAX || wide == 0) character = "?", wide = 1;
    }
    is_whole = columns + wide <= width && at < kLongest;
    if (!is_whole) break;
    out += character;
    columns += wide;
    at += size;
    if (columns < width) fits = out, columns_of_fits = columns;
  }
  if (!is_whole && width > 0) {
    out = fits + (is_utf8 ? "…" : "~");
    columns = columns_of_fits + 1;
  }
  const std::string blanks(width - columns, ' ');
  return is_right ? blanks + out : out + blanks;
}

std::vector<std::string> lay_out(const AllSeries& series, const Totals& totals, View* view, uint64_t now, size_t width,
                                 size_t height) {
  std::vector<const Series*> rows;
  bool has_distributions = false;
  for (const Series& one : series.all()) {
    if (!view->filter.takes(one)) continue;
    rows.push_back(&one);
    has_distributions |= one.has_distribution;
  }
  sort(&rows, view->sort, view->is_reversed);
  const size_t room = height > kHead ? height - kHead : 0;
  view->first = std::min(view->first, rows.size() > room ? rows.size() - room : 0);
  const size_t shown = std::min(room, rows.size() - view->first);

  std::vector<std::string> lines;
  std::string head = std::to_string(totals.lost) + " lost, " + std::to_string(totals.undecodable) + " undecodable, " +
                     std::to_string(totals.events) + " events, " + std::to_string(series.points()) + " points, " +
                     std::to_string(rows.size()) + " series";
  if (rows.size() > shown) head += ", " + std::to_string(rows.size() - shown) + " more series not shown";
  if (series.forgotten() > 0) head += ", " + std::to_string(series.forgotten()) + " forgotten";
  lines.push_back(fitted(head + filter_text(view->filter), width, view->is_utf8));

  const auto all = widths(width, has_distributions);
  const auto add = [&](const std::array<std::string, kColumns>& cells) {
    std::string line;
    for (size_t i = 0; i < kColumns; ++i) {
      if (i > 0) line += ' ';
      const bool is_right = i >= static_cast<size_t>(Column::kRate);
      line += fitted(cells[i], all[i], view->is_utf8, is_right);
    }
    lines.push_back(fitted(line, width, view->is_utf8));
  };
  std::array<std::string, kColumns> names;
  std::copy(std::begin(kColumnNames), std::end(kColumnNames), names.begin());
  names[static_cast<size_t>(Column::kRate)] += "/s";
  names[static_cast<size_t>(view->sort)] += view->is_reversed ? "^" : "*";
  add(names);
  for (size_t i = 0; i < shown; ++i) {
    const Series& one = *rows[view->first + i];
    add({one.service.empty() ? "pid " + std::to_string(one.pid) : one.service, one.scope, one.metric, one.attributes,
         value_of(one, view->is_utf8), short_number(one.rate), age_text(one.arrived_unix_nano, now)});
  }
  lines.resize(std::min(lines.size(), height));
  return lines;
}

}  // namespace otelue::tool
