// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <otelue/otelue.hpp>

#include "commands.h"
#include "io.h"
#include "otlp_http.h"
#include "perf_listener.h"
#include "printer.h"
#include "process_attributes.h"
#include "recording.h"
#include "registration.h"
#include "sender.h"

namespace otelue::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPollMilliseconds = 100;
constexpr milliseconds kTryEvery{1000};
constexpr std::chrono::seconds kOwnEvery{10};

int fail(const std::string& why) {
  complain(why);
  return kCannot;
}

class Forwarder {
 public:
  Forwarder(const ForwardOptions& options, HttpSettings settings)
      : options_(options), sender_(std::move(settings), options.queue_mebibytes << 20, complain) {
    sink_.event = [this](const Event& event) { take(event); };
    sink_.lost = [this](uint64_t count, int cpu) {
      lost_ += count;
      complain("lost " + std::to_string(count) + " events" +
               (cpu < 0 ? "" : " on processor " + std::to_string(cpu) + ": the ring was full"));
    };
    sink_.damaged = [this](const std::string& what) {
      ++received_;
      drop(what);
    };
    sink_.notice = complain;
    bundle_.bytes.reserve(batch_bytes());
  }

  int run(Source& source) {
    next_own_ = Clock::now() + kOwnEvery;
    bool has_more = true;
    while (has_more && !is_interrupted()) {
      has_more = source.poll(kPollMilliseconds, sink_);
      const auto now = Clock::now();
      if (!bundle_.sizes.empty() && now - begun_ >= milliseconds(options_.flush_milliseconds)) flush();
      if (options_.has_own_metrics && now >= next_own_) send_own();
    }
    source.stop(sink_);
    if (options_.has_own_metrics) send_own();
    flush();
    sender_.stop(std::chrono::seconds(options_.stop_seconds));
    if (!source.error().empty()) complain(source.error());
    return say(source.error().empty());
  }

 private:
  size_t batch_bytes() const { return options_.batch_kibibytes << 10; }

  void drop(const std::string& what) {
    if (undecodable_++ == 0) complain("an event that cannot be forwarded was dropped: " + what);
  }

  void take(const Event& event) {
    ++received_;
    if (bundle_.bytes.size() + event.payload.size() > batch_bytes()) flush();
    const size_t before = bundle_.bytes.size();
    if (event.protocol != 0) return drop("protocol " + std::to_string(event.protocol) + " is not protobuf");
    if (options_.has_process && event.pid != 0) {
      if (!process_.append(event.payload, event.pid, &bundle_.bytes)) return drop("it is no request");
    } else {
      if (!is_request_outside(event.payload)) return drop("it is no request");
      bundle_.bytes += event.payload;
    }
    if (bundle_.sizes.empty()) begun_ = Clock::now();
    bundle_.sizes.push_back(static_cast<uint32_t>(bundle_.bytes.size() - before));
  }

  void flush() {
    if (bundle_.sizes.empty()) return;
    sender_.add(std::move(bundle_));
    bundle_ = {};
    bundle_.bytes.reserve(batch_bytes());
  }

  // How it is doing, as cumulative sums.
  void send_own() {
    next_own_ = Clock::now() + kOwnEvery;
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const auto now = static_cast<uint64_t>(std::chrono::nanoseconds(since_epoch).count());
    if (start_ == 0) start_ = now;
    const Counts counts = sender_.counts();
    otelue::Batch batch;
    batch.interval(start_, now);
    batch.set_resource({{"service.name", "otelue-forward"}});
    const auto scope = batch.scope("otelue.forward");
    const auto add = [&](const char* name, const char* unit, uint64_t value, const Attributes& attributes) {
      batch.point(batch.counter(scope, name, unit, {}, Temporality::kCumulative), value, attributes);
    };
    add("otelue.forward.events.received", "{event}", received_, {});
    add("otelue.forward.events.lost", "{event}", lost_, {});
    add("otelue.forward.events.sent", "{event}", counts.sent, {});
    const auto dropped = batch.counter(scope, "otelue.forward.events.dropped", "{event}", {}, Temporality::kCumulative);
    batch.point(dropped, counts.dropped_full, {{"reason", "queue_full"}});
    batch.point(dropped, counts.dropped_refused, {{"reason", "refused"}});
    batch.point(dropped, counts.dropped_undecodable + undecodable_, {{"reason", "undecodable"}});
    add("otelue.forward.points.rejected", "{data_point}", counts.rejected_points, {});
    add("otelue.forward.retries", "{retry}", counts.retries, {});
    const auto [data, size] = batch.finish();
    otelue_options options{};
    options.struct_size = sizeof options;
    options.packing = OTELUE_PACK_REQUEST;
    otelue_cursor cursor{};
    char memory[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
    size_t written = 0;
    while (otelue_encode_next(data, size, &options, &cursor, memory, sizeof memory, &written, nullptr) == 1) {
      Bundle own;
      own.bytes.assign(memory, written);
      sender_.add(std::move(own));
    }
  }

  int say(bool is_fine) const {
    const Counts counts = sender_.counts();
    complain(std::to_string(received_) + " events received, " + std::to_string(lost_) + " lost; " +
             std::to_string(counts.sent) + " sent in " + std::to_string(counts.requests) + " requests, " +
             std::to_string(counts.retries) + " retries; dropped: " + std::to_string(counts.dropped_full) +
             " for want of room, " + std::to_string(counts.dropped_refused) + " refused, " +
             std::to_string(counts.dropped_undecodable + undecodable_) + " undecodable, " +
             std::to_string(counts.dropped_stop) + " at the end; " + std::to_string(counts.rejected_points) +
             " points rejected");
    if (!is_fine) return kCannot;
    return lost_ + undecodable_ + counts.dropped() + counts.rejected_points == 0 ? kDone : kIncomplete;
  }

  const ForwardOptions& options_;
  Sink sink_;
  Bundle bundle_;
  Clock::time_point begun_{};
  Clock::time_point next_own_{};
  uint64_t start_ = 0;
  uint64_t received_ = 0;
  uint64_t lost_ = 0;
  uint64_t undecodable_ = 0;
  ProcessAttributes process_;
  Sender sender_;
};

}  // namespace

int forward(const ForwardOptions& options) {
  HttpSettings settings;
  if (const std::string why = read_http_settings(options.to, &settings); !why.empty()) {
    complain(why);
    return kUsage;
  }
  if (!options.file.empty()) {
    RecordingReader reader(options.file);
    if (!reader.error().empty()) return fail(reader.error());
    return Forwarder(options, std::move(settings)).run(reader);
  }
  // While it is registered, whoever writes first is heard.
  const Registration registration;
  if (!registration.is_registered()) {
    complain("the tracepoint cannot be held here, so what is written before its writer has been found is missed: " +
             registration.message());
  }
  auto listener = std::make_unique<PerfListener>(options.ring_pages);
  std::string said;
  for (std::string why = listener->open(); !why.empty() && !is_interrupted(); why = listener->open()) {
    if (why != said) complain(why + "; trying again until it can");
    said = why;
    wait_for(interruption(), POLLIN, static_cast<int>(kTryEvery.count()));
    listener = std::make_unique<PerfListener>(options.ring_pages);
  }
  if (is_interrupted()) return kDone;
  complain("forwarding from " + std::to_string(listener->processors()) + " processors with rings of " +
           std::to_string(listener->ring_bytes() / 1024) + " KiB to " + settings.url);
  return Forwarder(options, std::move(settings)).run(*listener);
}

}  // namespace otelue::tool
