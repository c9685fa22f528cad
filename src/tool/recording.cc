// SPDX-License-Identifier: Apache-2.0
#include "recording.h"

#include <cerrno>
#include <cstring>

namespace otelue::tool {
namespace {

constexpr size_t kFrameBytes = 20;

uint32_t u32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

bool append_to_recording(std::FILE* file, std::string_view payload) {
  char frame[kFrameBytes] = {};
  const uint32_t rel_loc = static_cast<uint32_t>(payload.size()) << 16;
  std::memcpy(frame + 8, "v0.19.00", 8);
  std::memcpy(frame + 16, &rel_loc, 4);
  return std::fwrite(frame, 1, sizeof frame, file) == sizeof frame &&
         std::fwrite(payload.data(), 1, payload.size(), file) == payload.size();
}

std::string read_recording(std::FILE* file, const Sink& sink) {
  char frame[kFrameBytes];
  std::string rest;
  while (true) {
    const size_t n = std::fread(frame, 1, sizeof frame, file);
    if (std::ferror(file) != 0) return std::strerror(errno);
    if (n == 0) return "";
    if (n < sizeof frame) return "ends within an event";
    const uint32_t rel_loc = u32(frame + 16);
    const size_t offset = rel_loc & 0xffff;
    rest.resize(offset + (rel_loc >> 16));
    if (std::fread(rest.data(), 1, rest.size(), file) != rest.size()) return "ends within an event";

    Event event;
    event.protocol = u32(frame + 4);
    event.version = {frame + 8, 8};
    event.payload = std::string_view(rest).substr(offset);
    sink.event(event);
  }
}

}  // namespace otelue::tool
