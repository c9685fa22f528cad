// SPDX-License-Identifier: Apache-2.0
// The metrics that are exported: those of a web service, the same ones as in reference/src/main.rs.
#ifndef OTELUE_TESTS_BENCH_WORKLOAD_H
#define OTELUE_TESTS_BENCH_WORKLOAD_H

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

enum class Kind {
  kSum,          // one metric, five string attributes
  kHistogram,    // likewise, with 15 bounds
  kExponential,  // likewise, with 160 buckets
  kInstruments,  // a metric for each series, otherwise like kSum
};

struct Workload {
  std::vector<uint64_t> batch;  // aligned
  size_t size = 0;              // in bytes
  // In each encoded set: what stands before the attributes as they are in an event.
  size_t set_header_bytes = 0;

  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(batch.data()); }
};

Workload build(Kind kind, uint32_t series, bool encoded_sets);

}  // namespace bench

#endif
