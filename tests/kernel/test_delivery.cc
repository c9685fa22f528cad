// SPDX-License-Identifier: Apache-2.0
// What is exported is what listeners receive, byte for byte. Runs on the test kernel.
#include <sched.h>

#include <string>
#include <vector>

#include "catch.h"
#include "instance.h"
#include "lab.h"

namespace {

using lab::encode;
using lab::padded_batch;
using lab::padded_batch_of;
using lab::Payloads;

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

// A listener hands out events by processor, so their order is that of writing only where there is one.
void stay_on_one_processor() {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  REQUIRE(sched_setaffinity(0, sizeof first, &first) == 0);
}

}  // namespace

TEST_CASE("nobody hears an export without a listener, and it costs nothing") {
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_METRIC));
  const auto result = exporter.run(padded_batch({1, 2, 3}));
  CHECK(!exporter.enabled());
  CHECK(result.listening == 0);
  CHECK(result.points_unheard == 3);
  CHECK(result.events == 0);
}

TEST_CASE("perf and a tracefs instance receive every event, byte for byte") {
  stay_on_one_processor();
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_METRIC));
  lab::Perf perf;
  Ftrace ftrace;
  std::vector<size_t> sizes;
  for (size_t i = 0; i < 500; ++i) sizes.push_back(i % 97);
  const std::string batch = padded_batch(sizes);
  const Payloads sent = encode(batch);
  REQUIRE(sent.size() > 5);

  CHECK(exporter.enabled());
  const auto result = exporter.run(batch);
  CHECK(result.listening == 1);
  CHECK(result.points_exported == 500);
  CHECK(result.events == sent.size());
  CHECK(perf.read() == sent);
  CHECK(ftrace.read() == sent);
}

TEST_CASE("4048 bytes reach every listener, 8168 reach perf alone, and 8169 never leave the library") {
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_METRIC));
  lab::Perf perf;
  Ftrace ftrace;
  for (const size_t bytes : {size_t{4047}, size_t{4048}, size_t{4049}, size_t{8167}, size_t{8168}}) {
    const std::string batch = padded_batch_of(bytes);
    REQUIRE(encode(batch).at(0).size() == bytes);
    CHECK(exporter.run(batch).points_exported == 1);
    CHECK(perf.read() == encode(batch));
    CHECK(ftrace.read() == (bytes <= 4048 ? encode(batch) : Payloads{}));
  }
  const auto result = exporter.run(padded_batch_of(8169));
  CHECK(result.points_too_large == 1);
  CHECK(result.first_bad_reason == OTELUE_REASON_TOO_LARGE);
  CHECK(result.events == 0);
  CHECK(perf.read().empty());
  CHECK(ftrace.read().empty());
}
