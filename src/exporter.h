// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_EXPORTER_H
#define OTELUE_SRC_EXPORTER_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "log.h"
#include "otelue/otelue.h"
#include "otlp/event.h"
#include "otlp/packer.h"
#include "process/gate.h"
#include "recording/recording.h"
#include "target.h"
#include "totals.h"
#include "user_events/tracepoint.h"

namespace otelue_core {

// Options with their defaults in place.
struct Settings {
  otlp::Limits limits;
  uint32_t packing;
  uint32_t pacing_bytes;
  uint32_t pacing_microseconds;
};

// Where bytes meet their target. Lives in permanent memory and is all zero before it is opened.
//
// What is to be logged is collected in News and told afterwards, when the call no longer counts as under way: the log
// function may wait for the thread that shuts down, or never return.
class Exporter {
 public:
  Exporter() {}

  // 0; -ENOMEM; or what Recording::open() returns. NULL: the tracepoint.
  int open(const Settings& settings, const char* recording, News& news);

  bool enabled() const { return word_.is_set(); }
  bool listening(uint32_t* step, News& news);
  // As their public namesakes; `result` is all zero.
  int export_batch(const void* batch, size_t size, otelue_result* result, News& news);
  int export_otlp(const void* request, size_t size, otelue_result* result, News& news);
  int force_flush(News& news);
  int shutdown(News& news);
  void status(otelue_status* out, News& news);
  void statistics(otelue_statistics* out) const;

  void tell(const News& news, const Log& log) const;

 private:
  // A call that is under way.
  class Call;

  int finish(otelue_result* result);
  int refuse(int error);
  void end_if_last(News& news);
  template <typename Source>
  void write_all(Source& source, Target::Link* link, otelue_result* result, News& news);
  template <size_t kLargest, typename Source>
  void write_all_within(Source& source, Target::Link* link, otelue_result* result, News& news);
  template <typename Source>
  Target::Listeners write_events(otlp::Packer<Source>& packer, uint8_t* payload, Target::Link* link,
                                 otelue_result* result, News& news);

  EnableWord word_;  // first, so that otelue_enabled() is one load
  Target* target_;
  union {
    user_events::Tracepoint tracepoint_;
    recording::Recording recording_;
  };
  Settings settings_;
  process::Gate gate_;
  std::atomic<uint32_t> known_refusals_;  // bit n: OTELUE_REASON n was logged
  Totals totals_;
};

// What an account of otlp/ says, as a result.
void add(const otlp::Account& account, otelue_result* result);

}  // namespace otelue_core

#endif
