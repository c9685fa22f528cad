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

// How events are printed: as lines for people; as OTLP/JSON, a request per line; or as encoded requests, each behind
// its length in four bytes, the most significant first. The Collector reads both: its otlpjsonfile receiver, and what
// its file exporter writes.
enum class Format { kText, kJson, kOtlp };

// Prints events as they come. As text that is a line for each data point, and one that begins with # for whatever is
// said once for several points, such as their resource, or goes wrong. In the other formats nothing but requests is
// printed, and what goes wrong is said on standard error.
class Printer {
 public:
  // `prefix` begins each line. After so many points (0: no limit) nothing more is printed.
  explicit Printer(Output& out, std::string prefix = "", uint64_t most_points = 0, Format format = Format::kText)
      : out_(out), prefix_(std::move(prefix)), most_points_(most_points), format_(format) {}

  Sink sink();
  void print(const Event& event);
  // The same, but an event that does not decode is left to the caller, who says so, and may print what of it is whole.
  bool print_if_decodable(const Event& event);
  void undecodable(const std::string& why, const Event& event);
  void print_rest(const Event& event);
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
  // As a request; false when it does not decode.
  bool print_request(const Event& event);
  bool print_payload(const Event& event);

  Output& out_;
  const std::string prefix_;
  const uint64_t most_points_;
  const Format format_;
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
