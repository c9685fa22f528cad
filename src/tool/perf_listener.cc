// SPDX-License-Identifier: Apache-2.0
#include "perf_listener.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "event_format.h"

namespace otelue::tool {
namespace {

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

std::string why(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "no permission to listen: it takes root or CAP_PERFMON, and read access to tracefs";
    case ENOENT:
      return "no event otlp_metrics: nobody has registered it";
    case EPROTO:
      return "otlp_metrics is registered with other fields than protocol, version and buffer";
    case ENOMEM:
      return "not enough memory that may be locked for the rings: see kernel.perf_event_mlock_kb and --ring-pages";
    default:
      return std::string("cannot listen: ") + std::strerror(error);
  }
}

// The fixed part that every sample has before its raw data, for sample_type RAW | TIME | TID | CPU.
struct Sample {
  uint32_t pid, tid;
  uint64_t time;
  uint32_t cpu, reserved;
  uint32_t raw_size;
};
constexpr size_t kSampleBytes = 28;

template <typename T>
T load(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

PerfListener::~PerfListener() {
  for (const Ring& ring : rings_) {
    munmap(ring.memory, (ring_pages_ + 1) * page_size());
    close(ring.fd);
  }
}

std::string PerfListener::open() {
  otelue_event_format format{};
  if (const int error = otelue_find_event(&format); error < 0) return why(-error);
  protocol_offset_ = format.protocol_offset;
  version_offset_ = format.version_offset;
  buffer_offset_ = format.buffer_offset;

  const long processors = sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < processors; ++cpu) {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = sizeof attr;
    attr.config = static_cast<uint64_t>(format.id);
    attr.sample_period = 1;
    attr.sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_TIME | PERF_SAMPLE_TID | PERF_SAMPLE_CPU;
    attr.watermark = 0;
    attr.wakeup_events = 1;
    const int fd = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd < 0 && errno == ENODEV) continue;  // offline
    if (fd < 0) return why(errno);
    void* memory = mmap(nullptr, (ring_pages_ + 1) * page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
      const int error = errno == EPERM ? ENOMEM : errno;
      close(fd);
      return why(error);
    }
    rings_.push_back({cpu, fd, memory});
  }
  return rings_.empty() ? "no processor to listen on" : "";
}

void PerfListener::decode(const Ring& ring, uint32_t type, std::string_view record, const Sink& sink) const {
  if (type == PERF_RECORD_LOST && record.size() >= 16) return sink.lost(load<uint64_t>(record, 8), ring.cpu);
  if (type == PERF_RECORD_LOST_SAMPLES && record.size() >= 8) return sink.lost(load<uint64_t>(record, 0), ring.cpu);
  if (type != PERF_RECORD_SAMPLE) return;
  if (record.size() < kSampleBytes) return sink.damaged("a sample without data");

  const auto sample = load<Sample>(std::string(record.substr(0, kSampleBytes)) + std::string(4, '\0'), 0);
  const std::string_view raw = record.substr(kSampleBytes).substr(0, sample.raw_size);
  const auto at = static_cast<size_t>(buffer_offset_);
  if (raw.size() < at + 4 || raw.size() < static_cast<size_t>(version_offset_) + 8 ||
      raw.size() < static_cast<size_t>(protocol_offset_) + 4) {
    return sink.damaged("an event that is too short");
  }
  // Not the rest of the record: perf pads it.
  const auto rel_loc = load<uint32_t>(raw, at);
  const size_t begin = at + 4 + (rel_loc & 0xffff);
  const size_t size = rel_loc >> 16;
  if (begin > raw.size() || size > raw.size() - begin) return sink.damaged("an event whose buffer ends outside of it");

  Event event;
  event.protocol = load<uint32_t>(raw, static_cast<size_t>(protocol_offset_));
  event.version = raw.substr(static_cast<size_t>(version_offset_), 8);
  event.payload = raw.substr(begin, size);
  event.cpu = static_cast<int>(sample.cpu);
  event.pid = static_cast<int>(sample.pid);
  sink.event(event);
}

void PerfListener::drain(const Ring& ring, const Sink& sink) {
  auto* control = static_cast<perf_event_mmap_page*>(ring.memory);
  const char* data = static_cast<const char*>(ring.memory) + page_size();
  const size_t size = ring_pages_ * page_size();
  auto read = [&](uint64_t from, char* to, size_t bytes) {
    const size_t at = static_cast<size_t>(from % size);
    const size_t first = bytes < size - at ? bytes : size - at;
    std::memcpy(to, data + at, first);
    std::memcpy(to + first, data, bytes - first);
  };

  const uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  uint64_t tail = control->data_tail;
  while (tail < head) {
    perf_event_header header;
    read(tail, reinterpret_cast<char*>(&header), sizeof header);
    record_.resize(header.size);
    read(tail, record_.data(), header.size);
    tail += header.size;
    __atomic_store_n(&control->data_tail, tail, __ATOMIC_RELEASE);
    decode(ring, header.type, std::string_view(record_).substr(sizeof header), sink);
  }
}

void PerfListener::poll(int milliseconds, const Sink& sink) {
  std::vector<pollfd> waiting;
  for (const Ring& ring : rings_) waiting.push_back({ring.fd, POLLIN, 0});
  ::poll(waiting.data(), waiting.size(), milliseconds);
  for (const Ring& ring : rings_) drain(ring, sink);
}

}  // namespace otelue::tool
