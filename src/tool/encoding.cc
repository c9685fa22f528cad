// SPDX-License-Identifier: Apache-2.0
#include "encoding.h"

#include <cstdint>

namespace otelue::tool {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBlank = " \t\r\n";

bool is_blank(char c) { return kBlank.find(c) != std::string_view::npos; }

// -1: no digit.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int base64_digit(char c) {
  if (c == '-') return 62;
  if (c == '_') return 63;
  const size_t at = kBase64.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0u; };
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (size_t digit = 0; digit < 4; ++digit) {
      text += i + digit > bytes.size() ? '=' : kBase64[group >> (18 - 6 * digit) & 63];
    }
  }
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (is_blank(c)) continue;
    const int digit = hex_digit(c);
    if (digit < 0) return {};
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  if (high >= 0) return {};
  return bytes;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes;
  uint32_t group = 0;
  int digits = 0;
  bool is_padded = false;
  // Of the last group, what makes whole bytes.
  const auto end_group = [&] {
    if (digits == 1) return false;
    for (int i = 0; i + 1 < digits; ++i) bytes += static_cast<char>(group << (6 * (4 - digits)) >> (16 - 8 * i));
    group = 0;
    digits = 0;
    return true;
  };
  for (const char c : text) {
    if (is_blank(c)) continue;
    if (c == '=') {
      if (digits == 0 && !is_padded) return {};
      if (!end_group()) return {};
      is_padded = true;
      continue;
    }
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    is_padded = false;
    group = group << 6 | static_cast<uint32_t>(digit);
    if (++digits == 4) end_group();
  }
  if (!end_group()) return {};
  return bytes;
}

}  // namespace otelue::tool
