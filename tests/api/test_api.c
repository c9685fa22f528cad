/* SPDX-License-Identifier: Apache-2.0 */
/* Every public function from C: what it returns for arguments good and bad. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <otelue/builder.h>
#include <otelue/otelue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int failures;

#define CHECK(claim)                                                   \
  do {                                                                 \
    if (!(claim)) {                                                    \
      ++failures;                                                      \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);       \
    }                                                                  \
  } while (0)

/* A counter with one attribute and one point: how it lies in a batch and what it is in OTLP. */
static size_t build_counter(unsigned char *memory, size_t capacity) {
  otelue_builder b;
  otelue_attribute attribute;
  otelue_metric metric;
  otelue_point point;
  size_t size = 0;
  otelue_builder_init(&b, memory, capacity);
  memset(&metric, 0, sizeof metric);
  metric.kind = OTELUE_SUM;
  metric.name = otelue_build_string(&b, "n");
  metric.temporality = OTELUE_DELTA;
  metric.is_monotonic = 1;
  memset(&point, 0, sizeof point);
  point.metric = otelue_build_metric(&b, &metric);
  attribute = otelue_attribute_string(&b, "k", "v");
  point.attributes = otelue_build_attributes(&b, &attribute, 1);
  point.time_unix_nano = 1;
  point.value_type = OTELUE_INT;
  point.as_int = 2;
  otelue_build_point(&b, &point);
  CHECK(otelue_builder_finish(&b, &size) == 0);
  return size;
}

/* Metric "n" { Sum { one point, DELTA, monotonic } }, in a scope and a resource that say nothing */
static const unsigned char counter_event[] = {
    0x0a, 0x2b, 0x12, 0x29, 0x12, 0x27, 0x0a, 0x01, 'n',  0x3a, 0x22, 0x0a, 0x1c, 0x19, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x31, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x3a, 0x08, 0x0a, 0x01, 'k',  0x12, 0x03, 0x0a, 0x01, 'v',  0x10, 0x01, 0x18, 0x01,
};

static void check_null(void) {
  otelue_exporter *exporter = NULL;
  otelue_cursor cursor;
  unsigned char out[9000];
  size_t written = 0;
  uint32_t step = 0;
  memset(&cursor, 0, sizeof cursor);
  CHECK(otelue_open(NULL, NULL, NULL, NULL) == -EINVAL);
  CHECK(otelue_open(NULL, NULL, NULL, &exporter) == 0 && exporter != NULL);
  CHECK(otelue_enabled(NULL) == 0);
  CHECK(otelue_listening(NULL, &step) == 0 && step == OTELUE_STEP_SHUTDOWN);
  CHECK(otelue_listening(NULL, NULL) == 0);
  CHECK(otelue_export(NULL, out, sizeof out, NULL) == -EINVAL);
  CHECK(otelue_export(exporter, NULL, 0, NULL) == -EINVAL);
  CHECK(otelue_export_otlp(NULL, out, sizeof out, NULL) == -EINVAL);
  CHECK(otelue_export_otlp(exporter, NULL, 0, NULL) == -EINVAL);
  CHECK(otelue_force_flush(NULL) == -EINVAL);
  CHECK(otelue_shutdown(NULL) == -EINVAL);
  CHECK(otelue_get_status(NULL, NULL) == -EINVAL);
  CHECK(otelue_get_status(exporter, NULL) == -EINVAL);
  CHECK(otelue_get_statistics(NULL, NULL) == -EINVAL);
  CHECK(otelue_get_statistics(exporter, NULL) == -EINVAL);
  CHECK(otelue_encode_next(NULL, 0, NULL, &cursor, out, sizeof out, &written, NULL) == -EINVAL);
  CHECK(otelue_encode_next(out, 0, NULL, NULL, out, sizeof out, &written, NULL) == -EINVAL);
  CHECK(otelue_encode_next(out, 0, NULL, &cursor, NULL, 0, &written, NULL) == -EINVAL);
  CHECK(otelue_encode_next(out, 0, NULL, &cursor, out, sizeof out, NULL, NULL) == -EINVAL);
  CHECK(otelue_split_next(NULL, 0, NULL, &cursor, out, sizeof out, &written, NULL) == -EINVAL);
  CHECK(otelue_encode_attributes(NULL, 0, 0, 0, out, sizeof out, &written, NULL, NULL) == -EINVAL);
  otelue_close(NULL);
  otelue_close(exporter);
}

static void check_options(void) {
  struct {
    otelue_options known;
    uint64_t unknown;
  } options;
  otelue_exporter *exporter = NULL;
  memset(&options, 0, sizeof options);
#define OPEN_WITH(field, value) \
  (memset(&options, 0, sizeof options), options.known.struct_size = sizeof options, options.field = (value), \
   otelue_open(&options.known, NULL, NULL, &exporter))
  CHECK(OPEN_WITH(unknown, 0) == 0);
  CHECK(OPEN_WITH(unknown, 1) == -E2BIG && exporter == NULL);
  CHECK(OPEN_WITH(known.flags, 2) == -EINVAL);
  CHECK(OPEN_WITH(known.packing, 3) == -EINVAL);
  CHECK(OPEN_WITH(known.reserved, 1) == -EINVAL);
  CHECK(OPEN_WITH(known.max_event_bytes, 8168) == 0);
  CHECK(OPEN_WITH(known.max_event_bytes, 8169) == -EINVAL);
  CHECK(OPEN_WITH(known.target_event_bytes, 8169) == -EINVAL);
  CHECK(OPEN_WITH(known.pacing_microseconds, 1000001) == -EINVAL);
  CHECK(OPEN_WITH(known.struct_size, 3) == -EINVAL);
  CHECK(OPEN_WITH(known.struct_size, 4) == 0); /* an old caller: defaults for the rest */
}

static void check_encode(void) {
  unsigned char batch[1024];
  unsigned char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  const size_t size = build_counter(batch, sizeof batch);
  uint16_t version = 2;
  size_t written = 0;
  otelue_cursor cursor;
  otelue_result result;
  memset(&cursor, 0, sizeof cursor);
  memset(&result, 0xff, sizeof result);
  result.struct_size = sizeof result;
  CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out - 1, &written, &result) == -ENOBUFS);
  CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out, &written, &result) == 1);
  CHECK(result.points_total == 1 && result.points_exported == 1 && result.events == 1);
  CHECK(written == sizeof counter_event && memcmp(out, counter_event, written) == 0);
  CHECK(result.bytes == written && result.first_bad_reason == OTELUE_REASON_NONE);
  CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out, &written, &result) == 0);
  CHECK(result.points_exported == 1 && written == 0);

  memset(&cursor, 0, sizeof cursor);
  batch[0] ^= 1;
  CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out, &written, NULL) == -EBADMSG);
  batch[0] ^= 1;
  memcpy(batch + offsetof(otelue_batch, version), &version, sizeof version);
  CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out, &written, NULL) == -EOPNOTSUPP);
  version = 1;
  memcpy(batch + offsetof(otelue_batch, version), &version, sizeof version);
  CHECK(otelue_encode_next(batch, size - 1, NULL, &cursor, out, sizeof out, &written, NULL) == -EBADMSG);
}

/* Where nobody listens, which is so on most machines, and after shutdown. */
/* Sizes whose sums do not fit into 32 bits: the point is too large, on every machine. */
static void check_huge(void) {
  const uint32_t long_at = 4096;
  const uint32_t half = 0x80000000u;
  const size_t size = (size_t)half + long_at;
  unsigned char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  unsigned char *batch = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int which;
  CHECK(batch != MAP_FAILED);
  if (batch == MAP_FAILED) return;
  for (which = 0; which < 5; ++which) {
    otelue_builder b;
    otelue_metric metric;
    otelue_point point;
    otelue_attribute attribute;
    otelue_histogram histogram;
    otelue_batch header;
    otelue_cursor cursor;
    otelue_result result;
    size_t written = 0;
    otelue_ref longest;
    longest.off = long_at;
    longest.len = half;
    otelue_builder_init(&b, batch, long_at);
    memset(&metric, 0, sizeof metric);
    memset(&point, 0, sizeof point);
    memset(&histogram, 0, sizeof histogram);
    metric.kind = which == 3 ? OTELUE_HISTOGRAM : OTELUE_GAUGE;
    metric.temporality = which == 3 ? OTELUE_DELTA : 0;
    if (which == 4) metric.name = longest;
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = OTELUE_INT;
    if (which == 3) point.value_type = OTELUE_HISTOGRAM;
    attribute.key = longest;
    attribute.value = otelue_value_of(which == 1 ? OTELUE_BYTES : OTELUE_STRING, half - 8, long_at);
    if (which == 2) {
      attribute.value = otelue_value_array(&b, &attribute.value, 1);
      attribute.key.len = 0;
    }
    if (which < 3) point.attributes = otelue_build_attributes(&b, &attribute, 1);
    histogram.bucket_counts.off = long_at;
    histogram.bucket_counts.len = half / 8;
    histogram.explicit_bounds = histogram.bucket_counts;
    --histogram.explicit_bounds.len;
    if (which == 3) point.body = otelue_build_histogram(&b, &histogram);
    otelue_build_point(&b, &point);
    CHECK(otelue_builder_finish(&b, &written) == 0);
    memcpy(&header, batch, sizeof header);
    header.total_size = half + long_at;
    memcpy(batch, &header, sizeof header);

    memset(&cursor, 0, sizeof cursor);
    result.struct_size = sizeof result;
    CHECK(otelue_encode_next(batch, size, NULL, &cursor, out, sizeof out, &written, &result) == 0);
    CHECK(result.points_total == 1 && result.points_too_large == 1);
    CHECK(result.first_bad_reason == (which == 4 ? OTELUE_REASON_HEAD_TOO_LARGE : OTELUE_REASON_TOO_LARGE));
  }
  munmap(batch, size);
}

static void *check_export(void *unused) {
  unsigned char batch[1024];
  const size_t size = build_counter(batch, sizeof batch);
  otelue_exporter *exporter = NULL;
  otelue_result result;
  otelue_statistics statistics;
  otelue_status status;
  (void)unused;
  memset(&result, 0, sizeof result);
  memset(&statistics, 0, sizeof statistics);
  memset(&status, 0, sizeof status);
  result.struct_size = sizeof result;
  statistics.struct_size = sizeof statistics;
  status.struct_size = sizeof status;
  CHECK(otelue_open(NULL, NULL, NULL, &exporter) == 0);
  errno = 77;
  CHECK(otelue_export(exporter, batch, size, &result) == 0);
  CHECK(result.points_total == 1 && result.points_exported + result.points_unheard == 1);
  CHECK(otelue_get_status(exporter, &status) == 0 && status.message[0] != '\0');
  CHECK(status.registered == 1 || status.step == OTELUE_STEP_FIND || status.step == OTELUE_STEP_OPEN);
  CHECK(errno == 77);
  CHECK(otelue_force_flush(exporter) == 0);
  CHECK(otelue_export(exporter, batch, 31, NULL) == -EBADMSG);
  CHECK(otelue_shutdown(exporter) == 0);
  CHECK(otelue_shutdown(exporter) == 0);
  CHECK(otelue_export(exporter, batch, size, &result) == -ESHUTDOWN);
  CHECK(otelue_force_flush(exporter) == -ESHUTDOWN);
  CHECK(otelue_get_statistics(exporter, &statistics) == 0);
  CHECK(statistics.exports == 1 && statistics.exports_refused == 2 && statistics.points_total == 1);
  otelue_close(exporter);
  otelue_close(exporter);
  return NULL;
}

/* The totals are the sums of all results, whether somebody listens or not. */
static void check_statistics(void) {
  unsigned char good[1024];
  unsigned char bad[1024];
  const size_t size = build_counter(good, sizeof good);
  otelue_exporter *exporter = NULL;
  otelue_statistics sum;
  otelue_statistics totals;
  int i;
  memset(&sum, 0, sizeof sum);
  memset(&totals, 0, sizeof totals);
  totals.struct_size = sizeof totals;
  CHECK(otelue_open(NULL, NULL, NULL, &exporter) == 0);
  for (i = 0; i < 1000; ++i) {
    otelue_result result;
    int returned;
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    memcpy(bad, good, sizeof bad);
    bad[i % (int)size] ^= (unsigned char)(1 << i % 8);
    switch (i % 4) {
      case 0:
        returned = otelue_export(exporter, good, size, &result);
        break;
      case 1:
        returned = otelue_export(exporter, bad, size, &result);
        break;
      case 2:
        returned = otelue_export_otlp(exporter, counter_event, sizeof counter_event, &result);
        break;
      default:
        returned = otelue_export_otlp(exporter, counter_event, (size_t)i % sizeof counter_event, &result);
        break;
    }
    sum.exports += returned >= 0;
    sum.exports_refused += returned < 0;
    sum.exports_unheard += returned >= 0 && !result.listening;
    sum.points_total += result.points_total;
    sum.points_exported += result.points_exported;
    sum.points_invalid += result.points_invalid;
    sum.points_too_large += result.points_too_large;
    sum.points_unwritten += result.points_unwritten;
    sum.points_unheard += result.points_unheard;
    sum.strings_as_bytes += result.strings_as_bytes;
    sum.values_emptied += result.values_emptied;
    sum.exemplars_dropped += result.exemplars_dropped;
    sum.events += result.events;
    sum.bytes += result.bytes;
    CHECK(result.points_total == result.points_exported + result.points_invalid + result.points_too_large +
                                     result.points_unwritten + result.points_unheard);
    CHECK(returned < 0 || returned == (result.points_exported + result.points_unheard < result.points_total));
    CHECK(result.listening || result.points_unheard == result.points_total);
  }
  CHECK(otelue_get_statistics(exporter, &totals) == 0);
  CHECK(sum.exports + sum.exports_refused == 1000 && sum.exports >= 500 && sum.exports_refused >= 20);
  CHECK(sum.points_total >= 250);
  sum.struct_size = totals.struct_size;
  sum.registrations = totals.registrations;
  CHECK(memcmp(&sum, &totals, sizeof sum) == 0);

  /* An older caller gets as much as it has room for. */
  memset(&totals, 0xff, sizeof totals);
  totals.struct_size = 16;
  CHECK(otelue_get_statistics(exporter, &totals) == 0);
  CHECK(totals.exports == sum.exports && totals.exports_refused == UINT64_MAX);
  totals.struct_size = 3;
  CHECK(otelue_get_statistics(exporter, &totals) == -EINVAL);
  otelue_close(exporter);
}

int main(void) {
  pthread_attr_t small;
  pthread_t thread;
  CHECK(otelue_version() == (OTELUE_VERSION_MAJOR << 16 | OTELUE_VERSION_MINOR << 8 | OTELUE_VERSION_PATCH));
  CHECK(otelue_batch_version_max() == 1);
  CHECK(strcmp(otelue_strerror(0), "success") == 0 && strcmp(otelue_strerror(-ESHUTDOWN), otelue_strerror(1)) != 0);
  CHECK(strcmp(otelue_strreason(OTELUE_REASON_TOO_LARGE), "the point is too large for an event") == 0);
  check_null();
  check_options();
  check_encode();
  check_huge();
  check_statistics();
  /* The smallest stack that one meets: musl's default. */
  pthread_attr_init(&small);
  CHECK(pthread_attr_setstacksize(&small, 131072) == 0);
  CHECK(pthread_create(&thread, &small, check_export, NULL) == 0);
  pthread_join(thread, NULL);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
