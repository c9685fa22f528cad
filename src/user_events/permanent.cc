// SPDX-License-Identifier: Apache-2.0
#include "user_events/permanent.h"

#include <sys/mman.h>

#include <atomic>

namespace otelue_core::user_events {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kChunk = 16384;

struct alignas(kLine) Chunk {
  std::atomic<size_t> used;
};

void* allocate(std::atomic<Chunk*>& current, size_t size, int advice) {
  size = (size + kLine - 1) / kLine * kLine;
  while (true) {
    Chunk* chunk = current.load(std::memory_order_acquire);
    // A chunk that a fork has wiped is no chunk: its pieces belong to objects that the child still has.
    if (chunk != nullptr && chunk->used.load(std::memory_order_relaxed) != 0) {
      const size_t at = chunk->used.fetch_add(size, std::memory_order_relaxed);
      if (at <= kChunk - size) return reinterpret_cast<char*>(chunk) + at;
    }
    void* fresh = mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return nullptr;
    madvise(fresh, kChunk, advice);
    static_cast<Chunk*>(fresh)->used.store(sizeof(Chunk), std::memory_order_relaxed);
    if (!current.compare_exchange_strong(chunk, static_cast<Chunk*>(fresh), std::memory_order_release)) {
      munmap(fresh, kChunk);
    }
  }
}

std::atomic<Chunk*> permanent{nullptr};
std::atomic<Chunk*> per_process{nullptr};

}  // namespace

void* allocate_permanently(size_t size) { return allocate(permanent, size, MADV_NORMAL); }
void* allocate_per_process(size_t size) { return allocate(per_process, size, MADV_WIPEONFORK); }

}  // namespace otelue_core::user_events
