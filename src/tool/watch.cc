// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <otelue/otelue.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>

#include "otlp_text.h"
#include "perf_listener.h"
#include "protobuf.h"
#include "recording.h"

namespace otelue::tool {
namespace {

volatile sig_atomic_t is_interrupted = 0;

void interrupt(int) { is_interrupted = 1; }

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

int watch_file(const WatchOptions& options, Printer& printer) {
  const File file(options.file == "-" ? stdin : std::fopen(options.file.c_str(), "rb"));
  if (file == nullptr) {
    std::fprintf(stderr, "otelue: %s: %s\n", options.file.c_str(), std::strerror(errno));
    return kCannotListen;
  }
  const std::string error = read_recording(file.get(), printer.sink());
  if (!error.empty()) std::fprintf(stderr, "otelue: %s: %s\n", options.file.c_str(), error.c_str());
  printer.summarize();
  return error.empty() && printer.undecodable() == 0 ? kDone : kDamaged;
}

int watch_tracepoint(const WatchOptions& options, Printer& printer) {
  // Registering the tracepoint makes it exist, so that one can listen before anybody writes.
  otelue_exporter* exporter = nullptr;
  otelue_status status{};
  status.struct_size = sizeof status;
  if (otelue_open(nullptr, nullptr, nullptr, &exporter) != 0 || otelue_get_status(exporter, &status) != 0) return kCannotListen;
  const std::unique_ptr<otelue_exporter, void (*)(otelue_exporter*)> owner(exporter, otelue_close);

  PerfListener listener(options.ring_pages);
  // Where there is no tracefs the listener must not look for it: libtracefs would mount it.
  const std::string error = status.step == OTELUE_STEP_FIND ? status.message : listener.open();
  if (!error.empty()) {
    std::fprintf(stderr, "otelue: %s\n", status.registered != 0 ? error.c_str() : status.message);
    return kCannotListen;
  }
  File record;
  if (!options.record.empty()) {
    record.reset(std::fopen(options.record.c_str(), "wb"));
    if (record == nullptr) {
      std::fprintf(stderr, "otelue: %s: %s\n", options.record.c_str(), std::strerror(errno));
      return kCannotListen;
    }
  }
  std::fprintf(stderr, "otelue: listening to user_events:otlp_metrics, Ctrl-C ends\n");

  Sink sink = printer.sink();
  sink.event = [&](const Event& event) {
    printer.print(event);
    if (record != nullptr && !append_to_recording(record.get(), event.payload)) {
      std::fprintf(stderr, "otelue: %s: %s\n", options.record.c_str(), std::strerror(errno));
      is_interrupted = 1;
    }
  };
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  auto is_over = [&] {
    return is_interrupted != 0 || printer.is_closed() || (options.count != 0 && printer.points() >= options.count) ||
           (options.seconds > 0 && std::chrono::duration<double>(Clock::now() - begin).count() >= options.seconds);
  };
  while (!is_over()) listener.poll(100, sink);
  listener.poll(0, sink);
  printer.summarize();
  return printer.undecodable() == 0 ? kDone : kDamaged;
}

}  // namespace

void Printer::line(const std::string& text) {
  if (std::printf("%s%s\n", prefix_.c_str(), text.c_str()) < 0) is_closed_ = true;
}

void Printer::print(const Event& event) {
  ++events_;
  bytes_ += event.payload.size();
  std::string from;
  if (event.pid >= 0) from += " pid=" + std::to_string(event.pid);
  if (event.cpu >= 0) from += " cpu=" + std::to_string(event.cpu);
  try {
    if (event.protocol != 0) throw Malformed("protocol " + std::to_string(event.protocol) + " is not protobuf");
    describe(event.payload, [&](const std::string& text) {
      ++points_;
      line(text + from);
    });
  } catch (const Malformed& error) {
    ++undecodable_;
    line("undecodable event of " + std::to_string(event.payload.size()) + " bytes: " + error.what() + from);
  }
  if (std::fflush(stdout) != 0) is_closed_ = true;
}

Sink Printer::sink() {
  return {
      [this](const Event& event) { print(event); },
      [this](uint64_t count, int cpu) {
        lost_ += count;
        std::fflush(stdout);
        std::fprintf(stderr, "otelue: lost %llu events on processor %d: the ring was full\n",
                     static_cast<unsigned long long>(count), cpu);
      },
      [this](const std::string& what) {
        ++events_;
        ++undecodable_;
        line("undecodable: " + what);
      },
  };
}

void Printer::summarize() const {
  std::fflush(stdout);
  std::fprintf(stderr, "otelue: %llu events, %llu points, %llu bytes, %llu lost, %llu undecodable\n",
               static_cast<unsigned long long>(events_), static_cast<unsigned long long>(points_),
               static_cast<unsigned long long>(bytes_), static_cast<unsigned long long>(lost_),
               static_cast<unsigned long long>(undecodable_));
}

int watch(const WatchOptions& options) {
  struct sigaction action {};
  action.sa_handler = interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  Printer printer;
  return options.file.empty() ? watch_tracepoint(options, printer) : watch_file(options, printer);
}

}  // namespace otelue::tool
