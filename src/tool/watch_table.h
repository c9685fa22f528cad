// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_WATCH_TABLE_H
#define OTELUE_SRC_TOOL_WATCH_TABLE_H

#include "commands.h"
#include "event.h"
#include "recording.h"

namespace otelue::tool {

// Shows what a source has in a table on the terminal, until somebody ends it: returns the exit status. `record`: NULL,
// or what the events go to as well.
int watch_table(const WatchOptions& options, Source& source, RecordingWriter* record);

}  // namespace otelue::tool

#endif
