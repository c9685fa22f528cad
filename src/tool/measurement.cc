// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <otelue/otelue.hpp>
#include <string_view>

#include "text.h"

namespace otelue::tool {
namespace {

// The boundaries that the specification of SDKs gives to histograms.
constexpr double kBounds[] = {0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000};

template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

struct Parsed {
  std::string key;
  std::optional<Value> value;
  std::string why;  // there is none
};

Parsed parse_attribute(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return {"", {}, "is not KEY=VALUE"};
  std::string_view key = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  const size_t colon = key.rfind(':');
  const std::string_view type = colon == std::string_view::npos ? "" : key.substr(colon + 1);
  const bool is_typed = type == "int" || type == "double" || type == "bool" || type == "string";
  if (is_typed) key = key.substr(0, colon);
  if (key.empty()) return {"", {}, "has no key"};
  if (valid_utf8(text) != text.size()) return {"", {}, "is not UTF-8"};
  Parsed parsed{std::string(key), {}, ""};
  if (type == "int") {
    if (const auto number = parse<int64_t>(value)) parsed.value = Value(*number);
  } else if (type == "double") {
    if (const auto number = parse<double>(value)) parsed.value = Value(*number);
  } else if (type == "bool") {
    if (value == "true" || value == "false") parsed.value = Value(value == "true");
  } else {
    parsed.value = Value(std::string(value));
  }
  if (!parsed.value) parsed.why = "has a value that is no " + std::string(type);
  return parsed;
}

// The last one of a key holds.
void set(Attributes* attributes, std::string key, Value value) {
  std::erase_if(*attributes, [&](const Attribute& one) { return one.key.view() == key; });
  attributes->push_back({std::move(key), std::move(value)});
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      plain += static_cast<char>(code);
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Attributes resource_of_environment() {
  Attributes attributes;
  set(&attributes, "service.name", "unknown_service:otelue");
  const char* list = std::getenv("OTEL_RESOURCE_ATTRIBUTES");
  std::string_view rest = list != nullptr ? list : "";
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)).empty()) continue;
    set(&attributes, unescaped(trimmed(pair.substr(0, equals))), unescaped(trimmed(pair.substr(equals + 1))));
  }
  const char* name = std::getenv("OTEL_SERVICE_NAME");
  if (name != nullptr && *name != '\0') set(&attributes, "service.name", std::string(name));
  return attributes;
}

}  // namespace

std::string check_attribute(const std::string& text) {
  const std::string why = parse_attribute(text).why;
  return why.empty() ? "" : "'" + text + "' " + why;
}

std::string check_value(Instrument instrument, const std::string& value) {
  const std::optional<double> number = parse<double>(value);
  if (!number) return "'" + value + "' is not a number";
  const bool may_fall = instrument == Instrument::kUpDownCounter || instrument == Instrument::kGauge;
  if (!may_fall && !(*number >= 0))
    return "'" + value + "' is less than 0, which only a gauge or an up-down counter is";
  return "";
}

std::string build_measurement(const Measurement& measurement, Batch* batch) {
  Attributes resource = resource_of_environment();
  for (const std::string& text : measurement.resource_attributes) {
    Parsed parsed = parse_attribute(text);
    if (!parsed.value) return "'" + text + "' " + parsed.why;
    set(&resource, std::move(parsed.key), std::move(*parsed.value));
  }
  Attributes attributes;
  for (const std::string& text : measurement.attributes) {
    Parsed parsed = parse_attribute(text);
    if (!parsed.value) return "'" + text + "' " + parsed.why;
    set(&attributes, std::move(parsed.key), std::move(*parsed.value));
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  batch->interval(0, static_cast<uint64_t>(std::chrono::nanoseconds(now).count()));
  batch->set_resource(resource);
  const auto scope = batch->scope("otelue.emit");
  const std::string& name = measurement.name;
  const std::string& unit = measurement.unit;
  const std::string& description = measurement.description;
  const auto add = [&](Metric metric) {
    if (const auto whole = parse<int64_t>(measurement.value)) {
      batch->point(metric, *whole, attributes);
    } else {
      batch->point(metric, parse<double>(measurement.value).value_or(0), attributes);
    }
  };
  switch (measurement.instrument) {
    case Instrument::kCounter:
      add(batch->counter(scope, name, unit, description));
      break;
    case Instrument::kUpDownCounter:
      add(batch->up_down_counter(scope, name, unit, description, Temporality::kDelta));
      break;
    case Instrument::kGauge:
      add(batch->gauge(scope, name, unit, description));
      break;
    case Instrument::kHistogram: {
      const double value = parse<double>(measurement.value).value_or(0);
      Histogram histogram;
      histogram.count = 1;
      histogram.sum = histogram.min = histogram.max = value;
      histogram.has = OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX;
      histogram.explicit_bounds.assign(std::begin(kBounds), std::end(kBounds));
      histogram.bucket_counts.assign(std::size(kBounds) + 1, 0);
      ++histogram.bucket_counts[static_cast<size_t>(std::lower_bound(std::begin(kBounds), std::end(kBounds), value) -
                                                    std::begin(kBounds))];
      batch->point(batch->histogram(scope, name, unit, description), histogram, attributes);
      break;
    }
    case Instrument::kNone:
      break;
  }
  return "";
}

}  // namespace otelue::tool
