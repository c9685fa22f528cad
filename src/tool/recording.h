// SPDX-License-Identifier: Apache-2.0
// A recording: events one after another, each as it is written to user_events_data.
//
//   | u32 write index | u32 protocol | char[8] version | u32 rel_loc: size << 16 | offset | ... payload |
#ifndef OTELUE_SRC_TOOL_RECORDING_H
#define OTELUE_SRC_TOOL_RECORDING_H

#include <cstdio>
#include <string>

#include "event.h"

namespace otelue::tool {

// False when it could not be written.
bool append_to_recording(std::FILE* file, std::string_view payload);

// Reads until the end. Empty, or why it could not be read.
std::string read_recording(std::FILE* file, const Sink& sink);

}  // namespace otelue::tool

#endif
