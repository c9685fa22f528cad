// SPDX-License-Identifier: Apache-2.0
// Runs a few actors on the fake kernel in turns, and lets a program go through all orders of their turns.
#ifndef OTELUE_TESTS_TRACEPOINT_TURNS_H
#define OTELUE_TESTS_TRACEPOINT_TURNS_H

#include <ucontext.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "fake_kernel.h"

namespace turns {

constexpr int kSwitches = 3;  // between actors that could have gone on
constexpr size_t kStack = 128 * 1024;

// Something that goes on beside others: an export, or one deed of the world.
struct Actor {
  std::string name;
  std::function<void(Actor&)> work;
  fake::Task task{&fake::kernel().first};
  ucontext_t context{};
  std::vector<char> stack;
  bool is_over = false;
  const uint32_t* waits_for = nullptr;  // to be anything else than `value`, or until
  uint32_t value = 0;
  uint64_t until = 0;
  bool is_instant = false;  // one step that needs no stack

  bool can_go() const {
    if (is_over) return false;
    return waits_for == nullptr || __atomic_load_n(waits_for, __ATOMIC_RELAXED) != value || fake::kernel().now >= until;
  }
};

// ---- One run: which actor goes at each step is a list of choices.

struct Choice {
  size_t taken;
  size_t options;
};
inline std::vector<Choice> choices;
inline size_t step = 0;
inline int switches_left = 0;
inline std::vector<Actor*> actors;
inline Actor* running = nullptr;
inline ucontext_t scheduler;

inline size_t choose(size_t options) {
  if (options <= 1) return 0;
  if (step == choices.size()) choices.push_back({0, options});
  return choices[step++].taken;
}

inline void yield() {
  if (running != nullptr) swapcontext(&running->context, &scheduler);
}

inline void start(unsigned index) {
  Actor& actor = *actors[index];
  actor.work(actor);
  actor.is_over = true;
  swapcontext(&actor.context, &scheduler);
}

inline void resume(Actor& actor) {
  running = &actor;
  fake::current = &actor.task;
  fake::run_as(actor.task.process);
  actor.waits_for = nullptr;
  if (actor.is_instant) {
    actor.work(actor);
    actor.is_over = true;
  } else {
    swapcontext(&scheduler, &actor.context);
  }
  running = nullptr;
}

// Until all are over. What is to be done between two steps is done there.
inline void run(std::vector<Actor>& all, const std::function<void()>& between_steps) {
  step = 0;
  switches_left = kSwitches;
  actors.clear();
  for (Actor& actor : all) actors.push_back(&actor);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].is_instant) continue;
    all[i].stack.resize(kStack);
    getcontext(&all[i].context);
    all[i].context.uc_stack.ss_sp = all[i].stack.data();
    all[i].context.uc_stack.ss_size = kStack;
    makecontext(&all[i].context, reinterpret_cast<void (*)()>(start), 1, static_cast<unsigned>(i));
  }
  Actor* last = nullptr;
  while (true) {
    between_steps();
    std::vector<Actor*> options;
    if (last != nullptr && last->can_go()) options.push_back(last);
    const bool is_free = options.empty();  // nobody is interrupted
    if (is_free || switches_left > 0) {
      for (Actor* actor : actors) {
        if (actor != last && actor->can_go()) options.push_back(actor);
      }
    }
    if (options.empty()) {
      uint64_t next = UINT64_MAX;
      for (const Actor* actor : actors) {
        if (!actor->is_over) next = std::min(next, actor->until);
      }
      if (next == UINT64_MAX) return;
      fake::kernel().now = next;
      continue;
    }
    Actor* chosen = options[choose(options.size())];
    if (!is_free && chosen != last) --switches_left;
    last = chosen;
    resume(*chosen);
  }
}

// On to the next order; false when that was the last.
inline bool has_next_order() {
  while (!choices.empty() && choices.back().taken + 1 == choices.back().options) choices.pop_back();
  if (choices.empty()) return false;
  ++choices.back().taken;
  return true;
}

}  // namespace turns

#endif
