// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_DESCRIBE_H
#define OTELUE_SRC_TOOL_DESCRIBE_H

#include <functional>
#include <string>
#include <string_view>

namespace otelue_proto {
class AnyValue;
class ExportMetricsServiceRequest;
}  // namespace otelue_proto

namespace otelue::tool {

// What the lines about a data point are about, from the outside in. A resource, a scope and a metric come before their
// points; a metric only where there is more to say of it than each of its points does.
enum class Level { kRequest, kResource, kScope, kMetric, kPoint };

// Takes a line of text without newline. False: no more, please.
using Take = std::function<bool(Level level, const std::string& line)>;

// Describes an encoded ExportMetricsServiceRequest, as protobuf decodes it. False, before any line, when it does not.
// However hostile a request is, its lines are no longer than a small multiple of it and a few kilobytes for each point.
bool describe(std::string_view request, const Take& take);

// The value of an attribute, fit for a terminal.
std::string value_text(const otelue_proto::AnyValue& value);

}  // namespace otelue::tool

#endif
