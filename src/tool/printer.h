// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PRINTER_H
#define OTELUE_SRC_TOOL_PRINTER_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "describe.h"
#include "event.h"
#include "io.h"

namespace otelue::tool {

// Prints events as they come: a line for each data point, and one that begins with # for whatever is said once for
// several points, such as their resource, or goes wrong.
class Printer {
 public:
  // `prefix` begins each line. After so many points (0: no limit) nothing more is printed.
  explicit Printer(Output& out, std::string prefix = "", uint64_t most_points = 0)
      : out_(out), prefix_(std::move(prefix)), most_points_(most_points) {}

  Sink sink();
  void print(const Event& event);
  // A line of the command's own.
  void line(std::string_view text);
  // Everything that was printed goes out.
  void flush();

  // There are as many points as there may be, or the output takes no more.
  bool is_over() const;
  // Nothing was lost, and all of it was decodable.
  bool is_complete() const { return lost_ == 0 && undecodable_ == 0; }
  void summarize() const;

 private:
  bool take(const Event& event, Level level, const std::string& text);
  void undecodable(const std::string& why, const Event& event);

  Output& out_;
  const std::string prefix_;
  const uint64_t most_points_;
  std::string buffer_;
  std::array<std::string, 4> headings_;  // the last one of each level above a point
  uint64_t events_ = 0;
  uint64_t points_ = 0;
  uint64_t bytes_ = 0;
  uint64_t lost_ = 0;
  uint64_t undecodable_ = 0;
};

// To standard error.
void complain(const std::string& text);

// The exit status of a command that has written to standard output: this one, unless that failed, which it says then.
// A reader that has gone, and a user who wants no more, are no failure.
int finish(const Output& out, int status);

}  // namespace otelue::tool

#endif
