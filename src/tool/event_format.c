/* SPDX-License-Identifier: Apache-2.0 */
#include "event_format.h"

#include <errno.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <tracefs/tracefs.h>

static int is_tracefs(const char *path) {
  struct statfs mounted;
  struct stat file;
  /* A single file of tracefs can be mounted too. */
  return statfs(path, &mounted) == 0 && mounted.f_type == TRACEFS_MAGIC && stat(path, &file) == 0 &&
         S_ISDIR(file.st_mode);
}

int otelue_find_tracefs(char *directory, size_t size) {
  static const char *const usual[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
  struct mntent entry;
  char line[8192];
  FILE *mounts;
  int result = -ENOENT;
  size_t i;

  for (i = 0; i < 2; ++i) {
    if (is_tracefs(usual[i])) return snprintf(directory, size, "%s", usual[i]) < (int)size ? 0 : -ENOENT;
  }
  mounts = setmntent("/proc/self/mounts", "re");
  if (mounts == NULL) return -ENOENT;
  while (result != 0 && getmntent_r(mounts, &entry, line, sizeof line) != NULL) {
    if (strcmp(entry.mnt_type, "tracefs") != 0 || !is_tracefs(entry.mnt_dir)) continue;
    if (snprintf(directory, size, "%s", entry.mnt_dir) < (int)size) result = 0;
  }
  endmntent(mounts);
  return result;
}

static int offset_of(struct tep_event *event, const char *name, int size) {
  struct tep_format_field *field = tep_find_field(event, name);
  return field != NULL && field->size == size ? field->offset : -1;
}

int otelue_parse_event(const char *text, size_t size, struct otelue_event_format *format) {
  int result = -EPROTO;
  struct tep_event *event = NULL;
  struct tep_handle *tep = tep_alloc();

  if (tep != NULL && tep_parse_format(tep, &event, text, (unsigned long)size, "user_events") == 0) {
    format->id = event->id;
    format->protocol_offset = offset_of(event, "protocol", 4);
    format->version_offset = offset_of(event, "version", 8);
    format->buffer_offset = offset_of(event, "buffer", 4);
    if (format->protocol_offset >= 0 && format->version_offset >= 0 && format->buffer_offset >= 0) result = 0;
  }
  tep_free(tep);
  return result;
}

int otelue_find_event(struct otelue_event_format *format) {
  int size = 0;
  int result;
  char directory[4096];
  char *text;

  if (otelue_find_tracefs(directory, sizeof directory) != 0) return -ENODEV;
  if (tracefs_set_tracing_dir(directory) != 0) return -ENOMEM;
  errno = 0;
  text = tracefs_event_file_read(NULL, "user_events", "otlp_metrics", "format", &size);
  if (text == NULL) return errno != 0 ? -errno : -ENOENT;
  result = otelue_parse_event(text, (size_t)size, format);
  free(text);
  return result;
}
