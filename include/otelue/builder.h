/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a batch (see otelue.h) in memory of the caller's: C99, inline, no heap. A convenience, not part of the ABI.
 *
 *   otelue_builder b;
 *   otelue_builder_init(&b, memory, sizeof memory);
 *   otelue_attribute service = otelue_attribute_string(&b, "service.name", "shop");
 *   otelue_resource resource = {0};
 *   resource.attributes = otelue_build_attributes(&b, &service, 1);
 *   otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
 *   otelue_metric metric = {0};
 *   metric.kind = OTELUE_SUM;
 *   ...
 *   uint32_t requests = otelue_build_metric(&b, &metric);
 *   size_t mark = otelue_builder_mark(&b);
 *   for (;;) {                                   each cycle
 *     otelue_builder_rewind(&b, mark);           keeps all but the points, and what was built for them
 *     otelue_build_point(&b, &point);
 *     if (otelue_builder_finish(&b, &size) == 0) otelue_export(exporter, memory, size, NULL);
 *   }
 *
 * Records go up from the beginning of the memory, points come down from its end, and finish brings them together:
 *
 *   | otelue_batch | records ...        | point 2 | point 1 | point 0 |
 *
 * When there is no room the builder goes on counting: every call stays safe, references are then meaningless, and
 * otelue_builder_finish() returns -ENOBUFS with the size that would have been enough.
 *
 * A builder belongs to one thread at a time.
 */
#ifndef OTELUE_BUILDER_H
#define OTELUE_BUILDER_H

#include <errno.h>
#include <string.h>

#include "otelue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct otelue_builder {
  unsigned char *memory;
  size_t capacity;
  size_t used;       /* by the header and records; more than there is room for after an overflow */
  size_t points;
  uint32_t resource; /* offset, 0: none */
  int error;         /* 0 or -ENOBUFS */
} otelue_builder;

/* `memory` need not be aligned. It is written to, and must stay, until the builder is done with. */
static inline void otelue_builder_init(otelue_builder *b, void *memory, size_t capacity) {
  b->memory = (unsigned char *)memory;
  b->capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX;
  b->used = sizeof(otelue_batch);
  b->points = 0;
  b->resource = 0;
  b->error = b->capacity < sizeof(otelue_batch) ? -ENOBUFS : 0;
}

static inline size_t otelue_builder_needed(const otelue_builder *b) {
  return (b->used + 7) / 8 * 8 + b->points * sizeof(otelue_point);
}

/* Appends bytes at a multiple of `alignment`, and returns their offset. */
static inline uint32_t otelue_build_bytes(otelue_builder *b, const void *data, size_t size, size_t alignment) {
  const size_t at = (b->used + alignment - 1) / alignment * alignment;
  const size_t used = b->used;
  b->used = at + size;
  if (b->error == 0 && otelue_builder_needed(b) > b->capacity) b->error = -ENOBUFS;
  if (b->error != 0) return 0;
  memset(b->memory + used, 0, at - used);
  if (size > 0) memcpy(b->memory + at, data, size);
  return (uint32_t)at;
}

static inline void otelue_builder_write_header(otelue_builder *b, size_t total_size, size_t points_at) {
  otelue_batch header;
  memset(&header, 0, sizeof header);
  header.magic = OTELUE_BATCH_MAGIC;
  header.version = OTELUE_BATCH_VERSION;
  header.header_size = sizeof header;
  header.total_size = (uint32_t)total_size;
  header.points.off = (uint32_t)points_at;
  header.points.len = points_at == 0 ? 0 : (uint32_t)b->points;
  header.resource = b->resource;
  memcpy(b->memory, &header, sizeof header);
}

/* ---- Text and arrays */

static inline otelue_ref otelue_no_ref(void) {
  otelue_ref ref = {0, 0};
  return ref;
}

static inline otelue_ref otelue_build_text(otelue_builder *b, const char *text, size_t size) {
  otelue_ref ref = {otelue_build_bytes(b, text, size, 1), (uint32_t)size};
  return ref;
}

static inline otelue_ref otelue_build_string(otelue_builder *b, const char *text) {
  return otelue_build_text(b, text, strlen(text));
}

static inline otelue_ref otelue_build_doubles(otelue_builder *b, const double *numbers, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, numbers, count * sizeof *numbers, 8), (uint32_t)count};
  return ref;
}

static inline otelue_ref otelue_build_counts(otelue_builder *b, const uint64_t *counts, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, counts, count * sizeof *counts, 8), (uint32_t)count};
  return ref;
}

static inline otelue_ref otelue_build_quantiles(otelue_builder *b, const otelue_quantile *quantiles, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, quantiles, count * sizeof *quantiles, 8), (uint32_t)count};
  return ref;
}

static inline otelue_ref otelue_build_exemplars(otelue_builder *b, const otelue_exemplar *exemplars, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, exemplars, count * sizeof *exemplars, 8), (uint32_t)count};
  return ref;
}

/* ---- Values: the elements of arrays and lists are built before the value that contains them. */

static inline otelue_value otelue_value_of(uint32_t type, uint32_t len, uint64_t bits) {
  otelue_value value;
  value.type = type;
  value.len = len;
  value.bits = bits;
  return value;
}

static inline otelue_value otelue_value_empty(void) { return otelue_value_of(OTELUE_EMPTY, 0, 0); }
static inline otelue_value otelue_value_bool(int value) { return otelue_value_of(OTELUE_BOOL, 0, value != 0); }
static inline otelue_value otelue_value_int(int64_t value) { return otelue_value_of(OTELUE_INT, 0, (uint64_t)value); }

static inline otelue_value otelue_value_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return otelue_value_of(OTELUE_DOUBLE, 0, bits);
}

static inline otelue_value otelue_value_text(otelue_builder *b, const char *text, size_t size) {
  const otelue_ref ref = otelue_build_text(b, text, size);
  return otelue_value_of(OTELUE_STRING, ref.len, ref.off);
}

static inline otelue_value otelue_value_bytes(otelue_builder *b, const void *bytes, size_t size) {
  const otelue_ref ref = otelue_build_text(b, (const char *)bytes, size);
  return otelue_value_of(OTELUE_BYTES, ref.len, ref.off);
}

static inline otelue_value otelue_value_array(otelue_builder *b, const otelue_value *values, size_t count) {
  return otelue_value_of(OTELUE_ARRAY, (uint32_t)count, otelue_build_bytes(b, values, count * sizeof *values, 8));
}

static inline otelue_value otelue_value_kvlist(otelue_builder *b, const otelue_attribute *attributes, size_t count) {
  return otelue_value_of(OTELUE_KVLIST, (uint32_t)count,
                         otelue_build_bytes(b, attributes, count * sizeof *attributes, 8));
}

/* ---- Attributes */

static inline otelue_attribute otelue_attribute_of(otelue_builder *b, const char *key, otelue_value value) {
  otelue_attribute attribute;
  attribute.key = otelue_build_string(b, key);
  attribute.value = value;
  return attribute;
}

static inline otelue_attribute otelue_attribute_string(otelue_builder *b, const char *key, const char *value) {
  return otelue_attribute_of(b, key, otelue_value_text(b, value, strlen(value)));
}

static inline otelue_attribute otelue_attribute_int(otelue_builder *b, const char *key, int64_t value) {
  return otelue_attribute_of(b, key, otelue_value_int(value));
}

static inline otelue_attribute otelue_attribute_double(otelue_builder *b, const char *key, double value) {
  return otelue_attribute_of(b, key, otelue_value_double(value));
}

static inline otelue_attribute otelue_attribute_bool(otelue_builder *b, const char *key, int value) {
  return otelue_attribute_of(b, key, otelue_value_bool(value));
}

static inline otelue_ref otelue_build_attributes(otelue_builder *b, const otelue_attribute *attributes, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, attributes, count * sizeof *attributes, 8), (uint32_t)count};
  return ref;
}

/* ---- Records; each returns its offset. */

static inline uint32_t otelue_build_resource(otelue_builder *b, const otelue_resource *resource) {
  return otelue_build_bytes(b, resource, sizeof *resource, 8);
}

static inline otelue_ref otelue_build_entity_refs(otelue_builder *b, const otelue_entity_ref *entities, size_t count) {
  otelue_ref ref = {otelue_build_bytes(b, entities, count * sizeof *entities, 8), (uint32_t)count};
  return ref;
}

/* Makes a resource that was built that of all scopes that name none. */
static inline void otelue_builder_set_resource(otelue_builder *b, uint32_t resource) { b->resource = resource; }

static inline uint32_t otelue_build_scope(otelue_builder *b, const otelue_scope *scope) {
  return otelue_build_bytes(b, scope, sizeof *scope, 8);
}

static inline uint32_t otelue_build_metric(otelue_builder *b, const otelue_metric *metric) {
  return otelue_build_bytes(b, metric, sizeof *metric, 8);
}

static inline uint32_t otelue_build_histogram(otelue_builder *b, const otelue_histogram *histogram) {
  return otelue_build_bytes(b, histogram, sizeof *histogram, 8);
}

static inline uint32_t otelue_build_exponential_histogram(otelue_builder *b,
                                                          const otelue_exponential_histogram *histogram) {
  return otelue_build_bytes(b, histogram, sizeof *histogram, 8);
}

static inline uint32_t otelue_build_summary(otelue_builder *b, const otelue_summary *summary) {
  return otelue_build_bytes(b, summary, sizeof *summary, 8);
}

static inline void otelue_build_point(otelue_builder *b, const otelue_point *point) {
  ++b->points;
  if (b->error == 0 && otelue_builder_needed(b) > b->capacity) b->error = -ENOBUFS;
  if (b->error != 0) return;
  memcpy(b->memory + b->capacity - b->points * sizeof *point, point, sizeof *point);
}

/* ---- Cycles */

/* Where the builder stands: what was built so far, without the points, can be kept from here on. */
static inline size_t otelue_builder_mark(const otelue_builder *b) { return b->used; }

/* Drops all points, and everything that was built after the mark. An error that came later is forgotten. */
static inline void otelue_builder_rewind(otelue_builder *b, size_t mark) {
  b->used = mark;
  b->points = 0;
  b->error = otelue_builder_needed(b) > b->capacity ? -ENOBUFS : 0;
}

/*
 * Completes the batch, which then begins at the builder's memory. Rewind before the next call on the builder, this
 * one included.
 *
 * *size    of the batch, or what would have been enough for it.
 * Returns 0, or -ENOBUFS.
 */
static inline int otelue_builder_finish(otelue_builder *b, size_t *size) {
  const size_t at = (b->used + 7) / 8 * 8;
  const size_t points_size = b->points * sizeof(otelue_point);
  size_t low;
  *size = at + points_size;
  if (b->error != 0) return b->error;

  /* The points lie last to first. */
  for (low = 0; low < b->points / 2; ++low) {
    unsigned char *one = b->memory + b->capacity - (low + 1) * sizeof(otelue_point);
    unsigned char *other = b->memory + b->capacity - (b->points - low) * sizeof(otelue_point);
    otelue_point aside;
    memcpy(&aside, one, sizeof aside);
    memcpy(one, other, sizeof aside);
    memcpy(other, &aside, sizeof aside);
  }
  memmove(b->memory + at, b->memory + b->capacity - points_size, points_size);
  memset(b->memory + b->used, 0, at - b->used);

  otelue_builder_write_header(b, *size, at);
  return 0;
}

/*
 * Encodes a run of attributes that the builder has built, for points with OTELUE_ENCODED_ATTRIBUTES, as
 * otelue_encode_attributes(). The set lies in `out`, outside the batch; otelue_build_text() brings it in.
 */
static inline int otelue_builder_encode(otelue_builder *b, otelue_ref attributes, void *out, size_t capacity,
                                        size_t *written) {
  if (b->error != 0) return b->error;
  return otelue_encode_attributes(b->memory, b->used, attributes.off, attributes.len, out, capacity, written, NULL,
                                  NULL);
}

#ifdef __cplusplus
}
#endif

#endif
