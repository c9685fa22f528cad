// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PERF_LISTENER_H
#define OTELUE_SRC_TOOL_PERF_LISTENER_H

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event.h"
#include "event_format.h"
#include "perf_ring.h"

namespace otelue::tool {

// Reads a sample of otlp_metrics, without its time of day. Empty, or what is the matter with it.
std::string read_sample(const otelue_event_format& format, const PerfRecord& record, Event* event);

// Listens to otlp_metrics through perf_event_open, on all processors, those included that are switched on later.
// Events of different processors come in the order of their times.
class PerfListener : public Source {
 public:
  // `ring_pages` for each processor, a power of two; 0: as many as may be had, up to 8 MiB each and 256 MiB together.
  explicit PerfListener(size_t ring_pages = 0) : ring_pages_(ring_pages) {}

  // Empty, or why it cannot listen.
  std::string open();
  size_t processors() const { return rings_.size(); }
  size_t ring_bytes() const;
  // What a ring should have had, which is more than it has where less may be locked.
  size_t wanted_bytes() const { return wanted_bytes_; }

  // What has just come waits a moment, for what other processors are still writing.
  bool poll(int milliseconds, const Sink& sink) override;
  // Hands out all that there is, with the losses.
  void drain(const Sink& sink);
  // The same, and listens no longer.
  void stop(const Sink& sink) override;
  std::string error() const override { return ""; }

 private:
  using Clock = std::chrono::steady_clock;

  int map_all();
  std::string add_rings(const Sink* sink);
  void check_rings(const Sink& sink);
  void hand_out(uint64_t until, const Sink& sink);
  void decode(PerfRing& ring, const PerfRecord& record, const Sink& sink) const;
  void report_lost(PerfRing& ring, const Sink& sink) const;

  size_t ring_pages_;
  size_t wanted_bytes_ = 0;
  otelue_event_format format_{};
  std::vector<std::unique_ptr<PerfRing>> rings_;
  std::map<int, Clock::time_point> deaf_since_;  // processors without a ring
  Clock::time_point checked_{};
  bool has_more_ = false;  // events that wait
};

}  // namespace otelue::tool

#endif
