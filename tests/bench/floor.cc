// SPDX-License-Identifier: Apache-2.0
#include "floor.h"

#include <otelue/otelue.h>
#include <unistd.h>

#include <bit>
#include <cstring>

namespace bench {
namespace {

constexpr size_t kFrameBytes = 20;
constexpr size_t kHeadroom = 2048;
constexpr size_t kLargestPoint = 4096;

size_t varint_size(uint64_t v) { return (static_cast<size_t>(std::bit_width(v | 1)) + 6) / 7; }

uint8_t* put_varint(uint8_t* p, uint64_t v) {
  for (; v >= 0x80; v >>= 7) *p++ = static_cast<uint8_t>(v | 0x80);
  *p++ = static_cast<uint8_t>(v);
  return p;
}

uint8_t* put_fixed64(uint8_t* p, uint8_t tag, const void* v) {
  *p = tag;
  std::memcpy(p + 1, v, 8);
  return p + 9;
}

// Copies sixteen bytes at a time, beyond the end: there is room behind both.
uint8_t* put_text(uint8_t* p, const uint8_t* text, size_t size) {
  size_t i = 0;
  do {
    std::memcpy(p + i, text + i, 16);
    i += 16;
  } while (i < size);
  return p + size;
}

class RawExport {
 public:
  RawExport(const Workload& workload, Kind kind, size_t limit, const DataFile& to)
      : batch_(workload.data()), set_header_(workload.set_header_bytes), kind_(kind), limit_(limit), to_(to) {}

  void run() {
    const auto* header = at<otelue_batch>(0);
    const auto* points = at<otelue_point>(header->points.off);
    const uint32_t number = header->points.len;
    if (number == 0) return;
    heads(*header, *at<otelue_metric>(points[0].metric));
    const size_t room = capacity();

    uint8_t* const begin = memory_ + kHeadroom;
    uint8_t* end = begin;
    for (uint32_t i = 0; i < number; ++i) {
      uint8_t* const next = put_point(end, points[i]);
      if (static_cast<size_t>(next - begin) <= room) {
        end = next;
        continue;
      }
      const size_t size = static_cast<size_t>(next - end);
      std::memcpy(aside_, end, size);
      send(begin, end);
      std::memcpy(begin, aside_, size);
      end = begin + size;
    }
    send(begin, end);
  }

 private:
  template <typename Record>
  const Record* at(uint32_t off) const {
    return reinterpret_cast<const Record*>(batch_ + off);
  }

  // ---- What surrounds the points: written once, their lengths once per event.

  uint8_t* put_attributes(uint8_t* p, uint8_t field_tag, otelue_ref ref) const {
    const auto* attribute = at<otelue_attribute>(ref.off);
    for (const auto* end = attribute + ref.len; attribute < end; ++attribute) {
      const size_t key = attribute->key.len;
      const size_t value = attribute->value.len;
      if (key + value < 120) {
        p[0] = field_tag;
        p[1] = static_cast<uint8_t>(key + value + 6);
        p[2] = 0x0a;
        p[3] = static_cast<uint8_t>(key);
        p = put_text(p + 4, batch_ + attribute->key.off, key);
        p[0] = 0x12;
        p[1] = static_cast<uint8_t>(value + 2);
        p[2] = 0x0a;
        p[3] = static_cast<uint8_t>(value);
        p = put_text(p + 4, batch_ + attribute->value.bits, value);
        continue;
      }
      const size_t any = 1 + varint_size(value) + value;
      *p++ = field_tag;
      p = put_varint(p, 2 + varint_size(key) + key + varint_size(any) + any);
      *p++ = 0x0a;
      p = put_text(put_varint(p, key), batch_ + attribute->key.off, key);
      *p++ = 0x12;
      p = put_varint(p, any);
      *p++ = 0x0a;
      p = put_text(put_varint(p, value), batch_ + attribute->value.bits, value);
    }
    return p;
  }

  uint8_t* put_field(uint8_t* p, uint8_t tag, otelue_ref text) const {
    *p++ = tag;
    return put_text(put_varint(p, text.len), batch_ + text.off, text.len);
  }

  struct Head {
    uint8_t bytes[512];
    size_t size;
  };

  // | tag | length | message |, for a message at most 512 bytes long.
  static void wrap(Head* head, uint8_t tag, const uint8_t* message, const uint8_t* end) {
    const size_t size = static_cast<size_t>(end - message);
    head->bytes[0] = tag;
    uint8_t* p = put_varint(head->bytes + 1, size);
    std::memcpy(p, message, size);
    head->size = static_cast<size_t>(p - head->bytes) + size;
  }

  void heads(const otelue_batch& header, const otelue_metric& metric) {
    uint8_t message[512];
    const auto* resource = at<otelue_resource>(header.resource);
    wrap(&resource_, 0x0a, message, put_attributes(message, 0x0a, resource->attributes));
    const auto* scope = at<otelue_scope>(metric.scope);
    wrap(&scope_, 0x0a, message, put_field(put_field(message, 0x0a, scope->name), 0x12, scope->version));
    uint8_t* p = put_field(metric_.bytes, 0x0a, metric.name);
    p = put_field(p, 0x12, metric.description);
    p = put_field(p, 0x1a, metric.unit);
    metric_.size = static_cast<size_t>(p - metric_.bytes);

    uint8_t* tail = tail_;
    *tail++ = 0x10;
    *tail++ = static_cast<uint8_t>(metric.temporality);
    if (metric.is_monotonic != 0) {
      *tail++ = 0x18;
      *tail++ = 1;
    }
    tail_size_ = static_cast<size_t>(tail - tail_);
    data_tag_ = static_cast<uint8_t>(metric.kind << 3 | 2);
  }

  struct Lengths {
    size_t data, metric, scope_metrics, resource_metrics, request;
  };
  Lengths lengths(size_t points) const {
    auto field = [](size_t size) { return 1 + varint_size(size) + size; };
    Lengths l;
    l.data = points + tail_size_;
    l.metric = metric_.size + field(l.data);
    l.scope_metrics = scope_.size + field(l.metric);
    l.resource_metrics = resource_.size + field(l.scope_metrics);
    l.request = field(l.resource_metrics);
    return l;
  }

  // The most bytes of points that an event holds.
  size_t capacity() const {
    size_t points = 2 * limit_ - lengths(limit_).request;
    while (lengths(points + 1).request <= limit_) ++points;
    return points;
  }

  // Writes the heads in front of the points, the tail behind them, and all of it to the kernel.
  void send(uint8_t* begin, uint8_t* end) {
    std::memcpy(end, tail_, sizeof tail_);
    const Lengths l = lengths(static_cast<size_t>(end - begin));
    uint8_t* p = begin - l.request + l.data - kFrameBytes;
    const uint8_t* const start = p;
    const uint32_t frame[5] = {to_.write_index, 0, 0, 0, static_cast<uint32_t>(l.request) << 16};
    std::memcpy(p, frame, kFrameBytes);
    std::memcpy(p + 8, "v0.19.00", 8);
    p += kFrameBytes;
    *p++ = 0x0a;
    p = put_varint(p, l.resource_metrics);
    std::memcpy(p, resource_.bytes, resource_.size);
    p += resource_.size;
    *p++ = 0x12;
    p = put_varint(p, l.scope_metrics);
    std::memcpy(p, scope_.bytes, scope_.size);
    p += scope_.size;
    *p++ = 0x12;
    p = put_varint(p, l.metric);
    std::memcpy(p, metric_.bytes, metric_.size);
    p += metric_.size;
    *p++ = data_tag_;
    put_varint(p, l.data);
    const size_t size = kFrameBytes + l.request;
    if (::write(to_.fd, start, size) != static_cast<ssize_t>(size)) __builtin_trap();
  }

  // ---- Points: nearly all take 128 to 16383 bytes, so their length takes two.

  uint8_t* put_point(uint8_t* p, const otelue_point& point) const {
    uint8_t* const body = p + 3;
    uint8_t* end = kind_ == Kind::kHistogram     ? histogram(body, point)
                   : kind_ == Kind::kExponential ? exponential(body, point)
                                                 : number(body, point);
    return close(p, body, end);
  }

  static uint8_t* close(uint8_t* tag, uint8_t* body, uint8_t* end) {
    const size_t size = static_cast<size_t>(end - body);
    tag[0] = 0x0a;
    return put_length(tag + 1, body, end, size);
  }

  // A length for which two bytes were left in front of `body`.
  static uint8_t* put_length(uint8_t* at, uint8_t* body, uint8_t* end, size_t size) {
    if (size >= 128) {
      at[0] = static_cast<uint8_t>(size | 0x80);
      at[1] = static_cast<uint8_t>(size >> 7);
      return end;
    }
    at[0] = static_cast<uint8_t>(size);
    std::memmove(at + 1, body, size);
    return end - 1;
  }

  uint8_t* attributes(uint8_t* p, uint8_t tag, const otelue_point& point) const {
    if (point.attributes_form == OTELUE_ATTRIBUTE_RECORDS) return put_attributes(p, tag, point.attributes);
    const size_t size = point.attributes.len - set_header_;
    std::memcpy(p, batch_ + point.attributes.off + set_header_, size);
    if (tag != 0x3a) {
      for (uint8_t* at = p; at < p + size; at += 2 + at[1]) at[0] = tag;
    }
    return p + size;
  }

  uint8_t* number(uint8_t* p, const otelue_point& point) const {
    p = put_fixed64(p, 0x11, &point.start_time_unix_nano);
    p = put_fixed64(p, 0x19, &point.time_unix_nano);
    p = put_fixed64(p, 0x31, &point.as_int);
    return attributes(p, 0x3a, point);
  }

  uint8_t* histogram(uint8_t* p, const otelue_point& point) const {
    const auto* h = at<otelue_histogram>(point.body);
    p = put_fixed64(p, 0x11, &point.start_time_unix_nano);
    p = put_fixed64(p, 0x19, &point.time_unix_nano);
    if (h->count != 0) p = put_fixed64(p, 0x21, &h->count);
    p = put_fixed64(p, 0x29, &h->sum);
    *p++ = 0x32;
    p = put_varint(p, h->bucket_counts.len * 8);
    std::memcpy(p, batch_ + h->bucket_counts.off, h->bucket_counts.len * 8);
    p += h->bucket_counts.len * 8;
    *p++ = 0x3a;
    p = put_varint(p, h->explicit_bounds.len * 8);
    std::memcpy(p, batch_ + h->explicit_bounds.off, h->explicit_bounds.len * 8);
    p += h->explicit_bounds.len * 8;
    p = attributes(p, 0x4a, point);
    p = put_fixed64(p, 0x59, &h->min);
    return put_fixed64(p, 0x61, &h->max);
  }

  static uint8_t* put_counts(uint8_t* p, const uint64_t* counts, uint32_t number) {
    uint32_t i = 0;
    for (; i + 8 <= number; i += 8) {
      uint64_t any = 0;
      for (uint32_t k = 0; k < 8; ++k) any |= counts[i + k];
      if (any < 0x80) {
        for (uint32_t k = 0; k < 8; ++k) p[k] = static_cast<uint8_t>(counts[i + k]);
        p += 8;
      } else {
        for (uint32_t k = 0; k < 8; ++k) p = put_varint(p, counts[i + k]);
      }
    }
    for (; i < number; ++i) p = put_varint(p, counts[i]);
    return p;
  }

  uint8_t* exponential(uint8_t* p, const otelue_point& point) const {
    const auto* h = at<otelue_exponential_histogram>(point.body);
    p = attributes(p, 0x0a, point);
    p = put_fixed64(p, 0x11, &point.start_time_unix_nano);
    p = put_fixed64(p, 0x19, &point.time_unix_nano);
    if (h->count != 0) p = put_fixed64(p, 0x21, &h->count);
    p = put_fixed64(p, 0x29, &h->sum);
    auto zigzag = [](int32_t v) { return static_cast<uint32_t>(v) << 1 ^ static_cast<uint32_t>(v >> 31); };
    *p++ = 0x30;
    p = put_varint(p, zigzag(h->scale));
    if (h->zero_count != 0) p = put_fixed64(p, 0x39, &h->zero_count);

    uint8_t* const buckets = p;
    *p = 0x42;
    p += 3;
    *p++ = 0x08;
    p = put_varint(p, zigzag(h->positive_offset));
    uint8_t* const packed = p;
    *p = 0x12;
    p = put_counts(p + 3, at<uint64_t>(h->positive.off), h->positive.len);
    p = put_length(packed + 1, packed + 3, p, static_cast<size_t>(p - packed) - 3);
    p = put_length(buckets + 1, buckets + 3, p, static_cast<size_t>(p - buckets) - 3);

    p = put_fixed64(p, 0x61, &h->min);
    return put_fixed64(p, 0x69, &h->max);
  }

  const uint8_t* const batch_;
  const size_t set_header_;
  const Kind kind_;
  const size_t limit_;
  const DataFile to_;
  Head resource_, scope_, metric_;
  uint8_t tail_[4];
  size_t tail_size_ = 0;
  uint8_t data_tag_ = 0;
  uint8_t aside_[kLargestPoint];
  uint8_t memory_[kHeadroom + OTELUE_DEFAULT_MAX_EVENT_BYTES + kLargestPoint];
};

}  // namespace

void export_raw(const Workload& workload, Kind kind, size_t target_event_bytes, const DataFile& to) {
  RawExport(workload, kind, target_event_bytes, to).run();
}

}  // namespace bench
