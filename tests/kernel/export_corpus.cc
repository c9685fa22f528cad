// SPDX-License-Identifier: Apache-2.0
// Exports the cases of a corpus, and writes down what each export returned and what two listeners received:
//
//   export_corpus CORPUS DIRECTORY
//
// CORPUS        | u32 is_request | u32 packing | u32 target_event_bytes | u32 size | batch or request ... for each case
// DIR/results   | i32 returned value | otelue_result ... for each case
// DIR/perf      | u32 size | event ... for each event that perf received, in order
// DIR/ftrace    the same for a tracefs instance
#include <otelue/otelue.h>
#include <sched.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "instance.h"
#include "listener.h"

namespace {

constexpr uint32_t kPackings = 3;
constexpr size_t kRingPages = 512;
constexpr uint64_t kInstanceBytes = 256 * 1024;  // that an instance has room for in any case

struct Case {
  uint32_t is_request;
  uint32_t packing;
  uint32_t target_event_bytes;
  uint32_t size;
};

otelue_exporter* open_exporter(uint32_t packing, uint32_t target_event_bytes) {
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = packing;
  options.target_event_bytes = target_event_bytes;
  otelue_exporter* exporter = nullptr;
  return otelue_open(&options, nullptr, nullptr, &exporter) == 0 ? exporter : nullptr;
}

void append(std::ofstream& file, const void* bytes, size_t size) {
  file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

// A copy, since Linux 7 takes no pages of perf's ring for a file of the host's.
void append_event(std::ofstream& file, std::string_view payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  const std::string copy(payload);
  append(file, &size, sizeof size);
  append(file, copy.data(), size);
}

int fail(const char* what) {
  std::fprintf(stderr, "export_corpus: %s\n", what);
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::string corpus(std::filesystem::file_size(argv[1]), '\0');
  std::ifstream(argv[1], std::ios::binary).read(corpus.data(), static_cast<std::streamsize>(corpus.size()));
  const std::string directory = argv[2];
  std::ofstream results(directory + "/results", std::ios::binary);
  std::ofstream perf(directory + "/perf", std::ios::binary);
  std::ofstream ftrace(directory + "/ftrace", std::ios::binary);

  // Each processor has a ring of its own; on one, the order of events is known.
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  if (sched_setaffinity(0, sizeof first, &first) != 0) return fail("cannot stay on one processor");
  otelue_exporter* exporters[kPackings][2];
  for (uint32_t packing = 0; packing < kPackings; ++packing) {
    exporters[packing][0] = open_exporter(packing, OTELUE_DEFAULT_TARGET_EVENT_BYTES);
    exporters[packing][1] = open_exporter(packing, OTELUE_DEFAULT_MAX_EVENT_BYTES);
  }
  Ring ring(find_event(), -1, 0, kRingPages);
  const std::unique_ptr<instance, void (*)(instance*)> traced(instance_open(), instance_close);
  if (traced == nullptr) return fail("no tracefs instance");
  auto read_instance = [&] {
    auto take = [](void* context, const void* data, size_t size) {
      append_event(*static_cast<std::ofstream*>(context), {static_cast<const char*>(data), size});
    };
    return instance_read(traced.get(), take, &ftrace) >= 0;
  };

  uint64_t unread = 0;
  for (size_t at = 0; at < corpus.size();) {
    Case next;
    std::memcpy(&next, corpus.data() + at, sizeof next);
    otelue_exporter* exporter = exporters[next.packing][next.target_event_bytes == OTELUE_DEFAULT_MAX_EVENT_BYTES];
    otelue_result result{};
    result.struct_size = sizeof result;
    const char* data = corpus.data() + at + sizeof next;
    const int32_t returned = next.is_request != 0 ? otelue_export_otlp(exporter, data, next.size, &result)
                                                  : otelue_export(exporter, data, next.size, &result);
    append(results, &returned, sizeof returned);
    append(results, &result, sizeof result);
    at += sizeof next + next.size;
    ring.drain([&](std::string_view payload) { append_event(perf, payload); });
    unread += result.bytes;
    if (unread > kInstanceBytes || at == corpus.size()) {
      if (!read_instance()) return fail("the instance cannot be read");
      unread = 0;
    }
  }
  if (ring.lost() != 0 || ring.counted_lost() != 0) return fail("perf lost events");
  for (auto& of_packing : exporters) {
    for (otelue_exporter* exporter : of_packing) otelue_close(exporter);
  }
  for (std::ofstream* out : {&results, &perf, &ftrace}) {
    out->close();
    if (out->fail()) return fail("what was received cannot be written");
  }
  return 0;
}
