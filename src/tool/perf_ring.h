// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PERF_RING_H
#define OTELUE_SRC_TOOL_PERF_RING_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace otelue::tool {

// What the kernel writes into a ring of perf for each event of a tracepoint.
struct PerfRecord {
  uint32_t type;  // PERF_RECORD_*
  uint64_t time;  // CLOCK_MONOTONIC; 0: not a sample
  std::string_view body;
};

// The fixed part that the body of a sample has before its raw data.
struct PerfSample {
  uint32_t pid, tid;
  uint64_t time;
  uint32_t cpu, reserved;
  uint32_t raw_size;
};
constexpr size_t kPerfSampleBytes = 28;  // sizeof counts four more, for alignment

// One processor's events of a tracepoint, from when they are mapped.
class PerfRing {
 public:
  explicit PerfRing(int cpu) : cpu_(cpu) {}
  // Of a file with the same pages, which it closes.
  PerfRing(int cpu, int fd) : cpu_(cpu), fd_(fd) {}
  ~PerfRing();
  PerfRing(const PerfRing&) = delete;
  PerfRing& operator=(const PerfRing&) = delete;

  // 0 or -errno: -EINVAL for a processor that this machine cannot have, -ENODEV for one that is off.
  int open(int tracepoint_id);
  // A ring of so many pages, a power of two. 0 or -errno; may be called again.
  int map(size_t pages);

  int fd() const { return fd_; }
  int cpu() const { return cpu_; }

  // From here on peek() sees what has come until now.
  void look();
  // The oldest record, until pop(), or nullptr.
  const PerfRecord* peek();
  void pop();
  // How often what is in the ring made no sense since the last call, and was passed over.
  uint64_t count_damaged();

  // How many events were lost since the last call, whether or not a record of the ring tells of them: the kernel
  // writes such a record only in front of the next event.
  uint64_t count_lost();
  // Whether the kernel has gone on with it since the last call. One whose processor was switched off stays silent
  // for ever.
  bool is_alive();
  void disable();

 private:
  struct Counts {
    uint64_t value, running_time, lost;
  };

  Counts counts() const;
  std::string_view view(uint64_t from, size_t size);
  const PerfRecord* skip();

  const int cpu_;
  int fd_ = -1;
  void* memory_ = nullptr;
  size_t bytes_ = 0;
  uint64_t head_ = 0;
  uint64_t lost_ = 0;
  uint64_t damaged_ = 0;
  uint64_t running_time_ = 0;
  bool has_record_ = false;
  PerfRecord record_{};
  size_t record_bytes_ = 0;
  std::string wrapped_;  // the record at hand, when it lies around the ring's end
};

}  // namespace otelue::tool

#endif
