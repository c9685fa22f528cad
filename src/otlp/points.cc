// SPDX-License-Identifier: Apache-2.0
#include "otlp/points.h"

#include <bit>

#include "otlp/attribute_set.h"
#include "otlp/fields.h"

namespace otelue_core::otlp {
namespace {

using records::Run;
using wire::WireType;

// A fixed64 or double field, or none.
struct Fixed64 {
  bool is_present;
  uint32_t field;
  uint64_t value;
};

Fixed64 unless_zero(uint32_t field, uint64_t v) { return {v != 0, field, v}; }
Fixed64 number_if(bool is_present, uint32_t field, double v) { return {is_present, field, std::bit_cast<uint64_t>(v)}; }

// Writes those fields that are present, at once.
template <typename... Fields>
OTELUE_INLINE void put_fixed64s(Writer& out, const Fields&... fields) {
  uint8_t* p = out.take((0 + ... + (fields.is_present ? 9u : 0u)));
  if (p == nullptr) return;
  auto put = [&](const Fixed64& f) {
    if (!f.is_present) return;
    *p++ = wire::tag(f.field, WireType::kFixed64);
    p = wire::put_fixed64(p, f.value);
  };
  (put(fields), ...);
}

// A packed field of 64-bit numbers, which lie in a batch as they do on the wire of a little-endian machine.
template <typename Number>
void put_packed64(Writer& out, uint32_t field, const Run<Number>& numbers) {
  if (numbers.empty()) return;
  const uint64_t size = uint64_t{numbers.size()} * 8;
  uint8_t* p = out.take(wire::delimited_size(size));
  if (p == nullptr) return;
  *p++ = wire::tag(field, WireType::kBytes);
  p = wire::put_varint(p, size);
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(p, numbers.data(), static_cast<size_t>(size));
  } else {
    for (uint32_t i = 0; i < numbers.size(); ++i) p = wire::put_fixed64(p, std::bit_cast<uint64_t>(numbers[i]));
  }
}

// The contents of a packed field of varints, a piece at a time.
void put_packed_varints(Writer& out, const Run<uint64_t>& numbers) {
  constexpr size_t kLongest = 10;
  constexpr size_t kAtOnce = 32;
  uint8_t piece[kAtOnce * kLongest];
  const uint8_t* from = numbers.data();
  for (size_t left = numbers.size(); left > 0 && out.ok();) {
    uint8_t* p = piece;
    size_t n = left < kAtOnce ? left : kAtOnce;
    left -= n;
    for (; n > 0; --n, from += sizeof(uint64_t)) {
      uint64_t number = 0;
      std::memcpy(&number, from, sizeof number);
      p = wire::put_varint(p, number);
    }
    out.bytes(piece, static_cast<size_t>(p - piece));
  }
}

class PointWriter {
 public:
  PointWriter(Writer& out, const records::Batch& batch, const otelue_point& point, size_t exemplar_bytes)
      : out_(out), batch_(batch), point_(point), exemplar_bytes_(exemplar_bytes) {}

  void number();
  void histogram();
  void exponential_histogram();
  void summary();

 private:
  bool has_no_recorded_value() const {
    return point_.value_type == OTELUE_EMPTY && (point_.flags & OTELUE_NO_RECORDED_VALUE) != 0;
  }
  // Reads the body of a point of `kind`, unless the point has none and says so. False: there is something wrong.
  template <typename Body>
  bool read_body(uint32_t kind, Body* body);
  template <typename Record>
  bool read_run(otelue_ref ref, Run<Record>* run);
  bool fail_unless(bool is_right, uint32_t reason) {
    if (!is_right) out_.fail(reason);
    return is_right;
  }

  void times_count_sum(uint64_t count, bool has_sum, double sum);
  void attributes(uint32_t field);
  void exemplars(uint32_t field) {
    if (point_.exemplars.len != 0) some_exemplars(field);
  }
  void some_exemplars(uint32_t field);
  void exemplar(uint32_t field, const otelue_exemplar& exemplar);
  void buckets(uint32_t field, bool is_present, int32_t offset, otelue_ref counts);

  Writer& out_;
  const records::Batch& batch_;
  const otelue_point& point_;
  const size_t exemplar_bytes_;
};

template <typename Body>
bool PointWriter::read_body(uint32_t kind, Body* body) {
  if (has_no_recorded_value() && point_.body == 0) return true;
  return fail_unless(point_.value_type == kind, OTELUE_REASON_VALUE_TYPE) &&
         fail_unless(batch_.record(point_.body, body), OTELUE_REASON_REFERENCE);
}

template <typename Record>
bool PointWriter::read_run(otelue_ref ref, Run<Record>* run) {
  return fail_unless(batch_.run(ref, run), OTELUE_REASON_REFERENCE);
}

// The fields that the kinds with a body begin with.
void PointWriter::times_count_sum(uint64_t count, bool has_sum, double sum) {
  put_fixed64s(out_, unless_zero(kStartTime, point_.start_time_unix_nano), unless_zero(kTime, point_.time_unix_nano),
               unless_zero(kCount, count), number_if(has_sum, kSumOfValues, sum));
}

OTELUE_INLINE void PointWriter::attributes(uint32_t field) {
  switch (point_.attributes_form) {
    case OTELUE_ATTRIBUTE_RECORDS:
      put_attributes(out_, batch_, point_.attributes, field, kPointDepth);
      return;
    case OTELUE_ENCODED_ATTRIBUTES: {
      std::string_view set;
      if (!batch_.text(point_.attributes, &set)) return out_.fail(OTELUE_REASON_REFERENCE);
      if (!set.empty()) put_set(out_, set, field);
      return;
    }
    default:
      return out_.fail(OTELUE_REASON_RESERVED);
  }
}

void PointWriter::exemplar(uint32_t field, const otelue_exemplar& exemplar) {
  if ((exemplar.has & ~uint32_t{OTELUE_HAS_TRACE_ID | OTELUE_HAS_SPAN_ID}) != 0) {
    return out_.fail(OTELUE_REASON_RESERVED);
  }
  const bool is_double = exemplar.value_type == OTELUE_DOUBLE;
  const bool is_int = exemplar.value_type == OTELUE_INT;
  if (!is_double && !is_int) return out_.fail(OTELUE_REASON_VALUE_TYPE);

  auto text_of = [](const auto& id) { return std::string_view(reinterpret_cast<const char*>(id), sizeof id); };
  const auto message = out_.open(field);
  out_.fixed64_unless_zero(kExemplarTime, exemplar.time_unix_nano);
  if (is_double) out_.fixed64(kExemplarAsDouble, std::bit_cast<uint64_t>(exemplar.as_double));
  if ((exemplar.has & OTELUE_HAS_SPAN_ID) != 0) out_.bytes(kExemplarSpanId, text_of(exemplar.span_id));
  if ((exemplar.has & OTELUE_HAS_TRACE_ID) != 0) out_.bytes(kExemplarTraceId, text_of(exemplar.trace_id));
  if (is_int) out_.fixed64(kExemplarAsInt, static_cast<uint64_t>(exemplar.as_int));
  put_attributes(out_, batch_, exemplar.filtered_attributes, kExemplarFilteredAttributes, kExemplarDepth);
  out_.close(message);
}

void PointWriter::some_exemplars(uint32_t field) {
  Run<otelue_exemplar> run;
  if (!read_run(point_.exemplars, &run)) return;
  size_t left = exemplar_bytes_;
  for (uint32_t i = 0; i < run.size() && out_.ok(); ++i) {
    const size_t start = out_.position();
    const Changes before = out_.changes;
    exemplar(field, run[i]);
    const size_t size = out_.position() - start;
    if (exemplar_bytes_ == kAllExemplars || (out_.ok() && size <= left)) {
      left -= size;
    } else if (out_.ok() || out_.error() == Writer::kFull) {
      out_.rewind(start);
      out_.changes = before;
      ++out_.changes.exemplars_dropped;
    }
  }
}

void PointWriter::number() {
  if (!fail_unless(point_.body == 0, OTELUE_REASON_RESERVED)) return;
  const bool is_double = point_.value_type == OTELUE_DOUBLE;
  const bool is_int = point_.value_type == OTELUE_INT;
  if (!fail_unless(is_double || is_int || has_no_recorded_value(), OTELUE_REASON_VALUE_TYPE)) return;

  const Fixed64 as_int{is_int, kNumberAsInt, static_cast<uint64_t>(point_.as_int)};
  const Fixed64 start = unless_zero(kStartTime, point_.start_time_unix_nano);
  const Fixed64 time = unless_zero(kTime, point_.time_unix_nano);
  const Fixed64 as_double = number_if(is_double, kNumberAsDouble, point_.as_double);
  if (point_.exemplars.len == 0) [[likely]] {
    put_fixed64s(out_, start, time, as_double, as_int);
  } else {
    put_fixed64s(out_, start, time, as_double);
    exemplars(kNumberExemplars);
    put_fixed64s(out_, as_int);
  }
  attributes(kNumberAttributes);
  out_.varint_unless_zero(kNumberFlags, point_.flags);
}

void PointWriter::histogram() {
  otelue_histogram data{};
  if (!read_body(OTELUE_HISTOGRAM, &data)) return;
  const bool is_plain = (data.has & ~uint32_t{OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX}) == 0 &&
                        data.reserved0 == 0 && data.reserved1 == 0;
  Run<uint64_t> counts;
  Run<double> bounds;
  if (!fail_unless(is_plain, OTELUE_REASON_RESERVED) || !read_run(data.bucket_counts, &counts) ||
      !read_run(data.explicit_bounds, &bounds)) {
    return;
  }
  const bool is_matching = counts.size() == uint64_t{bounds.size()} + 1 || (counts.empty() && bounds.empty());
  if (!fail_unless(is_matching, OTELUE_REASON_BUCKETS)) return;

  times_count_sum(data.count, (data.has & OTELUE_HAS_SUM) != 0, data.sum);
  put_packed64(out_, kHistogramBucketCounts, counts);
  put_packed64(out_, kHistogramExplicitBounds, bounds);
  exemplars(kHistogramExemplars);
  attributes(kHistogramAttributes);
  out_.varint_unless_zero(kHistogramFlags, point_.flags);
  put_fixed64s(out_, number_if((data.has & OTELUE_HAS_MIN) != 0, kHistogramMin, data.min),
               number_if((data.has & OTELUE_HAS_MAX) != 0, kHistogramMax, data.max));
}

void PointWriter::buckets(uint32_t field, bool is_present, int32_t offset, otelue_ref ref) {
  Run<uint64_t> counts;
  if (!read_run(ref, &counts)) return;
  if (!is_present && counts.empty()) {
    fail_unless(offset == 0, OTELUE_REASON_RESERVED);
    return;
  }

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
}

void PointWriter::exponential_histogram() {
  otelue_exponential_histogram data{};
  if (!read_body(OTELUE_EXPONENTIAL_HISTOGRAM, &data)) return;
  constexpr uint32_t kHas = OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX | OTELUE_HAS_POSITIVE |
                            OTELUE_HAS_NEGATIVE;
  const bool is_plain = (data.has & ~kHas) == 0 && data.reserved[0] == 0 && data.reserved[1] == 0;
  if (!fail_unless(is_plain, OTELUE_REASON_RESERVED)) return;

  attributes(kExponentialAttributes);
  times_count_sum(data.count, (data.has & OTELUE_HAS_SUM) != 0, data.sum);
  out_.varint_unless_zero(kExponentialScale, wire::zigzag(data.scale));
  put_fixed64s(out_, unless_zero(kExponentialZeroCount, data.zero_count));
  buckets(kExponentialPositive, (data.has & OTELUE_HAS_POSITIVE) != 0, data.positive_offset, data.positive);
  buckets(kExponentialNegative, (data.has & OTELUE_HAS_NEGATIVE) != 0, data.negative_offset, data.negative);
  out_.varint_unless_zero(kExponentialFlags, point_.flags);
  exemplars(kExponentialExemplars);
  put_fixed64s(out_, number_if((data.has & OTELUE_HAS_MIN) != 0, kExponentialMin, data.min),
               number_if((data.has & OTELUE_HAS_MAX) != 0, kExponentialMax, data.max),
               unless_zero(kExponentialZeroThreshold, std::bit_cast<uint64_t>(data.zero_threshold)));
}

void PointWriter::summary() {
  otelue_summary data{};
  if (!read_body(OTELUE_SUMMARY, &data)) return;
  Run<otelue_quantile> quantiles;
  if (!fail_unless(data.reserved == 0 && point_.exemplars.len == 0, OTELUE_REASON_RESERVED) ||
      !read_run(data.quantiles, &quantiles)) {
    return;
  }

  times_count_sum(data.count, std::bit_cast<uint64_t>(data.sum) != 0, data.sum);
  for (uint32_t i = 0; i < quantiles.size() && out_.ok(); ++i) {
    const otelue_quantile at = quantiles[i];
    const auto message = out_.open(kSummaryQuantileValues);
    put_fixed64s(out_, unless_zero(kQuantile, std::bit_cast<uint64_t>(at.quantile)),
                 unless_zero(kQuantileValue, std::bit_cast<uint64_t>(at.value)));
    out_.close(message);
  }
  attributes(kSummaryAttributes);
  out_.varint_unless_zero(kSummaryFlags, point_.flags);
}

}  // namespace

void put_point(Writer& out, const records::Batch& batch, uint32_t kind, const otelue_point& point,
               size_t exemplar_bytes) {
  PointWriter writer(out, batch, point, exemplar_bytes);
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
      return out.fail(OTELUE_REASON_KIND);
  }
}

}  // namespace otelue_core::otlp
