/* SPDX-License-Identifier: Apache-2.0 */
/* A counter and a gauge from C. With an argument: the events in hexadecimal, at fixed times. */
#include <otelue/builder.h>
#include <stdio.h>
#include <time.h>

static otelue_point point_of(uint32_t metric, uint64_t now) {
  otelue_point point = {0};
  point.metric = metric;
  point.start_time_unix_nano = now - 1000000000;
  point.time_unix_nano = now;
  return point;
}

int main(int argc, char **argv) {
  uint8_t memory[4096];
  uint8_t event[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  const uint64_t now = argc > 1 ? 1000000000000000000u : (uint64_t)time(NULL) * 1000000000u;
  size_t size = 0;
  otelue_builder b;
  (void)argv;

  otelue_builder_init(&b, memory, sizeof memory);
  otelue_attribute service = otelue_attribute_string(&b, "service.name", "svc");
  otelue_resource resource = {0};
  resource.attributes = otelue_build_attributes(&b, &service, 1);
  otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
  otelue_scope scope = {0};
  scope.name = otelue_build_string(&b, "my.meter");
  otelue_metric counter = {0};
  counter.scope = otelue_build_scope(&b, &scope);
  counter.kind = OTELUE_SUM;
  counter.name = otelue_build_string(&b, "http.requests");
  counter.unit = otelue_build_string(&b, "{request}");
  counter.temporality = OTELUE_DELTA;
  counter.is_monotonic = 1;
  otelue_metric gauge = {0};
  gauge.scope = counter.scope;
  gauge.kind = OTELUE_GAUGE;
  gauge.name = otelue_build_string(&b, "queue.depth");

  otelue_attribute method = otelue_attribute_string(&b, "method", "GET");
  otelue_point requests = point_of(otelue_build_metric(&b, &counter), now);
  requests.attributes = otelue_build_attributes(&b, &method, 1);
  requests.value_type = OTELUE_INT;
  requests.as_int = 7;
  otelue_build_point(&b, &requests);
  otelue_point depth = point_of(otelue_build_metric(&b, &gauge), now);
  depth.value_type = OTELUE_DOUBLE;
  depth.as_double = 2.5;
  otelue_build_point(&b, &depth);
  if (otelue_builder_finish(&b, &size) != 0) return 1;

  if (argc > 1) {
    otelue_cursor cursor = {{0}};
    size_t written = 0;
    while (otelue_encode_next(memory, size, NULL, &cursor, event, sizeof event, &written, NULL) == 1) {
      for (size_t i = 0; i < written; ++i) printf("%02x", event[i]);
      printf("\n");
    }
  }
  otelue_exporter *exporter = NULL;
  otelue_result result = {.struct_size = sizeof result};
  if (otelue_open(NULL, NULL, NULL, &exporter) != 0) return 1;
  const int returned = otelue_export(exporter, memory, size, &result);
  fprintf(stderr, "%s: %u points exported, %u not heard\n", otelue_strerror(returned), result.points_exported,
          result.points_unheard);
  otelue_close(exporter);
  return returned;
}
