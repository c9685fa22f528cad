// SPDX-License-Identifier: Apache-2.0
// An event of the tracepoint as the kernel hands it out, and as programs write it.
#ifndef OTELUE_SRC_TOOL_RAW_EVENT_H
#define OTELUE_SRC_TOOL_RAW_EVENT_H

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "event.h"
#include "event_format.h"

namespace otelue::tool {

// A number of this machine's byte order, or of the other one.
template <typename Number>
Number load(std::string_view bytes, size_t at, bool is_foreign = false) {
  unsigned char raw[sizeof(Number)];
  std::memcpy(raw, bytes.data() + at, sizeof raw);
  if (is_foreign) {
    for (size_t i = 0; i < sizeof raw / 2; ++i) std::swap(raw[i], raw[sizeof raw - 1 - i]);
  }
  return std::bit_cast<Number>(raw);
}

// Fills in what the fields of the tracepoint say. Empty, or what is wrong with them.
std::string read_raw_event(std::string_view raw, const otelue_event_format& format, bool is_foreign, Event* event);

// Where the fields lie in bytes that begin with such an event, which may have the kernel's common fields in front or
// the index that programs write. False: they do not.
bool find_raw_event(std::string_view bytes, otelue_event_format* format);

// How many bytes it has, without what pads it.
size_t raw_event_size(std::string_view raw, const otelue_event_format& format);

}  // namespace otelue::tool

#endif
