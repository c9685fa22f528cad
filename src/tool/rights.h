// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_RIGHTS_H
#define OTELUE_SRC_TOOL_RIGHTS_H

#include <string>

namespace otelue::tool {

// What a person needs to know when listening failed with this errno: each right that is missing, for example.
std::string why_not_listening(int error);

}  // namespace otelue::tool

#endif
