// SPDX-License-Identifier: Apache-2.0
// Who else may register otlp_metrics, what is said of it, and to whom. Runs on the test kernel.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "lab.h"

namespace {

constexpr char kRust[] = "otlp_metrics u32 protocol;char[8] version;__rel_loc u8[] buffer;";
constexpr char kDotNet[] = "otlp_metrics u32 protocol;char[8] version;__rel_loc u8[] buffer";

constexpr char kDataFile[] = "/sys/kernel/tracing/user_events_data";
constexpr char kEvent[] = "/sys/kernel/tracing/events/user_events/otlp_metrics";

struct [[gnu::packed]] Frame {
  uint32_t write_index;
  uint32_t protocol;
  char version[8];
  uint32_t rel_loc;
  char otlp[33];
};

// Another process that registers such a definition and says "registered" or why not; for each number that it hears
// it writes an event, and says "written". It keeps its registration as long as it lives.
lab::Process registrant(const char* definition) {
  return lab::Process([definition](lab::Line& line) -> std::string {
    const int fd = open(kDataFile, O_WRONLY | O_CLOEXEC);
    if (const int error = lab::register_event(fd, definition); error != 0) return std::strerror(error);
    line.say("registered");
    for (std::string number = line.hear(); number != "gone"; number = line.hear()) {
      Frame frame{0, 0, {}, 33 << 16, {}};
      std::memcpy(frame.version, "v0.19.00", sizeof frame.version);
      std::memcpy(frame.otlp, lab::event_of(std::stoll(number)).data(), sizeof frame.otlp);
      line.say(write(fd, &frame, sizeof frame) == sizeof frame ? "written" : std::strerror(errno));
    }
    return "";
  });
}

// The kernel removes an event some time after its last user has gone.
void wait_until_nobody_has_registered() {
  REQUIRE(lab::eventually([] { return access(kEvent, F_OK) != 0; }));
}

// All register, and a listener receives what any of them writes.
void check_that_all_share(const std::vector<const char*>& before, const std::vector<const char*>& after) {
  wait_until_nobody_has_registered();
  std::vector<std::unique_ptr<lab::Process>> others;
  auto start = [&](const char* definition) {
    others.emplace_back(new lab::Process(registrant(definition)));
    CHECK(others.back()->line().hear() == "registered");
  };
  for (const char* definition : before) start(definition);
  const lab::Exporter exporter;
  CHECK(exporter.status().registered == 1);
  for (const char* definition : after) start(definition);

  lab::Perf perf;
  CHECK(lab::eventually([&] { return exporter.enabled(); }));  // a fork delays what the kernel writes
  CHECK(exporter.send(1, 3) == 3);
  CHECK(perf.read() == lab::events_of(1, 3));
  for (const auto& other : others) {
    other->line().say("100");
    CHECK(other->line().hear() == "written");
    CHECK(perf.read() == lab::events_of(100, 1));
  }
}

// The exporter says so, writes nothing, and gets going when the other one has gone.
void check_that_clash_is_reported(const char* definition, const std::string& fields) {
  wait_until_nobody_has_registered();
  lab::Process other = registrant(definition);
  REQUIRE(other.line().hear() == "registered");

  const lab::Exporter exporter;
  const auto status = exporter.status();
  CHECK(status.registered == 0);
  CHECK(status.heard_here == 0);
  CHECK(status.step == OTELUE_STEP_REGISTER);
  CHECK(status.last_errno == EADDRINUSE);
  CHECK(status.message == "another program has registered otlp_metrics with other fields: " + fields);
  const std::string batch = lab::batch_of(1, 3);
  CHECK(otelue_export(exporter.handle(), batch.data(), batch.size(), nullptr) == 0);
  const auto result = exporter.run(batch);
  CHECK(result.listening == 0);
  CHECK(result.points_unheard == 3);
  CHECK(result.events == 0);

  other.kill();
  REQUIRE(lab::eventually([&] { return exporter.send(4) == 0 && exporter.registrations() == 1; }));
  lab::Perf perf;
  CHECK(exporter.send(5) == 1);
  CHECK(perf.read() == lab::events_of(5, 1));
  CHECK(exporter.status().message == std::string("otlp_metrics is registered, and somebody listens"));
}

std::string batch_of_unknown_kind() {
  std::string batch = lab::batch_of(1);
  otelue_point point;
  std::memcpy(&point, batch.data() + batch.size() - sizeof point, sizeof point);
  const uint32_t kind = 99;
  std::memcpy(batch.data() + point.metric + offsetof(otelue_metric, kind), &kind, sizeof kind);
  return batch;
}

// Lines that were logged, and how many of them outside of a call of the thread that they were logged by.
struct Log {
  static thread_local bool is_calling;
  std::vector<std::string> lines;
  std::atomic<int> strays{0};
  std::atomic<int> registrations{0};
  bool is_counted_only = false;

  static void take(void* context, int32_t level, const char* message) {
    auto* log = static_cast<Log*>(context);
    if (!is_calling) ++log->strays;
    if (message == std::string("otlp_metrics: registered")) ++log->registrations;
    if (!log->is_counted_only) log->lines.push_back(std::to_string(level) + " " + message);
  }
};
thread_local bool Log::is_calling = false;

// errno after a call that began with EDOM there.
template <typename Call>
int errno_after(Call&& call) {
  errno = EDOM;
  call();
  return errno;
}

}  // namespace

TEST_CASE("the Rust spelling of the definition registers before ours") { check_that_all_share({kRust}, {}); }
TEST_CASE("the Rust spelling of the definition registers after ours") { check_that_all_share({}, {kRust}); }
TEST_CASE("the .NET spelling of the definition registers before ours") { check_that_all_share({kDotNet}, {}); }
TEST_CASE("the .NET spelling of the definition registers after ours") { check_that_all_share({}, {kDotNet}); }
TEST_CASE("all spellings register together") {
  check_that_all_share({kRust, kDotNet}, {kDotNet, kRust});
}

TEST_CASE("a definition without fields under our name is reported as a clash, and recovered from") {
  check_that_clash_is_reported("otlp_metrics", "(none, or not readable here)");
}

TEST_CASE("a definition with other fields under our name is reported as a clash that names them") {
  check_that_clash_is_reported("otlp_metrics u64 count; u8 kind", "u64 count; u8 kind");
}

TEST_CASE("the log gets changes of the registration and the first drop for each reason, and nothing per point") {
  wait_until_nobody_has_registered();
  lab::Process other = registrant("otlp_metrics u64 count");
  REQUIRE(other.line().hear() == "registered");
  Log log;
  Log::is_calling = true;
  {
    const lab::Exporter exporter(lab::packing(OTELUE_PACK_POINT), Log::take, &log);
    for (int i = 0; i < 3; ++i) exporter.send(1);
    other.kill();
    REQUIRE(lab::eventually([&] { return exporter.send(2) == 0 && exporter.registrations() == 1; }));
    const lab::Perf perf;
    CHECK(exporter.send(3, 100) == 100);
    for (int i = 0; i < 3; ++i) {
      CHECK(exporter.run(lab::padded_batch_of(8169)).points_too_large == 1);
      CHECK(exporter.run(batch_of_unknown_kind()).points_invalid == 1);
    }
  }
  Log::is_calling = false;
  CHECK(log.lines ==
        std::vector<std::string>{
            "2 another program has registered otlp_metrics with other fields: u64 count",
            "3 otlp_metrics: registered",
            "1 a point (number 0 of the export) was dropped: the point is too large for an event",
            "1 a point (number 0 of the export) was dropped: the metric's kind is unknown",
            "3 otlp_metrics: unregistered",
        });
  CHECK(log.strays == 0);
}

TEST_CASE("the log is called by the thread whose call has news, and by no other") {
  Log log;
  log.is_counted_only = true;
  Log::is_calling = true;
  {
    const lab::Exporter exporter(lab::packing(OTELUE_PACK_POINT), Log::take, &log);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        while (!stop) {
          Log::is_calling = true;
          exporter.send(1);
          Log::is_calling = false;
        }
      });
    }
    // Each time somebody closes the descriptor, one of the threads registers anew.
    for (int round = 2; round <= 20; ++round) {
      for (int fd = 64; fd < 80; ++fd) {
        char target[64] = {};
        if (readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target - 1) > 0 &&
            target == std::string(kDataFile)) {
          close(fd);
        }
      }
      REQUIRE(lab::eventually([&] { return log.registrations >= round; }));
    }
    stop = true;
    for (auto& thread : threads) thread.join();
  }
  Log::is_calling = false;
  CHECK(log.strays == 0);
}

TEST_CASE("errno is left as it was by every call, whatever that finds") {
  wait_until_nobody_has_registered();
  const std::string good = lab::batch_of(1);
  const std::string bad = batch_of_unknown_kind();
  for (const bool is_clash : {true, false}) {
    std::unique_ptr<lab::Process> other;
    if (is_clash) {
      other.reset(new lab::Process(registrant("otlp_metrics")));
      REQUIRE(other->line().hear() == "registered");
    } else {
      wait_until_nobody_has_registered();
    }
    otelue_exporter* exporter = nullptr;
    otelue_status status{};
    status.struct_size = sizeof status;
    CHECK(errno_after([&] { otelue_open(nullptr, nullptr, nullptr, &exporter); }) == EDOM);
    CHECK(errno_after([&] { otelue_export(exporter, good.data(), good.size(), nullptr); }) == EDOM);
    std::unique_ptr<lab::Perf> perf(is_clash ? nullptr : new lab::Perf);
    CHECK(errno_after([&] { otelue_export(exporter, good.data(), good.size(), nullptr); }) == EDOM);
    CHECK(errno_after([&] { otelue_export(exporter, bad.data(), bad.size(), nullptr); }) == EDOM);
    CHECK(errno_after([&] { otelue_export(exporter, "", 0, nullptr); }) == EDOM);
    CHECK(errno_after([&] { otelue_export_otlp(exporter, good.data(), good.size(), nullptr); }) == EDOM);
    CHECK(errno_after([&] { otelue_get_status(exporter, &status); }) == EDOM);
    CHECK(status.registered == !is_clash);
    CHECK(status.heard_here == !is_clash);
    CHECK(errno_after([&] { otelue_shutdown(exporter); }) == EDOM);
    CHECK(errno_after([&] { otelue_export(exporter, good.data(), good.size(), nullptr); }) == EDOM);
    CHECK(errno_after([&] { otelue_close(exporter); }) == EDOM);
  }
}
