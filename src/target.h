// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TARGET_H
#define OTELUE_SRC_TARGET_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "otelue/otelue.h"

namespace otelue_core {

// What one call has to log when it no longer counts as under way.
struct News {
  enum class Kind : uint8_t { kFailed, kRegistered, kRegisteredAgain, kEnded };
  struct Item {
    Kind kind;
    uint32_t step;  // of kFailed, and its errno
    int error;
  };

  void add(Kind kind, uint32_t step = OTELUE_STEP_REGISTERED, int error = 0) {
    if (count < sizeof items / sizeof items[0]) items[count++] = {kind, step, error};
  }

  Item items[8];
  uint32_t count = 0;
  uint32_t refusals = 0;  // bit n: points were refused for OTELUE_REASON n, as no earlier export had
  uint32_t first_bad_point = 0;
  uint32_t first_bad_reason = OTELUE_REASON_NONE;
};

// Where things stand: step and error in one word, so that they always belong together. All zero: registered.
class Standing {
 public:
  struct Snapshot {
    uint32_t step;  // OTELUE_STEP_*
    int error;      // 0 or an errno
  };

  Snapshot get() const { return unpack(word_.load(std::memory_order_relaxed)); }
  // Only what is new is news.
  void set(uint32_t step, int error, News& news) {
    const uint64_t fresh = pack(step, error);
    if (word_.exchange(fresh, std::memory_order_relaxed) != fresh && error != 0) {
      news.add(News::Kind::kFailed, step, error);
    }
  }
  // What failed is history now that it succeeds.
  void clear(uint32_t step) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    while (unpack(word).step == step && !word_.compare_exchange_weak(word, 0, std::memory_order_relaxed)) {
    }
  }

 private:
  static uint64_t pack(uint32_t step, int error) { return uint64_t{step} << 32 | static_cast<uint32_t>(error); }
  static Snapshot unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<int>(static_cast<uint32_t>(word))};
  }

  std::atomic<uint64_t> word_;
};

// The kernel's hint whether somebody listens, in memory that is never given back. The kernel sets and clears the bits
// below the sign bit, which is ours: an exporter that was shut down listens to nobody, whatever the kernel still does.
// It takes four bytes and has eight to itself: kernels before 6.6 change it by operations on eight.
class EnableWord {
 public:
  static constexpr uint32_t kBits = 31;

  bool is_set() const { return static_cast<int32_t>(word_.load(std::memory_order_relaxed)) > 0; }
  void set(uint32_t bit) { word_.fetch_or(1u << bit, std::memory_order_relaxed); }
  void clear() { word_.fetch_and(kShut, std::memory_order_relaxed); }
  void shut() { word_.fetch_or(kShut, std::memory_order_relaxed); }
  const void* address() const { return &word_; }

 private:
  static constexpr uint32_t kShut = 1u << 31;

  alignas(8) std::atomic<uint32_t> word_;
};
static_assert(sizeof(EnableWord) == 8);

// Where events go. This one knows nobody who listens; the tracepoint and the recording say otherwise.
//
// Lives in permanent memory and is all zero before it is opened. Safe from any thread.
class Target {
 public:
  enum class Listeners {
    kUnregistered,
    kUnknown,  // registered, and a probe was refused
    kNone,
    kElsewhere,  // somebody, but not for this thread on this processor
    kHere,
  };
  // The way to them, for the length of one call. Without a descriptor: lost.
  struct Link {
    int fd = -1;
    uint32_t write_index = 0;
    uint16_t opening = 0;  // counts the descriptors of a target
  };
  // What write() needs in front of a payload.
  static constexpr size_t kFrameBytes = 40;

  // Who listens: as the enable word says when it says that somebody does, else by probe().
  virtual Listeners find_listeners(Link*, News&) { return Listeners::kUnregistered; }
  // Who listens in truth. Registers when that is due.
  virtual Listeners probe(Link*, News&) { return Listeners::kUnregistered; }
  // Behind a pause: makes sure that the link still is what it was, or makes it anew.
  virtual void renew(Link*, News&) {}
  // Writes an event whose payload has room for a frame in front, in memory that no other thread unmaps (the kernel would
  // silently deliver what it could copy). 0; kNobody: nobody listens any more; or -errno.
  virtual int write(Link*, uint8_t* /*payload*/, size_t /*size*/, News&) { return kNobody; }
  static constexpr int kNobody = 1;
  // At the end of a call that found these listeners: sets the enable word right when it still says otherwise.
  virtual void settle(const Link&, Listeners, News&) {}
  // Gives everything back. No other call is under way or follows.
  virtual void close(News&) {}

  virtual uint32_t registrations() const { return 0; }
  // In words: a step and its errno, and who listens.
  virtual void explain(uint32_t /*step*/, int /*error*/, char* out, size_t /*size*/) const { *out = '\0'; }
  virtual const char* describe(Listeners) const { return ""; }

  Standing::Snapshot standing() const { return standing_.get(); }

 protected:
  Standing standing_;
};

}  // namespace otelue_core

#endif
