// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_USER_EVENTS_DATA_FILE_H
#define OTELUE_SRC_USER_EVENTS_DATA_FILE_H

#include <fcntl.h>

#include <cstddef>

#include "process/descriptors.h"

namespace otelue_core::user_events {

// O_SYNC means nothing to the kernel here; it makes the mark even less likely to be met elsewhere.
inline constexpr int kDataFileFlags = O_WRONLY | O_SYNC;

// Opens the kernel's user_events_data for writing, marked: where tracefs is usually mounted, else wherever mountinfo
// says that it or this single file is. Returns the descriptor, or the -errno that tells most: -ENOENT when there is no
// such file, -EACCES when it or the way to it is closed to us.
int open_data_file(process::Pending& pending);

// 0: a descriptor is one that open_data_file() has opened, in this copy of the library or in another. Else an errno, as
// process::find_mark().
inline int check_data_file(int fd) { return process::find_mark(fd, kDataFileFlags); }

// The `format` of the event that is registered under our name, on one line; empty when it cannot be read.
void read_registered_format(char* out, size_t size);

}  // namespace otelue_core::user_events

#endif
