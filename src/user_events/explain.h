// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_EXPLAIN_H
#define OTELUE_SRC_USER_EVENTS_EXPLAIN_H

#include <cstddef>
#include <cstdint>

namespace otelue_core::user_events {

// Says why `step` (OTELUE_STEP_*) failed with an errno, and what can be done, after a look at this machine.
void explain(uint32_t step, int error, char* out, size_t size);

}  // namespace otelue_core::user_events

#endif
