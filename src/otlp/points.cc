// SPDX-License-Identifier: Apache-2.0
#include "otlp/points.h"

#include <bit>

#include "otlp/attribute_set.h"
#include "otlp/fields.h"

namespace otelue_core::otlp {
namespace {

using records::Run;

constexpr uint32_t kNone = OTELUE_REASON_NONE;

uint8_t* put_fixed64_field(uint8_t* p, uint32_t field, uint64_t v) {
  *p++ = wire::tag(field, wire::kFixed64);
  return wire::put_fixed64(p, v);
}

// A packed field of 64-bit numbers, which lie in a batch as they do on the wire of a little-endian machine.
template <typename Number>
void put_packed64(wire::Writer& out, uint32_t field, const Run<Number>& numbers) {
  if (numbers.empty()) return;
  const size_t size = size_t{numbers.size()} * 8;
  uint8_t* p = out.take(wire::delimited_size(size));
  if (p == nullptr) return;
  *p++ = wire::tag(field, wire::kBytes);
  p = wire::put_varint(p, size);
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(p, numbers.data(), size);
  } else {
    for (uint32_t i = 0; i < numbers.size(); ++i) p = wire::put_fixed64(p, std::bit_cast<uint64_t>(numbers[i]));
  }
}

// The contents of a packed field of varints.
void put_packed_varints(wire::Writer& out, const Run<uint64_t>& numbers) {
  constexpr size_t kLongest = 10;
  const uint8_t* from = numbers.data();
  for (size_t left = numbers.size(); left > 0 && out.ok();) {
    const size_t room = out.left() < wire::Writer::kRoom ? wire::Writer::kRoom : out.left();
    const size_t fitting = left < room / kLongest ? left : room / kLongest;
    uint8_t* p = out.room(fitting * kLongest);
    for (const uint8_t* end = from + fitting * sizeof(uint64_t); from < end; from += sizeof(uint64_t)) {
      uint64_t number = 0;
      std::memcpy(&number, from, sizeof number);
      p = wire::put_varint(p, number);
    }
    out.commit(p);
    left -= fitting;
  }
}

class PointWriter {
 public:
  PointWriter(wire::Writer& out, const records::Batch& batch, const otelue_point& point, bool with_exemplars,
              Changes& changes)
      : out_(out), batch_(batch), point_(point), with_exemplars_(with_exemplars), changes_(changes) {}

  uint32_t number();
  uint32_t histogram();
  uint32_t exponential_histogram();
  uint32_t summary();

 private:
  bool has_no_recorded_value() const {
    return point_.value_type == OTELUE_EMPTY && (point_.flags & OTELUE_NO_RECORDED_VALUE) != 0;
  }
  // Reads the body of a point of `kind`, unless the point has none and says so.
  template <typename Body>
  uint32_t body(uint32_t kind, Body* body) const;

  void times_count_sum(uint64_t count, bool has_sum, double sum);
  uint32_t attributes(uint32_t field);
  uint32_t exemplars(uint32_t field) { return point_.exemplars.len == 0 ? kNone : all_exemplars(field); }
  uint32_t all_exemplars(uint32_t field);
  uint32_t exemplar(uint32_t field, const otelue_exemplar& exemplar);
  uint32_t buckets(uint32_t field, bool present, int32_t offset, otelue_ref counts);
  void float64_if(bool present, uint32_t field, double v) {
    if (present) out_.float64(field, v);
  }

  wire::Writer& out_;
  const records::Batch& batch_;
  const otelue_point& point_;
  const bool with_exemplars_;
  Changes& changes_;
};

template <typename Body>
uint32_t PointWriter::body(uint32_t kind, Body* body) const {
  if (has_no_recorded_value() && point_.body == 0) return kNone;
  if (point_.value_type != kind) return OTELUE_REASON_VALUE_TYPE;
  return batch_.record(point_.body, body) ? kNone : uint32_t{OTELUE_REASON_REFERENCE};
}

// The fields that the kinds with a body begin with: start_time_unix_nano, time_unix_nano, count, sum.
void PointWriter::times_count_sum(uint64_t count, bool has_sum, double sum) {
  uint8_t* p = out_.room(36);
  if (point_.start_time_unix_nano != 0) p = put_fixed64_field(p, kStartTime, point_.start_time_unix_nano);
  if (point_.time_unix_nano != 0) p = put_fixed64_field(p, kTime, point_.time_unix_nano);
  if (count != 0) p = put_fixed64_field(p, kCount, count);
  if (has_sum) p = put_fixed64_field(p, kSumOfValues, std::bit_cast<uint64_t>(sum));
  out_.commit(p);
}

[[gnu::always_inline]] inline uint32_t PointWriter::attributes(uint32_t field) {
  switch (point_.attributes_form) {
    case OTELUE_ATTRIBUTE_RECORDS:
      return put_attributes(out_, batch_, point_.attributes, field, kPointDepth, changes_);
    case OTELUE_ENCODED_ATTRIBUTES: {
      std::string_view set;
      if (!batch_.text(point_.attributes, &set)) return OTELUE_REASON_REFERENCE;
      return set.empty() ? kNone : put_set(out_, set, field, changes_);
    }
    default:
      return OTELUE_REASON_RESERVED;
  }
}

uint32_t PointWriter::exemplar(uint32_t field, const otelue_exemplar& exemplar) {
  if ((exemplar.has & ~uint32_t{OTELUE_HAS_TRACE_ID | OTELUE_HAS_SPAN_ID}) != 0) return OTELUE_REASON_RESERVED;
  if (exemplar.value_type != OTELUE_INT && exemplar.value_type != OTELUE_DOUBLE) return OTELUE_REASON_VALUE_TYPE;

  const auto message = out_.open(field);
  out_.fixed64_unless_zero(kExemplarTime, exemplar.time_unix_nano);
  float64_if(exemplar.value_type == OTELUE_DOUBLE, kExemplarAsDouble, exemplar.as_double);
  if ((exemplar.has & OTELUE_HAS_SPAN_ID) != 0) {
    out_.delimiter(kExemplarSpanId, sizeof exemplar.span_id);
    out_.bytes(exemplar.span_id, sizeof exemplar.span_id);
  }
  if ((exemplar.has & OTELUE_HAS_TRACE_ID) != 0) {
    out_.delimiter(kExemplarTraceId, sizeof exemplar.trace_id);
    out_.bytes(exemplar.trace_id, sizeof exemplar.trace_id);
  }
  if (exemplar.value_type == OTELUE_INT) out_.fixed64(kExemplarAsInt, static_cast<uint64_t>(exemplar.as_int));
  const uint32_t reason = put_attributes(out_, batch_, exemplar.filtered_attributes, kExemplarFilteredAttributes,
                                         kExemplarDepth, changes_);
  out_.close(message);
  return reason;
}

uint32_t PointWriter::all_exemplars(uint32_t field) {
  Run<otelue_exemplar> run;
  if (!batch_.run(point_.exemplars, &run)) return OTELUE_REASON_REFERENCE;
  uint32_t reason = kNone;
  if (!with_exemplars_) {
    changes_.exemplars_dropped += run.size();
    return kNone;
  }
  for (uint32_t i = 0; i < run.size() && out_.ok() && reason == kNone; ++i) reason = exemplar(field, run[i]);
  return reason;
}

uint32_t PointWriter::number() {
  if (point_.body != 0) return OTELUE_REASON_RESERVED;
  const bool is_double = point_.value_type == OTELUE_DOUBLE;
  const bool is_int = point_.value_type == OTELUE_INT;
  if (!is_double && !is_int && !has_no_recorded_value()) return OTELUE_REASON_VALUE_TYPE;

  uint8_t* p = out_.room(36);
  if (point_.start_time_unix_nano != 0) p = put_fixed64_field(p, kStartTime, point_.start_time_unix_nano);
  if (point_.time_unix_nano != 0) p = put_fixed64_field(p, kTime, point_.time_unix_nano);
  if (is_double) p = put_fixed64_field(p, kNumberAsDouble, std::bit_cast<uint64_t>(point_.as_double));
  if (point_.exemplars.len != 0) {
    out_.commit(p);
    if (const uint32_t reason = exemplars(kNumberExemplars); reason != kNone) return reason;
    p = out_.room(9);
  }
  if (is_int) p = put_fixed64_field(p, kNumberAsInt, static_cast<uint64_t>(point_.as_int));
  out_.commit(p);
  const uint32_t reason = attributes(kNumberAttributes);
  out_.varint_unless_zero(kNumberFlags, point_.flags);
  return reason;
}

uint32_t PointWriter::histogram() {
  otelue_histogram data{};
  if (const uint32_t reason = body(OTELUE_HISTOGRAM, &data); reason != kNone) return reason;
  if ((data.has & ~uint32_t{OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX}) != 0 || data.reserved0 != 0 ||
      data.reserved1 != 0) {
    return OTELUE_REASON_RESERVED;
  }
  Run<uint64_t> counts;
  Run<double> bounds;
  if (!batch_.run(data.bucket_counts, &counts) || !batch_.run(data.explicit_bounds, &bounds)) {
    return OTELUE_REASON_REFERENCE;
  }
  if (counts.size() != bounds.size() + 1 && !(counts.empty() && bounds.empty())) return OTELUE_REASON_BUCKETS;

  times_count_sum(data.count, (data.has & OTELUE_HAS_SUM) != 0, data.sum);
  put_packed64(out_, kHistogramBucketCounts, counts);
  put_packed64(out_, kHistogramExplicitBounds, bounds);
  if (const uint32_t reason = exemplars(kHistogramExemplars); reason != kNone) return reason;
  const uint32_t reason = attributes(kHistogramAttributes);
  out_.varint_unless_zero(kHistogramFlags, point_.flags);
  float64_if((data.has & OTELUE_HAS_MIN) != 0, kHistogramMin, data.min);
  float64_if((data.has & OTELUE_HAS_MAX) != 0, kHistogramMax, data.max);
  return reason;
}

uint32_t PointWriter::buckets(uint32_t field, bool present, int32_t offset, otelue_ref ref) {
  Run<uint64_t> counts;
  if (!batch_.run(ref, &counts)) return OTELUE_REASON_REFERENCE;
  if (!present && counts.empty()) return offset == 0 ? kNone : uint32_t{OTELUE_REASON_RESERVED};

  // Most counts take one byte, so the number of buckets tells how wide the length will be.
  const size_t width = wire::varint_size(counts.size());
  const auto message = out_.open(field, width);
  out_.varint_unless_zero(kBucketsOffset, wire::zigzag(offset));
  if (!counts.empty()) {
    const auto packed = out_.open(kBucketsCounts, width);
    put_packed_varints(out_, counts);
    out_.close(packed);
  }
  out_.close(message);
  return kNone;
}

uint32_t PointWriter::exponential_histogram() {
  otelue_exponential_histogram data{};
  if (const uint32_t reason = body(OTELUE_EXPONENTIAL_HISTOGRAM, &data); reason != kNone) return reason;
  if ((data.has & ~uint32_t{OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX | OTELUE_HAS_POSITIVE |
                            OTELUE_HAS_NEGATIVE}) != 0 ||
      data.reserved[0] != 0 || data.reserved[1] != 0) {
    return OTELUE_REASON_RESERVED;
  }

  if (const uint32_t reason = attributes(kExponentialAttributes); reason != kNone) return reason;
  times_count_sum(data.count, (data.has & OTELUE_HAS_SUM) != 0, data.sum);
  out_.varint_unless_zero(kExponentialScale, wire::zigzag(data.scale));
  out_.fixed64_unless_zero(kExponentialZeroCount, data.zero_count);
  uint32_t reason = buckets(kExponentialPositive, (data.has & OTELUE_HAS_POSITIVE) != 0, data.positive_offset,
                            data.positive);
  if (reason != kNone) return reason;
  reason = buckets(kExponentialNegative, (data.has & OTELUE_HAS_NEGATIVE) != 0, data.negative_offset, data.negative);
  if (reason != kNone) return reason;
  out_.varint_unless_zero(kExponentialFlags, point_.flags);
  if (reason = exemplars(kExponentialExemplars); reason != kNone) return reason;
  float64_if((data.has & OTELUE_HAS_MIN) != 0, kExponentialMin, data.min);
  float64_if((data.has & OTELUE_HAS_MAX) != 0, kExponentialMax, data.max);
  out_.fixed64_unless_zero(kExponentialZeroThreshold, std::bit_cast<uint64_t>(data.zero_threshold));
  return kNone;
}

uint32_t PointWriter::summary() {
  otelue_summary data{};
  if (const uint32_t reason = body(OTELUE_SUMMARY, &data); reason != kNone) return reason;
  if (data.reserved != 0 || point_.exemplars.len != 0) return OTELUE_REASON_RESERVED;
  Run<otelue_quantile> quantiles;
  if (!batch_.run(data.quantiles, &quantiles)) return OTELUE_REASON_REFERENCE;

  times_count_sum(data.count, std::bit_cast<uint64_t>(data.sum) != 0, data.sum);
  for (uint32_t i = 0; i < quantiles.size() && out_.ok(); ++i) {
    const otelue_quantile at = quantiles[i];
    const auto message = out_.open(kSummaryQuantileValues);
    out_.fixed64_unless_zero(kQuantile, std::bit_cast<uint64_t>(at.quantile));
    out_.fixed64_unless_zero(kQuantileValue, std::bit_cast<uint64_t>(at.value));
    out_.close(message);
  }
  const uint32_t reason = attributes(kSummaryAttributes);
  out_.varint_unless_zero(kSummaryFlags, point_.flags);
  return reason;
}

}  // namespace

uint32_t put_point(wire::Writer& out, const records::Batch& batch, uint32_t kind, const otelue_point& point,
                   bool with_exemplars, Changes& changes) {
  PointWriter writer(out, batch, point, with_exemplars, changes);
  switch (kind) {
    case OTELUE_GAUGE:
    case OTELUE_SUM:
      return writer.number();
    case OTELUE_HISTOGRAM:
      return writer.histogram();
    case OTELUE_EXPONENTIAL_HISTOGRAM:
      return writer.exponential_histogram();
    case OTELUE_SUMMARY:
      return writer.summary();
    default:
      return OTELUE_REASON_KIND;
  }
}

}  // namespace otelue_core::otlp
