// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_TRACEPOINT_H
#define OTELUE_SRC_USER_EVENTS_TRACEPOINT_H

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "log.h"

namespace otelue_core::user_events {

// How often something that failed is tried again.
class Backoff {
 public:
  // Whether it is time; the next time is then twice as far away.
  bool due();
  void reset() { *this = {}; }

 private:
  static constexpr uint64_t kShortest = 100'000'000;  // nanoseconds
  static constexpr uint64_t kLongest = 5'000'000'000;
  uint64_t delay_ = kShortest;
  uint64_t next_ = 0;
};

// The tracepoint `otlp_metrics`, as one process has registered it.
//
// The kernel sets a bit of the enable word while somebody listens. It does so through the memory of the *thread
// lineage* that registered (struct user_event_mm): once those threads have ended the bit stays as it is, and a
// fork from another lineage does not inherit it. So the word is a hint. The truth is a write that cannot succeed:
// EBADF says that nobody listens, EFAULT that somebody would have received it. A hint that was wrong is healed by
// registering once more, from the thread that is exporting.
//
// Lives in permanent memory and is all zero before open(). Safe from any thread; no call waits for another.
class Tracepoint {
 public:
  enum class Listeners {
    kUnregistered,
    kNone,
    kElsewhere,  // enabled, but not for this thread on this processor
    kHere,
  };
  // Where events go: a snapshot for the length of one export.
  struct Target {
    int fd;
    uint32_t write_index;
  };
  struct Status {
    uint32_t step;  // OTELUE_STEP_*
    int error;      // 0 or an errno
    bool registered;
  };

  // What a forked child must not take for its own: all zero there, and before open().
  struct OfProcess {
    std::atomic<uint32_t> is_registered;
    std::atomic<uint32_t> is_locked;
  };

  // What stands in front of an event's payload: write index, protocol, version and rel_loc.
  static constexpr size_t kFrameBytes = 20;

  // `own` is memory of allocate_per_process().
  void open(const Log& log, OfProcess* own);
  // Unregisters. No other call may be under way or follow.
  void close();

  // The kernel's hint: one load.
  bool enabled() const { return word_.load(std::memory_order_relaxed) != 0; }

  // Registers when that is due, and finds out who listens: by the hint when it says so and `probe` is false.
  Listeners listen(bool probe, Target* target);

  // Writes an event: `frame` is kFrameBytes, filled in here, and the payload behind it, all in memory that no other
  // thread unmaps (the kernel would silently deliver what it could copy). 0; -EBADF: nobody listens; or -errno.
  int write(const Target& target, uint8_t* frame, size_t payload_bytes);
  // Told that a write found nobody: heals a hint that says otherwise.
  void unheard();

  Status status() const;
  uint32_t registrations() const { return registrations_.load(std::memory_order_relaxed); }

 private:
  // One thread at a time registers; another one goes on with what there is.
  bool try_lock() { return own_->is_locked.exchange(1, std::memory_order_acquire) == 0; }
  void unlock() { own_->is_locked.store(0, std::memory_order_release); }

  bool ensure_registered(Target* target);
  bool is_usable(Target* target) const;
  bool is_our_file(int fd) const;
  void open_and_register();
  int register_bit(int fd);
  int register_free_bit(int fd);
  void heal(bool is_enabled);
  void forget();
  int probe(const Target& target);
  void set_step(uint32_t step, int error);
  void recovered(uint32_t step);
  bool load(Target* target) const;
  void store(const Target& target);

  // The kernel owns these eight bytes.
  alignas(8) std::atomic<uint32_t> word_;
  [[maybe_unused]] uint32_t word_padding_;

  OfProcess* own_;
  std::atomic<uint64_t> target_;  // write index << 32 | (fd + 1); 0: unregistered
  std::atomic<dev_t> device_;
  std::atomic<ino_t> inode_;
  std::atomic<uint32_t> step_;
  std::atomic<int> error_;
  std::atomic<uint32_t> registrations_;
  uint32_t bit_;  // of the word, that the last registration has; this and what follows belongs to the lock
  Backoff retry_;
  Backoff heal_;
  Log log_;
};

}  // namespace otelue_core::user_events

#endif
