// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "commands.h"
#include "perf_listener.h"
#include "printer.h"
#include "recording.h"
#include "registration.h"

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
int run(const WatchOptions& options, Source& source, RecordingWriter* record) {
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

int run(const WatchOptions& options, Source& source, int fd_being_read = -1) {
  RecordingWriter record;
  if (options.record.empty()) return run(options, source, nullptr);
  const std::string error = record.open(options.record, fd_being_read);
  return error.empty() ? run(options, source, &record) : fail(error);
}

}  // namespace

int watch(const WatchOptions& options) {
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
