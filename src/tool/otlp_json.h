// SPDX-License-Identifier: Apache-2.0
// OTLP/JSON, as the specification defines it ("JSON Protobuf Encoding"): protobuf's own JSON, but with trace and span
// ids in hexadecimal and enums as numbers. It is read by protobuf's reader, which takes objects and lists nested 100
// deep. Its writer goes half as deep as requests may be, so the one here writes what there is.
#ifndef OTELUE_SRC_TOOL_OTLP_JSON_H
#define OTELUE_SRC_TOOL_OTLP_JSON_H

#include <string>
#include <string_view>

#include "request.h"

namespace otelue::tool {

// One line, without its newline. Fields that the schema does not know have no place in it.
std::string to_json(const Request& request);

// Empty, or why it is none. Fields that the schema does not know are passed over, as the specification demands.
std::string from_json(std::string_view text, Request* request);

// The size of the first JSON object of a text that may have more behind it; 0: it does not end here.
size_t json_object_size(std::string_view text);

}  // namespace otelue::tool

#endif
