// SPDX-License-Identifier: Apache-2.0
#include "abi/options.h"

#include <errno.h>
#include <string.h>

namespace otelue_core::abi {
namespace {

constexpr uint32_t kLongestPause = 1'000'000;
constexpr uint32_t kLargestStruct = 4096;  // more than any release will have: a size that was never set

uint32_t or_default(uint32_t value, uint32_t otherwise) { return value != 0 ? value : otherwise; }

}  // namespace

int read_options(const otelue_options* options, Settings* out) {
  otelue_options o{};
  if (options != nullptr) {
    uint32_t size = 0;
    memcpy(&size, &options->struct_size, sizeof size);
    if (size < sizeof size) return -EINVAL;
    if (size > kLargestStruct) return -E2BIG;
    const auto* bytes = reinterpret_cast<const uint8_t*>(options);
    for (size_t i = sizeof o; i < size; ++i) {
      if (bytes[i] != 0) return -E2BIG;
    }
    memcpy(&o, options, size < sizeof o ? size : sizeof o);
  }
  const bool allows_large = (o.flags & OTELUE_ALLOW_LARGE_EVENTS) != 0;
  const uint32_t most = allows_large ? OTELUE_LARGEST_MAX_EVENT_BYTES : OTELUE_DEFAULT_MAX_EVENT_BYTES;
  if ((o.flags & ~uint32_t{OTELUE_ALLOW_LARGE_EVENTS}) != 0 || o.reserved != 0) return -EINVAL;
  if (o.packing > OTELUE_PACK_REQUEST || o.pacing_microseconds > kLongestPause) return -EINVAL;
  if (o.max_event_bytes > most || o.target_event_bytes > most) return -EINVAL;
  if (o.max_event_bytes != 0 && o.target_event_bytes > o.max_event_bytes) return -EINVAL;

  const uint32_t least_max = o.target_event_bytes;
  const uint32_t max = or_default(o.max_event_bytes, least_max > OTELUE_DEFAULT_MAX_EVENT_BYTES
                                                         ? least_max
                                                         : OTELUE_DEFAULT_MAX_EVENT_BYTES);
  const uint32_t target = or_default(o.target_event_bytes, max < OTELUE_DEFAULT_TARGET_EVENT_BYTES
                                                               ? max
                                                               : OTELUE_DEFAULT_TARGET_EVENT_BYTES);
  *out = {{target, max}, o.packing, o.pacing_microseconds != 0 ? o.pacing_bytes : 0, o.pacing_microseconds};
  return 0;
}

}  // namespace otelue_core::abi
