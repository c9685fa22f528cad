// SPDX-License-Identifier: Apache-2.0
// Reads the wire format of protobuf as leniently as decoders do: varints need not be minimal, fields may come in any
// order, and unknown ones are passed over. What any of the decoders of C++, Go, Java, JavaScript, Python or Rust refuses
// is malformed.
#ifndef OTELUE_SRC_WIRE_READER_H
#define OTELUE_SRC_WIRE_READER_H

#include "wire/wire.h"

namespace otelue_core::wire {

// Bytes of somebody else's.
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct Field {
  uint32_t number;
  WireType type;
  size_t begin;  // of the tag
  size_t value;  // of the value: behind the tag, and behind the length where there is one
  size_t end;

  size_t size() const { return end - value; }
};

// Reads the field at `from`, of a message at `depth` that ends at `end`. False when it is malformed.
bool read_field_of_any_kind(const uint8_t* data, size_t from, size_t end, unsigned depth, Field* out);

OTELUE_INLINE bool read_field(const uint8_t* data, size_t from, size_t end, unsigned depth, Field* out) {
  // Most fields lie in front of number 16, and are a small number, fixed64, or of less than 16 KiB: a byte for the tag,
  // and one or two for the length.
  constexpr uint8_t kType = 7;
  const size_t left = end - from;
  if (left >= 2 && data[from] < 0x80 && data[from] > kType) [[likely]] {
    const uint8_t tag = data[from];
    const auto type = static_cast<WireType>(tag & kType);
    if (type == WireType::kBytes) [[likely]] {
      size_t size = data[from + 1];
      size_t value = from + 2;
      const bool is_long = size >= 0x80;
      if (is_long && left >= 3) size = (size & 0x7f) | size_t{data[value++]} << 7;
      if (size < (is_long ? 0x4000u : 0x80u) && size <= end - value) [[likely]] {
        *out = {uint32_t{tag} >> 3, type, from, value, value + size};
        return true;
      }
    }
    if (type == WireType::kVarint && data[from + 1] < 0x80) {
      *out = {uint32_t{tag} >> 3, type, from, from + 1, from + 2};
      return true;
    }
    if (type == WireType::kFixed64 && left >= 9) {
      *out = {uint32_t{tag} >> 3, type, from, from + 1, from + 9};
      return true;
    }
  }
  Field field;
  const bool is_whole = read_field_of_any_kind(data, from, end, depth, &field);
  *out = field;
  return is_whole;
}

// The fields of one message, in the order of its bytes. Offsets count from `bytes.data`.
class Fields {
 public:
  // `depth` is that of the message, so that groups in it are refused where decoders refuse them.
  explicit Fields(Bytes bytes, size_t from = 0, unsigned depth = 0)
      : data_(bytes.data), next_(from), end_(bytes.size), depth_(depth) {}

  // False at the end, and at a field that is malformed: then ok() is false too.
  OTELUE_INLINE bool next(Field* out) {
    if (next_ >= end_ || !ok_) return false;
    ok_ = read_field(data_, next_, end_, depth_, out);
    next_ = out->end;
    return ok_;
  }
  bool ok() const { return ok_; }

 private:
  const uint8_t* data_;
  size_t next_;
  size_t end_;
  unsigned depth_;
  bool ok_ = true;
};

// Whether bytes are nothing but whole varints.
bool is_packed_varints(Bytes bytes);

}  // namespace otelue_core::wire

#endif
