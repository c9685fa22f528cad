// SPDX-License-Identifier: Apache-2.0
#include "process/memory.h"

#include <sys/mman.h>

#include <cassert>

namespace otelue_core::process {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kChunk = 16384;

struct alignas(kLine) Chunk {
  std::atomic<size_t> used;
};

void* allocate(std::atomic<Chunk*>& current, size_t size, int advice) {
  size = (size + kLine - 1) / kLine * kLine;
  assert(size <= kChunk - sizeof(Chunk));
  while (true) {
    Chunk* chunk = current.load(std::memory_order_acquire);
    // A chunk that a fork has wiped is no chunk: its pieces belong to objects that the child still has.
    if (chunk != nullptr && chunk->used.load(std::memory_order_relaxed) != 0) {
      const size_t at = chunk->used.fetch_add(size, std::memory_order_relaxed);
      if (at <= kChunk - size) return reinterpret_cast<char*>(chunk) + at;
    }
    void* fresh = mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return nullptr;
    if (advice != MADV_NORMAL && madvise(fresh, kChunk, advice) != 0) {
      munmap(fresh, kChunk);
      return nullptr;
    }
    static_cast<Chunk*>(fresh)->used.store(sizeof(Chunk), std::memory_order_relaxed);
    // Release: whoever finds the chunk finds its size.
    if (!current.compare_exchange_strong(chunk, static_cast<Chunk*>(fresh), std::memory_order_release,
                                         std::memory_order_relaxed)) {
      munmap(fresh, kChunk);
    }
  }
}

std::atomic<Chunk*> permanent{nullptr};
std::atomic<Chunk*> wiped_on_fork{nullptr};

}  // namespace

void* allocate_permanently(size_t size) { return allocate(permanent, size, MADV_NORMAL); }
void* allocate_wiped_on_fork(size_t size) { return allocate(wiped_on_fork, size, MADV_WIPEONFORK); }

}  // namespace otelue_core::process
