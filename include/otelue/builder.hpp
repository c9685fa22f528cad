// SPDX-License-Identifier: Apache-2.0
/**
 * @file
 * Builds a batch (records.h) in C++17, header only; not part of the ABI. otelue.hpp sends it.
 *
 * Memory      Arguments are copied into the batch, and need to live until the call returns, no longer.
 * Exceptions  Only those of std::vector and std::string when memory runs out. What was to be added is then missing, and
 *             nothing else. Works without exceptions and RTTI.
 * Threads     A batch belongs to one thread at a time. There is no state outside of it.
 */
#ifndef OTELUE_BUILDER_HPP
#define OTELUE_BUILDER_HPP

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "otelue.h"
#include "values.hpp"

namespace otelue {

/** Builds a batch in memory of its own. One that was moved from is as new. */
class Batch {
 public:
  Batch() noexcept = default;
  Batch(const Batch&) = default;
  Batch& operator=(const Batch&) = default;
  Batch(Batch&& other) noexcept { swap(other); }
  Batch& operator=(Batch&& other) noexcept {
    Batch moved(std::move(other));
    swap(moved);
    return *this;
  }

  // ---- What stays when clear() is called.

  /** Adds the resource of all scopes that name none. */
  Resource set_resource(const Attributes& attributes, std::string_view schema_url = {},
                        const std::vector<Entity>& entities = {}, uint32_t dropped_attributes_count = 0) {
    const Resource added = add_resource(attributes, schema_url, entities, dropped_attributes_count);
    resource_ = added.offset;
    return added;
  }
  /** Adds a resource for scopes that name it. */
  Resource add_resource(const Attributes& attributes, std::string_view schema_url = {},
                        const std::vector<Entity>& entities = {}, uint32_t dropped_attributes_count = 0) {
    const Keep keep(*this);
    otelue_resource record = {};
    record.attributes = put(attributes);
    record.schema_url = put(schema_url);
    record.entity_refs = put(entities);
    record.dropped_attributes_count = dropped_attributes_count;
    return {put_record(record)};
  }
  /** Adds an instrumentation scope. */
  Scope scope(std::string_view name, std::string_view version = {}, const Attributes& attributes = {},
              std::string_view schema_url = {}, Resource resource = {}, uint32_t dropped_attributes_count = 0) {
    const Keep keep(*this);
    otelue_scope record = {};
    record.resource = resource.offset;
    record.dropped_attributes_count = dropped_attributes_count;
    record.name = put(name);
    record.version = put(version);
    record.attributes = put(attributes);
    record.schema_url = put(schema_url);
    return {put_record(record)};
  }

  /** Adds a monotonic sum. */
  Metric counter(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {},
                 Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_SUM, name, unit, description, static_cast<uint32_t>(temporality), 1);
  }
  /** Adds a sum that can fall. */
  Metric up_down_counter(Scope scope, std::string_view name, std::string_view unit = {},
                         std::string_view description = {}, Temporality temporality = Temporality::kCumulative) {
    return metric(scope, OTELUE_SUM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  /** Adds a gauge. */
  Metric gauge(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {}) {
    return metric(scope, OTELUE_GAUGE, name, unit, description, 0, 0);
  }
  /** Adds a histogram with explicit bounds. */
  Metric histogram(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {},
                   Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_HISTOGRAM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  /** Adds an exponential histogram. */
  Metric exponential_histogram(Scope scope, std::string_view name, std::string_view unit = {},
                               std::string_view description = {}, Temporality temporality = Temporality::kDelta) {
    return metric(scope, OTELUE_EXPONENTIAL_HISTOGRAM, name, unit, description, static_cast<uint32_t>(temporality), 0);
  }
  /** Adds a summary. */
  Metric summary(Scope scope, std::string_view name, std::string_view unit = {}, std::string_view description = {}) {
    return metric(scope, OTELUE_SUMMARY, name, unit, description, 0, 0);
  }
  /** Adds any metric: the fields of otelue_metric. */
  Metric metric(Scope scope, uint32_t kind, std::string_view name, std::string_view unit, std::string_view description,
                uint32_t temporality, uint32_t is_monotonic, const Attributes& metadata = {}) {
    const Keep keep(*this);
    otelue_metric record = {};
    record.scope = scope.offset;
    record.kind = kind;
    record.name = put(name);
    record.description = put(description);
    record.unit = put(unit);
    record.metadata = put(metadata);
    record.temporality = temporality;
    record.is_monotonic = is_monotonic;
    return {put_record(record), kind};
  }

  /** Adds attributes for the points of a series that lives long. Those that cannot be encoded are kept as they are, and
   * the export says what is wrong with them. */
  Series series(const Attributes& attributes) {
    Batch aside;
    const otelue_ref run = aside.put(attributes);
    char set[OTELUE_ENCODED_ATTRIBUTES_MAX];
    size_t size = 0;
    const int error = otelue_encode_attributes(aside.bytes_.data(), aside.bytes_.size(), run.off, run.len, set,
                                               sizeof set, &size, nullptr, nullptr);
    const Keep keep(*this);
    if (error != 0) return {put(attributes), OTELUE_ATTRIBUTE_RECORDS};
    return {put(std::string_view(set, size)), OTELUE_ENCODED_ATTRIBUTES};
  }

  /** The times of the points that follow, also after clear(). Without it, or with 0 as the second: no start, and the
   * time at which the point is added. */
  void interval(uint64_t start_time_unix_nano, uint64_t time_unix_nano) {
    start_ = start_time_unix_nano;
    time_ = time_unix_nano;
  }

  // ---- Points, which clear() drops.

  /** Adds to one point. It can be used until the batch is cleared, moved or destroyed. */
  class Point {
   public:
    /** Sets otelue_point.flags. */
    Point& flags(uint32_t flags) {
      batch_.points_[index_].flags = flags;
      return *this;
    }
    /** Sets the exemplars. */
    Point& exemplars(const std::vector<Exemplar>& exemplars) {
      const otelue_ref ref = batch_.put(exemplars);
      batch_.points_[index_].exemplars = ref;
      return *this;
    }

   private:
    friend class Batch;
    explicit Point(Batch& batch) : batch_(batch), index_(batch.points_.size() - 1) {}
    Batch& batch_;
    const size_t index_;
  };

  /** Adds a point of a counter, up-down counter or gauge, with Attributes or a Series. Integers that int64_t does not
   * hold become doubles. */
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
  /** Adds a point of a histogram. */
  template <typename Set = Attributes>
  Point point(Metric metric, const Histogram& value, const Set& attributes = {}) {
    otelue_histogram body = {};
    body.count = value.count;
    body.sum = value.sum;
    body.min = value.min;
    body.max = value.max;
    body.has = value.has;
    body.explicit_bounds = put_run(value.explicit_bounds);
    body.bucket_counts = put_run(value.bucket_counts);
    return add(start(metric, attributes), put_record(body));
  }
  /** Adds a point of an exponential histogram. */
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
    body.positive = put_run(value.positive);
    body.negative = put_run(value.negative);
    return add(start(metric, attributes), put_record(body));
  }
  /** Adds a point of a summary. */
  template <typename Set = Attributes>
  Point point(Metric metric, const Summary& value, const Set& attributes = {}) {
    otelue_summary body = {};
    body.count = value.count;
    body.sum = value.sum;
    body.quantiles = put_run(value.quantiles);
    return add(start(metric, attributes), put_record(body));
  }
  /** Adds a point that says that there is no value (OTELUE_NO_RECORDED_VALUE). */
  template <typename Set = Attributes>
  Point no_value(Metric metric, const Set& attributes = {}) {
    otelue_point record = start(metric, attributes);
    record.value_type = OTELUE_EMPTY;
    record.flags = OTELUE_NO_RECORDED_VALUE;
    return add(record);
  }

  /** How many points there are. */
  size_t size() const { return points_.size(); }

  /** Drops the points, with what was added for them alone. All else stays, and so does the memory for the next ones. */
  void clear() {
    reopen();
    points_.clear();
    if (bytes_.size() > kept_end_) bytes_.resize(kept_end_);
    hole_ = 0;
    hole_used_ = 0;
  }

  /** The complete batch, until the next call on it. One of more than 4 GiB has size 0, which every call refuses. */
  std::pair<const void*, size_t> finish() {
    reopen();
    const size_t end = allocate(0, 8);
    const size_t points_size = points_.size() * sizeof(otelue_point);
    bytes_.resize(end + points_size);
    finished_ = end;
    if (points_size > 0) std::memcpy(bytes_.data() + end, points_.data(), points_size);
    if (bytes_.size() > UINT32_MAX) return {bytes_.data(), 0};
    otelue_batch header = {};
    header.magic = OTELUE_BATCH_MAGIC;
    header.version = OTELUE_BATCH_VERSION;
    header.header_size = sizeof header;
    header.total_size = static_cast<uint32_t>(bytes_.size());
    header.points = {static_cast<uint32_t>(end), static_cast<uint32_t>(points_.size())};
    header.resource = resource_;
    std::memcpy(bytes_.data(), &header, sizeof header);
    return {bytes_.data(), bytes_.size()};
  }

 private:
  // While one exists, what is added stays when the batch is cleared.
  class Keep {
   public:
    explicit Keep(Batch& batch) : batch_(batch) { batch_.is_keeping_ = true; }
    ~Keep() { batch_.is_keeping_ = false; }
    Keep(const Keep&) = delete;
    Keep& operator=(const Keep&) = delete;

   private:
    Batch& batch_;
  };
  struct Hole {
    size_t begin;
    size_t end;
  };

  void swap(Batch& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(points_, other.points_);
    std::swap(holes_, other.holes_);
    std::swap(kept_end_, other.kept_end_);
    std::swap(hole_, other.hole_);
    std::swap(hole_used_, other.hole_used_);
    std::swap(finished_, other.finished_);
    std::swap(is_keeping_, other.is_keeping_);
    std::swap(resource_, other.resource_);
    std::swap(start_, other.start_);
    std::swap(time_, other.time_);
  }

  // Takes back the points of a finished batch.
  void reopen() {
    if (finished_ != 0) bytes_.resize(finished_);
    finished_ = 0;
  }

  static size_t align(size_t at, size_t alignment) { return (at + alignment - 1) / alignment * alignment; }

  // Room for what stays is at the end. When that is behind something of this cycle, which goes when the batch is
  // cleared, there is a hole from then on, and what belongs to later cycles goes there first:
  //
  //   | otelue_batch | stays | hole: this cycle's | stays | this cycle's
  //                                                       ^ kept_end_
  size_t allocate(size_t size, size_t alignment) {
    reopen();
    if (bytes_.empty()) bytes_.resize(sizeof(otelue_batch));
    if (is_keeping_ && kept_end_ < bytes_.size()) {
      holes_.push_back({kept_end_, bytes_.size()});
      hole_ = holes_.size();
    }
    if (!is_keeping_ && size > 0) {
      for (; hole_ < holes_.size(); ++hole_, hole_used_ = 0) {
        const Hole& hole = holes_[hole_];
        const size_t at = align(hole.begin + hole_used_, alignment);
        if (at > hole.end || size > hole.end - at) continue;
        hole_used_ = at + size - hole.begin;
        return at;
      }
    }
    const size_t at = align(bytes_.size(), alignment);
    bytes_.resize(at + size);
    if (is_keeping_) kept_end_ = bytes_.size();
    return at;
  }
  uint32_t put_bytes(const void* data, size_t size, size_t alignment) {
    if (size == 0) return 0;
    const size_t at = allocate(size, alignment);
    std::memcpy(bytes_.data() + at, data, size);
    return static_cast<uint32_t>(at);
  }
  template <typename Record>
  uint32_t put_record(const Record& record) {
    return put_bytes(&record, sizeof record, 8);
  }
  template <typename Record>
  otelue_ref put_run(const std::vector<Record>& records) {
    return {put_bytes(records.data(), records.size() * sizeof(Record), 8), static_cast<uint32_t>(records.size())};
  }
  otelue_ref put(std::string_view text) {
    return {put_bytes(text.data(), text.size(), 1), static_cast<uint32_t>(text.size())};
  }
  // What each item refers to, and then the records of all of them.
  template <typename Item>
  otelue_ref put(const std::vector<Item>& items) {
    std::vector<decltype(record(items[0]))> records;
    records.reserve(items.size());
    for (const Item& item : items) records.push_back(record(item));
    return put_run(records);
  }
  otelue_ref record(const Text& text) { return put(text.view()); }
  otelue_entity_ref record(const Entity& entity) {
    otelue_entity_ref record = {};
    record.schema_url = put(entity.schema_url.view());
    record.type = put(entity.type.view());
    record.id_keys = put(entity.id_keys);
    record.description_keys = put(entity.description_keys);
    return record;
  }
  otelue_attribute record(const Attribute& attribute) {
    const otelue_ref key = put(attribute.key.view());
    return {key, record(attribute.value)};
  }
  otelue_exemplar record(const Exemplar& exemplar) {
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
    return record;
  }
  otelue_value record(const Value& value) {
    otelue_ref ref = {0, 0};
    switch (value.type_) {
      case OTELUE_STRING:
      case OTELUE_BYTES:
        ref = put(value.text_.view());
        break;
      case OTELUE_ARRAY:
        ref = put(value.elements_);
        break;
      case OTELUE_KVLIST: {
        std::vector<otelue_attribute> entries;
        for (size_t i = 0; i < value.elements_.size(); ++i) {
          const otelue_ref key = put(value.keys_[i].view());
          entries.push_back({key, record(value.elements_[i])});
        }
        ref = put_run(entries);
        break;
      }
      default:
        return {value.type_, 0, value.bits_};
    }
    return {value.type_, ref.len, ref.off};
  }

  void set(otelue_point& point, const Attributes& attributes) { point.attributes = put(attributes); }
  void set(otelue_point& point, const Series& series) {
    point.attributes = series.attributes;
    point.attributes_form = series.form;
  }
  template <typename Set>
  otelue_point start(Metric metric, const Set& attributes) {
    using std::chrono::duration_cast;
    using std::chrono::nanoseconds;
    using std::chrono::system_clock;
    otelue_point point = {};
    point.metric = metric.offset;
    point.start_time_unix_nano = start_;
    point.time_unix_nano =
        time_ != 0 ? time_
                   : static_cast<uint64_t>(duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count());
    if (metric.kind != OTELUE_GAUGE && metric.kind != OTELUE_SUM) point.value_type = static_cast<uint16_t>(metric.kind);
    set(point, attributes);
    return point;
  }
  Point add(otelue_point point, uint32_t body = 0) {
    point.body = body;
    points_.push_back(point);
    return Point(*this);
  }

  std::vector<uint8_t> bytes_;
  std::vector<otelue_point> points_;
  std::vector<Hole> holes_;
  size_t kept_end_ = sizeof(otelue_batch);
  size_t hole_ = 0;       // the hole in use, and how much of it is
  size_t hole_used_ = 0;
  size_t finished_ = 0;   // where the points of a finished batch begin; 0: it is not finished
  bool is_keeping_ = false;
  uint32_t resource_ = 0;
  uint64_t start_ = 0;
  uint64_t time_ = 0;
};

}  // namespace otelue

#endif
