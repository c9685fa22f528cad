// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_WIRE_UTF8_H
#define OTELUE_SRC_WIRE_UTF8_H

#include <cstring>
#include <string_view>

#include "wire/wire.h"

namespace otelue_core::wire {

// Whether text with bytes above 0x7f is well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no surrogates,
// nothing above U+10FFFF. Protobuf decoders refuse a message with any other string.
bool is_well_formed_utf8(std::string_view text);

// Reads text in words, which overlap so that all but long text is done without a loop, and hands each to `use` with
// its place. Returns whether it is ASCII.
template <typename Use>
OTELUE_INLINE bool scan_ascii(std::string_view text, Use&& use) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* from = text.data();
  const size_t size = text.size();
  uint64_t seen = 0;
  auto read = [&](size_t at, auto word) {
    std::memcpy(&word, from + at, sizeof word);
    use(at, word);
    seen |= word;
  };
  if (size > 16) {
    for (size_t at = 0; at + 16 < size; at += 16) {
      read(at, uint64_t{});
      read(at + 8, uint64_t{});
    }
    read(size - 16, uint64_t{});
    read(size - 8, uint64_t{});
  } else if (size >= 8) {
    read(0, uint64_t{});
    read(size - 8, uint64_t{});
  } else if (size >= 4) {
    read(0, uint32_t{});
    read(size - 4, uint32_t{});
  } else {
    for (size_t at = 0; at < size; ++at) read(at, uint8_t{});
  }
  return (seen & kHighBits) == 0;
}

OTELUE_INLINE bool is_utf8(std::string_view text) {
  return scan_ascii(text, [](size_t, auto) {}) || is_well_formed_utf8(text);
}

// Copies text and says whether it is UTF-8. What is checked is the copy, which nobody else can change.
OTELUE_INLINE bool copy_utf8(uint8_t* to, std::string_view text) {
  return scan_ascii(text, [to](size_t at, auto word) { std::memcpy(to + at, &word, sizeof word); }) ||
         is_well_formed_utf8({reinterpret_cast<const char*>(to), text.size()});
}

}  // namespace otelue_core::wire

#endif
