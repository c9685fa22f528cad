// SPDX-License-Identifier: Apache-2.0
#include "perf_ring.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace otelue::tool {
namespace {

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

PerfRing::~PerfRing() {
  if (memory_ != nullptr) munmap(memory_, page_size() + bytes_);
  if (fd_ >= 0) close(fd_);
}

int PerfRing::open(int tracepoint_id) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = static_cast<uint64_t>(tracepoint_id);
  attr.sample_period = 1;
  attr.sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_TID | PERF_SAMPLE_CPU;
  // Kernels with user_events know all of it.
  attr.read_format = PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_LOST;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;  // the same on all processors
  attr.watermark = 1;  // wakes at half of a ring: the reader looks often enough, and writers need not wake it
  fd_ = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu_, -1, PERF_FLAG_FD_CLOEXEC));
  return fd_ >= 0 ? 0 : -errno;
}

int PerfRing::map(size_t pages) {
  if (memory_ != nullptr) munmap(memory_, page_size() + bytes_);
  bytes_ = pages * page_size();
  memory_ = mmap(nullptr, page_size() + bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (memory_ != MAP_FAILED) return 0;
  memory_ = nullptr;
  return -errno;
}

void PerfRing::look() {
  // Acquires what the kernel has written before it moved the head.
  head_ = __atomic_load_n(&static_cast<perf_event_mmap_page*>(memory_)->data_head, __ATOMIC_ACQUIRE);
}

std::string_view PerfRing::view(uint64_t from, size_t size) {
  const char* data = static_cast<const char*>(memory_) + page_size();
  const auto at = static_cast<size_t>(from % bytes_);
  if (size <= bytes_ - at) return {data + at, size};
  wrapped_.assign(data + at, bytes_ - at);
  wrapped_.append(data, size - (bytes_ - at));
  return wrapped_;
}

const PerfRecord* PerfRing::peek() {
  if (has_record_) return &record_;
  const uint64_t tail = static_cast<perf_event_mmap_page*>(memory_)->data_tail;
  const uint64_t there = head_ - tail;
  if (there == 0) return nullptr;
  perf_event_header header;
  if (there > bytes_ || there < sizeof header) return skip();
  std::memcpy(&header, view(tail, sizeof header).data(), sizeof header);
  if (header.size < sizeof header || header.size > there) return skip();
  record_bytes_ = header.size;
  record_ = {header.type, 0, view(tail, header.size).substr(sizeof header)};
  if (header.type == PERF_RECORD_SAMPLE && record_.body.size() >= kPerfSampleBytes) {
    std::memcpy(&record_.time, record_.body.data() + offsetof(PerfSample, time), sizeof record_.time);
  }
  has_record_ = true;
  return &record_;
}

// Gives up what lies between the two sides: where a record begins cannot be known any more.
const PerfRecord* PerfRing::skip() {
  ++damaged_;
  __atomic_store_n(&static_cast<perf_event_mmap_page*>(memory_)->data_tail, head_, __ATOMIC_RELEASE);
  return nullptr;
}

uint64_t PerfRing::count_damaged() { return std::exchange(damaged_, 0); }

void PerfRing::pop() {
  auto* control = static_cast<perf_event_mmap_page*>(memory_);
  // Releases the bytes to the kernel once they are read.
  __atomic_store_n(&control->data_tail, control->data_tail + record_bytes_, __ATOMIC_RELEASE);
  has_record_ = false;
}

PerfRing::Counts PerfRing::counts() const {
  Counts counts{};
  if (read(fd_, &counts, sizeof counts) != sizeof counts) return {0, running_time_, lost_};
  return counts;
}

uint64_t PerfRing::count_lost() {
  const uint64_t before = lost_;
  lost_ = counts().lost;
  return lost_ - before;
}

bool PerfRing::is_alive() {
  const uint64_t before = running_time_;
  running_time_ = counts().running_time;
  return running_time_ != before;
}

void PerfRing::disable() { ioctl(fd_, PERF_EVENT_IOC_DISABLE, 0); }

}  // namespace otelue::tool
