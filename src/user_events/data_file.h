// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_DATA_FILE_H
#define OTELUE_SRC_USER_EVENTS_DATA_FILE_H

#include <cstddef>

namespace otelue_core::user_events {

// Opens the kernel's user_events_data for writing: where tracefs is usually mounted, else wherever mountinfo says
// that it or this single file is. The descriptor is 64 or above, out of the way of programs that close or reuse
// low ones, and is closed by exec. Returns it, or the -errno that tells most: -ENOENT when there is no such file,
// -EACCES when it or the way to it is closed to us.
int open_data_file();

// The `format` of the event that is registered under our name, on one line; empty when it cannot be read.
void read_registered_format(char* out, size_t size);

}  // namespace otelue_core::user_events

#endif
