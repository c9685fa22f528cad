// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_FORKS_H
#define OTELUE_SRC_PROCESS_FORKS_H

#include <signal.h>

namespace otelue_core::process {

// From now on NoForks has an effect: fork() calls handlers of ours.
void watch_forks();

// While it lives no fork() of this process is under way: fork() waits for it, and it for fork(), both for a second at
// most. It holds signals back, whose handlers could fork. What copies a process in other ways (clone(), _Fork()) is not
// held up.
class NoForks {
 public:
  NoForks();
  ~NoForks();
  NoForks(const NoForks&) = delete;
  NoForks& operator=(const NoForks&) = delete;

  // False when a fork is taking longer.
  explicit operator bool() const { return holds_; }

 private:
  bool holds_;
  sigset_t signals_;
};

}  // namespace otelue_core::process

#endif
