/* SPDX-License-Identifier: Apache-2.0 */
/* work DOOR PACKING FILE: what test_work.py counts the instructions of. Prints how many bytes came out, and the numbers of points and events. */
#include <otelue/otelue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int next_until_done(
    int (*next)(const void *, size_t, const otelue_options *, otelue_cursor *, void *, size_t, size_t *, otelue_result *),
    const void *data, size_t size, const otelue_options *options, otelue_result *result) {
  static char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  otelue_cursor cursor;
  size_t written = 0;
  int returned;
  memset(&cursor, 0, sizeof cursor);
  while ((returned = next(data, size, options, &cursor, out, sizeof out, &written, result)) == 1) {
  }
  return returned;
}

/* Not static, so that valgrind finds it under this name. */
int measured(const char *door, otelue_exporter *exporter, const void *data, size_t size, const otelue_options *options,
             otelue_result *result);

__attribute__((noinline)) int measured(const char *door, otelue_exporter *exporter, const void *data, size_t size,
                                       const otelue_options *options, otelue_result *result) {
  if (strcmp(door, "export") == 0) return otelue_export(exporter, data, size, result);
  if (strcmp(door, "export_otlp") == 0) return otelue_export_otlp(exporter, data, size, result);
  if (strcmp(door, "encode_next") == 0) return next_until_done(otelue_encode_next, data, size, options, result);
  return next_until_done(otelue_split_next, data, size, options, result);
}

int main(int argc, char **argv) {
  static char data[8 << 20];
  otelue_options options;
  otelue_result result;
  otelue_exporter *exporter = NULL;
  char path[] = "/tmp/otelue-work-XXXXXX";
  size_t size;
  FILE *file;
  int returned;
  if (argc != 4 || (file = fopen(argv[3], "rb")) == NULL) return 2;
  size = fread(data, 1, sizeof data, file);
  fclose(file);
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.packing = (uint32_t)atoi(argv[2]);
  memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  if (mkstemp(path) < 0 || otelue_open_recording(&options, path, NULL, NULL, &exporter) != 0) return 3;
  returned = measured(argv[1], exporter, data, size, &options, &result);
  otelue_close(exporter);
  remove(path);
  if (returned < 0 || result.points_unwritten != 0 || result.points_unheard != 0) return 4;
  printf("%llu %u %u\n", (unsigned long long)result.bytes, result.points_total, result.events);
  return 0;
}
