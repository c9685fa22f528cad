/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>

struct instance {
  struct tracefs_instance *tracefs;
  struct tep_handle *tep;
  void (*payload)(void *context, const void *data, size_t size);
  void *context;
  int count;
};

struct instance *instance_open(void) {
  static const char *const systems[] = {"user_events", NULL};
  struct instance *instance = calloc(1, sizeof *instance);
  instance->tracefs = tracefs_instance_create("otelue-test");
  instance->tep = tracefs_local_events_system(NULL, systems);
  if (instance->tracefs != NULL && instance->tep != NULL &&
      tracefs_event_enable(instance->tracefs, "user_events", "otlp_metrics") == 0) {
    return instance;
  }
  instance_close(instance);
  return NULL;
}

void instance_close(struct instance *instance) {
  if (instance->tracefs != NULL) {
    tracefs_event_disable(instance->tracefs, "user_events", "otlp_metrics");
    tracefs_instance_destroy(instance->tracefs);
    tracefs_instance_free(instance->tracefs);
  }
  tep_free(instance->tep);
  free(instance);
}

static int take(struct tep_event *event, struct tep_record *record, int cpu, void *context) {
  struct instance *instance = context;
  struct tep_format_field *field = tep_find_field(event, "buffer");
  const char *at = (const char *)record->data + field->offset;
  uint32_t rel_loc;
  (void)cpu;
  memcpy(&rel_loc, at, sizeof rel_loc);
  instance->payload(instance->context, at + sizeof rel_loc + (rel_loc & 0xffff), rel_loc >> 16);
  ++instance->count;
  return 0;
}

int instance_read(struct instance *instance, void (*payload)(void *context, const void *data, size_t size),
                  void *context) {
  instance->payload = payload;
  instance->context = context;
  instance->count = 0;
  if (tracefs_iterate_raw_events(instance->tep, instance->tracefs, NULL, 0, take, instance) < 0) return -1;
  return instance->count;
}
