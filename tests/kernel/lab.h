// SPDX-License-Identifier: Apache-2.0
// What the tests on the test kernel share: numbered points and their events, exporters, a listener, other processes.
#ifndef OTELUE_TESTS_KERNEL_LAB_H
#define OTELUE_TESTS_KERNEL_LAB_H

#include <linux/perf_event.h>
#include <otelue/builder.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "perf_listener.h"

// Where Catch2 does not reach, in other processes and threads: throws what does not hold.
#define LAB_TEXT_(x) #x
#define LAB_LINE_(x) LAB_TEXT_(x)
#define CLAIM(...) \
  if (!(__VA_ARGS__)) throw std::runtime_error("line " LAB_LINE_(__LINE__) ": " #__VA_ARGS__)

namespace lab {

using Payloads = std::vector<std::string>;

// The OTLP of one point of the gauge "lab" with this value, at time 1.
inline std::string event_of(int64_t value) {
  std::string bytes(
      "\x0a\x1f"                    // resource_metrics
      "\x12\x1d"                    // scope_metrics
      "\x12\x1b"                    // metrics
      "\x0a\x03lab"                 // name
      "\x2a\x14"                    // gauge
      "\x0a\x12"                    // data_points
      "\x19\x01\0\0\0\0\0\0\0"      // time_unix_nano
      "\x31\0\0\0\0\0\0\0\0", 33);  // as_int
  std::memcpy(bytes.data() + 25, &value, sizeof value);
  return bytes;
}

inline Payloads events_of(int64_t first, int64_t count) {
  Payloads events;
  for (int64_t value = first; value < first + count; ++value) events.push_back(event_of(value));
  return events;
}

// A batch of such points.
inline std::string batch_of(int64_t first, int64_t count = 1) {
  std::string memory(256 + static_cast<size_t>(count) * sizeof(otelue_point), '\0');
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  otelue_metric metric{};
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(&b, "lab");
  otelue_point point{};
  point.metric = otelue_build_metric(&b, &metric);
  point.value_type = OTELUE_INT;
  point.time_unix_nano = 1;
  for (point.as_int = first; point.as_int < first + count; ++point.as_int) otelue_build_point(&b, &point);
  size_t size = 0;
  if (otelue_builder_finish(&b, &size) != 0) throw std::length_error("batch");
  memory.resize(size);
  return memory;
}

// A batch whose points have one attribute each, so many bytes long.
inline std::string padded_batch(const std::vector<size_t>& attribute_sizes) {
  std::vector<unsigned char> memory(1 << 20);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  otelue_metric metric{};
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(&b, "size");
  otelue_point point{};
  point.metric = otelue_build_metric(&b, &metric);
  point.value_type = OTELUE_INT;
  point.time_unix_nano = 1;
  for (const size_t size : attribute_sizes) {
    const std::string text(size, 'x');
    const otelue_attribute attribute = otelue_attribute_string(&b, "pad", text.c_str());
    point.attributes = otelue_build_attributes(&b, &attribute, 1);
    ++point.as_int;
    otelue_build_point(&b, &point);
  }
  size_t size = 0;
  if (otelue_builder_finish(&b, &size) != 0) throw std::length_error("batch");
  return {reinterpret_cast<char*>(memory.data()), size};
}

inline Payloads encode(const std::string& batch) {
  Payloads events;
  otelue_cursor cursor{};
  std::vector<char> out(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK);
  size_t written = 0;
  while (otelue_encode_next(batch.data(), batch.size(), nullptr, &cursor, out.data(), out.size(), &written, nullptr) ==
         1) {
    events.emplace_back(out.data(), written);
  }
  return events;
}

// A batch whose one event has exactly so many bytes.
inline std::string padded_batch_of(size_t bytes) {
  const size_t overhead = 8000 - encode(padded_batch({8000 - 100})).at(0).size();  // lengths take two bytes there
  return padded_batch({bytes - 100 + overhead});
}

inline otelue_options packing(uint32_t packing) {
  otelue_options options{};
  options.packing = packing;
  return options;
}

// An exporter that writes an event for each point, unless told otherwise.
class Exporter {
 public:
  explicit Exporter(otelue_options options = packing(OTELUE_PACK_POINT), otelue_log_function log = nullptr,
                    void* log_context = nullptr) {
    options.struct_size = sizeof options;
    if (otelue_open(&options, log, log_context, &handle_) != 0) throw std::runtime_error("otelue_open");
  }
  ~Exporter() { otelue_close(handle_); }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  otelue_exporter* handle() const { return handle_; }
  bool enabled() const { return otelue_enabled(handle_) == 1; }
  otelue_result run(const std::string& batch) const {
    otelue_result result{};
    result.struct_size = sizeof result;
    if (otelue_export(handle_, batch.data(), batch.size(), &result) < 0) throw std::runtime_error("otelue_export");
    return result;
  }
  // How many of these points were exported.
  int64_t send(int64_t first, int64_t count = 1) const { return run(batch_of(first, count)).points_exported; }
  otelue_status status() const {
    otelue_status status{};
    status.struct_size = sizeof status;
    if (otelue_get_status(handle_, &status) != 0) throw std::runtime_error("otelue_get_status");
    return status;
  }
  uint64_t registrations() const {
    otelue_statistics statistics{};
    statistics.struct_size = sizeof statistics;
    if (otelue_get_statistics(handle_, &statistics) != 0) throw std::runtime_error("otelue_get_statistics");
    return statistics.registrations;
  }

 private:
  otelue_exporter* handle_ = nullptr;
};

// Listens to every processor. Somebody must have registered the tracepoint.
class Perf {
 public:
  Perf() {
    if (const std::string error = listener_.open(); !error.empty()) throw std::runtime_error(error);
  }
  // The payloads of all events since the last call, in the order of their times. What is lost, damaged or not
  // marked as OTLP turns up as a payload that says so.
  Payloads read() {
    Payloads found;
    otelue::tool::Sink sink;
    sink.event = [&](const otelue::tool::Event& event) {
      const bool is_otlp = event.protocol == 0 && event.version == "v0.19.00";
      found.emplace_back(is_otlp ? event.payload : "not marked as OTLP");
    };
    sink.lost = [&](uint64_t count, int) { found.push_back("lost " + std::to_string(count)); };
    sink.damaged = [&](const std::string& what) { found.push_back(what); };
    listener_.drain(sink);
    return found;
  }

 private:
  otelue::tool::PerfListener listener_{128};
};

// What the kernel's <linux/user_events.h> says.
struct [[gnu::packed]] Registration {
  uint32_t size;
  uint8_t enable_bit;
  uint8_t enable_size;
  uint16_t flags;
  uint64_t enable_addr;
  uint64_t name_args;
  uint32_t write_index;
};
inline constexpr unsigned long kRegister = _IOWR('*', 0, Registration*);

// Registers an event as another library would, under index 0 of this opening and for a word that nobody reads: 0 or an
// errno.
inline int register_event(int fd, const char* definition) {
  alignas(8) static uint32_t words[64];
  static size_t used = 0;
  Registration registration{};
  registration.size = sizeof registration;
  registration.enable_size = sizeof words[0];
  registration.enable_addr = reinterpret_cast<uintptr_t>(&words[used++ % 64]);
  registration.name_args = reinterpret_cast<uintptr_t>(definition);
  return ioctl(fd, kRegister, &registration) == 0 ? 0 : errno;
}

// Counts a user event on every processor.
class Counter {
 public:
  explicit Counter(const std::string& event) {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = sizeof attr;
    std::ifstream("/sys/kernel/tracing/events/user_events/" + event + "/id") >> attr.config;
    for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); ++cpu) {
      fds_.push_back(static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
      if (fds_.back() < 0) throw std::runtime_error("perf_event_open");
    }
  }
  ~Counter() {
    for (const int fd : fds_) ::close(fd);
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  uint64_t count() const {
    uint64_t sum = 0;
    for (const int fd : fds_) {
      uint64_t one = 0;
      if (::read(fd, &one, sizeof one) != sizeof one) throw std::runtime_error("read of a counter");
      sum += one;
    }
    return sum;
  }

 private:
  std::vector<int> fds_;
};

// Tries until a claim holds. False: it still does not after four times the longest back-off of an exporter.
template <typename Claim>
bool eventually(Claim&& claim) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!claim()) {
    if (std::chrono::steady_clock::now() > end) return false;
    usleep(1000);
  }
  return true;
}

// One end of a conversation with another process.
class Line {
 public:
  explicit Line(int fd) : fd_(fd) {}
  void say(const std::string& text) { send(fd_, ("." + text).data(), text.size() + 1, MSG_NOSIGNAL); }
  // Waits. "gone" when the other side is.
  std::string hear() {
    char text[4096];
    const ssize_t n = recv(fd_, text, sizeof text, 0);
    return n > 0 ? std::string(text + 1, static_cast<size_t>(n - 1)) : "gone";
  }

 private:
  int fd_;
};

// A forked process. Its last words are what its work returns, or what that throws: "" when all claims held.
class Process {
 public:
  using Work = std::function<std::string(Line&)>;
  explicit Process(const Work& work) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(ends[0]);
      Line line(ends[1]);
      std::string words;
      try {
        words = work(line);
      } catch (const std::exception& error) {
        words = error.what();
      }
      line.say(words);
      _exit(words.empty() ? 0 : 1);
    }
    ::close(ends[1]);
    fd_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) kill();
    ::close(fd_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Line line() const { return Line(fd_); }
  // Whether its last words were "", also when they cannot be heard because it has closed the line.
  bool succeeds() {
    int status = 0;
    const bool is_over = waitpid(std::exchange(pid_, -1), &status, 0) > 0;
    return is_over && status == 0;
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
};

// The last words of a process that does this.
inline std::string in_process(const std::function<void()>& work) {
  Process process([&](Line&) {
    work();
    return std::string();
  });
  return process.line().hear();
}

}  // namespace lab

#endif
