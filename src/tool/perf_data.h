// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_PERF_DATA_H
#define OTELUE_SRC_TOOL_PERF_DATA_H

#include <string_view>

#include "input.h"

namespace otelue::tool {

bool is_perf_data(std::string_view bytes);

// What `perf record -e user_events:otlp_metrics` has written, to a file or into a pipe, on a machine of either byte
// order: its events in the order of their times.
void read_perf_data(std::string_view bytes, const InputSink& sink);

}  // namespace otelue::tool

#endif
