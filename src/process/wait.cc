// SPDX-License-Identifier: Apache-2.0
#include "process/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace otelue_core::process {
namespace {

// What the kernel takes, whatever timespec the C library was told to have.
#ifdef SYS_futex
constexpr long kFutex = SYS_futex;
struct KernelTime {
  long seconds;
  long nanoseconds;
};
#else
constexpr long kFutex = SYS_futex_time64;
struct KernelTime {
  int64_t seconds;
  int64_t nanoseconds;
};
#endif

}  // namespace

uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec);
}

void wait_while(const std::atomic<uint32_t>& word, uint32_t value, uint64_t until) {
  const KernelTime time{static_cast<decltype(KernelTime::seconds)>(until / kSecond),
                        static_cast<decltype(KernelTime::nanoseconds)>(until % kSecond)};
  if (syscall(kFutex, &word, FUTEX_WAIT_BITSET_PRIVATE, value, &time, nullptr, FUTEX_BITSET_MATCH_ANY) == 0) return;
  if (errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return;
  // A filter refuses futexes: look again every millisecond.
  const timespec a_little{0, 1'000'000};
  nanosleep(&a_little, nullptr);
}

void wake_all(const std::atomic<uint32_t>& word) {
  syscall(kFutex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace otelue_core::process
