// SPDX-License-Identifier: Apache-2.0
#include "process/gate.h"

#include "process/wait.h"

namespace otelue_core::process {

bool Gate::enter() {
  own_.get().inside.fetch_add(1);
  return state_.load() == kOpen;
}

void Gate::leave() {
  // A signal handler may have forked amid a call that the child then ends: it leaves a gate that nobody has entered.
  std::atomic<uint32_t>& count = own_.get().inside;
  uint32_t inside = count.load();
  while (inside > 0 && !count.compare_exchange_weak(inside, inside - 1)) {
  }
}

void Gate::shut() {
  uint32_t open = kOpen;
  if (state_.compare_exchange_strong(open, kShut)) wake_all(state_);
}

bool Gate::has_to_end() {
  if (state_.load() != kShut) return false;
  OfProcess& own = own_.get();
  return own.inside.load() == 0 && own.is_ending.exchange(1) == 0;
}

void Gate::has_ended() {
  state_.store(kEnded);
  wake_all(state_);
}

bool Gate::wait_for_end(uint64_t until) {
  while (state_.load() != kEnded) {
    if (now() >= until) return false;
    wait_while(state_, kShut, until);
  }
  return true;
}

void Gate::pause(uint32_t microseconds) {
  const uint64_t until = now() + uint64_t{microseconds} * 1000;
  while (state_.load() == kOpen && now() < until) wait_while(state_, kOpen, until);
}

}  // namespace otelue_core::process
