// SPDX-License-Identifier: Apache-2.0
// Each system call of an exporter's life fails once, at every position, with each plausible errno: alone, beside a
// second thread, and in a life that goes on in a forked child. Nothing crashes or hangs, every point is counted, and
// when the failure is over nothing of it is left: the status is clean, points arrive, one descriptor is open, and in
// the end none.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <thread>

#include "catch.h"
#include "fake_kernel.h"
#include "points.h"

namespace {

using fake::Call;

struct Failure {
  Call call;
  const char* name;
  int error;
};
const Failure kFailures[] = {
    {Call::kOpen, "open", EACCES},   {Call::kOpen, "open", ENOENT},      {Call::kOpen, "open", EMFILE},
    {Call::kOpen, "open", ENFILE},   {Call::kOpen, "open", ENOMEM},      {Call::kOpen, "open", EROFS},
    {Call::kOpen, "open", EPERM},    {Call::kOpen, "open", EINTR},       {Call::kControl, "fcntl", EMFILE},
    {Call::kControl, "fcntl", EPERM}, {Call::kControl, "fcntl", ENOLCK}, {Call::kControl, "fcntl", EAGAIN},
    {Call::kIoctl, "ioctl", ENOMEM}, {Call::kIoctl, "ioctl", EPERM},     {Call::kIoctl, "ioctl", EMFILE},
    {Call::kIoctl, "ioctl", ENODEV}, {Call::kIoctl, "ioctl", ENOTTY},    {Call::kIoctl, "ioctl", EADDRINUSE},
    {Call::kIoctl, "ioctl", EFAULT}, {Call::kWrite, "write", ENOMEM},    {Call::kWrite, "write", EPERM},
    {Call::kWrite, "write", ENOSYS}, {Call::kWrite, "write", EBADF},     {Call::kWrite, "write", ENOENT},
    {Call::kWrite, "write", EFAULT}, {Call::kWrite, "write", EIO},       {Call::kRead, "read", EIO},
    {Call::kClock, "clock_gettime", EPERM}, {Call::kClose, "close", EINTR}, {Call::kClose, "close", EIO},
};

std::atomic<const Failure*> failure{nullptr};
std::atomic<int> calls_left{0};  // until it fails
std::atomic<bool> has_failed{false};
std::atomic<bool> was_an_unregistration{false};

int fail_once(Call call, int detail) {
  const Failure* planned = failure;
  if (planned == nullptr || planned->call != call) return 0;
  // Whether a descriptor is open the kernel knows, and a filter alone keeps it to itself.
  if (call == Call::kControl && detail == F_GETFL && planned->error != EPERM) return 0;
  if (calls_left.fetch_sub(1) != 1) return 0;
  has_failed = true;
  was_an_unregistration = call == Call::kIoctl && detail == 1;
  return planned->error;
}

// Time passes for who waits.
void pass_time(const uint32_t* word, uint32_t value, uint64_t) {
  if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) return;
  __atomic_fetch_add(&fake::kernel().now, 1'000'000, __ATOMIC_RELAXED);
  std::this_thread::yield();
}

void listen(int change) {
  const fake::Quietly lock;
  fake::kernel().listen(change);
}

size_t descriptors() {
  const fake::Quietly lock;
  return fake::kernel().first.ours().size();
}

void close_descriptors() {
  const fake::Quietly lock;
  for (const int number : fake::kernel().first.ours()) fake::kernel().close(fake::kernel().first, number);
}

std::string problem;
void expect(bool holds, const std::string& what) {
  if (!holds && problem.empty()) problem = what;
}

// Listeners that come and go, and a descriptor that somebody closes.
void live(otelue_exporter* exporter, const std::string& batch) {
  auto run = [&] { expect(adds_up(export_points(exporter, batch)), "points do not add up"); };
  run();
  listen(+1);
  run();
  listen(-1);
  run();
  close_descriptors();
  run();
  listen(+1);
  run();
  otelue_status status{};
  status.struct_size = sizeof status;
  expect(otelue_get_status(exporter, &status) == 0, "no status");
  listen(-1);
}

// When the failure is over, by the longest back-off.
void check_recovery(otelue_exporter* exporter, const std::string& batch) {
  failure = nullptr;
  __atomic_fetch_add(&fake::kernel().now, 10'000'000'000, __ATOMIC_RELAXED);
  listen(+1);
  for (int i = 0; i < 2; ++i) export_points(exporter, batch);
  expect(export_points(exporter, batch).points_exported == kPoints, "points are lost");
  otelue_status status{};
  status.struct_size = sizeof status;
  otelue_get_status(exporter, &status);
  expect(status.registered == 1 && status.step == OTELUE_STEP_REGISTERED && status.last_errno == 0, status.message);
  expect(otelue_enabled(exporter) == 1, "the enable word is not set");
  expect(descriptors() == 1, std::to_string(descriptors()) + " descriptors");
  listen(-1);
  expect(export_points(exporter, batch).points_unheard == kPoints, "somebody is heard");
  expect(otelue_enabled(exporter) == 0, "the enable word is set");
}

void check_end(otelue_exporter* exporter) {
  expect(otelue_shutdown(exporter) == 0, "shutdown");
  expect(descriptors() == 0, "a descriptor is left");
  expect(was_an_unregistration || fake::kernel().first.enablers.empty(), "a registration is left");
}

// Lives one life for each position at which the failure can happen. Returns their number.
int at_every_position(const Failure& planned, const std::function<void(otelue_exporter*, const std::string&)>& life) {
  const std::string batch = batch_of_points();
  const otelue_options options = one_point_per_event();
  for (int position = 1;; ++position) {
    fake::reset();
    problem.clear();
    has_failed = was_an_unregistration = false;
    calls_left = position;
    failure = &planned;
    otelue_exporter* exporter = nullptr;
    const int opened = otelue_open(&options, nullptr, nullptr, &exporter);
    if (opened != 0) {
      expect(false, "otelue_open() fails");
    } else {
      life(exporter, batch);
    }
    failure = nullptr;
    for (const std::string& violation : fake::kernel().violations) expect(false, violation);
    INFO(planned.name << " fails with " << planned.error << " at its call number " << position);
    CHECK(problem == "");
    if (!problem.empty() || !has_failed) return position;
    if (opened == 0) check_end(exporter);
    CHECK(problem == "");
  }
}

struct OnFakeKernel {
  OnFakeKernel() {
    fake::before = fail_once;
    fake::wait = pass_time;
  }
  ~OnFakeKernel() {
    fake::before = nullptr;
    fake::wait = nullptr;
  }
};

}  // namespace

TEST_CASE("a call that fails once, wherever, leaves nothing behind") {
  const OnFakeKernel guard;
  for (const Failure& planned : kFailures) {
    if (planned.call == Call::kRead) continue;  // nothing is read until the end
    const int positions = at_every_position(planned, [](otelue_exporter* exporter, const std::string& batch) {
      live(exporter, batch);
      check_recovery(exporter, batch);
    });
    CHECK(positions > 1);  // it has failed at least once
  }
}

TEST_CASE("a call that fails once while an exporter ends leaves no descriptor behind") {
  const OnFakeKernel guard;
  for (const Failure& planned : kFailures) {
    if (planned.call == Call::kClock) continue;
    const int positions = at_every_position(planned, [](otelue_exporter* exporter, const std::string& batch) {
      live(exporter, batch);
      expect(otelue_shutdown(exporter) == 0, "shutdown");
      expect(descriptors() == 0, "a descriptor is left");
    });
    CHECK(positions > 1);
  }
}

TEST_CASE("a call that fails once beside a second thread leaves nothing behind") {
  const OnFakeKernel guard;
  for (const Failure& planned : kFailures) {
    at_every_position(planned, [](otelue_exporter* exporter, const std::string& batch) {
      std::atomic<bool> stop{false};
      std::thread second([&] {
        while (!stop) {
          if (!adds_up(export_points(exporter, batch))) std::abort();
          std::this_thread::yield();
        }
      });
      live(exporter, batch);
      stop = true;
      second.join();
      check_recovery(exporter, batch);
    });
  }
}

TEST_CASE("a call that fails once in a forked child leaves nothing behind there, nor in its parent") {
  const OnFakeKernel guard;
  for (const Failure& planned : kFailures) {
    at_every_position(planned, [&](otelue_exporter* exporter, const std::string& batch) {
      const pid_t child = fork();
      if (child == 0) {
        live(exporter, batch);
        const bool failed_here = has_failed;
        check_recovery(exporter, batch);
        check_end(exporter);
        if (!problem.empty()) fprintf(stderr, "in a child: %s\n", problem.c_str());
        _exit(!problem.empty() ? 1 : failed_here ? 2 : 0);
      }
      int status = -1;
      waitpid(child, &status, 0);
      expect(WIFEXITED(status) && WEXITSTATUS(status) != 1, "the child failed");
      has_failed = WIFEXITED(status) && WEXITSTATUS(status) == 2;
      failure = nullptr;
      live(exporter, batch);
      check_recovery(exporter, batch);
    });
  }
}

TEST_CASE("an exporter that gets no memory is none, and leaves nothing behind") {
  const OnFakeKernel guard;
  const Failure planned{Call::kMap, "mmap", ENOMEM};
  fake::reset();
  has_failed = false;
  int opened = 0;
  while (!has_failed && opened == 0) {  // what there is is used up first
    calls_left = 1;
    failure = &planned;
    otelue_exporter* exporter = nullptr;
    opened = otelue_open(nullptr, nullptr, nullptr, &exporter);
    CHECK((exporter == nullptr) == (opened != 0));
    otelue_close(exporter);
  }
  failure = nullptr;
  CHECK(opened == -ENOMEM);
  CHECK(descriptors() == 0);
  CHECK(fake::kernel().first.enablers.empty());
}

namespace {

std::atomic<bool> holds_writes{false};
std::atomic<bool> is_held{false};

// Forks while an export of another thread is in the kernel. What the child makes of the exporter: "" when all is well.
void check_child_forked_amid_an_export(otelue_exporter* exporter) {
  const std::string batch = batch_of_points();
  listen(+1);
  holds_writes = true;
  auto writer = std::async(std::launch::async, export_points, exporter, batch);
  while (!is_held) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    holds_writes = false;
    problem.clear();
    expect(export_points(exporter, batch).points_exported == kPoints, "points are lost");
    expect(otelue_shutdown(exporter) == 0, "shutdown does not end");
    expect(fake::kernel().first.ours().empty(), "a descriptor is left");
    if (!problem.empty()) fprintf(stderr, "in a child: %s\n", problem.c_str());
    _exit(problem.empty() ? 0 : 1);
  }
  holds_writes = false;
  CHECK(writer.get().points_exported == kPoints);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(otelue_shutdown(exporter) == 0);
}

int hold_or_fail(Call call, int detail) {
  if (call == Call::kWrite && detail == 1) {
    while (holds_writes) {
      is_held = true;
      std::this_thread::yield();
    }
  }
  return fail_once(call, detail);
}

}  // namespace

TEST_CASE("a child that is forked amid an export shuts down, also where madvise() is refused") {
  const OnFakeKernel guard;
  fake::before = hold_or_fail;
  for (const int error : {0, EINVAL, ENOSYS}) {
    fake::reset();
    is_held = has_failed = false;
    const Failure planned{Call::kAdvise, "madvise", error};
    otelue_exporter* exporter = nullptr;
    while (error != 0 && !has_failed) {  // what there is is used up first
      otelue_close(exporter);
      calls_left = 1;
      failure = &planned;
      REQUIRE(otelue_open(nullptr, nullptr, nullptr, &exporter) == 0);
    }
    failure = nullptr;
    if (error == 0) REQUIRE(otelue_open(nullptr, nullptr, nullptr, &exporter) == 0);
    check_child_forked_amid_an_export(exporter);
  }
}
