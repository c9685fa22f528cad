// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_DEMO_H
#define OTELUE_SRC_TOOL_DEMO_H

#include <string>

namespace otelue::tool {

// Sends the metrics of a small HTTP service and shows what went out and what came back. Where the tracepoint cannot
// be used the events go to a recording instead: `file`, or a new one when that is empty.
int demo(const std::string& file);

}  // namespace otelue::tool

#endif
