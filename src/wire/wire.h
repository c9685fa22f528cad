// SPDX-License-Identifier: Apache-2.0
// The wire format of protobuf (protobuf.dev, "Encoding"), as far as reading and writing share it.
#ifndef OTELUE_SRC_WIRE_WIRE_H
#define OTELUE_SRC_WIRE_WIRE_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// For what every byte or every point passes through: compilers misjudge what a call costs there.
#define OTELUE_INLINE [[gnu::always_inline]] inline

namespace otelue_core::wire {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// How deep messages and groups may lie below the outermost message. Decoders refuse more (the recursion limit of C++,
// Java, Python and Rust alike).
inline constexpr unsigned kDeepestMessage = 100;

// A tag of one byte, which all fields up to number 15 have.
constexpr uint8_t tag(uint32_t field, WireType type) {
  return static_cast<uint8_t>(field << 3 | static_cast<uint32_t>(type));
}

constexpr size_t varint_size(uint64_t v) {
  return v < 0x80 ? 1 : v < 0x4000 ? 2 : (static_cast<size_t>(std::bit_width(v)) + 6) / 7;
}
// The size of a field that is a string, bytes or a message of `size` bytes. In 64 bits, for sums that size_t does not
// hold on 32-bit machines.
constexpr uint64_t delimited_size(uint64_t size) { return 1 + varint_size(size) + size; }

// Negative numbers take ten bytes in int64, and one or more in sint32, which is zigzag.
constexpr uint32_t zigzag(int32_t v) { return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31); }

inline uint8_t* put_varint(uint8_t* p, uint64_t v) {
  while (v >= 0x80) [[unlikely]] {
    *p++ = static_cast<uint8_t>(v | 0x80);
    v >>= 7;
  }
  *p = static_cast<uint8_t>(v);
  return p + 1;
}

// Four bytes with one store.
inline uint8_t* put_bytes(uint8_t* p, uint8_t a, size_t b, uint8_t c, size_t d) {
  auto four = static_cast<uint32_t>(a + (b << 8) + (size_t{c} << 16) + (d << 24));
  if constexpr (std::endian::native == std::endian::big) four = __builtin_bswap32(four);
  std::memcpy(p, &four, sizeof four);
  return p + sizeof four;
}

inline uint8_t* put_fixed64(uint8_t* p, uint64_t v) {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

}  // namespace otelue_core::wire

#endif
