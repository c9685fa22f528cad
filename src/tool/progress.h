// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PROGRESS_H
#define OTELUE_SRC_TOOL_PROGRESS_H

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace otelue::tool {

// How far long work has come, in one line of standard error that goes with it. There is none where standard error is
// no terminal, and none for what is done in a moment.
class Progress {
 public:
  Progress(uint64_t total, const char* unit) : total_(total), unit_(unit) {}
  ~Progress() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(uint64_t done) {
    if (!is_terminal_ || total_ == 0) return;
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    is_shown_ = true;
    const double share = static_cast<double>(done) / static_cast<double>(total_);
    const auto filled = static_cast<size_t>(share * kWidth);
    const std::string bar = std::string(filled, '#') + std::string(kWidth - std::min(filled, kWidth), '.');
    std::fprintf(stderr, "\r[%s] %3.0f%%  %llu of %llu %s\033[K", bar.c_str(), share * 100,
                 static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), unit_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kWidth = 40;

  const uint64_t total_;
  const char* const unit_;
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(500);
  bool is_shown_ = false;
};

}  // namespace otelue::tool

#endif
