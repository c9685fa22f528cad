// SPDX-License-Identifier: Apache-2.0
// Encoded ExportMetricsServiceRequests, and what they hold.
#ifndef OTELUE_SRC_TOOL_REQUEST_H
#define OTELUE_SRC_TOOL_REQUEST_H

#include <cstdint>
#include <string_view>

namespace otelue_proto {
class ExportMetricsServiceRequest;
class Metric;
}  // namespace otelue_proto

namespace otelue::tool {

using Request = otelue_proto::ExportMetricsServiceRequest;

// Says nothing on standard error of what does not decode, unlike protobuf before version 22.
bool parse_request(std::string_view bytes, Request* request);

uint64_t count_points(const Request& request);
uint64_t count_points(const otelue_proto::Metric& metric);

// Keeps the first ones.
void keep_points(Request* request, uint64_t most);

}  // namespace otelue::tool

#endif
