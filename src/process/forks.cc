// SPDX-License-Identifier: Apache-2.0
#include "process/forks.h"

#include <pthread.h>

#include <atomic>

#include "process/wait.h"

namespace otelue_core::process {
namespace {

// Each side announces itself, then looks for the other, both sequentially consistent: at least one sees the other.
std::atomic<uint32_t> forks{0};
std::atomic<uint32_t> holders{0};

bool wait_for_none(const std::atomic<uint32_t>& word, uint64_t until) {
  while (const uint32_t some = word.load()) {
    if (now() >= until) return false;
    wait_while(word, some, until);
  }
  return true;
}

void leave(std::atomic<uint32_t>& word) {
  if (word.fetch_sub(1) == 1) wake_all(word);
}

void before_fork() {
  ++forks;
  wait_for_none(holders, now() + kSecond);
}
void after_fork() { leave(forks); }
void in_child() {
  forks = 0;
  holders = 0;
}

}  // namespace

void watch_forks() {
  static std::atomic<bool> is_watching{false};
  if (!is_watching.exchange(true)) pthread_atfork(before_fork, after_fork, in_child);
}

NoForks::NoForks() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &signals_);
  const uint64_t until = now() + kSecond;
  do {
    ++holders;
    holds_ = forks == 0;
    if (holds_) return;
    leave(holders);
  } while (wait_for_none(forks, until));
}

NoForks::~NoForks() {
  if (holds_) leave(holders);
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
}

}  // namespace otelue_core::process
