// SPDX-License-Identifier: Apache-2.0
#include "perf_listener.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <thread>

#include "io.h"
#include "raw_event.h"
#include "rights.h"

namespace otelue::tool {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr size_t kLargestRing = 8 << 20;
constexpr size_t kAllRings = 256 << 20;
constexpr size_t kSmallestRing = 16 << 10;  // the largest event, its record, and a power of two
constexpr auto kCheckEvery = std::chrono::seconds(1);
// How long a processor may take from an event's time to its place in the ring.
constexpr milliseconds kSettle{20};

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

uint64_t nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

std::string seconds_text(std::chrono::steady_clock::duration time) {
  const auto tenths = static_cast<long long>(duration<double>(time).count() * 10 + 1);
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
}

}  // namespace

std::string PerfListener::open() {
  if (const int error = otelue_find_event(&format_); error < 0) return why_not_listening(-error);
  if (const std::string error = add_rings(nullptr); !error.empty()) return error;
  if (rings_.empty()) return "no processor to listen to";

  const bool is_free = ring_pages_ == 0;
  if (is_free) {
    const size_t most = std::clamp(std::bit_floor(kAllRings / rings_.size()), kSmallestRing, kLargestRing);
    ring_pages_ = std::max<size_t>(most / page_size(), 1);
  }
  wanted_bytes_ = ring_bytes();
  int error = map_all();
  while (error != 0 && is_free && ring_bytes() > kSmallestRing) {
    ring_pages_ /= 2;
    error = map_all();
  }
  // EPERM: more than may be locked.
  return error == 0 ? "" : why_not_listening(error == -EPERM ? ENOMEM : -error);
}

size_t PerfListener::ring_bytes() const { return ring_pages_ * page_size(); }

int PerfListener::map_all() {
  int error = 0;
  for (auto& ring : rings_) {
    if (error == 0) error = ring->map(ring_pages_);
  }
  return error;
}

// Opens a ring for each processor that has none and is on. Without a sink, at the beginning, they are not mapped yet.
std::string PerfListener::add_rings(const Sink* sink) {
  for (int cpu = 0;; ++cpu) {
    const auto has_cpu = [&](const auto& ring) { return ring->cpu() == cpu; };
    if (std::any_of(rings_.begin(), rings_.end(), has_cpu)) continue;
    auto ring = std::make_unique<PerfRing>(cpu);
    int error = ring->open(format_.id);
    if (error == -EINVAL && cpu > 0) return "";
    if (error == 0 && sink != nullptr) error = ring->map(ring_pages_);
    if (error == 0 && sink != nullptr) {
      // While a processor comes, the kernel accepts a ring that will get nothing. Its clock can be coarse.
      std::this_thread::sleep_for(kSettle);
      if (!ring->is_alive()) error = -ENODEV;
    }
    const auto now = Clock::now();
    if (error == 0) {
      if (sink != nullptr) {
        sink->notice("processor " + std::to_string(cpu) + " was switched on; what it wrote in its first " +
                     seconds_text(now - deaf_since_[cpu]) + " was missed");
      }
      rings_.push_back(std::move(ring));
      deaf_since_.erase(cpu);
    } else if (error == -ENODEV) {
      deaf_since_[cpu] = now;  // it is off, and writes nothing
    } else if (sink == nullptr) {
      return why_not_listening(-error);
    } else if (deaf_since_.emplace(cpu, now).second) {
      sink->notice("cannot listen to processor " + std::to_string(cpu) + ": " + std::strerror(-error));
    }
  }
}

// Finds out which rings will get nothing any more, because their processor was switched off meanwhile.
void PerfListener::check_rings(const Sink& sink) {
  const auto now = Clock::now();
  if (now - checked_ < kCheckEvery) return;
  for (auto ring = rings_.begin(); ring != rings_.end();) {
    report_lost(**ring, sink);
    if ((*ring)->is_alive()) {
      ++ring;
      continue;
    }
    drain(sink);
    sink.notice("processor " + std::to_string((*ring)->cpu()) + " was switched off");
    deaf_since_[(*ring)->cpu()] = checked_;
    ring = rings_.erase(ring);
  }
  checked_ = now;
}

bool PerfListener::poll(int milliseconds, const Sink& sink) {
  if (checked_ == Clock::time_point{}) checked_ = Clock::now();
  std::vector<pollfd> waiting{{interruption(), POLLIN, 0}};
  for (const auto& ring : rings_) waiting.push_back({ring->fd(), POLLIN, 0});
  const int longest = has_more_ ? static_cast<int>(kSettle.count()) : milliseconds;
  ::poll(waiting.data(), waiting.size(), std::min(longest, milliseconds));
  hand_out(nanoseconds(CLOCK_MONOTONIC) - std::chrono::nanoseconds(kSettle).count(), sink);
  check_rings(sink);
  add_rings(&sink);
  return true;
}

void PerfListener::hand_out(uint64_t until, const Sink& sink) {
  for (auto& ring : rings_) ring->look();
  has_more_ = false;
  while (true) {
    PerfRing* first = nullptr;
    for (auto& ring : rings_) {
      if (ring->peek() != nullptr && (first == nullptr || ring->peek()->time < first->peek()->time)) first = ring.get();
    }
    for (auto& ring : rings_) {
      for (uint64_t i = ring->count_damaged(); i > 0; --i) sink.damaged("a ring whose records make no sense");
    }
    if (first == nullptr) return;
    if (first->peek()->time > until) break;
    decode(*first, *first->peek(), sink);
    first->pop();
  }
  has_more_ = true;
}

void PerfListener::drain(const Sink& sink) {
  hand_out(UINT64_MAX, sink);
  for (auto& ring : rings_) report_lost(*ring, sink);
}

void PerfListener::stop(const Sink& sink) {
  for (auto& ring : rings_) ring->disable();
  drain(sink);
}

void PerfListener::report_lost(PerfRing& ring, const Sink& sink) const {
  if (const uint64_t lost = ring.count_lost(); lost > 0) sink.lost(lost, ring.cpu());
}

void PerfListener::decode(PerfRing& ring, const PerfRecord& record, const Sink& sink) const {
  if (record.type == PERF_RECORD_LOST) return report_lost(ring, sink);
  if (record.type != PERF_RECORD_SAMPLE) return;
  Event event;
  if (const std::string error = read_sample(format_, record, &event); !error.empty()) return sink.damaged(error);
  event.time_unix_nano = record.time + nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  sink.event(event);
}

std::string read_sample(const otelue_event_format& format, const PerfRecord& record, Event* event) {
  if (record.body.size() < kPerfSampleBytes) return "a sample without data";
  PerfSample sample{};
  std::memcpy(&sample, record.body.data(), kPerfSampleBytes);
  const std::string_view raw = record.body.substr(kPerfSampleBytes);
  if (sample.raw_size > raw.size()) return "a sample whose data end outside of it";
  event->pid = sample.pid;
  event->cpu = static_cast<int>(sample.cpu);
  return read_raw_event(raw.substr(0, sample.raw_size), format, false, event);
}

}  // namespace otelue::tool
