// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_WATCH_H
#define OTELUE_SRC_TOOL_WATCH_H

#include <cstdint>
#include <string>

#include "event.h"

namespace otelue::tool {

// Exit status of the commands.
enum Status { kDone = 0, kDamaged = 1, kUsage = 2, kCannotListen = 3 };

// Prints events as they come: a line for each data point, and one for whatever goes wrong.
class Printer {
 public:
  // `prefix` begins each line.
  explicit Printer(std::string prefix = "") : prefix_(std::move(prefix)) {}

  Sink sink();
  void print(const Event& event);
  uint64_t points() const { return points_; }
  uint64_t undecodable() const { return undecodable_; }
  // Nobody reads any more.
  bool is_closed() const { return is_closed_; }
  void summarize() const;

 private:
  void line(const std::string& text);

  const std::string prefix_;
  bool is_closed_ = false;
  uint64_t events_ = 0;
  uint64_t points_ = 0;
  uint64_t bytes_ = 0;
  uint64_t lost_ = 0;
  uint64_t undecodable_ = 0;
};

struct WatchOptions {
  std::string file;     // a recording; empty: the tracepoint
  std::string record;   // a recording to write; empty: none
  uint64_t count = 0;   // points after which to end; 0: none
  double seconds = 0;   // after which to end; 0: never
  size_t ring_pages = 128;
};

int watch(const WatchOptions& options);

}  // namespace otelue::tool

#endif
