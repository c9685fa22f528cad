/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tracepoint's fields lie, from libtracefs, whose headers are C only. */
#ifndef OTELUE_SRC_TOOL_EVENT_FORMAT_H
#define OTELUE_SRC_TOOL_EVENT_FORMAT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct otelue_event_format {
  int id;
  int protocol_offset;
  int version_offset;
  int buffer_offset; /* of the __rel_loc word */
};

/* Writes the directory where tracefs is mounted, as a string. 0, or -ENOENT. Mounts nothing, which libtracefs would. */
int otelue_find_tracefs(char *directory, size_t size);

/* From the text of a format file. 0, or -EPROTO when its fields are not ours. */
int otelue_parse_event(const char *text, size_t size, struct otelue_event_format *format);

/* 0; -ENODEV without tracefs; -ENOENT when there is no such event; -EPROTO when its fields are not ours; or another
 * -errno. */
int otelue_find_event(struct otelue_event_format *format);

#ifdef __cplusplus
}
#endif

#endif
