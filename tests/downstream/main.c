/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is built with what `meson install` leaves, or with otelue as a subproject. */
#include <otelue/builder.h>
#include <otelue/otelue.h>

int main(void) {
  unsigned char memory[512];
  unsigned char event[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  otelue_builder b;
  otelue_metric metric;
  otelue_point point;
  otelue_cursor cursor;
  size_t size = 0;
  memset(&metric, 0, sizeof metric);
  memset(&point, 0, sizeof point);
  memset(&cursor, 0, sizeof cursor);
  otelue_builder_init(&b, memory, sizeof memory);
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(&b, "answer");
  point.metric = otelue_build_metric(&b, &metric);
  point.value_type = OTELUE_INT;
  point.as_int = 42;
  otelue_build_point(&b, &point);
  if (otelue_builder_finish(&b, &size) != 0) return 1;
  return otelue_encode_next(memory, size, NULL, &cursor, event, sizeof event, &size, NULL) == 1 ? 0 : 2;
}
