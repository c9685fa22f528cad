// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_RECORDS_UTF8_H
#define OTELUE_SRC_RECORDS_UTF8_H

#include <cstdint>
#include <cstring>
#include <string_view>

namespace otelue_core::records {

// Whether text with bytes above 0x7f is well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no
// surrogates, nothing above U+10FFFF. Protobuf decoders refuse a message with any other string.
bool is_well_formed_utf8(std::string_view text);

inline bool is_ascii(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* p = text.data();
  size_t left = text.size();
  uint64_t seen = 0;
  uint64_t word = 0;
  if (left >= 8) {
    for (; left > 8; p += 8, left -= 8) {
      std::memcpy(&word, p, 8);
      seen |= word;
    }
    std::memcpy(&word, p + left - 8, 8);
    return ((seen | word) & kHighBits) == 0;
  }
  for (; left > 0; ++p, --left) seen |= static_cast<unsigned char>(*p);
  return (seen & kHighBits) == 0;
}

inline bool is_utf8(std::string_view text) { return is_ascii(text) || is_well_formed_utf8(text); }

}  // namespace otelue_core::records

#endif
