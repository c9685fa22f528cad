// SPDX-License-Identifier: Apache-2.0
#include "abi/sentence.h"

#include <algorithm>
#include <cstring>

#include "wire/utf8.h"

namespace otelue_core {
namespace {

// Whether a terminal or a reader could take a character for something else: it controls, reorders or hides text.
bool is_misleading(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

// The first character of text that is not empty; its size is 0 when that is no UTF-8.
struct Character {
  uint32_t code;
  size_t size;
};

Character first_character(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size > text.size() || !wire::is_utf8({text.data(), size})) return {lead, 0};
  uint32_t code = size == 1 ? lead : lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3fu);
  return {code, size};
}

// The characters that OpenTelemetry allows in the name of an instrument.
bool is_ordinary(std::string_view name) {
  for (const char c : name) {
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
        c != '-' && c != '/') {
      return false;
    }
  }
  return !name.empty();
}

constexpr size_t kLongestName = 100;  // bytes of it that are shown

}  // namespace

Sentence& Sentence::operator<<(std::string_view text) {
  size_t fits = size_ > written_ ? 0 : text.size();
  if (fits > room_ - written_) {
    fits = room_ - written_;
    while (fits > 0 && (static_cast<uint8_t>(text[fits]) & 0xc0) == 0x80) --fits;  // no half character
  }
  size_ += text.size();
  if (fits == 0) return *this;
  memcpy(to_ + written_, text.data(), fits);
  written_ += fits;
  to_[written_] = '\0';
  return *this;
}

Sentence& Sentence::in_base(uint64_t number, unsigned base, size_t digits) {
  char text[20];
  size_t at = sizeof text;
  for (; number > 0 || sizeof text - at < digits; number /= base) text[--at] = "0123456789abcdef"[number % base];
  return *this << std::string_view(text + at, sizeof text - at);
}

void Sentence::name(std::string_view name) {
  std::string_view left(name.data(), std::min(name.size(), kLongestName));
  if (name.size() > kLongestName) {
    auto is_cut = [&] { return (static_cast<uint8_t>(name[left.size()]) & 0xc0) == 0x80; };
    for (int i = 0; i < 3 && is_cut(); ++i) left.remove_suffix(1);
  }
  const std::string_view end = left.size() < name.size() ? "..." : "";
  if (is_ordinary(left)) {
    *this << left << end;
    return;
  }
  // Quoted, so that it cannot pass for words of the sentence.
  *this << "\"";
  while (!left.empty()) {
    const Character c = first_character(left);
    if (c.size == 0) {
      (*this << "\\x").in_base(c.code, 16, 2);
    } else if (is_misleading(c.code)) {
      (*this << "\\u{").in_base(c.code, 16, 1) << "}";
    } else {
      *this << (c.code == '"' || c.code == '\\' ? "\\" : "") << std::string_view(left.data(), c.size);
    }
    left.remove_prefix(c.size == 0 ? 1 : c.size);
  }
  *this << end << "\"";
}

}  // namespace otelue_core
