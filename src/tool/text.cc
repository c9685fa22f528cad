// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <charconv>
#include <cstdio>
#include <ctime>

namespace otelue::tool {
namespace {

constexpr size_t kLongestWord = 255;
constexpr uint64_t kSecond = 1'000'000'000;  // nanoseconds

struct Range {
  uint32_t first, last;
};
constexpr Range kEscaped[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

struct CodePoint {
  uint32_t value;
  size_t size;  // 0: no valid UTF-8
};

CodePoint first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t value = lead & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3f);
  }
  const bool is_valid = lead >= 0xc2 && lead <= 0xf4 && value >= kSmallest[size] && value <= 0x10ffff &&
                        (value < 0xd800 || value > 0xdfff);
  return {value, is_valid ? size : 0};
}

template <typename... Values>
std::string format(const char* how, Values... values) {
  char text[64];
  std::snprintf(text, sizeof text, how, values...);
  return text;
}

bool is_unsafe(uint32_t code) {
  if (code >= 0x20 && code < 0x7f) return false;
  for (const Range& range : kEscaped) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

std::string escaped(std::string_view text, std::string_view after_backslash) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    if (c.size == 0) {
      out += format("\\x%02x", static_cast<uint8_t>(text.front()));
    } else if (is_unsafe(c.value)) {
      out += format(c.value > 0xffff ? "\\U%08x" : "\\u%04x", c.value);
    } else {
      if (after_backslash.find(text.front()) != std::string_view::npos) out += '\\';
      out += text.substr(0, c.size);
    }
    text.remove_prefix(c.size == 0 ? 1 : c.size);
  }
  return out;
}

}  // namespace

std::string quoted(std::string_view text) { return '"' + escaped(text, "\"\\") + '"'; }
std::string printable(std::string_view text) { return escaped(text, ""); }

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    if (c.size == 0) {
      out += "\\ufffd";
    } else if (!is_unsafe(c.value)) {
      if (c.value == '"' || c.value == '\\') out += '\\';
      out += text.substr(0, c.size);
    } else if (c.value > 0xffff) {
      out += format("\\u%04x\\u%04x", 0xd800 + ((c.value - 0x10000) >> 10), 0xdc00 + (c.value & 0x3ff));
    } else {
      out += format("\\u%04x", c.value);
    }
    text.remove_prefix(c.size == 0 ? 1 : c.size);
  }
  return out + '"';
}

std::string word(std::string_view text, std::string_view but_not) {
  size_t size = text.size();
  if (size > kLongestWord) {
    size = kLongestWord;
    while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xc0) == 0x80) --size;
    return quoted(text.substr(0, size)) + "... (" + std::to_string(text.size()) + " bytes)";
  }
  bool is_plain = !text.empty();
  for (const char c : text) {
    is_plain = is_plain && c > ' ' && c < 0x7f && c != '"' && c != '\\' && but_not.find(c) == std::string_view::npos;
  }
  return is_plain ? std::string(text) : quoted(text);
}

size_t valid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = first_of(text.substr(at)).size;
    if (size == 0) break;
    at += size;
  }
  return at;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += format("%02x", static_cast<uint8_t>(c));
  return text;
}

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string time_text(uint64_t unix_nano) {
  const auto seconds = static_cast<time_t>(unix_nano / kSecond);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char date[40];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  return format("%s.%09uZ", static_cast<const char*>(date), static_cast<unsigned>(unix_nano % kSecond));
}

std::string time_text(uint64_t unix_nano, uint64_t near) {
  if (unix_nano == 0 || near == 0) return time_text(unix_nano);
  const uint64_t apart = unix_nano < near ? near - unix_nano : unix_nano - near;
  std::string text = (unix_nano < near ? '-' : '+') + std::to_string(apart / kSecond);
  if (apart % kSecond != 0) {
    text += format(".%09u", static_cast<unsigned>(apart % kSecond));
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + 's';
}

}  // namespace otelue::tool
