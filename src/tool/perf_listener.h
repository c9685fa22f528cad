// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PERF_LISTENER_H
#define OTELUE_SRC_TOOL_PERF_LISTENER_H

#include <cstdint>
#include <string>
#include <vector>

#include "event.h"

namespace otelue::tool {

// Listens to otlp_metrics through perf_event_open, on all processors.
class PerfListener {
 public:
  // `ring_pages` per processor, a power of two.
  explicit PerfListener(size_t ring_pages) : ring_pages_(ring_pages) {}
  ~PerfListener();
  PerfListener(const PerfListener&) = delete;
  PerfListener& operator=(const PerfListener&) = delete;

  // Empty, or why it cannot listen.
  std::string open();
  // Waits for events, at most so long, and hands out what there is.
  void poll(int milliseconds, const Sink& sink);

 private:
  struct Ring {
    int cpu;
    int fd;
    void* memory;
  };

  void drain(const Ring& ring, const Sink& sink);
  void decode(const Ring& ring, uint32_t type, std::string_view record, const Sink& sink) const;

  const size_t ring_pages_;
  int protocol_offset_ = 0;
  int version_offset_ = 0;
  int buffer_offset_ = 0;
  std::vector<Ring> rings_;
  std::string record_;  // the record at hand, when it wraps around
};

}  // namespace otelue::tool

#endif
