// SPDX-License-Identifier: Apache-2.0
#include "wire/utf8.h"

namespace otelue_core::wire {

bool is_well_formed_utf8(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t lead = at(i++);
    if (lead < 0x80) continue;

    // The lead byte tells how many bytes follow, and which ones the first of them may be.
    unsigned follow = 0;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      follow = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      follow = 2;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      follow = 3;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    } else {
      return false;
    }

    if (text.size() - i < follow) return false;
    for (; follow > 0; --follow, low = 0x80, high = 0xbf) {
      const uint8_t next = at(i++);
      if (next < low || next > high) return false;
    }
  }
  return true;
}

}  // namespace otelue_core::wire
