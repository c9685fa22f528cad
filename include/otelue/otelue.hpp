// SPDX-License-Identifier: Apache-2.0
//
// C++17 over otelue.h: header only, not part of the ABI. It throws nothing but what std::vector throws when memory
// runs out, and works without exceptions and RTTI.
//
//   otelue::Exporter exporter;
//   otelue::Batch batch;
//   batch.set_resource({{"service.name", "shop"}});
//   const auto requests = batch.counter(batch.scope("my.meter"), "http.requests", "{request}");
//   batch.point(requests, 7, {{"http.request.method", "GET"}, {"http.response.status_code", 200}});
//   exporter.send(batch);
//   batch.clear();  // the points; all else stays for the next cycle
#ifndef OTELUE_OTELUE_HPP
#define OTELUE_OTELUE_HPP

#include <chrono>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "otelue.h"

namespace otelue {

struct Attribute;

// What an attribute can be. Strings and bytes are views: they must live until the call that takes the value returns.
class Value {
 public:
  Value() = default;
  Value(const char* text) : Value(text != nullptr ? std::string_view(text) : std::string_view()) {}
  Value(std::string_view text) : type_(OTELUE_STRING), text_(text) {}
  Value(const std::string& text) : Value(std::string_view(text)) {}
  // Integers that int64 does not hold become decimal strings, as the specification has it.
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
      digits_ = std::to_string(static_cast<uint64_t>(value));
    } else {
      type_ = OTELUE_INT;
      bits_ = static_cast<uint64_t>(static_cast<int64_t>(value));
    }
  }

  static Value bytes(const void* data, size_t size) {
    Value value;
    value.type_ = OTELUE_BYTES;
    value.text_ = {static_cast<const char*>(data), size};
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

  std::string_view text() const { return digits_.empty() ? text_ : std::string_view(digits_); }

  uint32_t type_ = OTELUE_EMPTY;
  uint64_t bits_ = 0;
  std::string_view text_;
  std::string digits_;
  std::vector<Value> elements_;
  std::vector<Attribute> entries_;
};

struct Attribute {
  std::string_view key;
  Value value;
};

inline Value Value::kvlist(std::vector<Attribute> entries) {
  Value value;
  value.type_ = OTELUE_KVLIST;
  value.entries_ = std::move(entries);
  return value;
}

using Attributes = std::vector<Attribute>;

enum class Temporality : uint32_t { kDelta = OTELUE_DELTA, kCumulative = OTELUE_CUMULATIVE };

// Handles into one batch. They outlive clear().
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
// Attributes that were encoded once, for the points of a series that lives long.
struct Series {
  otelue_ref encoded = {0, 0};
};

struct Exemplar {
  uint64_t time_unix_nano = 0;
  bool is_double = false;
  int64_t as_int = 0;
  double as_double = 0;
  const uint8_t* trace_id = nullptr;  // 16 bytes
  const uint8_t* span_id = nullptr;   // 8 bytes
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
  uint32_t has = 0;  // OTELUE_HAS_*
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

// Builds a batch in memory of its own. For one thread at a time.
class Batch {
 public:
  Batch() : bytes_(sizeof(otelue_batch)), kept_(bytes_.size()) {}

  // ---- What stays from one cycle to the next.

  // The resource of scopes that name none.
  Resource set_resource(const Attributes& attributes, std::string_view schema_url = {}) {
    const Resource added = add_resource(attributes, schema_url);
    resource_ = added.offset;
    return added;
  }
  Resource add_resource(const Attributes& attributes, std::string_view schema_url = {}) {
    otelue_resource record = {};
    record.attributes = put(attributes);
    record.schema_url = put(schema_url);
    return {keep(put_record(record))};
  }

  Scope scope(std::string_view name, std::string_view version = {}, const Attributes& attributes = {},
              std::string_view schema_url = {}, Resource resource = {}) {
    otelue_scope record = {};
    record.resource = resource.offset;
    record.name = put(name);
    record.version = put(version);
    record.attributes = put(attributes);
    record.schema_url = put(schema_url);
    return {keep(put_record(record))};
  }

  Metric counter(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {},
                 Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_SUM, name, unit, description, static_cast<uint32_t>(temporality), 1);
  }
  Metric up_down_counter(Scope scope, std::string_view name, std::string_view unit = {},
                         std::string_view description = {}, Temporality temporality = Temporality::kCumulative) {
    return metric(scope, OTELUE_SUM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  Metric gauge(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {}) {
    return metric(scope, OTELUE_GAUGE, name, unit, description, 0, 0);
  }
  Metric histogram(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {},
                   Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_HISTOGRAM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  Metric exponential_histogram(Scope scope, std::string_view name, std::string_view unit = {},
                               std::string_view description = {}, Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_EXPONENTIAL_HISTOGRAM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  Metric summary(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {}) {
    return metric(scope, OTELUE_SUMMARY, name, unit, description, 0, 0);
  }
  // Any metric, with metadata.
  Metric metric(Scope scope, uint32_t kind, std::string_view name, std::string_view unit, std::string_view description,
                uint32_t temporality, uint32_t is_monotonic, const Attributes& metadata = {}) {
    otelue_metric record = {};
    record.scope = scope.offset;
    record.kind = kind;
    record.name = put(name);
    record.description = put(description);
    record.unit = put(unit);
    record.metadata = put(metadata);
    record.temporality = temporality;
    record.is_monotonic = is_monotonic;
    return {keep(put_record(record)), kind};
  }

  // Attributes that cannot be encoded make their points invalid, which the result of the export then says.
  Series series(const Attributes& attributes) {
    Batch aside;
    const otelue_ref run = aside.put(attributes);
    char set[OTELUE_ENCODED_ATTRIBUTES_MAX];
    size_t size = 0;
    otelue_encode_attributes(aside.bytes_.data(), aside.bytes_.size(), run.off, run.len, set, sizeof set, &size, nullptr,
                             nullptr);
    if (size == 0) set[size++] = 0;  // one zero byte is no encoded set
    Series added{put(std::string_view(set, size))};
    keep(0);
    return added;
  }

  // ---- Points, which clear() drops.

  // The times of the points that follow. Otherwise: no start, and the time at which the point was added.
  void interval(uint64_t start_time_unix_nano, uint64_t time_unix_nano) {
    start_ = start_time_unix_nano;
    time_ = time_unix_nano;
  }

  // Where exemplars and flags of a point can be added, until the next call on the batch.
  class Point {
   public:
    Point& flags(uint32_t flags) {
      point().flags = flags;
      return *this;
    }
    Point& exemplars(const std::vector<Exemplar>& exemplars) {
      const otelue_ref ref = batch_.put(exemplars);
      point().exemplars = ref;
      return *this;
    }

   private:
    friend class Batch;
    explicit Point(Batch& batch) : batch_(batch) {}
    otelue_point& point() { return batch_.points_.back(); }
    Batch& batch_;
  };

  // Of a counter, up-down counter or gauge. Unsigned numbers that int64 does not hold become doubles.
  template <typename Number, typename Set = Attributes, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
  Point point(Metric metric, Number value, const Set& attributes = {}) {
    otelue_point record = start(metric, attributes);
    if constexpr (std::is_floating_point_v<Number>) {
      record.value_type = OTELUE_DOUBLE;
      record.as_double = static_cast<double>(value);
    } else if (std::is_unsigned_v<Number> && static_cast<uint64_t>(value) > INT64_MAX) {
      record.value_type = OTELUE_DOUBLE;
      record.as_double = static_cast<double>(value);
    } else {
      record.value_type = OTELUE_INT;
      record.as_int = static_cast<int64_t>(value);
    }
    return add(record);
  }
  template <typename Set = Attributes>
  Point point(Metric metric, const Histogram& value, const Set& attributes = {}) {
    otelue_histogram body = {};
    body.count = value.count;
    body.sum = value.sum;
    body.min = value.min;
    body.max = value.max;
    body.has = value.has;
    body.explicit_bounds = put(value.explicit_bounds);
    body.bucket_counts = put(value.bucket_counts);
    return add(start(metric, attributes), put_record(body));
  }
  template <typename Set = Attributes>
  Point point(Metric metric, const ExponentialHistogram& value, const Set& attributes = {}) {
    otelue_exponential_histogram body = {};
    body.count = value.count;
    body.sum = value.sum;
    body.min = value.min;
    body.max = value.max;
    body.has = value.has;
    body.scale = value.scale;
    body.zero_count = value.zero_count;
    body.zero_threshold = value.zero_threshold;
    body.positive_offset = value.positive_offset;
    body.negative_offset = value.negative_offset;
    body.positive = put(value.positive);
    body.negative = put(value.negative);
    return add(start(metric, attributes), put_record(body));
  }
  template <typename Set = Attributes>
  Point point(Metric metric, const Summary& value, const Set& attributes = {}) {
    otelue_summary body = {};
    body.count = value.count;
    body.sum = value.sum;
    body.quantiles = put(value.quantiles);
    return add(start(metric, attributes), put_record(body));
  }
  // A point that says that there is no value (OTELUE_NO_RECORDED_VALUE).
  template <typename Set = Attributes>
  Point no_value(Metric metric, const Set& attributes = {}) {
    otelue_point record = start(metric, attributes);
    record.flags = OTELUE_NO_RECORDED_VALUE;
    return add(record);
  }

  size_t size() const { return points_.size(); }

  // Drops the points, and what was added for them alone.
  void clear() {
    points_.clear();
    reopen();
    bytes_.resize(kept_);
  }

  // The complete batch, until the next call on it. More than 4 GiB give an empty one, which no call accepts.
  std::pair<const void*, size_t> finish() {
    align();
    const size_t points_at = bytes_.size();
    append(points_.data(), points_.size() * sizeof(otelue_point));
    finished_ = points_at;
    if (bytes_.size() > UINT32_MAX) return {bytes_.data(), 0};
    otelue_batch header = {};
    header.magic = OTELUE_BATCH_MAGIC;
    header.version = OTELUE_BATCH_VERSION;
    header.header_size = sizeof header;
    header.total_size = static_cast<uint32_t>(bytes_.size());
    header.points = {static_cast<uint32_t>(points_at), static_cast<uint32_t>(points_.size())};
    header.resource = resource_;
    std::memcpy(bytes_.data(), &header, sizeof header);
    return {bytes_.data(), bytes_.size()};
  }

 private:
  // Takes back the points of a finished batch.
  void reopen() {
    if (finished_ != 0) bytes_.resize(finished_);
    finished_ = 0;
  }
  void align() {
    reopen();
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
  }
  void append(const void* data, size_t size) {
    reopen();
    const auto* bytes = static_cast<const uint8_t*>(data);
    if (size > 0) bytes_.insert(bytes_.end(), bytes, bytes + size);
  }
  uint32_t keep(uint32_t offset) {
    reopen();
    kept_ = bytes_.size();
    return offset;
  }

  template <typename Record>
  uint32_t put_record(const Record& record) {
    align();
    append(&record, sizeof record);
    return static_cast<uint32_t>(bytes_.size() - sizeof record);
  }
  otelue_ref put(std::string_view text) {
    append(text.data(), text.size());
    return {static_cast<uint32_t>(bytes_.size() - text.size()), static_cast<uint32_t>(text.size())};
  }
  template <typename Record>
  otelue_ref put_run(const std::vector<Record>& records) {
    align();
    const auto at = static_cast<uint32_t>(bytes_.size());
    append(records.data(), records.size() * sizeof(Record));
    return {at, static_cast<uint32_t>(records.size())};
  }
  otelue_ref put(const std::vector<double>& numbers) { return put_run(numbers); }
  otelue_ref put(const std::vector<uint64_t>& numbers) { return put_run(numbers); }
  otelue_ref put(const std::vector<otelue_quantile>& quantiles) { return put_run(quantiles); }
  otelue_ref put(const Attributes& attributes) {
    std::vector<otelue_attribute> records;
    records.reserve(attributes.size());
    for (const Attribute& attribute : attributes) {
      const otelue_ref key = put(attribute.key);
      records.push_back({key, put(attribute.value)});
    }
    return put_run(records);
  }
  otelue_ref put(const std::vector<Exemplar>& exemplars) {
    std::vector<otelue_exemplar> records;
    for (const Exemplar& exemplar : exemplars) {
      otelue_exemplar record = {};
      record.time_unix_nano = exemplar.time_unix_nano;
      record.value_type = exemplar.is_double ? OTELUE_DOUBLE : OTELUE_INT;
      record.as_int = exemplar.as_int;
      record.as_double = exemplar.as_double;
      if (exemplar.trace_id != nullptr) {
        record.has |= OTELUE_HAS_TRACE_ID;
        std::memcpy(record.trace_id, exemplar.trace_id, sizeof record.trace_id);
      }
      if (exemplar.span_id != nullptr) {
        record.has |= OTELUE_HAS_SPAN_ID;
        std::memcpy(record.span_id, exemplar.span_id, sizeof record.span_id);
      }
      record.filtered_attributes = put(exemplar.filtered_attributes);
      records.push_back(record);
    }
    return put_run(records);
  }
  otelue_value put(const Value& value) {
    otelue_ref ref = {0, 0};
    switch (value.type_) {
      case OTELUE_STRING:
      case OTELUE_BYTES:
        ref = put(value.text());
        break;
      case OTELUE_ARRAY: {
        std::vector<otelue_value> elements;
        for (const Value& element : value.elements_) elements.push_back(put(element));
        ref = put_run(elements);
        break;
      }
      case OTELUE_KVLIST:
        ref = put(value.entries_);
        break;
      default:
        return {value.type_, 0, value.bits_};
    }
    return {value.type_, ref.len, ref.off};
  }

  void set(otelue_point& point, const Attributes& attributes) { point.attributes = put(attributes); }
  void set(otelue_point& point, const Series& series) {
    point.attributes = series.encoded;
    point.attributes_form = OTELUE_ENCODED_ATTRIBUTES;
  }
  template <typename Set>
  otelue_point start(Metric metric, const Set& attributes) {
    using std::chrono::duration_cast;
    using std::chrono::nanoseconds;
    using std::chrono::system_clock;
    otelue_point point = {};
    point.metric = metric.offset;
    point.start_time_unix_nano = start_;
    point.time_unix_nano = time_ != 0 ? time_
                                      : static_cast<uint64_t>(duration_cast<nanoseconds>(
                                                                  system_clock::now().time_since_epoch())
                                                                  .count());
    if (metric.kind != OTELUE_GAUGE && metric.kind != OTELUE_SUM) point.value_type = static_cast<uint16_t>(metric.kind);
    set(point, attributes);
    return point;
  }
  Point add(otelue_point point, uint32_t body = 0) {
    point.body = body;
    if (body == 0 && (point.flags & OTELUE_NO_RECORDED_VALUE) != 0) point.value_type = OTELUE_EMPTY;
    points_.push_back(point);
    return Point(*this);
  }

  std::vector<uint8_t> bytes_;
  std::vector<otelue_point> points_;
  size_t kept_;          // what clear() leaves
  size_t finished_ = 0;  // where the points of a finished batch begin; 0: it is not finished
  uint32_t resource_ = 0;
  uint64_t start_ = 0;
  uint64_t time_ = 0;
};

struct Result : otelue_result {
  int returned = 0;  // of the call

  bool ok() const { return returned == 0; }
  const char* what() const {
    return returned == OTELUE_PARTIAL ? otelue_strreason(first_bad_reason) : otelue_strerror(returned);
  }
};

// Owns an exporter. Safe from any thread, but for moving and destroying it.
class Exporter {
 public:
  Exporter() : error_(otelue_open(nullptr, nullptr, nullptr, &handle_)) {}
  explicit Exporter(otelue_options options) {
    options.struct_size = sizeof options;
    error_ = otelue_open(&options, nullptr, nullptr, &handle_);
  }
  ~Exporter() { otelue_close(handle_); }
  Exporter(Exporter&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), error_(other.error_) {}
  Exporter& operator=(Exporter&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(error_, other.error_);
    return *this;
  }

  // 0, or why there is no exporter: a negative errno of otelue_open().
  int error() const { return error_; }
  otelue_exporter* get() const { return handle_; }

  bool enabled() const { return otelue_enabled(handle_) != 0; }
  // Whether it is worth filling a batch.
  bool listening() { return otelue_listening(handle_, nullptr) != 0; }
  Result send(Batch& batch) {
    const auto [data, size] = batch.finish();
    return run(otelue_export, data, size);
  }
  // An encoded ExportMetricsServiceRequest. It may be empty.
  Result send(std::string_view request) {
    return run(otelue_export_otlp, request.empty() ? "" : request.data(), request.size());
  }
  int force_flush() { return otelue_force_flush(handle_); }
  int shutdown() { return otelue_shutdown(handle_); }

  otelue_status status() {
    otelue_status info = {};
    info.struct_size = sizeof info;
    otelue_get_status(handle_, &info);
    return info;
  }
  otelue_statistics statistics() const {
    otelue_statistics totals = {};
    totals.struct_size = sizeof totals;
    otelue_get_statistics(handle_, &totals);
    return totals;
  }

 private:
  template <typename Function>
  Result run(Function function, const void* data, size_t size) {
    Result result = {};
    result.struct_size = sizeof(otelue_result);
    result.returned = function(handle_, data, size, &result);
    return result;
  }

  otelue_exporter* handle_ = nullptr;
  int error_ = 0;
};

}  // namespace otelue

#endif
