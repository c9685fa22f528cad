// SPDX-License-Identifier: Apache-2.0
#include "raw_event.h"

namespace otelue::tool {
namespace {

constexpr int kCommonBytes = 8;  // struct trace_entry
constexpr int kIndexBytes = 4;
constexpr int kVersionBytes = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// As v0.19.00.
bool is_version(std::string_view text) {
  return text.size() == kVersionBytes && text[0] == 'v' && is_digit(text[1]) && text[2] == '.' && is_digit(text[3]) &&
         is_digit(text[4]) && text[5] == '.' && is_digit(text[6]) && is_digit(text[7]);
}

}  // namespace

std::string read_raw_event(std::string_view raw, const otelue_event_format& format, bool is_foreign, Event* event) {
  const auto ends_within = [&](int offset, size_t size) { return raw.size() >= static_cast<size_t>(offset) + size; };
  if (!ends_within(format.protocol_offset, 4) || !ends_within(format.version_offset, kVersionBytes) ||
      !ends_within(format.buffer_offset, 4)) {
    return "an event that is too short";
  }
  // Not the rest of the record: perf pads it.
  const auto rel_loc = load<uint32_t>(raw, static_cast<size_t>(format.buffer_offset), is_foreign);
  const size_t begin = static_cast<size_t>(format.buffer_offset) + 4 + (rel_loc & 0xffff);
  const size_t size = rel_loc >> 16;
  if (begin > raw.size() || size > raw.size() - begin) return "an event whose buffer ends outside of it";
  event->protocol = load<uint32_t>(raw, static_cast<size_t>(format.protocol_offset), is_foreign);
  event->version = raw.substr(static_cast<size_t>(format.version_offset), kVersionBytes);
  event->payload = raw.substr(begin, size);
  return "";
}

bool find_raw_event(std::string_view bytes, otelue_event_format* format) {
  for (const int protocol : {kCommonBytes, kIndexBytes, 0}) {
    const int version = protocol + 4;
    const auto end = static_cast<size_t>(version + kVersionBytes + 4);
    if (bytes.size() < end || !is_version(bytes.substr(static_cast<size_t>(version), kVersionBytes))) continue;
    *format = {0, protocol, version, version + kVersionBytes};
    return true;
  }
  return false;
}

size_t raw_event_size(std::string_view raw, const otelue_event_format& format) {
  const auto rel_loc = load<uint32_t>(raw, static_cast<size_t>(format.buffer_offset));
  return static_cast<size_t>(format.buffer_offset) + 4 + (rel_loc & 0xffff) + (rel_loc >> 16);
}

}  // namespace otelue::tool
