// SPDX-License-Identifier: Apache-2.0
// What is exported is what listeners receive, byte for byte. Runs on the test kernel.
#include <otelue/batch.h>

#include <cstring>
#include <string>
#include <vector>

#include "catch.h"
#include "instance.h"
#include "perf_listener.h"

namespace {

using Payloads = std::vector<std::string>;

struct Exporter {
  explicit Exporter(uint32_t packing = OTELUE_PACK_METRIC) {
    otelue_options options{};
    options.struct_size = sizeof options;
    options.packing = packing;
    REQUIRE(otelue_open(&options, &handle) == 0);
  }
  ~Exporter() { otelue_close(handle); }
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  otelue_exporter* handle = nullptr;
};

class Perf {
 public:
  Perf() { REQUIRE(listener_.open() == ""); }
  Payloads read() {
    Payloads found;
    otelue::tool::Sink sink;
    sink.event = [&](const otelue::tool::Event& event) {
      CHECK(event.protocol == 0);
      CHECK(event.version == "v0.19.00");
      found.emplace_back(event.payload);
    };
    sink.lost = [](uint64_t count, int) { CHECK(count == 0); };
    sink.damaged = [](const std::string& what) { CHECK(what == ""); };
    listener_.poll(0, sink);
    return found;
  }

 private:
  otelue::tool::PerfListener listener_{128};
};

class Ftrace {
 public:
  Ftrace() : instance_(instance_open()) { REQUIRE(instance_ != nullptr); }
  ~Ftrace() { instance_close(instance_); }
  Ftrace(const Ftrace&) = delete;
  Ftrace& operator=(const Ftrace&) = delete;
  Payloads read() {
    Payloads found;
    auto take = [](void* context, const void* data, size_t size) {
      static_cast<Payloads*>(context)->emplace_back(static_cast<const char*>(data), size);
    };
    REQUIRE(instance_read(instance_, take, &found) >= 0);
    return found;
  }

 private:
  instance* instance_;
};

// Gauges whose points have one attribute each, so many bytes long.
std::string batch_of(const std::vector<size_t>& attribute_sizes) {
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
  REQUIRE(otelue_builder_finish(&b, &size) == 0);
  return {reinterpret_cast<char*>(memory.data()), size};
}

Payloads encode(const std::string& batch) {
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
std::string batch_of_event(size_t bytes) {
  const size_t overhead = 8000 - encode(batch_of({8000 - 100})).at(0).size();  // lengths take two bytes there
  std::string batch = batch_of({bytes - 100 + overhead});
  return batch;
}

otelue_result run(const Exporter& exporter, const std::string& batch) {
  otelue_result result{};
  result.struct_size = sizeof result;
  REQUIRE(otelue_export(exporter.handle, batch.data(), batch.size(), &result) >= 0);
  return result;
}

}  // namespace

TEST_CASE("nobody hears an export without a listener, and it costs nothing") {
  const Exporter exporter;
  const auto result = run(exporter, batch_of({1, 2, 3}));
  CHECK(otelue_enabled(exporter.handle) == 0);
  CHECK(result.enabled == 0);
  CHECK(result.points_unheard == 3);
  CHECK(result.events == 0);
}

TEST_CASE("perf and a tracefs instance receive every event, byte for byte") {
  const Exporter exporter;
  Perf perf;
  Ftrace ftrace;
  std::vector<size_t> sizes;
  for (size_t i = 0; i < 500; ++i) sizes.push_back(i % 97);
  const std::string batch = batch_of(sizes);
  const Payloads sent = encode(batch);
  REQUIRE(sent.size() > 5);

  CHECK(otelue_enabled(exporter.handle) == 1);
  const auto result = run(exporter, batch);
  CHECK(result.enabled == 1);
  CHECK(result.points_exported == 500);
  CHECK(result.events == sent.size());
  CHECK(perf.read() == sent);
  CHECK(ftrace.read() == sent);
}

TEST_CASE("4048 bytes reach every listener, 8168 reach perf alone, and 8169 never leave the library") {
  const Exporter exporter;
  Perf perf;
  Ftrace ftrace;
  for (const size_t bytes : {size_t{4047}, size_t{4048}, size_t{4049}, size_t{8167}, size_t{8168}}) {
    const std::string batch = batch_of_event(bytes);
    REQUIRE(encode(batch).at(0).size() == bytes);
    CHECK(run(exporter, batch).points_exported == 1);
    CHECK(perf.read() == encode(batch));
    CHECK(ftrace.read() == (bytes <= 4048 ? encode(batch) : Payloads{}));
  }
  const auto result = run(exporter, batch_of_event(8169));
  CHECK(result.points_too_large == 1);
  CHECK(result.first_bad_reason == OTELUE_REASON_TOO_LARGE);
  CHECK(result.events == 0);
  CHECK(perf.read().empty());
  CHECK(ftrace.read().empty());
}
