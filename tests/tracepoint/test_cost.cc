// SPDX-License-Identifier: Apache-2.0
// What calls cost: system calls, counted by the fake kernel (those that do not come there end the process that makes
// them), memory, and what callers must keep.
#include <errno.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <string.h>
#include <sys/mman.h>
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
extern "C" void* __libc_malloc(size_t size);
extern "C" void* __libc_calloc(size_t count, size_t size);
extern "C" void* __libc_realloc(void* old, size_t size);

namespace {

thread_local bool counts_allocations = false;
int allocations = 0;

void note_allocation() {
  if (counts_allocations && !fake::is_inside) ++allocations;
}

}  // namespace

extern "C" void* malloc(size_t size) noexcept {
  note_allocation();
  return __libc_malloc(size);
}
extern "C" void* calloc(size_t count, size_t size) noexcept {
  note_allocation();
  return __libc_calloc(count, size);
}
extern "C" void* realloc(void* old, size_t size) noexcept {
  note_allocation();
  return __libc_realloc(old, size);
}

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

TEST_CASE("an export pauses after each so many bytes, which costs the pause and one more check") {
  const struct {
    uint32_t events_between, pauses;
  } cases[] = {{1, 4}, {2, 2}, {3, 1}, {4, 1}, {5, 0}};
  for (const auto& [events_between, pauses] : cases) {
    otelue_options options = one_point_per_event();
    options.pacing_bytes = 22 * events_between;  // of the name "x" and a value
    options.pacing_microseconds = 1000;
    otelue_exporter* exporter = open_exporter(true, options);
    REQUIRE(export_points(exporter, batch_of_points()).bytes == 3 * 22);
    const Counts found = cost([&] { export_points(exporter, batch_of_points(5)); });
    CHECK(found.checks == 1 + static_cast<int>(pauses));
    CHECK(found.writes == 5);
    CHECK(found.pauses == static_cast<int>(pauses));
    CHECK(found.others == 0);
  }
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

TEST_CASE("no call but otelue_open() allocates, whatever fails") {
  REQUIRE(setlocale(LC_ALL, "C.UTF-8") != nullptr);
  struct Failure {
    Call call;
    int error;
  };
  const std::string batch = batch_of_points();
  for (const auto& [call, error] :
       {Failure{Call::kRead, 0}, {Call::kOpen, EACCES}, {Call::kOpen, 4711}, {Call::kIoctl, ENOMEM},
        {Call::kIoctl, EADDRINUSE}, {Call::kControl, EPERM}, {Call::kWrite, EIO}, {Call::kWrite, EPERM}}) {
    fake::reset();
    fake::wait = [](const uint32_t*, uint32_t, uint64_t until) { fake::kernel().now = until; };
    static int lines;
    lines = 0;
    otelue_exporter* exporter = nullptr;
    const otelue_options options = one_point_per_event();
    REQUIRE(otelue_open(&options, [](void*, int32_t, const char*) { ++lines; }, nullptr, &exporter) == 0);
    static Failure failure;
    failure = {call, error};
    fake::before = [](Call at, int) { return at == failure.call ? failure.error : 0; };
    fake::kernel().listen(+1);
    for (const int number : fake::kernel().first.ours()) fake::kernel().close(fake::kernel().first, number);
    fake::kernel().now += 1'000'000'000;
    otelue_status status{};
    status.struct_size = sizeof status;
    char text[400];
    counts_allocations = true;
    const otelue_result result = export_points(exporter, batch);
    otelue_describe(batch.data(), batch.size(), 0, &result, text, sizeof text);
    otelue_export_otlp(exporter, "\n", 1, nullptr);
    otelue_listening(exporter, nullptr);
    otelue_get_status(exporter, &status);
    otelue_shutdown(exporter);
    counts_allocations = false;
    CHECK(adds_up(result));
    CHECK(lines > 0);
    fake::before = nullptr;
  }
  CHECK(allocations == 0);
}

namespace {

// Memory that faults when it is touched once it was given away.
class Lent {
 public:
  explicit Lent(const std::string& bytes) : memory_(map()) {
    memcpy(memory_, bytes.data(), bytes.size());
  }
  void take_back() { REQUIRE(mprotect(memory_, kBytes, PROT_NONE) == 0); }
  void* get() const { return memory_; }

 private:
  static constexpr size_t kBytes = 1 << 16;
  static void* map() {
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    return memory;
  }

  void* memory_;
};

}  // namespace

TEST_CASE("nothing that a call was handed is looked at when it has returned") {
  fake::reset();
  fake::kernel().listeners = 1;
  const otelue_options given = one_point_per_event();
  Lent options(std::string(reinterpret_cast<const char*>(&given), sizeof given));
  otelue_exporter* exporter = nullptr;
  REQUIRE(otelue_open(static_cast<otelue_options*>(options.get()), nullptr, nullptr, &exporter) == 0);
  options.take_back();
  const std::string bytes = batch_of_points();
  for (int i = 0; i < 2; ++i) {
    Lent batch(bytes);
    Lent room(std::string(sizeof(otelue_result), '\0'));
    auto* result = static_cast<otelue_result*>(room.get());
    result->struct_size = sizeof *result;
    CHECK(otelue_export(exporter, batch.get(), bytes.size(), result) == 0);
    CHECK(result->points_exported == 3);
    batch.take_back();
    room.take_back();
    Lent request(fake::kernel().received.at(0));
    CHECK(otelue_export_otlp(exporter, request.get(), 22, nullptr) == 0);
    request.take_back();
  }
  CHECK(status_of(exporter).step == OTELUE_STEP_REGISTERED);
  CHECK(otelue_shutdown(exporter) == 0);
  CHECK(fake::kernel().received.size() == 2 * 3 + 2);
}
