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

// A place in the bytes of a message.
struct Reader {
  const uint8_t* data;
  size_t next;
  size_t end;

  bool varint(uint64_t* out, size_t longest);
  bool tag(uint32_t* number, WireType* type);
  bool skip_value(WireType type, size_t* value);
  bool skip_group(uint32_t number, unsigned depth);
};

bool Reader::varint(uint64_t* out, size_t longest) {
  uint64_t value = 0;
  for (size_t i = 0; i < longest && next < end; ++i) {
    const uint8_t byte = data[next++];
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      *out = value;
      return !is_too_much(i + 1, byte);
    }
  }
  return false;
}

bool Reader::tag(uint32_t* number, WireType* type) {
  uint64_t value = 0;
  if (!varint(&value, kLongestTag) || value > UINT32_MAX) return false;
  *number = static_cast<uint32_t>(value >> 3);
  *type = static_cast<WireType>(value & 7);
  return *number != 0;
}

bool Reader::skip_value(WireType type, size_t* value) {
  uint64_t ignored = 0;
  uint64_t length = 0;
  *value = next;
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
      *value = next;
      break;
    default:
      return false;
  }
  if (length > end - next) return false;
  next += static_cast<size_t>(length);
  return true;
}

bool Reader::skip_group(uint32_t number, unsigned depth) {
  uint32_t open[kDeepestMessage];
  size_t opened = 0;
  if (depth >= kDeepestMessage) return false;
  open[opened++] = number;
  while (opened > 0) {
    uint32_t inner = 0;
    WireType type{};
    size_t ignored = 0;
    if (!tag(&inner, &type)) return false;
    if (type == WireType::kStartGroup) {
      if (opened == kDeepestMessage - depth) return false;
      open[opened++] = inner;
    } else if (type == WireType::kEndGroup) {
      if (open[--opened] != inner) return false;
    } else if (!skip_value(type, &ignored)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool read_field_of_any_kind(const uint8_t* data, size_t from, size_t end, unsigned depth, Field* out) {
  Reader reader{data, from, end};
  *out = {0, WireType::kVarint, from, from, from};
  if (!reader.tag(&out->number, &out->type)) return false;
  out->value = reader.next;
  const bool is_whole = out->type == WireType::kStartGroup ? reader.skip_group(out->number, depth)
                                                           : reader.skip_value(out->type, &out->value);
  out->end = reader.next;
  return is_whole;
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
