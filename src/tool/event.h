// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_EVENT_H
#define OTELUE_SRC_TOOL_EVENT_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace otelue::tool {

// One event of the tracepoint. Views hold during the call that hands it out.
struct Event {
  uint32_t protocol = 0;
  std::string_view version;
  std::string_view payload;
  int cpu = -1;  // -1: not known
  int pid = -1;
};

// What a source of events has to say, in the order in which it happened.
struct Sink {
  std::function<void(const Event&)> event;
  std::function<void(uint64_t count, int cpu)> lost;
  std::function<void(const std::string& what)> damaged;  // an event that has no payload to speak of
};

}  // namespace otelue::tool

#endif
