// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PROCESS_ATTRIBUTES_H
#define OTELUE_SRC_TOOL_PROCESS_ATTRIBUTES_H

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace otelue::tool {

// Whether an event is nothing but fields of a request whose lengths fit, so that it can stand between others. What is
// within them is not looked at.
bool is_request_outside(std::string_view event);

// Says in the resources of a request which process has written it: process.pid, process.executable.path and .name, and
// container.id, as far as the kernel tells. What the writer has claimed of these goes. Points are not looked at.
class ProcessAttributes {
 public:
  // Appends the request with them. False where its resources make no sense: then nothing was appended.
  bool append(std::string_view request, uint32_t pid, std::string* out);

 private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    std::string attributes;  // encoded, as fields of a Resource
    Clock::time_point since;
  };

  const std::string& attributes_of(uint32_t pid);

  std::unordered_map<uint32_t, Known> known_;
  std::string resource_;
};

}  // namespace otelue::tool

#endif
