// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_EXPORTER_H
#define OTELUE_SRC_EXPORTER_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "log.h"
#include "otelue/otelue.h"
#include "otlp/packer.h"
#include "otlp/request.h"
#include "records/batch.h"
#include "user_events/tracepoint.h"

namespace otelue_core {

// Options with their defaults in place.
struct Settings {
  otlp::Limits limits;
  uint32_t packing;
  uint32_t pacing_bytes;
  uint32_t pacing_microseconds;

  // 0, -EINVAL or -E2BIG. NULL: all defaults.
  static int from(const otelue_options* options, Settings* out);
};

// Counts the calls that are under way, so that shutdown can wait for them.
class Gate {
 public:
  // `inside` is memory of allocate_per_process(): a child has none of its parent's calls under way.
  void open(std::atomic<uint32_t>* inside) { inside_ = inside; }

  // False when the gate is shut.
  bool enter();
  void leave();
  // Shuts the gate and waits until nobody is inside. False when it was shut before.
  bool shut();

 private:
  std::atomic<uint32_t>* inside_;
  std::atomic<bool> is_shut_;
};

// Where bytes meet the kernel. Lives in permanent memory and is all zero before open().
class Exporter {
 public:
  // False when memory ran out.
  bool open(const Settings& settings, const Log& log);

  bool enabled() const { return tracepoint_.enabled(); }
  bool listening(uint32_t* step);
  // As their public namesakes; `result` is all zero.
  int export_batch(const void* batch, size_t size, otelue_result* result);
  int export_otlp(const void* request, size_t size, otelue_result* result);
  int force_flush();
  void shutdown();
  int status(otelue_status* out);
  void statistics(otelue_statistics* out) const;

 private:
  using Tracepoint = user_events::Tracepoint;

  bool begin(otelue_result* result, Tracepoint::Target* target);
  int finish(const otelue_result& result);
  int refuse(int error);
  void write_batch(const records::Batch& batch, const Tracepoint::Target& target, otelue_result* result);
  void write_request(otlp::Request& request, const Tracepoint::Target& target, otelue_result* result);
  template <typename Packer>
  void write_events(Packer& packer, uint8_t* frame, const Tracepoint::Target& target, otelue_result* result);
  void log_drops(const otlp::Account& account);

  Tracepoint tracepoint_;  // first: its first word is the enable word
  Settings settings_;
  Log log_;
  Gate gate_;
  std::atomic<uint32_t> logged_reasons_;  // bit n: OTELUE_REASON n was logged

  // In the order of otelue_statistics.
  struct Totals {
    std::atomic<uint64_t> exports, exports_refused, exports_unheard;
    std::atomic<uint64_t> points_total, points_exported, points_invalid, points_too_large, points_unwritten,
        points_unheard;
    std::atomic<uint64_t> strings_as_bytes, values_emptied, exemplars_dropped, events, bytes;
  };
  Totals totals_;
};

// What an account of otlp/ says, as a result.
void add(const otlp::Account& account, otelue_result* result);

}  // namespace otelue_core

#endif
