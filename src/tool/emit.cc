// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <otelue/otelue.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "input.h"
#include "io.h"
#include "measurement.h"
#include "printer.h"
#include "progress.h"
#include "text.h"

namespace otelue::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kAskEvery{10};

int fail(const std::string& why) {
  complain(why);
  return kCannot;
}

// What one export takes.
struct Load {
  bool is_batch;
  std::string bytes;
};

// Waits, unless it is interrupted.
void wait_until(Clock::time_point when) {
  while (!is_interrupted() && Clock::now() < when) {
    const auto left = std::chrono::ceil<milliseconds>(when - Clock::now());
    wait_for(interruption(), POLLIN, static_cast<int>(std::min<int64_t>(left.count(), 1000)));
  }
}

class Emitter {
 public:
  explicit Emitter(const EmitOptions& options) : options_(options) {}

  int run() {
    if (const std::string why = options_.file.empty() ? measure() : read(); !why.empty()) return fail(why);
    const int error = options_.record.empty()
                          ? otelue_open(nullptr, nullptr, nullptr, &exporter_)
                          : otelue_open_recording(nullptr, options_.record.c_str(), nullptr, nullptr, &exporter_);
    if (error != 0) {
      return fail((options_.record.empty() ? "" : options_.record + ": ") + std::string(otelue_strerror(error)));
    }
    wait_for_listener();
    send();
    otelue_close(exporter_);
    return say();
  }

 private:
  std::string measure() {
    otelue::Batch batch;
    const std::string why = build_measurement(options_.measurement, &batch);
    const auto [data, size] = batch.finish();
    loads_.push_back({true, std::string(static_cast<const char*>(data), size)});
    return why;
  }

  std::string read() {
    const InputFile file(options_.file);
    if (!file.error().empty()) return file.error();
    InputSink sink;
    sink.event = [&](const Event& event, uint64_t offset) {
      if (event.protocol == 0) return loads_.push_back({false, std::string(event.payload)});
      sink.damaged(offset, "protocol " + std::to_string(event.protocol) + " is not protobuf");
    };
    sink.batch = [&](std::string_view batch) { loads_.push_back({true, std::string(batch)}); };
    sink.lost = [](uint64_t, int) {};
    sink.damaged = [&](uint64_t offset, const std::string& why) {
      complain(file.name() + ": at byte " + std::to_string(offset) + ": " + why);
      is_damaged_ = true;
    };
    const Content content = options_.from == Content::kUnknown ? detect(file.bytes()) : options_.from;
    if (!read_input(file.bytes(), content, sink)) {
      return file.name() +
             (file.bytes().empty() ? ": nothing is there" : ": no metrics in any form that is known here");
    }
    return "";
  }

  void wait_for_listener() {
    const auto end = Clock::now() + std::chrono::seconds(options_.wait_seconds);
    while (otelue_listening(exporter_, nullptr) == 0 && !is_interrupted() && Clock::now() < end) {
      wait_until(std::min(end, Clock::now() + kAskEvery));
    }
  }

  void send() {
    const uint64_t total = loads_.size() * options_.repeat;
    Progress progress(total, "exports");
    const auto begin = Clock::now();
    for (; sent_ < total && !is_interrupted(); ++sent_) {
      if (options_.rate != 0) wait_until(begin + std::chrono::nanoseconds(1'000'000'000 * sent_ / options_.rate));
      if (is_interrupted()) break;
      const Load& load = loads_[sent_ % loads_.size()];
      otelue_result result{};
      result.struct_size = sizeof result;
      const int returned = load.is_batch ? otelue_export(exporter_, load.bytes.data(), load.bytes.size(), &result)
                                         : otelue_export_otlp(exporter_, load.bytes.data(), load.bytes.size(), &result);
      take(load, returned, result);
      progress.show(sent_ + 1);
    }
  }

  void take(const Load& load, int returned, const otelue_result& result) {
    points_ += result.points_exported;
    events_ += result.events;
    bytes_ += result.bytes;
    const bool is_unheard = returned == 0 && (result.listening == 0 || result.points_unheard > 0);
    unheard_ += is_unheard ? 1 : 0;
    refused_ += returned != 0 ? 1 : 0;
    // The first of each kind tells.
    if ((is_unheard && unheard_ == 1) || (returned != 0 && refused_ == 1)) {
      char text[512];
      otelue_describe(load.bytes.data(), load.bytes.size(), returned, &result, text, sizeof text);
      complain(text);
    }
  }

  int say() const {
    complain(std::to_string(sent_) + " exports, " + std::to_string(events_) + " events, " + std::to_string(points_) +
             " points, " + std::to_string(bytes_) + " bytes; " + std::to_string(unheard_) + " exports unheard, " +
             std::to_string(refused_) + " refused in part or whole");
    if (refused_ > 0 || is_damaged_) return kIncomplete;
    return unheard_ > 0 ? kUnheard : kDone;
  }

  const EmitOptions& options_;
  std::vector<Load> loads_;
  otelue_exporter* exporter_ = nullptr;
  bool is_damaged_ = false;
  uint64_t sent_ = 0;
  uint64_t points_ = 0;
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  uint64_t unheard_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace

int emit(const EmitOptions& options) { return Emitter(options).run(); }

}  // namespace otelue::tool
