// SPDX-License-Identifier: Apache-2.0
/**
 * @file
 * What otelue::Batch (builder.hpp) takes: texts, values, attributes, and the bodies of points.
 *
 * Text, bytes and identifiers are views, so what they refer to must live until the call that takes them has returned.
 * Only a std::string that is moved in, or a temporary one, is owned: an Attributes variable can be filled from
 * temporaries.
 */
#ifndef OTELUE_VALUES_HPP
#define OTELUE_VALUES_HPP

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "records.h"

namespace otelue {

/** Text that is referred to, or owned when it came as a std::string that nobody else has. */
class Text {
 public:
  Text() = default;
  Text(const char* text) : view_(text != nullptr ? std::string_view(text) : std::string_view()) {}
  Text(std::string_view text) : view_(text) {}
  Text(const std::string& text) : view_(text) {}
  Text(std::string&& text) : owned_(std::move(text)) {}

  std::string_view view() const { return owned_.empty() ? view_ : std::string_view(owned_); }

 private:
  std::string_view view_;
  std::string owned_;
};

struct Attribute;

/** What an attribute can be. */
class Value {
 public:
  /** No value. */
  Value() = default;
  Value(const char* text) : type_(OTELUE_STRING), text_(text) {}
  Value(std::string_view text) : type_(OTELUE_STRING), text_(text) {}
  Value(const std::string& text) : type_(OTELUE_STRING), text_(text) {}
  Value(std::string&& text) : type_(OTELUE_STRING), text_(std::move(text)) {}
  /** A bool, int or double. Integers that int64_t does not hold become decimal strings, as the specification has it. */
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  Value(Number value) {
    if constexpr (std::is_same_v<Number, bool>) {
      type_ = OTELUE_BOOL;
      bits_ = value;
    } else if constexpr (std::is_floating_point_v<Number>) {
      const double number = static_cast<double>(value);
      type_ = OTELUE_DOUBLE;
      std::memcpy(&bits_, &number, sizeof bits_);
    } else if (std::is_unsigned_v<Number> && static_cast<uint64_t>(value) > INT64_MAX) {
      type_ = OTELUE_STRING;
      text_ = std::to_string(static_cast<uint64_t>(value));
    } else {
      type_ = OTELUE_INT;
      bits_ = static_cast<uint64_t>(static_cast<int64_t>(value));
    }
  }

  /** Bytes, which are always referred to. */
  static Value bytes(const void* data, size_t size) {
    Value value;
    value.type_ = OTELUE_BYTES;
    value.text_ = std::string_view(static_cast<const char*>(data), size);
    return value;
  }
  static Value array(std::vector<Value> elements) {
    Value value;
    value.type_ = OTELUE_ARRAY;
    value.elements_ = std::move(elements);
    return value;
  }
  static Value kvlist(std::vector<Attribute> entries);

 private:
  friend class Batch;

  uint32_t type_ = OTELUE_EMPTY;
  uint64_t bits_ = 0;
  Text text_;
  std::vector<Value> elements_;
  std::vector<Text> keys_;  // of the elements of a KVLIST: no vector of Attribute, which is incomplete here
};

/** A key and its value. */
struct Attribute {
  Text key;
  Value value;
};

using Attributes = std::vector<Attribute>;

inline Value Value::kvlist(std::vector<Attribute> entries) {
  Value value;
  value.type_ = OTELUE_KVLIST;
  for (Attribute& entry : entries) {
    value.keys_.push_back(std::move(entry.key));
    value.elements_.push_back(std::move(entry.value));
  }
  return value;
}

/** Which of a resource's attributes identify and describe an entity (otelue_entity_ref). */
struct Entity {
  Text type;
  std::vector<Text> id_keys;
  std::vector<Text> description_keys;
  Text schema_url;
};

enum class Temporality : uint32_t { kDelta = OTELUE_DELTA, kCumulative = OTELUE_CUMULATIVE };

/** Handles into the batch that made them, and into what is moved or copied from it. clear() keeps them. */
struct Resource {
  uint32_t offset = 0;
};
struct Scope {
  uint32_t offset = 0;
};
struct Metric {
  uint32_t offset = 0;
  uint32_t kind = 0;
};
/** The attributes of a series that lives long, encoded once for all its points. */
struct Series {
  otelue_ref attributes = {0, 0};
  uint16_t form = OTELUE_ATTRIBUTE_RECORDS;
};

struct Exemplar {
  uint64_t time_unix_nano = 0;
  bool is_double = false;
  int64_t as_int = 0;
  double as_double = 0;
  const uint8_t* trace_id = nullptr;  // 16 bytes, or none
  const uint8_t* span_id = nullptr;   // 8 bytes, or none
  Attributes filtered_attributes;
};

struct Histogram {
  uint64_t count = 0;
  uint32_t has = 0;  // OTELUE_HAS_SUM, _MIN, _MAX
  double sum = 0;
  double min = 0;
  double max = 0;
  std::vector<double> explicit_bounds;
  std::vector<uint64_t> bucket_counts;
};

struct ExponentialHistogram {
  uint64_t count = 0;
  uint32_t has = 0;  // OTELUE_HAS_SUM, _MIN, _MAX, _POSITIVE, _NEGATIVE
  double sum = 0;
  double min = 0;
  double max = 0;
  int32_t scale = 0;
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  int32_t positive_offset = 0;
  int32_t negative_offset = 0;
  std::vector<uint64_t> positive;
  std::vector<uint64_t> negative;
};

struct Summary {
  uint64_t count = 0;
  double sum = 0;
  std::vector<otelue_quantile> quantiles;
};

}  // namespace otelue

#endif
