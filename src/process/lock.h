// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_LOCK_H
#define OTELUE_SRC_PROCESS_LOCK_H

#include <atomic>
#include <cstdint>

#include "process/wait.h"

namespace otelue_core::process {

// Keeps others out while it lives, but for those who have lost patience. Its word belongs in a PerProcess.
class Lock {
 public:
  using Word = std::atomic<uint32_t>;

  // Waits for so many nanoseconds at most, then goes on without.
  Lock(Word& word, uint64_t patience) : word_(word) {
    uint64_t until = 0;
    uint32_t found = 0;
    while (!word_.compare_exchange_strong(found, mine_, std::memory_order_acquire)) {
      if (until == 0) until = now() + patience;
      if (now() >= until) {
        mine_ = 0;
        return;
      }
      wait_while(word_, found, until);
      found = 0;
    }
  }
  // In a child that a signal handler has forked meanwhile, the lock is free or another thread's.
  ~Lock() {
    uint32_t mine = mine_;
    if (mine != 0 && word_.compare_exchange_strong(mine, 0, std::memory_order_release)) wake_all(word_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Word& word_;
  uint32_t mine_ = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(this)) | 1;
};

}  // namespace otelue_core::process

#endif
