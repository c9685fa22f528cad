// SPDX-License-Identifier: Apache-2.0
// Does the work that figures.py measures. Reads commands, one a line, and answers each with a line of JSON:
//
//   round WRITER KIND FORM LIMIT PACKING SERIES EXPORTS THREADS
//       So many exports; what they took. WRITER is otelue, request (of sums, by otelue_export_otlp()), raw, copy (memcpy
//       and write() of the finished events), write (the write()s alone) or protobuf; LIMIT is target_event_bytes.
//   check KIND FORM LIMIT SERIES      Whether raw writes the bytes that otelue writes.
//   stack KIND FORM                   Bytes of stack that an export touches.
//   hear YES                          Whether somebody listens to the sink.
//   listen / drain                    Listens through perf; tells what has arrived since.
//
// With `check` for an argument it checks all of that; with `compare FILE FILE` it compares two recordings.
//
// Times are processor time of the exporting threads: an export never waits, but the machine has other work.
#include <otelue/builder.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "floor.h"
#include "perf_listener.h"
#include "protobuf.h"
#include "sink.h"
#include "workload.h"

// The part whose instructions are counted.
extern "C" void measured(void (*work)(void*), void* context);
extern "C" [[gnu::noinline]] void measured(void (*work)(void*), void* context) { work(context); }

namespace {

using bench::DataFile;
using bench::Kind;
using bench::Workload;

constexpr size_t kFrameBytes = 20;

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

Kind kind_of(const std::string& name) {
  static const std::map<std::string, Kind> kinds = {{"sum", Kind::kSum},
                                                    {"histogram", Kind::kHistogram},
                                                    {"exponential", Kind::kExponential},
                                                    {"instruments", Kind::kInstruments}};
  return kinds.at(name);
}

// NULL without the sink: then there is a kernel.
template <typename Function>
Function* from_sink(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

sink_counts counts() {
  static auto* const get = from_sink<decltype(sink_counted)>("sink_counted");
  return get == nullptr ? sink_counts{} : *get();
}

uint64_t now(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

// The tracepoint, registered once more for those who write to it themselves.
DataFile open_data_file() {
  struct [[gnu::packed]] {
    uint32_t size;
    uint8_t enable_bit, enable_size;
    uint16_t flags;
    uint64_t enable_addr, name_args;
    uint32_t write_index;
  } reg{};
  static uint64_t word = 0;
  reg.size = sizeof reg;
  reg.enable_size = 4;
  reg.enable_addr = reinterpret_cast<uint64_t>(&word);
  reg.name_args = reinterpret_cast<uint64_t>("otlp_metrics u32 protocol; char[8] version; __rel_loc u8[] buffer");
  const int fd = open("/sys/kernel/tracing/user_events_data", O_WRONLY | O_CLOEXEC);
  require(fd >= 0 && ioctl(fd, _IOWR('*', 0, void*), &reg) == 0, "no tracepoint, and no sink in its place");
  return {fd, reg.write_index};
}

const DataFile& data_file() {
  static const DataFile file = open_data_file();
  return file;
}

// ---- Writers

otelue_options options_of(uint32_t limit, const std::string& packing) {
  otelue_options options{};
  options.struct_size = sizeof options;
  options.target_event_bytes = limit;
  options.packing = packing == "request" ? OTELUE_PACK_REQUEST
                    : packing == "point" ? OTELUE_PACK_POINT
                                         : OTELUE_PACK_METRIC;
  return options;
}

// Finished events, as they are written.
std::vector<std::string> finish(const Workload& workload, const otelue_options& options) {
  std::vector<std::string> events;
  std::string out(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK, '\0');
  otelue_cursor cursor{};
  size_t size = 0;
  while (otelue_encode_next(workload.data(), workload.size, &options, &cursor, out.data(), out.size(), &size,
                            nullptr) == 1) {
    const uint32_t frame[] = {data_file().write_index, 0, 0, 0, static_cast<uint32_t>(size) << 16};
    std::string event(reinterpret_cast<const char*>(frame), sizeof frame);
    event.replace(8, 8, "v0.19.00");
    events.push_back(event + out.substr(0, size));
  }
  return events;
}

// One kind of export, ready to be repeated.
class Case {
 public:
  Case(const std::string& writer, const std::string& kind, const std::string& form, uint32_t limit,
       const std::string& packing, uint32_t series)
      : writer_(writer), kind_(kind_of(kind)), limit_(limit), workload_(bench::build(kind_, series, form == "sets")) {
    const otelue_options options = options_of(limit, packing);
    data_file();
    if (writer == "otelue" || writer == "request") require(otelue_open(&options, nullptr, nullptr, &exporter_) == 0, "cannot open");
    if (writer == "request") request_ = bench::encode_protobuf(workload_);
    if (writer == "copy" || writer == "write") events_ = finish(workload_, options);
  }
  ~Case() { otelue_close(exporter_); }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  void run(uint32_t exports) const {
    for (; exports > 0; --exports) {
      if (writer_ == "request") {
        if (otelue_export_otlp(exporter_, request_.data(), request_.size(), nullptr) != 0) __builtin_trap();
      } else if (exporter_ != nullptr) {
        if (otelue_export(exporter_, workload_.data(), workload_.size, nullptr) != 0) __builtin_trap();
      } else if (writer_ == "raw") {
        bench::export_raw(workload_, kind_, limit_, data_file());
      } else if (writer_ == "protobuf") {
        bench::export_protobuf(workload_, data_file());
      } else {
        write_finished();
      }
    }
  }

  const Workload& workload() const { return workload_; }
  otelue_exporter* exporter() const { return exporter_; }

 private:
  [[gnu::noinline]] void write_finished() const {
    alignas(8) char buffer[kFrameBytes + OTELUE_DEFAULT_MAX_EVENT_BYTES];
    for (const std::string& event : events_) {
      const char* from = event.data();
      if (writer_ == "copy") from = static_cast<const char*>(std::memcpy(buffer, event.data(), event.size()));
      if (::write(data_file().fd, from, event.size()) != static_cast<ssize_t>(event.size())) __builtin_trap();
    }
  }

  const std::string writer_;
  const Kind kind_;
  const uint32_t limit_;
  const Workload workload_;
  otelue_exporter* exporter_ = nullptr;
  std::string request_;
  std::vector<std::string> events_;
};

// ---- Commands

std::string round(std::istream& in) {
  std::string writer, kind, form, packing;
  uint32_t limit = 0, series = 0, exports = 0, threads = 0;
  in >> writer >> kind >> form >> limit >> packing >> series >> exports >> threads;
  require(!in.fail() && threads > 0, "round takes eight words");

  static std::map<std::tuple<std::string, std::string, std::string, uint32_t, std::string, uint32_t>,
                  std::unique_ptr<Case>>
      cases;
  auto& entry = cases[{writer, kind, form, limit, packing, series}];
  if (entry == nullptr) {
    entry = std::make_unique<Case>(writer, kind, form, limit, packing, series);
    entry->run(1);
  }

  struct Work {
    const Case* what;
    uint32_t exports;
    sink_counts counts;
    uint64_t nanoseconds, from, to;
  };
  const Case* what = entry.get();
  std::vector<Work> work(threads, Work{what, exports, {}, 0, 0, 0});
  std::atomic<unsigned> ready{0};
  auto run_one = [&](Work* mine) {
    ++ready;
    while (ready.load() < threads) {
    }
    const sink_counts before = counts();
    mine->from = now(CLOCK_MONOTONIC);
    const uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
    measured([](void* context) { static_cast<Work*>(context)->what->run(static_cast<Work*>(context)->exports); }, mine);
    mine->nanoseconds = now(CLOCK_THREAD_CPUTIME_ID) - start;
    mine->to = now(CLOCK_MONOTONIC);
    const sink_counts after = counts();
    mine->counts = {after.calls - before.calls, after.events - before.events, after.bytes - before.bytes,
                    after.allocations - before.allocations};
  };
  if (threads == 1) {
    run_one(work.data());
  } else {
    std::vector<std::thread> others;
    for (Work& one : work) others.emplace_back(run_one, &one);
    for (std::thread& other : others) other.join();
  }

  Work sum = work[0];
  sum.nanoseconds = 0;
  sum.counts = {};
  for (const Work& one : work) {
    sum.from = std::min(sum.from, one.from);
    sum.to = std::max(sum.to, one.to);
    sum.nanoseconds += one.nanoseconds;
    sum.counts.calls += one.counts.calls;
    sum.counts.events += one.counts.events;
    sum.counts.bytes += one.counts.bytes;
    sum.counts.allocations += one.counts.allocations;
  }
  std::ostringstream out;
  out << "{\"ns\":" << sum.nanoseconds << ",\"wall_ns\":" << sum.to - sum.from
      << ",\"points\":" << uint64_t{series} * exports * threads << ",\"calls\":" << sum.counts.calls
      << ",\"events\":" << sum.counts.events << ",\"bytes\":" << sum.counts.bytes
      << ",\"allocations\":" << sum.counts.allocations << "}";
  return out.str();
}

// The events that a writer writes, as one string.
std::string recorded(const Case& one) {
  static auto* const record = from_sink<decltype(sink_record)>("sink_record");
  require(record != nullptr, "not without the sink");
  const int file = memfd_create("events", MFD_CLOEXEC);
  record(file);
  one.run(1);
  record(-1);
  std::string events(static_cast<size_t>(lseek(file, 0, SEEK_END)), '\0');
  require(pread(file, events.data(), events.size(), 0) == static_cast<ssize_t>(events.size()), "cannot read");
  close(file);
  return events;
}

size_t check(const std::string& kind, const std::string& form, uint32_t limit, uint32_t series) {
  const std::string ours = recorded(Case("otelue", kind, form, limit, "metric", series));
  for (const char* writer : {"raw", "copy"}) {
    const std::string theirs = recorded(Case(writer, kind, form, limit, "metric", series));
    require(!ours.empty() && ours == theirs, std::string(writer) + " writes other bytes: " + kind + ", " + form);
  }
  return ours.size();
}

std::string check(std::istream& in) {
  std::string kind, form;
  uint32_t limit = 0, series = 0;
  in >> kind >> form >> limit >> series;
  require(!in.fail(), "check takes four words");
  return "{\"bytes\":" + std::to_string(check(kind, form, limit, series)) + "}";
}

void check_all() {
  for (const char* kind : {"sum", "histogram", "exponential"}) {
    for (const char* form : {"records", "sets"}) {
      for (const uint32_t limit : {OTELUE_DEFAULT_TARGET_EVENT_BYTES, OTELUE_DEFAULT_MAX_EVENT_BYTES}) {
        for (const uint32_t series : {1, 5, 17, 1000}) check(kind, form, limit, series);
      }
    }
  }
}

// Fills a thread's stack with a pattern, and sees how far down it is gone.
size_t touched(void* (*run)(void*), void* context) {
  constexpr size_t kSize = 1 << 20;
  constexpr uint64_t kPattern = 0xa5a5a5a5a5a5a5a5;
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* words = static_cast<uint64_t*>(memory);
  for (size_t i = 0; i < kSize / 8; ++i) words[i] = kPattern;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, memory, kSize);
  pthread_t thread;
  require(pthread_create(&thread, &attributes, run, context) == 0, "no thread");
  pthread_join(thread, nullptr);
  size_t untouched = 0;
  while (words[untouched] == kPattern) ++untouched;
  munmap(memory, kSize);
  return kSize - untouched * 8;
}

std::string stack(std::istream& in) {
  std::string kind, form;
  in >> kind >> form;
  Case one("otelue", kind, form, OTELUE_DEFAULT_TARGET_EVENT_BYTES, "metric", 1000);
  one.run(1);  // binds and allocates what libc needs
  auto nothing = [](void*) -> void* { return nullptr; };
  auto run = [](void* context) -> void* {
    static_cast<const Case*>(context)->run(1);
    return nullptr;
  };
  return "{\"bytes\":" + std::to_string(touched(run, &one) - touched(nothing, nullptr)) + "}";
}

std::string hear(std::istream& in) {
  int yes = 0;
  in >> yes;
  auto* const listen = from_sink<decltype(sink_listen)>("sink_listen");
  require(listen != nullptr, "not without the sink");
  listen(yes);
  return "{}";
}

std::unique_ptr<otelue::tool::PerfListener> listener;

std::string listen() {
  data_file();
  listener = std::make_unique<otelue::tool::PerfListener>(8192);
  const std::string problem = listener->open();
  require(problem.empty(), problem);
  return "{}";
}

std::string drain() {
  require(listener != nullptr, "listen first");
  uint64_t events = 0, bytes = 0, lost = 0;
  otelue::tool::Sink sink;
  sink.event = [&](const otelue::tool::Event& event) {
    ++events;
    bytes += event.payload.size();
  };
  sink.lost = [&](uint64_t count, int) { lost += count; };
  sink.damaged = [](const std::string& what) { throw std::runtime_error(what); };
  listener->drain(sink);
  return "{\"events\":" + std::to_string(events) + ",\"bytes\":" + std::to_string(bytes) +
         ",\"lost\":" + std::to_string(lost) + "}";
}

std::string answer(const std::string& line) {
  std::istringstream in(line);
  std::string command;
  in >> command;
  if (command == "round") return round(in);
  if (command == "check") return check(in);
  if (command == "stack") return stack(in);
  if (command == "hear") return hear(in);
  if (command == "listen") return listen();
  if (command == "drain") return drain();
  throw std::runtime_error("no such command");
}

}  // namespace

int main(int argc, char** argv) {
  std::string line;
  try {
    if (argc == 4 && std::strcmp(argv[1], "compare") == 0) {
      const std::string difference = bench::compare(argv[2], argv[3]);
      require(difference.empty(), difference);
      return 0;
    }
    if (argc == 2 && std::strcmp(argv[1], "check") == 0) {
      check_all();
      return 0;
    }
    while (std::getline(std::cin, line)) std::cout << answer(line) << std::endl;
  } catch (const std::exception& problem) {
    std::cerr << "bench: " << line << ": " << problem.what() << "\n";
    return 1;
  }
  return 0;
}
