// SPDX-License-Identifier: Apache-2.0
// Rings of perf that come and go, and counts of what they lost.
#ifndef OTELUE_TESTS_KERNEL_LISTENER_H
#define OTELUE_TESTS_KERNEL_LISTENER_H

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "event_format.h"

// The tracepoint as listeners know it; somebody must have registered it.
inline otelue_event_format find_event() {
  otelue_event_format format{};
  if (const int error = otelue_find_event(&format); error < 0) throw std::system_error(-error, std::generic_category());
  return format;
}

// Listens to one thread or all (-1) on one processor or all (-1, for one thread), until it is destroyed.
class Ring {
 public:
  Ring(const otelue_event_format& format, int tid, int cpu, size_t pages)
      : buffer_offset_(static_cast<size_t>(format.buffer_offset)), bytes_(pages * kPage) {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = sizeof attr;
    attr.config = static_cast<uint64_t>(format.id);
    attr.sample_period = 1;
    attr.sample_type = PERF_SAMPLE_RAW;
    attr.read_format = PERF_FORMAT_LOST;
    attr.wakeup_events = 1;
    fd_ = static_cast<int>(syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "perf_event_open");
    memory_ = static_cast<char*>(mmap(nullptr, kPage + bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    if (memory_ == MAP_FAILED) {
      const int error = errno;
      close(fd_);
      throw std::system_error(error, std::generic_category(), "mmap of a ring");
    }
  }
  ~Ring() {
    munmap(memory_, kPage + bytes_);
    close(fd_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int fd() const { return fd_; }
  void enable() { ioctl(fd_, PERF_EVENT_IOC_ENABLE, 0); }
  void disable() { ioctl(fd_, PERF_EVENT_IOC_DISABLE, 0); }

  // Hands out the payload of each event so far. The view holds during the call.
  template <typename Take>
  void drain(Take&& take) {
    auto* control = reinterpret_cast<perf_event_mmap_page*>(memory_);
    const uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = control->data_tail;
    while (tail < head) {
      const auto header = load<perf_event_header>(view(tail, sizeof(perf_event_header)), 0);
      const std::string_view record = view(tail, header.size);
      if (header.type == PERF_RECORD_LOST) lost_ += load<uint64_t>(record, kLostAt);
      if (header.type == PERF_RECORD_SAMPLE) take(payload(record.substr(kRawAt)));
      tail += header.size;
      __atomic_store_n(&control->data_tail, tail, __ATOMIC_RELEASE);
    }
  }

  // Events that the ring had no room for: as its records said so far, and as the kernel counts.
  uint64_t lost() const { return lost_; }
  uint64_t counted_lost() const {
    uint64_t value_and_lost[2] = {};
    if (read(fd_, value_and_lost, sizeof value_and_lost) != sizeof value_and_lost) {
      throw std::system_error(errno, std::generic_category(), "read of a ring's counters");
    }
    return value_and_lost[1];
  }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kLostAt = sizeof(perf_event_header) + sizeof(uint64_t);  // behind the event's id
  static constexpr size_t kRawAt = sizeof(perf_event_header) + sizeof(uint32_t);   // behind the raw data's size

  template <typename T>
  static T load(std::string_view bytes, size_t at) {
    T value;
    std::memcpy(&value, bytes.substr(at, sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view view(uint64_t from, size_t size) {
    const char* data = memory_ + kPage;
    const size_t at = static_cast<size_t>(from % bytes_);
    if (size <= bytes_ - at) return {data + at, size};
    wrapped_.assign(data + at, bytes_ - at);
    wrapped_.append(data, size - (bytes_ - at));
    return wrapped_;
  }

  // Throws when the buffer ends outside of the event.
  std::string_view payload(std::string_view raw) const {
    const auto rel_loc = load<uint32_t>(raw, buffer_offset_);
    const std::string_view rest = raw.substr(buffer_offset_ + sizeof rel_loc + (rel_loc & 0xffff));
    if (rest.size() < rel_loc >> 16) throw std::out_of_range("an event whose buffer ends outside of it");
    return rest.substr(0, rel_loc >> 16);
  }

  const size_t buffer_offset_;
  const size_t bytes_;
  int fd_ = -1;
  char* memory_ = nullptr;
  std::string wrapped_;
  uint64_t lost_ = 0;
};

#endif
