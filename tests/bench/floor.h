// SPDX-License-Identifier: Apache-2.0
// The floor: what the bytes cost when they are written by hand for just these metrics.
#ifndef OTELUE_TESTS_BENCH_FLOOR_H
#define OTELUE_TESTS_BENCH_FLOOR_H

#include <cstddef>
#include <cstdint>

#include "workload.h"

namespace bench {

// Where events go.
struct DataFile {
  int fd;
  uint32_t write_index;
};

// Writes the events that otelue_export() writes of this workload (of one metric), with the same write()s, through
// raw pointers. Trusts the batch: no bounds, no UTF-8, no other types of values than there are.
void export_raw(const Workload& workload, Kind kind, size_t target_event_bytes, const DataFile& to);

}  // namespace bench

#endif
