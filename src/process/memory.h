// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_MEMORY_H
#define OTELUE_SRC_PROCESS_MEMORY_H

#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace otelue_core::process {

// Zeroed memory, aligned to a cache line, that is never given back. The kernel keeps the address of an enable word
// until the thread lineage that registered it has gone, and would write into whatever lies there by then.
// nullptr when there is none.
void* allocate_permanently(size_t size);

// The same, but a forked child finds it zeroed again (MADV_WIPEONFORK). nullptr also where the kernel cannot do that.
void* allocate_wiped_on_fork(size_t size);

// What a forked child must not take for its own: a T that is all zero in every process at first. In most processes it
// costs one load to get at it; where a filter refuses madvise(), also one getpid().
template <typename T>
class PerProcess {
 public:
  // False when memory ran out.
  bool open() {
    void* memory = allocate_wiped_on_fork(sizeof(Block));
    if (memory == nullptr) return exchange(nullptr, getpid());
    block_.store(new (memory) Block{}, std::memory_order_release);
    return true;
  }
  T& get() const {
    Block* block = block_.load(std::memory_order_acquire);
    if (block->pid == 0) [[likely]] return block->value;
    return of_this_process(block);
  }

 private:
  struct Block {
    pid_t pid;  // 0: the kernel wipes the block
    T value;
  };

  bool exchange(Block* old, pid_t pid) const {
    void* memory = allocate_permanently(sizeof(Block));
    if (memory == nullptr) return false;
    auto* fresh = new (memory) Block{};
    fresh->pid = pid;
    return block_.compare_exchange_strong(old, fresh, std::memory_order_acq_rel);
  }
  // Without memory a child goes on with what its parent had.
  T& of_this_process(Block* block) const {
    const pid_t pid = getpid();
    if (block->pid != pid) exchange(block, pid);
    return block_.load(std::memory_order_acquire)->value;
  }

  mutable std::atomic<Block*> block_;
};

}  // namespace otelue_core::process

#endif
