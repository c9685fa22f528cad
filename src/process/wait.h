// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_WAIT_H
#define OTELUE_SRC_PROCESS_WAIT_H

#include <atomic>
#include <cstdint>

namespace otelue_core::process {

inline constexpr uint64_t kSecond = 1'000'000'000;  // in nanoseconds, as all times here

// Since the machine was started.
uint64_t now();

// Sleeps while a word has a value, until a time. May return early; callers look at the word and the clock again.
void wait_while(const std::atomic<uint32_t>& word, uint32_t value, uint64_t until);
// Wakes everybody in wait_while().
void wake_all(const std::atomic<uint32_t>& word);

}  // namespace otelue_core::process

#endif
