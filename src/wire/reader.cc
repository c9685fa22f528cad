// SPDX-License-Identifier: Apache-2.0
#include "wire/reader.h"

namespace otelue_core::wire {
namespace {

constexpr size_t kLongestVarint = 10;
// Decoders refuse longer ones.
constexpr size_t kLongestTag = 5;
constexpr size_t kLongestLength = 5;

// Whether the last byte of a varint goes beyond 64 bits, which Go and Rust refuse.
bool is_too_much(size_t length, uint8_t last) { return length == kLongestVarint && last > 1; }

}  // namespace

bool Fields::varint(uint64_t* out, size_t longest) {
  if (next_ < end_ && data_[next_] < 0x80) [[likely]] {
    *out = data_[next_++];
    return true;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < longest && next_ < end_; ++i) {
    const uint8_t byte = data_[next_++];
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      *out = value;
      return !is_too_much(i + 1, byte);
    }
  }
  return false;
}

bool Fields::tag(uint32_t* number, WireType* type) {
  uint64_t value = 0;
  if (!varint(&value, kLongestTag) || value > UINT32_MAX) return false;
  *number = static_cast<uint32_t>(value >> 3);
  *type = static_cast<WireType>(value & 7);
  return *number != 0;
}

bool Fields::skip_value(WireType type, size_t* value) {
  uint64_t ignored = 0;
  uint64_t length = 0;
  *value = next_;
  switch (type) {
    case WireType::kVarint:
      return varint(&ignored, kLongestVarint);
    case WireType::kFixed64:
      length = 8;
      break;
    case WireType::kFixed32:
      length = 4;
      break;
    case WireType::kBytes:
      if (!varint(&length, kLongestLength)) return false;
      *value = next_;
      break;
    default:
      return false;
  }
  if (length > end_ - next_) return false;
  next_ += static_cast<size_t>(length);
  return true;
}

bool Fields::skip_group(uint32_t number) {
  uint32_t open[kDeepestMessage];
  size_t depth = 0;
  if (depth_ >= kDeepestMessage) return false;
  open[depth++] = number;
  while (depth > 0) {
    uint32_t inner = 0;
    WireType type{};
    size_t ignored = 0;
    if (!tag(&inner, &type)) return false;
    if (type == WireType::kStartGroup) {
      if (depth == kDeepestMessage - depth_) return false;
      open[depth++] = inner;
    } else if (type == WireType::kEndGroup) {
      if (open[--depth] != inner) return false;
    } else if (!skip_value(type, &ignored)) {
      return false;
    }
  }
  return true;
}

bool Fields::next(Field* out) {
  if (!ok_ || next_ >= end_) return false;
  out->begin = next_;
  ok_ = tag(&out->number, &out->type);
  if (ok_) {
    out->value = next_;
    ok_ = out->type == WireType::kStartGroup ? skip_group(out->number) : skip_value(out->type, &out->value);
  }
  out->end = next_;
  return ok_;
}

bool is_packed_varints(Bytes bytes) {
  size_t length = 0;
  for (size_t i = 0; i < bytes.size; ++i) {
    const uint8_t byte = bytes.data[i];
    if (++length > kLongestVarint || (byte < 0x80 && is_too_much(length, byte))) return false;
    if (byte < 0x80) length = 0;
  }
  return length == 0;
}

}  // namespace otelue_core::wire
