// SPDX-License-Identifier: Apache-2.0
// Listeners of every kind: on one processor, to one process, several at once, and with too small a ring.
#include <otelue/builder.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "instance.h"
#include "listener.h"
#include "literal.h"

namespace {

using Payloads = std::vector<std::string>;

constexpr size_t kPages = 64;
constexpr int kAll = -1;

// The event of one point of a gauge, padded by an attribute of so many bytes.
std::string event_of(uint64_t value, size_t pad) {
  const std::string attribute = field(1, "pad") + field(2, field(1, std::string(pad, 'x')));
  const std::string point = fixed64(3, 1) + fixed64(6, value) + field(7, attribute);
  const std::string metric = field(1, "m") + field(5, field(1, point));
  return field(1, field(2, field(2, metric)));
}

Payloads events_of(uint64_t first, uint64_t count, size_t pad) {
  Payloads events;
  for (uint64_t value = first; value < first + count; ++value) events.push_back(event_of(value, pad));
  return events;
}

// A batch of such points.
std::string batch_of(uint64_t first, uint64_t count, size_t pad) {
  std::string memory(sizeof(otelue_point) * count + pad + 1024, '\0');
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  otelue_metric metric{};
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(&b, "m");
  otelue_point point{};
  point.metric = otelue_build_metric(&b, &metric);
  point.value_type = OTELUE_INT;
  point.time_unix_nano = 1;
  const otelue_attribute attribute = otelue_attribute_string(&b, "pad", std::string(pad, 'x').c_str());
  point.attributes = otelue_build_attributes(&b, &attribute, 1);
  for (uint64_t value = first; value < first + count; ++value) {
    point.as_int = static_cast<int64_t>(value);
    otelue_build_point(&b, &point);
  }
  size_t size = 0;
  REQUIRE(otelue_builder_finish(&b, &size) == 0);
  memory.resize(size);
  return memory;
}

// One point per event.
struct Exporter {
  explicit Exporter(uint32_t pacing_bytes = 0, uint32_t pacing_microseconds = 0) {
    otelue_options options{};
    options.struct_size = sizeof options;
    options.packing = OTELUE_PACK_POINT;
    options.pacing_bytes = pacing_bytes;
    options.pacing_microseconds = pacing_microseconds;
    REQUIRE(otelue_open(&options, nullptr, nullptr, &handle) == 0);
  }
  ~Exporter() { otelue_close(handle); }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // Whether an export of these points was all that it should be.
  bool write(const std::string& batch, uint64_t points) const {
    otelue_result result{};
    result.struct_size = sizeof result;
    return otelue_export(handle, batch.data(), batch.size(), &result) == 0 && result.points_total == points &&
           result.points_exported == points && result.events == points && result.last_errno == 0;
  }
  bool write(uint64_t first, uint64_t count, size_t pad) const { return write(batch_of(first, count, pad), count); }

  otelue_status status() const {
    otelue_status status{};
    status.struct_size = sizeof status;
    REQUIRE(otelue_get_status(handle, &status) == 0);
    return status;
  }

  otelue_exporter* handle = nullptr;
};

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0);
}

Payloads read(Ring& ring) {
  Payloads found;
  ring.drain([&](std::string_view payload) { found.emplace_back(payload); });
  return found;
}

Payloads read(instance* traced) {
  Payloads found;
  auto take = [](void* context, const void* data, size_t size) {
    static_cast<Payloads*>(context)->emplace_back(static_cast<const char*>(data), size);
  };
  REQUIRE(instance_read(traced, take, &found) >= 0);
  return found;
}

using Instance = std::unique_ptr<instance, void (*)(instance*)>;
Instance open_instance() {
  Instance traced(instance_open(), instance_close);
  REQUIRE(traced != nullptr);
  return traced;
}

// Whether all of `some` are in `all`, in that order.
bool is_in_order(const Payloads& some, const Payloads& all) {
  auto at = all.begin();
  for (const std::string& payload : some) {
    at = std::find(at, all.end(), payload);
    if (at++ == all.end()) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a listener on one processor receives what is written there, and the other hears of it in words") {
  const Exporter exporter;
  Ring ring(find_event(), kAll, 0, kPages);
  pin_to(0);
  CHECK(exporter.write(0, 10, 5));
  CHECK(read(ring) == events_of(0, 10, 5));
  CHECK(exporter.status().heard_here == 1);
  CHECK(std::string(exporter.status().message) == "otlp_metrics is registered, and somebody listens");

  pin_to(1);
  CHECK(exporter.write(10, 10, 5));
  CHECK(read(ring).empty());
  CHECK(exporter.status().enabled == 1);
  CHECK(exporter.status().heard_here == 0);
  CHECK(std::string(exporter.status().message) ==
        "otlp_metrics is registered and enabled, but nobody listens to this thread on this processor");

  pin_to(0);
  CHECK(exporter.write(20, 10, 5));
  CHECK(read(ring) == events_of(20, 10, 5));
  CHECK(ring.counted_lost() == 0);
}

TEST_CASE("a listener to another process receives that one's events alone") {
  const Exporter exporter;
  int go[2];
  REQUIRE(pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    _exit(::read(go[0], &byte, 1) == 1 && exporter.write(100, 10, 5) ? 0 : 1);
  }
  Ring ring(find_event(), child, kAll, kPages);
  CHECK(exporter.write(0, 10, 5));
  CHECK(exporter.status().heard_here == 0);
  CHECK(std::string(exporter.status().message) ==
        "otlp_metrics is registered and enabled, but nobody listens to this thread on this processor");
  CHECK(read(ring).empty());

  REQUIRE(write(go[1], "", 1) == 1);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(exporter.write(10, 10, 5));
  CHECK(read(ring) == events_of(100, 10, 5));
  close(go[0]);
  close(go[1]);
}

TEST_CASE("a listener that pauses misses what is written meanwhile, and nothing else") {
  const Exporter exporter;
  pin_to(0);
  Ring ring(find_event(), kAll, 0, kPages);
  Payloads wanted;
  int bad = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    const bool is_heard = i % 2 == 0;
    is_heard ? ring.enable() : ring.disable();
    bad += !exporter.write(3 * i, 3, 5);
    if (is_heard) {
      const Payloads events = events_of(3 * i, 3, 5);
      wanted.insert(wanted.end(), events.begin(), events.end());
    }
  }
  CHECK(bad == 0);
  CHECK(read(ring) == wanted);
}

TEST_CASE("perf and ftrace listen each alone and both at once, and one hears on when the other leaves") {
  const Exporter exporter;
  pin_to(0);
  const Payloads first = events_of(0, 20, 300), second = events_of(20, 20, 300), third = events_of(40, 20, 300);
  std::optional<Ring> ring;
  Instance traced(nullptr, instance_close);
  SECTION("perf comes first") {
    ring.emplace(find_event(), kAll, 0, kPages);
    CHECK(exporter.write(0, 20, 300));
    CHECK(read(*ring) == first);
    traced = open_instance();
    CHECK(exporter.write(20, 20, 300));
    CHECK(read(*ring) == second);
    CHECK(read(traced.get()) == second);
    ring.reset();
    CHECK(exporter.write(40, 20, 300));
    CHECK(read(traced.get()) == third);
    traced.reset();
  }
  SECTION("ftrace comes first") {
    traced = open_instance();
    CHECK(exporter.write(0, 20, 300));
    CHECK(read(traced.get()) == first);
    ring.emplace(find_event(), kAll, 0, kPages);
    CHECK(exporter.write(20, 20, 300));
    CHECK(read(traced.get()) == second);
    CHECK(read(*ring) == second);
    traced.reset();
    CHECK(exporter.write(40, 20, 300));
    CHECK(read(*ring) == third);
    ring.reset();
  }
  const auto status = exporter.status();
  CHECK(status.heard_here == 0);
  CHECK(std::string(status.message) == "otlp_metrics is registered, nobody listens");
}

TEST_CASE("a ring that is too small says how many whole events it lost, and no export fails") {
  constexpr uint64_t kEvents = 500;
  const Exporter exporter;
  pin_to(0);
  for (const size_t pages : {size_t{1}, size_t{2}}) {
    for (const size_t pad : {size_t{0}, size_t{100}, size_t{1000}, size_t{3000}}) {
      Ring ring(find_event(), kAll, 0, pages);
      CHECK(exporter.write(0, kEvents, pad));
      const Payloads before = read(ring);
      // The ring takes the first ones, and speaks of the others in front of the next one that it takes.
      CHECK(before.size() == pages * 4096 / ((8 + 4 + 24 + event_of(0, pad).size() + 7) / 8 * 8));
      CHECK(before == events_of(0, before.size(), pad));
      CHECK(exporter.write(kEvents, 1, pad));
      CHECK(read(ring) == events_of(kEvents, 1, pad));
      CHECK(ring.lost() == kEvents - before.size());
      CHECK(ring.counted_lost() == ring.lost());
    }
  }
}

TEST_CASE("an event that is larger than a ring is lost to that ring alone") {
  const Exporter exporter;
  pin_to(0);
  Ring small(find_event(), kAll, 0, 2);
  Ring large(find_event(), kAll, 0, 4);
  const size_t pad = 8168 - event_of(0, 8000).size() + 8000;
  REQUIRE(event_of(1, pad).size() == 8168);
  CHECK(exporter.write(1, 1, pad));
  CHECK(exporter.write(2, 1, 5));
  CHECK(read(small) == events_of(2, 1, 5));
  CHECK(small.lost() == 1);
  CHECK(read(large) == Payloads{event_of(1, pad), event_of(2, 5)});
  CHECK(large.counted_lost() == 0);
}

TEST_CASE("an export that would overrun the reader's ring loses events without pacing, and none with it") {
  // The exporting thread has the processor to itself whenever it wants it: the reader runs while it pauses.
  constexpr uint64_t kEvents = 400;
  constexpr size_t kPad = 3900;
  constexpr size_t kRingPages = 32;
  const std::string batch = batch_of(0, kEvents, kPad);
  auto lost_with = [&](uint32_t pacing_bytes, uint32_t pacing_microseconds) {
    const Exporter exporter(pacing_bytes, pacing_microseconds);
    pin_to(0);
    Ring ring(find_event(), kAll, 0, kRingPages);
    std::atomic<bool> is_done{false};
    bool is_written = false;
    std::thread writer([&] {
      const sched_param first{1};
      is_written = pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) == 0 && exporter.write(batch, kEvents);
      is_done = true;
    });
    Payloads found;
    auto drain = [&] { ring.drain([&](std::string_view payload) { found.emplace_back(payload); }); };
    while (!is_done) {
      pollfd readable{ring.fd(), POLLIN, 0};
      ::poll(&readable, 1, 100);
      drain();
    }
    writer.join();
    drain();
    CHECK(is_written);
    CHECK(is_in_order(found, events_of(0, kEvents, kPad)));
    CHECK(found.size() + ring.counted_lost() == kEvents);
    return ring.counted_lost();
  };
  const uint64_t without = lost_with(0, 0);
  const uint64_t with = lost_with(32 * 1024, 10'000);
  std::cout << kEvents << " events of 4 KB, ring of 128 KiB: without pacing " << without
            << " are lost, with 10 ms after each 32 KiB " << with << std::endl;
  CHECK(without > kEvents / 2);
  CHECK(with == 0);
}

TEST_CASE("two threads export at once, through one exporter or two, and each event arrives once") {
  constexpr uint64_t kExports = 2000, kPoints = 5;
  constexpr size_t kPads[] = {0, 150};  // of each thread
  std::array<std::vector<std::string>, 2> batches;
  Payloads wanted;
  for (size_t t = 0; t < batches.size(); ++t) {
    for (uint64_t i = 0; i < kExports; ++i) batches[t].push_back(batch_of(i * kPoints, kPoints, kPads[t]));
    const Payloads events = events_of(0, kExports * kPoints, kPads[t]);
    wanted.insert(wanted.end(), events.begin(), events.end());
  }
  std::sort(wanted.begin(), wanted.end());

  for (const size_t exporter_count : {size_t{1}, size_t{2}}) {
    std::vector<std::unique_ptr<Exporter>> exporters;
    for (size_t i = 0; i < exporter_count; ++i) exporters.push_back(std::make_unique<Exporter>());
    const auto format = find_event();
    Ring first(format, kAll, 0, 1024);
    Ring second(format, kAll, 1, 1024);
    std::array<int, 2> bad{};
    std::vector<std::thread> threads;
    for (size_t t = 0; t < batches.size(); ++t) {
      threads.emplace_back([&, t] {
        for (const std::string& batch : batches[t]) bad[t] += !exporters[t % exporter_count]->write(batch, kPoints);
      });
    }
    for (std::thread& thread : threads) thread.join();

    Payloads found = read(first);
    for (std::string& payload : read(second)) found.push_back(std::move(payload));
    std::sort(found.begin(), found.end());
    CHECK(bad == std::array<int, 2>{});
    CHECK(first.counted_lost() + second.counted_lost() == 0);
    CHECK(found.size() == wanted.size());
    CHECK((found == wanted));
    for (const auto& exporter : exporters) {
      otelue_statistics statistics{};
      statistics.struct_size = sizeof statistics;
      REQUIRE(otelue_get_statistics(exporter->handle, &statistics) == 0);
      CHECK(statistics.exports == 2 * kExports / exporter_count);
      CHECK(statistics.events == 2 * kExports * kPoints / exporter_count);
    }
  }
}
