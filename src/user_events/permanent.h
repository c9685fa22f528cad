// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_PERMANENT_H
#define OTELUE_SRC_USER_EVENTS_PERMANENT_H

#include <cstddef>

namespace otelue_core::user_events {

// Zeroed memory, aligned to a cache line, that is never given back. The kernel keeps the address of an enable word
// until the thread lineage that registered it has gone, and would write into whatever lies there by then.
// nullptr when there is none.
void* allocate_permanently(size_t size);

// The same, but a forked child finds it zeroed again (MADV_WIPEONFORK, Linux 4.14; older kernels have no user_events
// either). So it costs one load to learn that what it belongs to is the parent's.
void* allocate_per_process(size_t size);

}  // namespace otelue_core::user_events

#endif
