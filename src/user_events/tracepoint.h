// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_TRACEPOINT_H
#define OTELUE_SRC_USER_EVENTS_TRACEPOINT_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "process/descriptors.h"
#include "process/lock.h"
#include "process/memory.h"
#include "target.h"

namespace otelue_core::user_events {

// How often something that failed is tried again: after 0.1 s, then twice as long each time, up to 5 s.
class Backoff {
 public:
  // Whether it is time.
  bool is_due() const;
  // The same, for one of several threads; the next time is then twice as far away.
  bool take();
  void reset() { next_.store(0, std::memory_order_relaxed), delay_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> next_;
  std::atomic<uint64_t> delay_;
};

// The tracepoint `otlp_metrics`, as one process has registered it. src/README.md has a table of its states.
//
// The kernel sets a bit of the enable word while somebody listens. It does so through the memory of the *thread
// lineage* that registered (struct user_event_mm): once those threads have ended the bit stays as it is, and a
// fork from another lineage does not inherit it. So the word is a hint. The truth is a write that cannot succeed:
// EBADF says that nobody listens, EFAULT that somebody would have received it. A hint that was wrong is healed by
// registering once more, from the thread that is exporting.
//
// A forked child goes on with the descriptor that it inherited, for which it needs no right of its own, and heals its
// copy of the word. Every process may close any descriptor at any time: it is looked at before it is used, and another
// one is opened when it is not ours any more.
//
// No call waits for another, but for the one that registers while there is no registration, and for that 0.1 s at most.
class Tracepoint final : public Target {
 public:
  // False when memory ran out.
  bool open(EnableWord* word, News& news);

  Listeners find_listeners(Link* link, News& news) override;
  Listeners probe(Link* link, News& news) override;
  void renew(Link* link, News& news) override;
  int write(Link* link, uint8_t* payload, size_t size, News& news) override;
  void settle(const Link& link, Listeners found, News& news) override;
  void close(News& news) override;
  uint32_t registrations() const override { return registrations_.load(std::memory_order_relaxed); }
  void explain(uint32_t step, int error, char* out, size_t size) const override;
  const char* describe(Listeners listeners) const override;

 private:
  struct OfProcess {
    process::Lock::Word lock;         // of the thread that registers
    std::atomic<uint32_t> is_native;  // what follows a fork has been done
  };

  bool load(Link* link) const;
  int check(Link* link);
  bool ensure_registered(Link* link, News& news);
  void follow_fork();
  void register_anew(News& news);
  int register_bit(int fd, uint32_t bit, uint32_t* write_index);
  int register_free_bit(int fd, uint32_t* write_index);
  void unregister_all(int fd);
  void forget(const Link& link);
  void close_if_ours(const Link& link) const;
  void heal(const Link& link, bool is_heard, News& news);

  EnableWord* word_;
  process::PerProcess<OfProcess> own_;
  process::Pending pending_;
  std::atomic<uint64_t> link_;       // packed; 0: lost
  std::atomic<uint16_t> openings_;   // of descriptors, so far
  uint64_t first_number_;            // of an opening: this and the count number it
  std::atomic<uint32_t> bits_;       // of the word, that were registered
  std::atomic<uint32_t> last_bit_;   // of them
  std::atomic<uint32_t> registrations_;
  std::atomic<uint64_t> refused_at_;  // when a write was, last
  Backoff retry_;
  Backoff heal_;
};

}  // namespace otelue_core::user_events

#endif
