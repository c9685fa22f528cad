// SPDX-License-Identifier: Apache-2.0
// What an export costs in system calls, counted by the fake kernel. Those that do not come there end the process that
// makes them.
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "catch.h"
#include "fake_kernel.h"
#include "points.h"

extern "C" long __real_syscall(long number, ...);

namespace {

using fake::Call;

struct Counts {
  int checks = 0, writes = 0, pauses = 0, others = 0;
};
Counts counts;

int count(Call call, int) {
  switch (call) {
    case Call::kControl:
      ++counts.checks;
      break;
    case Call::kWrite:
      ++counts.writes;
      break;
    case Call::kFutex:
      ++counts.pauses;
      break;
    case Call::kClock:  // asks no kernel
      break;
    default:
      ++counts.others;
      break;
  }
  return 0;
}

// Runs something twice, the second time where a system call that is not counted is deadly. Its counts; fails unless the
// process comes to its end.
Counts cost(const std::function<void()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    work();
    fake::before = count;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(1);
    work();
    __real_syscall(SYS_write, ends[1], &counts, sizeof counts);
    __real_syscall(SYS_exit, 0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  Counts found;
  char* to = reinterpret_cast<char*>(&found);
  CHECK(__real_syscall(SYS_read, ends[0], to, sizeof found) == static_cast<long>(sizeof found));
  for (const int end : ends) __real_syscall(SYS_close, end);
  return found;
}

// An exporter on a fresh kernel, with or without a listener, whose pauses take no time.
otelue_exporter* open_exporter(bool is_heard, const otelue_options& options = one_point_per_event()) {
  fake::reset();
  fake::wait = [](const uint32_t*, uint32_t, uint64_t until) { fake::kernel().now = until; };
  fake::kernel().listeners = is_heard ? 1 : 0;
  otelue_exporter* exporter = nullptr;
  REQUIRE(otelue_open(&options, nullptr, nullptr, &exporter) == 0);
  return exporter;
}

}  // namespace

TEST_CASE("an export that is heard makes one check beside its writes") {
  otelue_exporter* exporter = open_exporter(true);
  const Counts found = cost([&] { export_points(exporter, batch_of_points()); });
  CHECK(found.checks == 1);
  CHECK(found.writes == 3);
  CHECK(found.pauses == 0);
  CHECK(found.others == 0);
}

TEST_CASE("each pause of an export costs itself and one more check") {
  otelue_options options = one_point_per_event();
  options.pacing_bytes = 1;
  options.pacing_microseconds = 1000;
  otelue_exporter* exporter = open_exporter(true, options);
  const Counts found = cost([&] { export_points(exporter, batch_of_points()); });
  CHECK(found.checks == 3);
  CHECK(found.writes == 3);
  CHECK(found.pauses == 2);
  CHECK(found.others == 0);
}

TEST_CASE("an export that nobody hears makes two system calls, and so does a question whether anybody does") {
  otelue_exporter* exporter = open_exporter(false);
  for (const bool is_question : {false, true}) {
    const Counts found = cost([&] {
      is_question ? (void)otelue_listening(exporter, nullptr) : (void)export_points(exporter, batch_of_points());
    });
    CHECK(found.checks == 1);
    CHECK(found.writes == 1);
    CHECK(found.pauses == 0);
    CHECK(found.others == 0);
  }
}

TEST_CASE("a question that the enable word answers makes one system call, and reading that word none") {
  otelue_exporter* exporter = open_exporter(true);
  const Counts question = cost([&] { otelue_listening(exporter, nullptr); });
  CHECK(question.checks == 1);
  CHECK(question.writes + question.pauses + question.others == 0);
  const Counts word = cost([&] { otelue_enabled(exporter); });
  CHECK(word.checks + word.writes + word.pauses + word.others == 0);
}
