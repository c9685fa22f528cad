// SPDX-License-Identifier: Apache-2.0
// What happens in the midst of a call: its thread is cancelled, a signal handler forks, other threads fork or shut
// down, or do not come back from the log.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "fake_kernel.h"
#include "points.h"

namespace {

using fake::Call;

// What is done in front of the library's next call of this kind: once, by whoever makes it.
std::atomic<bool> is_armed{false};
Call at_call;
int at_detail = 0;
std::function<void()> deed;

int do_deed(Call call, int detail) {
  if (call == at_call && detail == at_detail && is_armed.exchange(false)) deed();
  return 0;
}
void in_front_of(Call call, int detail, std::function<void()> what) {
  at_call = call;
  at_detail = detail;
  deed = std::move(what);
  is_armed = true;
}
constexpr int kEvent = 1;       // of a write
constexpr int kUnregister = 1;  // of an ioctl

// Whether nobody loses patience, or only when it is clear that something hangs.
std::atomic<bool> time_stands{false};
std::atomic<int> waits{0};

struct OnFakeKernel {
  OnFakeKernel() {
    fake::reset();
    fake::before = do_deed;
    fake::wait = [](const uint32_t* word, uint32_t value, uint64_t) {
      const bool hangs = ++waits > 20'000;
      if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value && !hangs) return;
      if (!time_stands || hangs) __atomic_fetch_add(&fake::kernel().now, 1'000'000, __ATOMIC_RELAXED);
      usleep(10);
    };
    time_stands = is_armed = false;
    waits = 0;
  }
  ~OnFakeKernel() {
    fake::before = nullptr;
    fake::wait = nullptr;
  }

  otelue_exporter* open(otelue_options options = one_point_per_event(), otelue_log_function log = nullptr) {
    otelue_exporter* exporter = nullptr;
    REQUIRE(otelue_open(&options, log, nullptr, &exporter) == 0);
    return exporter;
  }
  const std::string batch = batch_of_points();
};

// "" or what does not hold of an exporter, in this process.
std::string finds_all_well(otelue_exporter* exporter, const std::string& batch) {
  fake::kernel().now += 10'000'000'000;
  fake::kernel().listeners = 0;
  fake::kernel().listen(+1);
  export_points(exporter, batch);
  if (export_points(exporter, batch).points_exported != kPoints) return "points are lost";
  if (status_of(exporter).step != OTELUE_STEP_REGISTERED) return "the status is not clean";
  if (fake::kernel().first.ours().size() != 1) return "not one descriptor";
  if (otelue_shutdown(exporter) != 0) return "shutdown does not end";
  if (!fake::kernel().first.ours().empty()) return "a descriptor is left";
  if (!fake::kernel().first.enablers.empty()) return "a registration is left";
  return "";
}

// Runs this in a child, and waits: whether it returned "".
bool holds_in_child(const std::function<std::string()>& claim) {
  const pid_t child = fork();
  if (child == 0) {
    const std::string problem = claim();
    if (!problem.empty()) fprintf(stderr, "in a child: %s\n", problem.c_str());
    _exit(problem.empty() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

void wait_until(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

}  // namespace

TEST_CASE("a signal handler may fork amid any call, and both processes go on") {
  static int calls_left;
  static pid_t child;
  for (int position = 1;; ++position) {
    OnFakeKernel lab;
    calls_left = position;
    child = -1;
    fake::before = [](Call call, int detail) {
      // Signals are held back while the library unregisters.
      const bool can_be = call <= Call::kRead && !(call == Call::kIoctl && detail == kUnregister);
      if (can_be && --calls_left == 0) child = fork();
      return 0;
    };
    fake::kernel().listeners = 1;
    otelue_exporter* exporter = lab.open();
    bool is_whole = adds_up(export_points(exporter, lab.batch));
    for (const int number : fake::kernel().first.ours()) fake::kernel().close(fake::kernel().first, number);
    is_whole = is_whole && export_points(exporter, lab.batch).points_exported == kPoints;
    fake::kernel().listen(-1);
    is_whole = is_whole && export_points(exporter, lab.batch).points_unheard == kPoints;
    const bool has_forked = child >= 0;
    const pid_t forked = child;
    calls_left = 0;
    const std::string problem = is_whole ? finds_all_well(exporter, lab.batch) : "points are lost amid the fork";
    if (has_forked && forked == 0) {
      if (!problem.empty()) fprintf(stderr, "position %d, in the child: %s\n", position, problem.c_str());
      _exit(problem.empty() ? 0 : 1);
    }
    INFO("position " << position);
    CHECK(problem == "");
    if (!has_forked) {
      CHECK(position > 20);
      break;
    }
    int status = -1;
    CHECK(waitpid(forked, &status, 0) == forked);
    CHECK(status == 0);
  }
}

TEST_CASE("a thread that is cancelled amid an export ends it first") {
  OnFakeKernel lab;
  fake::kernel().listeners = 1;
  otelue_exporter* exporter = lab.open();
  static std::atomic<bool> came_back;
  came_back = false;
  in_front_of(Call::kWrite, kEvent, [] {
    pthread_cancel(pthread_self());
    pthread_testcancel();
  });
  std::thread thread([&] {
    export_points(exporter, lab.batch);
    came_back = true;
    while (true) pthread_testcancel();
  });
  thread.join();
  CHECK(came_back);
  CHECK(fake::kernel().received.size() == kPoints);
  CHECK(otelue_shutdown(exporter) == 0);
}

TEST_CASE("a thread that is cancelled amid otelue_open() has an exporter, or leaves nothing") {
  OnFakeKernel lab;
  static otelue_exporter* exporter;
  exporter = nullptr;
  fake::before = [](Call call, int) {
    if (call == Call::kIoctl) {
      pthread_cancel(pthread_self());
      pthread_testcancel();
    }
    return 0;
  };
  std::thread thread([] {
    otelue_open(nullptr, nullptr, nullptr, &exporter);
    while (true) pthread_testcancel();
  });
  thread.join();
  fake::before = nullptr;
  REQUIRE(exporter != nullptr);
  otelue_close(exporter);
  CHECK(fake::kernel().first.ours().empty());
  CHECK(fake::kernel().first.enablers.empty());
}

TEST_CASE("fork() waits until a shutdown of another thread has unregistered") {
  OnFakeKernel lab;
  otelue_exporter* exporter = lab.open();
  static std::atomic<bool> is_unregistering, is_forking, has_unregistered;
  is_unregistering = is_forking = has_unregistered = false;
  time_stands = true;  // or nobody would wait so long
  in_front_of(Call::kIoctl, kUnregister, [] {
    is_unregistering = true;
    wait_until(is_forking);
    usleep(20'000);
    has_unregistered = true;
  });
  auto other = std::async(std::launch::async, otelue_shutdown, exporter);
  wait_until(is_unregistering);
  is_forking = true;
  CHECK(holds_in_child([] { return has_unregistered ? "" : "it was forked amid an unregistration"; }));
  CHECK(other.get() == 0);
}

TEST_CASE("a shutdown that does not come to its end holds up fork() for a second, and its child no longer") {
  OnFakeKernel lab;
  otelue_exporter* exporter = lab.open();
  static std::atomic<bool> is_unregistering, may_end;
  is_unregistering = may_end = false;
  in_front_of(Call::kIoctl, kUnregister, [] {
    is_unregistering = true;
    wait_until(may_end);
  });
  auto other = std::async(std::launch::async, otelue_shutdown, exporter);
  wait_until(is_unregistering);
  CHECK(holds_in_child([&]() -> std::string {
    if (otelue_shutdown(exporter) != 0) return "a half-shut exporter cannot be shut down";
    return fake::kernel().first.ours().empty() ? "" : "a descriptor is left";
  }));
  may_end = true;
  CHECK(other.get() == 0);
  CHECK(fake::kernel().first.ours().empty());
}

TEST_CASE("a second shutdown returns no earlier than the first") {
  OnFakeKernel lab;
  fake::kernel().listeners = 1;
  otelue_exporter* exporter = lab.open();
  static std::atomic<bool> is_exporting, may_end;
  is_exporting = may_end = false;
  time_stands = true;
  in_front_of(Call::kWrite, kEvent, [] {
    is_exporting = true;
    wait_until(may_end);
  });
  auto writer = std::async(std::launch::async, export_points, exporter, lab.batch);
  wait_until(is_exporting);
  auto shut_down = [exporter] {
    return otelue_shutdown(exporter) == 0 && may_end && fake::kernel().first.ours().empty();
  };
  auto first = std::async(std::launch::async, shut_down);
  auto second = std::async(std::launch::async, shut_down);
  usleep(20'000);
  may_end = true;
  CHECK(writer.get().points_exported == kPoints);
  CHECK(first.get());
  CHECK(second.get());
  CHECK(otelue_shutdown(exporter) == 0);
}

TEST_CASE("a shutdown ends a pause") {
  OnFakeKernel lab;
  fake::kernel().listeners = 1;
  otelue_options options = one_point_per_event();
  options.pacing_bytes = 1;
  options.pacing_microseconds = 1'000'000;
  otelue_exporter* exporter = lab.open(options);
  time_stands = true;
  const uint64_t then = fake::kernel().now;
  static std::atomic<bool> is_exporting;
  is_exporting = false;
  in_front_of(Call::kWrite, kEvent, [] { is_exporting = true; });
  auto writer = std::async(std::launch::async, export_points, exporter, lab.batch);
  wait_until(is_exporting);
  CHECK(otelue_shutdown(exporter) == 0);
  CHECK(fake::kernel().now == then);
  CHECK(writer.get().points_exported == kPoints);
}

TEST_CASE("an exporter whose log function does not come back can be shut down") {
  OnFakeKernel lab;
  static std::atomic<bool> is_logging, is_down;
  is_logging = is_down = false;
  fake::kernel().places.clear();
  otelue_exporter* exporter = lab.open(one_point_per_event(), [](void*, int32_t, const char* message) {
    if (message != std::string("otlp_metrics: registered")) return;
    is_logging = true;
    wait_until(is_down);
  });
  fake::kernel().places["/sys/kernel/tracing/user_events_data"] = 0;
  fake::kernel().now += 1'000'000'000;
  std::thread other([&] { export_points(exporter, lab.batch); });
  wait_until(is_logging);
  time_stands = true;
  CHECK(otelue_shutdown(exporter) == 0);
  is_down = true;
  other.join();
}

TEST_CASE("what a child opens has nothing to do with what it inherited") {
  OnFakeKernel lab;
  otelue_exporter* inherited = lab.open();
  CHECK(holds_in_child([&]() -> std::string {
    for (int i = 0; i < 100; ++i) {
      otelue_exporter* own = lab.open();
      if (otelue_shutdown(own) != 0) return "its own does not end";
    }
    return finds_all_well(inherited, lab.batch);
  }));
  CHECK(finds_all_well(inherited, lab.batch) == "");
}

TEST_CASE("a number that goes from one exporter to another serves both, and is closed by the one that opened it") {
  OnFakeKernel lab;
  fake::kernel().listeners = 1;
  otelue_exporter* first = lab.open();
  const int number = fake::kernel().first.ours().at(0);
  fake::kernel().close(fake::kernel().first, number);
  fake::kernel().now += 1'000'000;
  otelue_exporter* second = lab.open();
  REQUIRE(fake::kernel().first.ours() == std::vector<int>{number});
  CHECK(export_points(first, lab.batch).points_exported == kPoints);
  CHECK(otelue_shutdown(first) == 0);
  CHECK(fake::kernel().first.ours() == std::vector<int>{number});
  CHECK(export_points(second, lab.batch).points_exported == kPoints);
  CHECK(fake::kernel().received.size() == 2 * kPoints);
  CHECK(otelue_shutdown(second) == 0);
  CHECK(fake::kernel().first.ours().empty());
  CHECK(fake::kernel().violations.empty());
}
