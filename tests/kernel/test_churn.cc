// SPDX-License-Identifier: Apache-2.0
// A listener that comes and goes while two threads export.
#include <otelue/builder.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "listener.h"
#include "literal.h"

namespace {

constexpr int kVisits = 10'000;
constexpr int kWriters = 2;
constexpr int kEvents = 3;  // of an export
constexpr size_t kPads[kWriters][kEvents] = {{0, 130, 60}, {200, 20, 90}};
constexpr size_t kRingPages = 8;
constexpr uint64_t kAhead = 10;   // so many exports of each writer, twice, have room in a ring
constexpr uint64_t kBehind = 30;  // how far the writers go on without being heard

uint64_t value_of(size_t writer, uint64_t generation, size_t event) { return writer << 56 | generation << 8 | event; }

// The event of one point, written down independently of the library.
std::string expected_event(size_t pad, uint64_t value) {
  const std::string attribute = field(1, "pad") + field(2, field(1, std::string(pad, 'x')));
  const std::string point = fixed64(3, 1) + fixed64(6, value) + field(7, attribute);
  const std::string metric = field(1, "churn") + field(5, field(1, point));
  return field(1, field(2, field(2, metric)));
}

// Exports generation after generation, each of kEvents points.
struct Writer {
  explicit Writer(size_t number) : number_(number), memory_(1 << 14) {
    otelue_builder b;
    otelue_builder_init(&b, memory_.data(), memory_.size());
    otelue_metric metric{};
    metric.kind = OTELUE_GAUGE;
    metric.name = otelue_build_string(&b, "churn");
    otelue_point point{};
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = OTELUE_INT;
    point.time_unix_nano = 1;
    for (const size_t pad : kPads[number]) {
      const otelue_attribute attribute = otelue_attribute_string(&b, "pad", std::string(pad, 'x').c_str());
      point.attributes = otelue_build_attributes(&b, &attribute, 1);
      otelue_build_point(&b, &point);
    }
    REQUIRE(otelue_builder_finish(&b, &size_) == 0);
  }

  void run(otelue_exporter* exporter, const std::atomic<bool>& stop) {
    const auto* batch = reinterpret_cast<const otelue_batch*>(memory_.data());
    auto* points = reinterpret_cast<otelue_point*>(memory_.data() + batch->points.off);
    for (uint64_t generation = 1;; ++generation) {
      for (uint64_t limit = allowed_; generation > limit; limit = allowed_) allowed_.wait(limit);
      if (stop) return;
      for (size_t i = 0; i < kEvents; ++i) points[i].as_int = static_cast<int64_t>(value_of(number_, generation, i));
      otelue_result result{};
      result.struct_size = sizeof result;
      begun = generation;
      errors += otelue_export(exporter, memory_.data(), size_, &result) != 0;
      ended = generation;
      errors += result.points_exported + result.points_unheard != kEvents || result.points_total != kEvents ||
                result.events != result.points_exported || result.last_errno != 0;
      events.push_back(static_cast<uint8_t>(result.events));
    }
  }

  void allow(uint64_t ahead) {
    allowed_ = begun + ahead;
    allowed_.notify_one();
  }

  std::atomic<uint64_t> begun{0};
  std::atomic<uint64_t> ended{0};
  // For others when the thread has ended.
  std::vector<uint8_t> events{0};  // by generation
  int errors = 0;

 private:
  std::atomic<uint64_t> allowed_{0};  // the last generation to begin
  const size_t number_;
  std::vector<unsigned char> memory_;
  size_t size_ = 0;
};

// What arrived: a bit for each event, by writer and generation.
class Received {
 public:
  void take(std::string_view payload) {
    for (size_t writer = 0; writer < kWriters; ++writer) {
      for (size_t event = 0; event < kEvents; ++event) {
        std::string& expected = expected_[writer][event];
        if (payload.size() != expected.size()) continue;
        const size_t at = value_at_[writer][event];
        uint64_t value;
        std::memcpy(&value, payload.data() + at, sizeof value);
        const uint64_t generation = value << 8 >> 16;
        std::memcpy(expected.data() + at, &value, sizeof value);
        if (payload != expected || value != value_of(writer, generation, event) || generation >= 1u << 24) break;
        return note(writer, generation, event);
      }
    }
    ++torn;
  }
  int of(size_t writer, uint64_t generation) const {
    return generation < masks_[writer].size() ? masks_[writer][generation] : 0;
  }

  int torn = 0;
  int twice = 0;

 private:
  void note(size_t writer, uint64_t generation, size_t event) {
    auto& masks = masks_[writer];
    if (masks.size() <= generation) masks.resize(generation + 1);
    const auto bit = static_cast<uint8_t>(1 << event);
    twice += (masks[generation] & bit) != 0;
    masks[generation] |= bit;
  }

  using Each = std::array<std::array<std::string, kEvents>, kWriters>;
  static Each all_expected() {
    Each all;
    for (size_t w = 0; w < kWriters; ++w) {
      for (size_t e = 0; e < kEvents; ++e) all[w][e] = expected_event(kPads[w][e], UINT64_MAX);
    }
    return all;
  }

  Each expected_ = all_expected();
  std::array<std::array<size_t, kEvents>, kWriters> value_at_ = [this] {
    std::array<std::array<size_t, kEvents>, kWriters> at;
    const std::string value(8, '\xff');
    for (size_t w = 0; w < kWriters; ++w) {
      for (size_t e = 0; e < kEvents; ++e) at[w][e] = expected_[w][e].find(value);
    }
    return at;
  }();
  std::array<std::vector<uint8_t>, kWriters> masks_;
};

}  // namespace

TEST_CASE("a listener may come and go 10,000 times while two threads export, and hears all that it can") {
  // The kernel waits for a grace period whenever the last listener leaves; let that be a short one.
  std::ofstream("/sys/kernel/rcu_expedited") << "1";

  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_POINT;
  std::atomic<int> complaints{0};
  const otelue_log_function complain = [](void* context, int level, const char*) {
    if (level < OTELUE_LOG_INFO) ++*static_cast<std::atomic<int>*>(context);
  };
  otelue_exporter* exporter = nullptr;
  // The thread that registers ends, and the kernel's enable word with it: it does not say that listeners come.
  std::thread([&] { otelue_open(&options, complain, &complaints, &exporter); }).join();
  REQUIRE(exporter != nullptr);
  const auto format = find_event();
  std::array<Writer, kWriters> writers{Writer(0), Writer(1)};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (Writer& writer : writers) threads.emplace_back([&] { writer.run(exporter, stop); });

  Received received;
  uint64_t surely_heard = 0;
  uint64_t missing = 0;
  uint64_t lost = 0;
  for (int visit = 1; visit <= kVisits; ++visit) {
    for (Writer& writer : writers) writer.allow(kAhead);
    Ring first_ring(format, -1, 0, kRingPages);
    Ring second_ring(format, -1, 1, kRingPages);
    // Exports that begin from here on, and end before the rings are read, are surely heard.
    uint64_t first[kWriters];
    uint64_t last[kWriters];
    for (size_t w = 0; w < kWriters; ++w) first[w] = writers[w].begun + 1;
    for (Writer& writer : writers) writer.allow(kAhead);
    for (size_t w = 0; w < kWriters; ++w) {
      while (writers[w].ended < first[w]) sched_yield();
    }
    for (size_t w = 0; w < kWriters; ++w) last[w] = writers[w].ended;
    for (Ring* ring : {&first_ring, &second_ring}) {
      ring->drain([&](std::string_view payload) { received.take(payload); });
      lost += ring->lost() + ring->counted_lost();
    }
    for (size_t w = 0; w < kWriters; ++w) {
      for (uint64_t generation = first[w]; generation <= last[w]; ++generation) {
        ++surely_heard;
        missing += received.of(w, generation) != (1 << kEvents) - 1;
      }
    }
    for (Writer& writer : writers) writer.allow(kBehind);
    if (visit % 1000 == 0) {
      std::cout << visit << " visits, " << writers[0].begun << " and " << writers[1].begun << " exports begun, "
                << surely_heard << " surely heard" << std::endl;
    }
  }
  stop = true;
  for (Writer& writer : writers) writer.allow(1);
  for (std::thread& thread : threads) thread.join();

  CHECK(surely_heard >= uint64_t{kWriters} * kVisits);
  CHECK(missing == 0);
  CHECK(lost == 0);
  CHECK(received.torn == 0);
  CHECK(received.twice == 0);
  uint64_t exports = 0;
  uint64_t unheard = 0;
  uint64_t left_within = 0;
  uint64_t events = 0;
  int unannounced = 0;
  for (size_t w = 0; w < kWriters; ++w) {
    CHECK(writers[w].errors == 0);
    for (uint64_t generation = 1; generation < writers[w].events.size(); ++generation) {
      const int written = writers[w].events[generation];
      ++exports;
      unheard += written == 0;
      left_within += written > 0 && written < kEvents;
      events += static_cast<uint64_t>(written);
      // Only events that the export has counted can arrive, and they are its first ones.
      unannounced += (received.of(w, generation) >> written) != 0;
    }
  }
  CHECK(unannounced == 0);
  CHECK(unheard > 0);
  otelue_statistics statistics{};
  statistics.struct_size = sizeof statistics;
  REQUIRE(otelue_get_statistics(exporter, &statistics) == 0);
  CHECK(statistics.exports == exports);
  CHECK(statistics.events == events);
  CHECK(statistics.points_exported == events);
  CHECK(statistics.points_unheard == kEvents * exports - events);
  std::cout << exports << " exports, " << unheard << " unheard, " << left_within << " left within, " << events
            << " events, " << statistics.registrations << " registrations" << std::endl;
  otelue_status status{};
  status.struct_size = sizeof status;
  REQUIRE(otelue_get_status(exporter, &status) == 0);
  CHECK(std::string(status.message) == "otlp_metrics is registered, nobody listens");
  CHECK(status.last_errno == 0);
  CHECK(complaints == 0);
  otelue_close(exporter);
}
