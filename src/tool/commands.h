// SPDX-License-Identifier: Apache-2.0
// What main() dispatches to: a function for each command, which returns the exit status.
#ifndef OTELUE_SRC_TOOL_COMMANDS_H
#define OTELUE_SRC_TOOL_COMMANDS_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "input.h"
#include "measurement.h"
#include "printer.h"
#include "table.h"

namespace otelue::tool {

enum Status {
  kDone = 0,
  kIncomplete = 1,  // events were lost or undecodable, or the tracepoint cannot be used
  kUsage = 2,
  kCannot = 3,   // listen, read or write
  kUnheard = 4,  // nobody listened to all that emit wrote
  // Bits of what `doctor` found.
  kCannotWrite = 4,
  kCannotRead = 8,
};

struct WatchOptions {
  std::string file;          // a recording, or - for standard input; empty: the tracepoint
  std::string record;        // a recording to write; empty: none
  uint64_t count = 0;        // points after which to end; 0: none
  uint64_t seconds = 0;      // after which to end; 0: never
  size_t ring_pages = 0;     // of each processor; 0: as many as may be had
  bool wants_table = false;  // else only of the tracepoint, on a terminal
  bool has_format = false;   // so that it was asked for
  Format format = Format::kText;
  Filter filter;
  Column sort = Column::kService;
  bool is_reversed = false;
};
int watch(const WatchOptions& options);

struct DecodeOptions {
  std::string file;  // - is standard input
  Content from = Content::kUnknown;
  Format format = Format::kText;
};
int decode(const DecodeOptions& options);

struct EmitOptions {
  std::string file;  // - is standard input; empty: the measurement
  Content from = Content::kUnknown;
  uint64_t repeat = 1;
  uint64_t rate = 0;          // exports a second; 0: as fast as can be
  uint64_t wait_seconds = 0;  // for a listener
  std::string record;         // a recording to append to; empty: the tracepoint
  Measurement measurement;
};
int emit(const EmitOptions& options);

struct ForwardOptions {
  std::string to;                      // empty: what the environment says
  std::string file;                    // a recording instead of the tracepoint; empty: none
  size_t ring_pages = 0;               // as for watch
  size_t batch_kibibytes = 1024;       // of one request, before it is compressed
  uint64_t flush_milliseconds = 1000;  // after which what has come is sent
  size_t queue_mebibytes = 64;         // that wait to be sent
  uint64_t stop_seconds = 5;           // for what is left at the end
  bool has_process = false;
  bool has_own_metrics = false;
};
int forward(const ForwardOptions& options);

// Sends the metrics of a small HTTP service and shows what went out and what came back. With `file` they go to a
// recording of that name; where the tracepoint cannot be used, to a new one.
int demo(const std::string& file);

int status();

// Says whether this process can write and read the tracepoint, and what mends what is in the way.
int doctor(bool wants_json);

}  // namespace otelue::tool

#endif
