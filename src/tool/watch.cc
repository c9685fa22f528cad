// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "commands.h"
#include "perf_listener.h"
#include "printer.h"
#include "recording.h"
#include "registration.h"
#include "screen.h"
#include "watch_table.h"

namespace otelue::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{100};

int fail(const std::string& why) {
  complain(why);
  return kCannot;
}

// From a source to the terminal, and to a recording if one is wanted.
int run(const WatchOptions& options, Source& source, RecordingWriter* record) {  // as lines
  Output out(1);
  Printer printer(out, "", options.count, options.format);
  std::string trouble;  // of the recording that is written
  const auto is_over = [&] { return printer.is_over() || !trouble.empty(); };
  const Sink print = printer.sink();
  Sink sink = print;
  // Whatever is shown is in the recording.
  sink.event = [&](const Event& event) {
    if (is_over()) return;
    if (record != nullptr) trouble = record->event(event);
    print.event(event);
  };
  sink.lost = [&](uint64_t count, int cpu) {
    if (record != nullptr && trouble.empty()) trouble = record->lost(count, cpu);
    print.lost(count, cpu);
  };

  const auto end =
      options.seconds == 0 ? Clock::time_point::max() : Clock::now() + std::chrono::seconds(options.seconds);
  bool has_more = true;
  while (has_more && !is_over() && !is_interrupted() && out.has_reader() && Clock::now() < end) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    has_more = source.poll(static_cast<int>(std::min(left, kLongestWait).count()), sink);
    printer.flush();
  }
  source.stop(sink);
  printer.flush();

  if (trouble.empty()) trouble = source.error();
  if (!trouble.empty()) complain(trouble);
  const int status = finish(out, !trouble.empty() ? kCannot : printer.is_complete() ? kDone : kIncomplete);
  printer.summarize();
  return status;
}

// People at a terminal get a table of the tracepoint; a recording has an end, and is for reading.
bool is_table(const WatchOptions& options) {
  return options.wants_table || (!options.has_format && options.file.empty() && Screen::is_possible());
}

int run(const WatchOptions& options, Source& source, int fd_being_read = -1) {
  RecordingWriter record;
  RecordingWriter* copy = options.record.empty() ? nullptr : &record;
  if (copy != nullptr) {
    if (const std::string error = copy->open(options.record, fd_being_read); !error.empty()) return fail(error);
  }
  if (is_table(options)) return watch_table(options, source, copy);
  return run(options, source, copy);
}

}  // namespace

int watch(const WatchOptions& options) {
  if (options.filter.is_any() && !is_table(options)) {
    complain(
        "--metric, --attribute, --service and --pid are for a table, which takes a terminal (and --table for a FILE)");
    return kUsage;
  }
  if (!options.file.empty()) {
    RecordingReader reader(options.file);
    return reader.error().empty() ? run(options, reader, reader.fd()) : fail(reader.error());
  }
  // Registering the tracepoint makes it exist, so that one can listen before anybody writes.
  const Registration registration;
  PerfListener listener(options.ring_pages);
  if (const std::string error = listener.open(); !error.empty()) {
    if (registration.is_registered()) return fail(error);
    return fail(registration.has_no_file() ? registration.message() : error + "; " + registration.message());
  }
  complain("listening to user_events:otlp_metrics on " + std::to_string(listener.processors()) +
           " processors with rings of " + std::to_string(listener.ring_bytes() / 1024) + " KiB, Ctrl-C ends");
  return run(options, listener);
}

}  // namespace otelue::tool
