// SPDX-License-Identifier: Apache-2.0
#include "otlp_text.h"

#include <charconv>
#include <cstdio>
#include <ctime>
#include <vector>

#include "protobuf.h"

namespace otelue::tool {
namespace {

constexpr int kDeepestValue = 100;

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<uint8_t>(c));
    text += two;
  }
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      out += "\\x" + hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Names stand alone when nothing in them could be mistaken.
std::string name_of(std::string_view text) {
  const bool is_plain = !text.empty() && text.find_first_of(" \"{}=,[]()") == std::string_view::npos;
  const std::string with_quotes = quoted(text);
  return is_plain && with_quotes.size() == text.size() + 2 ? std::string(text) : with_quotes;
}

std::string time_of(uint64_t nanoseconds) {
  const auto seconds = static_cast<time_t>(nanoseconds / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char date[40];
  char text[64];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%09uZ", date, static_cast<unsigned>(nanoseconds % 1'000'000'000));
  return text;
}

std::string attribute_text(std::string_view key_value, int depth);

std::string any_value_text(std::string_view any_value, int depth) {
  if (depth > kDeepestValue) throw Malformed("values nested too deep");
  std::string text = "empty";
  Field f;
  for (Reader fields(any_value); fields.next(&f);) {
    if (f.is_bytes(1)) {
      text = quoted(f.bytes);
    } else if (f.is_varint(2)) {
      text = f.number_value != 0 ? "true" : "false";
    } else if (f.is_varint(3)) {
      text = std::to_string(f.as_int());
    } else if (f.is_fixed64(4)) {
      text = number(f.as_double());
      if (text.find_first_of(".enf") == std::string::npos) text += ".0";
    } else if (f.is_bytes(5) || f.is_bytes(6)) {
      const bool is_array = f.number == 5;
      std::string inner;
      Field e;
      for (Reader elements(f.bytes); elements.next(&e);) {
        if (!e.is_bytes(1)) continue;
        if (!inner.empty()) inner += ',';
        inner += is_array ? any_value_text(e.bytes, depth + 2) : attribute_text(e.bytes, depth + 2);
      }
      text = (is_array ? '[' : '{') + inner + (is_array ? ']' : '}');
    } else if (f.is_bytes(7)) {
      text = "0x" + hex(f.bytes);
    }
  }
  return text;
}

std::string attribute_text(std::string_view key_value, int depth) {
  std::string_view key;
  std::string value;
  Field f;
  for (Reader fields(key_value); fields.next(&f);) {
    if (f.is_bytes(1)) key = f.bytes;
    if (f.is_bytes(2)) value += f.bytes;  // occurrences merge, and merging is appending
  }
  return name_of(key) + '=' + any_value_text(value, depth + 1);
}

// All KeyValues in one field of a message, in braces.
std::string attributes_text(std::string_view message, uint32_t number) {
  std::string text;
  Field f;
  for (Reader fields(message); fields.next(&f);) {
    if (!f.is_bytes(number)) continue;
    if (!text.empty()) text += ',';
    text += attribute_text(f.bytes, 0);
  }
  return '{' + text + '}';
}

// The numbers of a repeated field, packed or not.
std::vector<uint64_t> numbers(std::string_view message, uint32_t number, bool are_varints) {
  std::vector<uint64_t> found;
  Field f;
  for (Reader fields(message); fields.next(&f);) {
    if (f.number != number) continue;
    if (f.wire_type == 2) {
      for (Reader packed(f.bytes); !packed.empty();) found.push_back(are_varints ? packed.varint() : packed.fixed(8));
    } else if (f.wire_type == (are_varints ? 0u : 1u)) {
      found.push_back(f.number_value);
    }
  }
  return found;
}

std::string exemplar_text(std::string_view exemplar) {
  std::string text;
  std::string value = "none";
  uint64_t time = 0;
  Field f;
  for (Reader fields(exemplar); fields.next(&f);) {
    if (f.is_fixed64(2)) time = f.number_value;
    if (f.is_fixed64(3)) value = number(f.as_double());
    if (f.is_fixed64(6)) value = std::to_string(f.as_int());
    if (f.is_bytes(4)) text += " span_id=" + hex(f.bytes);
    if (f.is_bytes(5)) text += " trace_id=" + hex(f.bytes);
  }
  const std::string filtered = attributes_text(exemplar, 7);
  if (filtered != "{}") text += " filtered=" + filtered;
  return '(' + value + " at " + time_of(time) + text + ')';
}

std::string buckets_text(std::string_view buckets) {
  int64_t offset = 0;
  Field f;
  for (Reader fields(buckets); fields.next(&f);) {
    if (f.is_varint(1)) offset = f.as_zigzag();
  }
  std::string text = "[offset " + std::to_string(offset) + ':';
  for (const uint64_t count : numbers(buckets, 2, true)) text += ' ' + std::to_string(count);
  return text + ']';
}

// Which field of a kind of data point means what; 0: it has none.
struct Kind {
  uint32_t field;
  const char* name;
  uint32_t attributes;
  uint32_t exemplars;
  uint32_t flags;
};
constexpr Kind kKinds[] = {
    {5, "gauge", 7, 5, 8},
    {7, "sum", 7, 5, 8},
    {9, "histogram", 9, 8, 10},
    {10, "exponential_histogram", 1, 11, 10},
    {11, "summary", 7, 0, 8},
};

std::string number_value_text(std::string_view point) {
  std::string text = "none";
  Field f;
  for (Reader fields(point); fields.next(&f);) {
    if (f.is_fixed64(4)) text = number(f.as_double());
    if (f.is_fixed64(6)) text = std::to_string(f.as_int());
  }
  return text;
}

std::string histogram_text(std::string_view point) {
  std::string text = "count=0";
  Field f;
  for (Reader fields(point); fields.next(&f);) {
    if (f.is_fixed64(4)) text.replace(0, text.find(' '), "count=" + std::to_string(f.number_value));
    if (f.is_fixed64(5)) text += " sum=" + number(f.as_double());
    if (f.is_fixed64(11)) text += " min=" + number(f.as_double());
    if (f.is_fixed64(12)) text += " max=" + number(f.as_double());
  }
  const auto counts = numbers(point, 6, false);
  const auto bounds = numbers(point, 7, false);
  if (counts.empty()) return text;
  text += " buckets=[";
  for (size_t i = 0; i < counts.size(); ++i) {
    if (i > 0) text += ' ';
    text += i < bounds.size() ? "<=" + number(std::bit_cast<double>(bounds[i])) : "rest";
    text += ':' + std::to_string(counts[i]);
  }
  return text + ']';
}

std::string exponential_text(std::string_view point) {
  std::string text;
  std::string positive;
  std::string negative;
  uint64_t count = 0;
  int64_t scale = 0;
  Field f;
  for (Reader fields(point); fields.next(&f);) {
    if (f.is_fixed64(4)) count = f.number_value;
    if (f.is_fixed64(5)) text += " sum=" + number(f.as_double());
    if (f.is_varint(6)) scale = f.as_zigzag();
    if (f.is_fixed64(7)) text += " zero_count=" + std::to_string(f.number_value);
    if (f.is_bytes(8)) positive += f.bytes;
    if (f.is_bytes(9)) negative += f.bytes;
    if (f.is_fixed64(12)) text += " min=" + number(f.as_double());
    if (f.is_fixed64(13)) text += " max=" + number(f.as_double());
    if (f.is_fixed64(14)) text += " zero_threshold=" + number(f.as_double());
  }
  text = "count=" + std::to_string(count) + " scale=" + std::to_string(scale) + text;
  if (!positive.empty()) text += " positive=" + buckets_text(positive);
  if (!negative.empty()) text += " negative=" + buckets_text(negative);
  return text;
}

std::string summary_text(std::string_view point) {
  uint64_t count = 0;
  double sum = 0;
  std::string quantiles;
  Field f;
  for (Reader fields(point); fields.next(&f);) {
    if (f.is_fixed64(4)) count = f.number_value;
    if (f.is_fixed64(5)) sum = f.as_double();
    if (!f.is_bytes(6)) continue;
    double quantile = 0;
    double value = 0;
    Field q;
    for (Reader parts(f.bytes); parts.next(&q);) {
      if (q.is_fixed64(1)) quantile = q.as_double();
      if (q.is_fixed64(2)) value = q.as_double();
    }
    quantiles += (quantiles.empty() ? "" : " ") + ("q" + number(quantile)) + ':' + number(value);
  }
  return "count=" + std::to_string(count) + " sum=" + number(sum) + " quantiles=[" + quantiles + ']';
}

std::string value_text(const Kind& kind, std::string_view point) {
  switch (kind.field) {
    case 9:
      return histogram_text(point);
    case 10:
      return exponential_text(point);
    case 11:
      return summary_text(point);
    default:
      return number_value_text(point);
  }
}

struct Metric {
  std::string name;
  std::string description;
  std::string unit;
  std::string traits;    // temporality, monotonic
  std::string surround;  // scope, resource, schema URLs, metadata
};

std::string point_text(const Kind& kind, const Metric& metric, std::string_view point) {
  uint64_t start = 0;
  uint64_t time = 0;
  uint64_t flags = 0;
  std::string exemplars;
  Field f;
  for (Reader fields(point); fields.next(&f);) {
    if (f.is_fixed64(2)) start = f.number_value;
    if (f.is_fixed64(3)) time = f.number_value;
    if (f.is_varint(kind.flags)) flags = f.number_value;
    if (kind.exemplars != 0 && f.is_bytes(kind.exemplars)) {
      exemplars += (exemplars.empty() ? "" : " ") + exemplar_text(f.bytes);
    }
  }
  std::string text = time_of(time) + ' ' + kind.name + ' ' + name_of(metric.name);
  text += attributes_text(point, kind.attributes) + ' ';
  text += (flags & 1) != 0 ? "no recorded value" : value_text(kind, point);
  if (!metric.unit.empty()) text += ' ' + metric.unit;
  text += metric.traits;
  if (start != 0) text += " start=" + time_of(start);
  if ((flags & ~uint64_t{1}) != 0) text += " flags=" + std::to_string(flags);
  if (!exemplars.empty()) text += " exemplars=[" + exemplars + ']';
  return text + metric.surround;
}

using Line = std::function<void(const std::string&)>;

void describe_metric(std::string_view bytes, const std::string& surround, const Line& line) {
  Metric metric;
  metric.surround = surround;
  std::string data;  // the occurrences of the last kind, merged
  uint32_t field = 0;
  Field f;
  for (Reader fields(bytes); fields.next(&f);) {
    if (f.is_bytes(1)) metric.name = f.bytes;
    if (f.is_bytes(2)) metric.description = f.bytes;
    if (f.is_bytes(3)) metric.unit = f.bytes;
    if (f.wire_type != 2 || f.number < 4 || f.number == 12) continue;
    if (f.number != field) data.clear();
    field = f.number;
    data += f.bytes;
  }
  const std::string metadata = attributes_text(bytes, 12);
  if (metadata != "{}") metric.surround += " metadata=" + metadata;

  const Kind* kind = nullptr;
  for (const Kind& k : kKinds) {
    if (k.field == field) kind = &k;
  }
  if (kind == nullptr) {
    line("unknown kind of data, field " + std::to_string(field) + ", of metric " + name_of(metric.name) +
         metric.surround);
    return;
  }
  uint64_t temporality = 0;
  for (Reader fields(data); fields.next(&f);) {
    if (f.is_varint(2)) temporality = f.number_value;
    if (f.is_varint(3) && f.number_value != 0) metric.traits = " monotonic";
  }
  if (field != 5 && field != 11) {
    metric.traits = (temporality == 1   ? " delta"
                     : temporality == 2 ? " cumulative"
                                        : " unspecified_temporality") +
                    metric.traits;
  }
  for (Reader fields(data); fields.next(&f);) {
    if (f.is_bytes(1)) line(point_text(*kind, metric, f.bytes));
  }
}

void describe_scope(std::string_view bytes, const std::string& surround, const Line& line) {
  std::string scope;
  std::string schema;
  std::string name;
  std::string version;
  Field f;
  for (Reader fields(bytes); fields.next(&f);) {
    if (f.is_bytes(1)) scope += f.bytes;
    if (f.is_bytes(3)) schema = f.bytes;
  }
  for (Reader fields(scope); fields.next(&f);) {
    if (f.is_bytes(1)) name = f.bytes;
    if (f.is_bytes(2)) version = f.bytes;
  }
  std::string text;
  if (!name.empty()) text += " scope=" + name_of(name);
  if (!version.empty()) text += '@' + name_of(version);
  const std::string attributes = attributes_text(scope, 3);
  if (attributes != "{}") text += attributes;
  if (!schema.empty()) text += " scope_schema=" + name_of(schema);
  text += surround;
  for (Reader fields(bytes); fields.next(&f);) {
    if (f.is_bytes(2)) describe_metric(f.bytes, text, line);
  }
}

}  // namespace

void describe(std::string_view request, const Line& line) {
  std::vector<std::string> lines;
  const Line collect = [&](const std::string& text) { lines.push_back(text); };
  Field rm;
  for (Reader fields(request); fields.next(&rm);) {
    if (!rm.is_bytes(1)) continue;
    std::string resource;
    std::string schema;
    Field f;
    for (Reader parts(rm.bytes); parts.next(&f);) {
      if (f.is_bytes(1)) resource += f.bytes;
      if (f.is_bytes(3)) schema = f.bytes;
    }
    std::string surround = " resource=" + attributes_text(resource, 1);
    if (!schema.empty()) surround += " resource_schema=" + name_of(schema);
    for (Reader parts(rm.bytes); parts.next(&f);) {
      if (f.is_bytes(2)) describe_scope(f.bytes, surround, collect);
    }
  }
  for (const std::string& text : lines) line(text);
}

}  // namespace otelue::tool
