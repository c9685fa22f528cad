// SPDX-License-Identifier: Apache-2.0
// Ten million points from four threads and their children, while the listener is restarted again and again.
//
// A second process exports. Each export takes a number from memory that all share and leaves its result there; each
// point carries (number of the export, index of the point), and everything else in it follows from these. The listener
// takes every point apart and compares.
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <bit>
#include <iostream>
#include <memory>
#include <thread>
#include <vector>

#include "catch.h"
#include "listener.h"
#include "soak_batch.h"
#include "soak_received.h"

namespace {

using namespace soak;

constexpr uint64_t kPoints = 10'000'000;  // that were surely heard
constexpr uint64_t kSessions = 40;        // of the listener
constexpr uint32_t kMaxExports = 1 << 20;
constexpr int kThreads = 4;
constexpr int kExportsPerFork = 40;  // of a thread, after which it forks
constexpr int kExportsPerChild = 10;
constexpr uint64_t kUnheardPerRestart = 40;

// Writers wait while so much is under way (twice that, when the listener has just come): each ring has room for it,
// and for one more export of each of them.
constexpr size_t kRingPages = 512;
constexpr int64_t kMostUnderWay = 1 << 19;
constexpr int64_t kLeastExportBytes = 40'000;
// So many exports at most can be heard in part only when the listener has come and left once.
constexpr uint64_t kMostAtEdges = 3 * (kMostUnderWay / kLeastExportBytes) + 4 * kThreads;

// Who listens: each change makes it one more.
enum Hearing : uint32_t { kNobody, kComing, kHeard, kLeaving };
Hearing hearing(uint32_t phase) { return static_cast<Hearing>(phase % 4); }

struct Export {
  Kind kind;
  uint8_t events;
  uint16_t exported;     // points
  uint32_t is_sure : 1;  // the phase was the same, heard or nobody, all the time
  uint32_t was_heard : 1;
  uint32_t is_done : 1;
};

struct Shared {
  std::atomic<uint32_t> phase;
  std::atomic<bool> is_ready, stop;
  std::atomic<uint32_t> next_export;
  std::atomic<uint64_t> heard_points, unheard_exports;  // surely
  std::atomic<int64_t> written_bytes, read_bytes;
  std::atomic<uint32_t> children;
  std::atomic<uint32_t> bad_results, bad_children, bad_totals;
  Export exports[kMaxExports];
};

// ---- The process that exports

struct Exporter {
  otelue_exporter* handle = nullptr;
  std::atomic<uint64_t> points{0};  // exported by this process, as the results say
};

class Worker {
 public:
  Worker(Shared& shared, Exporter& exporter, Kind kind)
      : shared_(shared), exporter_(exporter), kind_(kind), batch_(kind) {}

  void run() {
    pid_t child = 0;
    for (int i = 1; !shared_.stop; ++i) {
      export_once();
      if (i % kExportsPerFork != 0) continue;
      reap(child);
      child = fork();
      if (child == 0) {
        for (int k = 0; k < kExportsPerChild; ++k) export_once();
        _exit(0);
      }
      ++shared_.children;
    }
    reap(child);
  }

 private:
  void export_once() {
    while (hearing(shared_.phase) != kNobody && shared_.written_bytes - shared_.read_bytes > kMostUnderWay) {
      usleep(200);
    }
    const uint32_t number = shared_.next_export++;
    if (number >= kMaxExports) _exit(1);
    batch_.number(number);
    Export& record = shared_.exports[number];
    record.kind = kind_;

    otelue_result result{};
    result.struct_size = sizeof result;
    const uint32_t phase = shared_.phase;
    const int returned = otelue_export(exporter_.handle, batch_.data(), batch_.size(), &result);
    record.is_sure = shared_.phase == phase && (hearing(phase) == kHeard || hearing(phase) == kNobody);
    record.was_heard = hearing(phase) == kHeard;
    record.events = static_cast<uint8_t>(result.events);
    record.exported = static_cast<uint16_t>(result.points_exported);
    record.is_done = true;
    exporter_.points += result.points_exported;
    shared_.written_bytes += static_cast<int64_t>(result.bytes);
    shared_.bad_results += returned != 0 || result.points_total != kExportPoints ||
                           result.points_exported + result.points_unheard != kExportPoints || result.last_errno != 0;
    if (!record.is_sure) return;
    if (record.was_heard) {
      shared_.heard_points += result.points_exported;
    } else {
      ++shared_.unheard_exports;
    }
  }
  void reap(pid_t child) {
    int status = 0;
    if (child != 0) shared_.bad_children += waitpid(child, &status, 0) != child || status != 0;
  }

  Shared& shared_;
  Exporter& exporter_;
  const Kind kind_;
  Batch batch_;
};

void export_all(Shared& shared) {
  std::array<Exporter, kKinds> exporters;
  for (const Kind kind : {kGauge, kSums}) {
    const otelue_options options = options_of(kind);
    if (otelue_open(&options, nullptr, nullptr, &exporters[kind].handle) != 0) _exit(1);
  }
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < kThreads; ++i) {
    const Kind kind = i % 2 == 0 ? kGauge : kSums;
    workers.push_back(std::make_unique<Worker>(shared, exporters[kind], kind));
  }
  shared.is_ready = true;
  std::vector<std::thread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  for (std::thread& thread : threads) thread.join();
  for (const Exporter& exporter : exporters) {
    otelue_statistics statistics{};
    statistics.struct_size = sizeof statistics;
    otelue_get_statistics(exporter.handle, &statistics);
    shared.bad_totals += statistics.points_exported != exporter.points;
    otelue_close(exporter.handle);
  }
  _exit(0);
}

// ---- The listener

// Starts and ends listeners while the other process exports.
class Soak {
 public:
  Soak()
      : shared_(static_cast<Shared*>(
            mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
        received_(kMaxExports) {
    REQUIRE(static_cast<void*>(shared_) != MAP_FAILED);
    writer_ = fork();
    if (writer_ == 0) export_all(*shared_);
    until([this] { return shared_->is_ready.load(); });
    format_ = find_event();
  }

  // One life of the listener: until so many points have surely been heard in all.
  void session(uint64_t heard_points) {
    const uint64_t unheard = shared_->unheard_exports + kUnheardPerRestart;
    until([&] { return shared_->unheard_exports >= unheard; });
    shared_->read_bytes = shared_->written_bytes.load();
    ++shared_->phase;
    {
      Ring first(format_, -1, 0, kRingPages);
      Ring second(format_, -1, 1, kRingPages);
      drain(first, second);
      shared_->read_bytes = shared_->written_bytes.load();  // nobody will read what was written before
      ++shared_->phase;
      pollfd rings[] = {{first.fd(), POLLIN, 0}, {second.fd(), POLLIN, 0}};
      until([&] {
        if (::poll(rings, 2, 10) > 0) drain(first, second);
        return shared_->heard_points >= heard_points;
      });
      ++shared_->phase;
      for (Ring* ring : {&first, &second}) ring->disable();
      drain(first, second);
      for (const Ring* ring : {&first, &second}) lost_ += ring->lost() + ring->counted_lost();
    }
    ++shared_->phase;
  }

  void end() {
    shared_->stop = true;
    int status = -1;
    REQUIRE(waitpid(writer_, &status, 0) == writer_);
    CHECK(status == 0);
  }

  const Shared& shared() const { return *shared_; }
  const Received& received() const { return received_; }
  uint64_t lost() const { return lost_; }

 private:
  template <typename Claim>
  void until(Claim&& claim) {
    while (!claim()) {
      int status = 0;
      if (waitpid(writer_, &status, WNOHANG) == writer_) FAIL("the process that exports has ended");
      sched_yield();
    }
  }
  void drain(Ring& first, Ring& second) {
    for (Ring* ring : {&first, &second}) {
      ring->drain([&](std::string_view payload) {
        received_.take(payload);
        shared_->read_bytes += static_cast<int64_t>(payload.size());
      });
    }
  }

  Shared* const shared_;
  Received received_;
  pid_t writer_ = 0;
  otelue_event_format format_{};
  uint64_t lost_ = 0;
};

}  // namespace

TEST_CASE("ten million points of four threads and their children arrive once each, whatever the listener does") {
  Soak soak;
  for (uint64_t session = 1; session <= kSessions; ++session) {
    soak.session(kPoints / kSessions * session);
    if (session % 5 != 0) continue;
    std::cout << session << " of " << kSessions << " sessions: " << soak.received().points << " points received, "
              << soak.shared().children << " children" << std::endl;
  }
  soak.end();

  const Shared& shared = soak.shared();
  CHECK(soak.received().corrupt == 0);
  CHECK(soak.received().twice == 0);
  CHECK(soak.lost() == 0);
  CHECK(shared.bad_results == 0);
  CHECK(shared.bad_children == 0);
  CHECK(shared.bad_totals == 0);
  CHECK(shared.children >= 100);

  uint64_t heard = 0, unheard = 0, at_edges = 0;  // exports
  uint64_t heard_points = 0, edge_points = 0, edge_events = 0, edge_received = 0;
  uint64_t undone = 0, incomplete = 0, overheard = 0, unannounced = 0;
  for (uint32_t number = 0; number < shared.next_export; ++number) {
    const Export& record = shared.exports[number];
    const uint32_t events = soak.received().events_of(record.kind, number);
    unannounced += soak.received().events_of(record.kind == kGauge ? kSums : kGauge, number) != 0;
    const uint32_t all = soak.received().all_events(record.kind);
    undone += !record.is_done;
    if (record.is_sure && record.was_heard) {
      ++heard;
      heard_points += record.exported;
      incomplete += record.exported != kExportPoints || events != all || record.events != std::popcount(all);
    } else if (record.is_sure) {
      ++unheard;
      overheard += record.exported != 0 || record.events != 0 || events != 0;
    } else {
      at_edges += record.exported != 0;
      edge_points += record.exported;
      edge_events += record.events;
      edge_received += static_cast<uint64_t>(std::popcount(events));
      // Whole events only, and only those that the export has counted, which are its first ones.
      unannounced += (uint64_t{events} >> record.events) != 0;
    }
  }
  CHECK(undone == 0);
  CHECK(incomplete == 0);
  CHECK(overheard == 0);
  CHECK(unannounced == 0);
  CHECK(at_edges <= kSessions * kMostAtEdges);
  CHECK(heard_points >= kPoints);
  CHECK(unheard >= kSessions * kUnheardPerRestart);
  std::cout << "heard: " << heard << " exports with " << heard_points
            << " points, all of them received; unheard: " << unheard
            << " exports\nwhile the listener came or left: " << at_edges << " exports with " << edge_points
            << " points, " << edge_received << " of " << edge_events << " events received" << std::endl;
}
