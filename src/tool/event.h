// SPDX-License-Identifier: Apache-2.0
// Events go from a source to a sink: from the tracepoint or a recording to the terminal, another recording, or both.
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
  uint64_t time_unix_nano = 0;  // of its arrival; 0: not known
  uint32_t pid = 0;             // 0: not known
  int cpu = -1;                 // -1: not known
};

// What a source of events has to say, in the order in which it happened.
struct Sink {
  std::function<void(const Event&)> event;
  std::function<void(uint64_t count, int cpu)> lost;
  std::function<void(const std::string& what)> damaged;  // an event that has no payload to speak of
  std::function<void(const std::string& what)> notice;   // what else there is to know
};

class Source {
 public:
  Source() = default;
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Waits for events, at most so long, and hands out what there is. False: there will be no more.
  virtual bool poll(int milliseconds, const Sink& sink) = 0;
  // Hands out what is left.
  virtual void stop(const Sink& sink) = 0;
  // Why it ended, unless it came to its proper end.
  virtual std::string error() const = 0;
};

}  // namespace otelue::tool

#endif
