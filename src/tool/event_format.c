/* SPDX-License-Identifier: Apache-2.0 */
#include "event_format.h"

#include <errno.h>
#include <event-parse.h>
#include <stdlib.h>
#include <tracefs.h>

static int offset_of(struct tep_event *event, const char *name, int size) {
  struct tep_format_field *field = tep_find_field(event, name);
  return field != NULL && field->size == size ? field->offset : -1;
}

int otelue_find_event(struct otelue_event_format *format) {
  int size = 0;
  int result = -EPROTO;
  struct tep_event *event = NULL;
  struct tep_handle *tep = NULL;
  char *text;

  errno = 0;
  text = tracefs_event_file_read(NULL, "user_events", "otlp_metrics", "format", &size);
  if (text == NULL) return errno != 0 ? -errno : -ENOENT;
  tep = tep_alloc();
  if (tep != NULL && tep_parse_format(tep, &event, text, (unsigned long)size, "user_events") == 0) {
    format->id = event->id;
    format->protocol_offset = offset_of(event, "protocol", 4);
    format->version_offset = offset_of(event, "version", 8);
    format->buffer_offset = offset_of(event, "buffer", 4);
    if (format->protocol_offset >= 0 && format->version_offset >= 0 && format->buffer_offset >= 0) result = 0;
  }
  tep_free(tep);
  free(text);
  return result;
}
