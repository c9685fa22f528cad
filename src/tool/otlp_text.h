// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_OTLP_TEXT_H
#define OTELUE_SRC_TOOL_OTLP_TEXT_H

#include <functional>
#include <string>
#include <string_view>

namespace otelue::tool {

// Calls `line` with each data point of an encoded ExportMetricsServiceRequest, as one line of text without newline.
// Throws Malformed, before any line, when the bytes are no such message.
void describe(std::string_view request, const std::function<void(const std::string&)>& line);

}  // namespace otelue::tool

#endif
