// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_GATE_H
#define OTELUE_SRC_PROCESS_GATE_H

#include <atomic>
#include <cstdint>

#include "process/memory.h"

namespace otelue_core::process {

// Counts the calls that are under way, so that what they use is ended behind the last one. Whoever is the last to look
// at a shut gate ends it: the call that shut it when nobody is inside, else the last call to leave.
//
// A child has none of its parent's calls under way, and ends for itself what its parent was ending when it forked.
class Gate {
 public:
  // False when memory ran out.
  bool open() { return own_.open(); }

  // False when the gate is shut. Every enter() has its leave(), also that.
  bool enter();
  void leave();
  // From now on enter() returns false and pause() returns at once.
  void shut();
  // Whether the caller has to end what is behind the gate, and then to say so by has_ended(): true for one caller, once
  // the gate is shut and nobody is inside. To be asked after every leave() and shut().
  bool has_to_end();
  void has_ended();
  // False when it has not ended by then.
  bool wait_for_end(uint64_t until);

  // For a call that is inside.
  void pause(uint32_t microseconds);

 private:
  enum State : uint32_t { kOpen, kShut, kEnded };
  struct OfProcess {
    std::atomic<uint32_t> inside;
    std::atomic<uint32_t> is_ending;
  };

  // enter() and has_to_end() are sequentially consistent: one writes `inside` and reads `state`, the other does the
  // reverse in shut() and here, so at least one of them sees the other.
  std::atomic<uint32_t> state_;
  PerProcess<OfProcess> own_;
};

}  // namespace otelue_core::process

#endif
