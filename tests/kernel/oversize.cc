// SPDX-License-Identifier: Apache-2.0
// Writes an event that is too large for perf, while perf listens: the kernel warns of it.
#include "lab.h"

int main() {
  otelue_options options{};
  options.flags = OTELUE_ALLOW_LARGE_EVENTS;
  options.max_event_bytes = OTELUE_LARGEST_MAX_EVENT_BYTES;
  const lab::Exporter exporter(options);
  const lab::Perf perf;
  return exporter.run(lab::padded_batch({9000})).points_exported == 1 ? 0 : 1;
}
