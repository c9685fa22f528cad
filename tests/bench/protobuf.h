// SPDX-License-Identifier: Apache-2.0
// The same work with C++ protobuf, and what it can say about events.
#ifndef OTELUE_TESTS_BENCH_PROTOBUF_H
#define OTELUE_TESTS_BENCH_PROTOBUF_H

#include <string>

#include "floor.h"
#include "workload.h"

namespace bench {

// As the exporter of opentelemetry-cpp does: one request of all points, built on an arena from attribute records,
// serialized into an array, and written in one piece, whether or not an event may be so large.
void export_protobuf(const Workload& workload, const DataFile& to);

// Such a request of numbers.
std::string encode_protobuf(const Workload& workload);

// Whether two recordings have the same points, whatever their times, their order, and however they share events.
// Empty, or what is different.
std::string compare(const char* recording, const char* other);

}  // namespace bench

#endif
