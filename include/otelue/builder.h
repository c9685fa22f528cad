/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * Builds a batch (records.h) in memory of the caller's, without a heap. Inline, for C99, gnu89 and C++; a convenience,
 * not part of the ABI.
 *
 *     otelue_builder b;
 *     otelue_builder_init(&b, memory, sizeof memory);
 *     otelue_attribute service = otelue_attribute_string(&b, "service.name", "shop");
 *     otelue_resource resource = {0};
 *     resource.attributes = otelue_build_attributes(&b, &service, 1);
 *     otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
 *     otelue_metric metric = {0};
 *     metric.kind = OTELUE_SUM;
 *     ...
 *     uint32_t requests = otelue_build_metric(&b, &metric);
 *     otelue_mark mark = otelue_builder_mark(&b);
 *     for (;;) {                                     each cycle
 *       otelue_builder_rewind(&b, mark);             keeps what was built before the mark, without the points
 *       otelue_build_point(&b, &point);
 *       if (otelue_builder_finish(&b, &size) == 0) otelue_export(exporter, memory, size, NULL);
 *     }
 *
 * How the functions are named:
 *
 *     otelue_builder_...    on the builder itself
 *     otelue_build_...      adds something to the batch, and returns where it is
 *     otelue_value_...      makes an otelue_value, adding what it refers to
 *     otelue_attribute_...  makes an otelue_attribute, adding its key and what its value refers to
 *     ..._text              takes text of a given size, which may contain NUL
 *     ..._string            takes text that ends with NUL
 *
 * Records go up from the beginning of the memory, points come down from its end, and finish brings them together:
 *
 *     | otelue_batch | records ...        | point 2 | point 1 | point 0 |
 *
 * When there is no more room the builder goes on counting: every call stays safe, the references that it returns mean
 * nothing, and otelue_builder_finish() returns -ENOBUFS with the size that would have been enough.
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

/** The number of bytes that were built: see otelue_builder_mark(). */
typedef uint64_t otelue_mark;

/** Its members are the builder's own. */
typedef struct otelue_builder {
  unsigned char *memory;
  size_t capacity;
  uint64_t used;     /* by the header and records; more than there is room for after an error */
  uint64_t sound;    /* how much of that was written: after an error, nothing beyond it counts */
  uint64_t points;   /* their number */
  uint32_t resource; /* offset; 0: none */
  int error;         /* 0; -ENOBUFS; -EALREADY: the batch is finished */
} otelue_builder;

/* ---- The builder ------------------------------------------------------------------------------------------------- */

/** The size of the batch as it stands. */
static __inline uint64_t otelue_builder_needed(const otelue_builder *b) {
  return (b->used + 7) / 8 * 8 + b->points * sizeof(otelue_point);
}

/** Begins a batch in `memory`, at any address, which must stay until the builder is done with. */
static __inline void otelue_builder_init(otelue_builder *b, void *memory, size_t capacity) {
  b->memory = (unsigned char *)memory;
  b->capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX;
  b->used = sizeof(otelue_batch);
  b->sound = b->capacity < sizeof(otelue_batch) ? 0 : b->used;
  b->points = 0;
  b->resource = 0;
  b->error = b->sound == 0 ? -ENOBUFS : 0;
}

/** Makes an otelue_resource that was built the one of all scopes that name none. */
static __inline void otelue_builder_set_resource(otelue_builder *b, uint32_t resource) { b->resource = resource; }

/** Where the builder stands: what was built so far, without the points, can be kept from here on. */
static __inline otelue_mark otelue_builder_mark(const otelue_builder *b) { return b->used; }

/** Drops all points and what was built after the mark. An error that came after the mark is forgotten with it; one that
 * came before stays, because something is missing from what was to be kept. */
static __inline void otelue_builder_rewind(otelue_builder *b, otelue_mark mark) {
  b->used = mark;
  b->points = 0;
  if (b->resource >= mark) b->resource = 0;
  if (b->error != 0) b->error = mark <= b->sound ? 0 : -ENOBUFS;
  if (b->error == 0) b->sound = mark;
}

/**
 * Completes the batch, which then begins at the builder's memory. Until it is rewound, the builder takes nothing more.
 *
 * @param size  of the batch, or what would have been enough for it.
 * @return 0; -ENOBUFS; -EALREADY when the batch was finished before.
 */
static __inline int otelue_builder_finish(otelue_builder *b, size_t *size) {
  const size_t at = (size_t)((b->used + 7) / 8 * 8);
  const size_t points_size = (size_t)b->points * sizeof(otelue_point);
  otelue_batch header;
  uint64_t low;
  *size = (size_t)otelue_builder_needed(b);
  if (b->error != 0) return b->error;

  /* The points lie last to first. */
  for (low = 0; low < b->points / 2; ++low) {
    unsigned char *one = b->memory + b->capacity - (size_t)(low + 1) * sizeof(otelue_point);
    unsigned char *other = b->memory + b->capacity - (size_t)(b->points - low) * sizeof(otelue_point);
    otelue_point aside;
    memcpy(&aside, one, sizeof aside);
    memcpy(one, other, sizeof aside);
    memcpy(other, &aside, sizeof aside);
  }
  memmove(b->memory + at, b->memory + b->capacity - points_size, points_size);
  memset(b->memory + b->used, 0, (size_t)(at - b->used));

  memset(&header, 0, sizeof header);
  header.magic = OTELUE_BATCH_MAGIC;
  header.version = OTELUE_BATCH_VERSION;
  header.header_size = sizeof header;
  header.total_size = (uint32_t)*size;
  header.points.off = (uint32_t)at;
  header.points.len = (uint32_t)b->points;
  header.resource = b->resource;
  memcpy(b->memory, &header, sizeof header);
  b->error = -EALREADY;
  return 0;
}

/* ---- Bytes, text and arrays -------------------------------------------------------------------------------------- */

/** Adds bytes at a multiple of `alignment`, and returns their offset. */
static __inline uint32_t otelue_build_bytes(otelue_builder *b, const void *data, size_t size, size_t alignment) {
  const uint64_t used = b->used;
  const uint64_t at = (used + alignment - 1) / alignment * alignment;
  b->used = at + size;
  if (b->error == 0 && otelue_builder_needed(b) > b->capacity) b->error = -ENOBUFS;
  if (b->error != 0) return 0;
  memset(b->memory + used, 0, (size_t)(at - used));
  if (size > 0) memcpy(b->memory + at, data, size);
  b->sound = b->used;
  return (uint32_t)at;
}

/** Adds `count` records or numbers of `size` bytes each. */
static __inline otelue_ref otelue_build_array(otelue_builder *b, const void *data, size_t count, size_t size) {
  otelue_ref ref;
  ref.off = otelue_build_bytes(b, data, count * size, 8);
  ref.len = (uint32_t)count;
  return ref;
}

/** Adds text, or an encoded attribute set. */
static __inline otelue_ref otelue_build_text(otelue_builder *b, const void *text, size_t size) {
  otelue_ref ref;
  ref.off = otelue_build_bytes(b, text, size, 1);
  ref.len = (uint32_t)size;
  return ref;
}

/** Adds text that ends with NUL, without that. */
static __inline otelue_ref otelue_build_string(otelue_builder *b, const char *text) {
  return otelue_build_text(b, text, strlen(text));
}

/** Adds texts that were built, such as the keys of an otelue_entity_ref. */
static __inline otelue_ref otelue_build_refs(otelue_builder *b, const otelue_ref *texts, size_t count) {
  return otelue_build_array(b, texts, count, sizeof *texts);
}

/** Adds the bounds of an otelue_histogram. */
static __inline otelue_ref otelue_build_doubles(otelue_builder *b, const double *numbers, size_t count) {
  return otelue_build_array(b, numbers, count, sizeof *numbers);
}

/** Adds the bucket counts of a histogram of either kind. */
static __inline otelue_ref otelue_build_counts(otelue_builder *b, const uint64_t *counts, size_t count) {
  return otelue_build_array(b, counts, count, sizeof *counts);
}

/** Adds the quantiles of an otelue_summary. */
static __inline otelue_ref otelue_build_quantiles(otelue_builder *b, const otelue_quantile *quantiles, size_t count) {
  return otelue_build_array(b, quantiles, count, sizeof *quantiles);
}

/** Adds the exemplars of an otelue_point. */
static __inline otelue_ref otelue_build_exemplars(otelue_builder *b, const otelue_exemplar *exemplars, size_t count) {
  return otelue_build_array(b, exemplars, count, sizeof *exemplars);
}

/** Adds the entities of an otelue_resource. */
static __inline otelue_ref otelue_build_entity_refs(otelue_builder *b, const otelue_entity_ref *entities,
                                                    size_t count) {
  return otelue_build_array(b, entities, count, sizeof *entities);
}

/* ---- Values: the elements of an array or list are made before the value that contains them ----------------------- */

/** A value as its fields say. */
static __inline otelue_value otelue_value_of(uint32_t type, uint32_t len, uint64_t bits) {
  otelue_value value;
  value.type = type;
  value.len = len;
  value.bits = bits;
  return value;
}

/** No value. */
static __inline otelue_value otelue_value_empty(void) { return otelue_value_of(OTELUE_EMPTY, 0, 0); }
/** A boolean. */
static __inline otelue_value otelue_value_bool(int value) { return otelue_value_of(OTELUE_BOOL, 0, value != 0); }
/** An integer. */
static __inline otelue_value otelue_value_int(int64_t value) { return otelue_value_of(OTELUE_INT, 0, (uint64_t)value); }

/** A double. */
static __inline otelue_value otelue_value_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return otelue_value_of(OTELUE_DOUBLE, 0, bits);
}

/** Text. */
static __inline otelue_value otelue_value_text(otelue_builder *b, const char *text, size_t size) {
  return otelue_value_of(OTELUE_STRING, (uint32_t)size, otelue_build_bytes(b, text, size, 1));
}

/** Text that ends with NUL. */
static __inline otelue_value otelue_value_string(otelue_builder *b, const char *text) {
  return otelue_value_text(b, text, strlen(text));
}

/** Bytes. */
static __inline otelue_value otelue_value_bytes(otelue_builder *b, const void *bytes, size_t size) {
  return otelue_value_of(OTELUE_BYTES, (uint32_t)size, otelue_build_bytes(b, bytes, size, 1));
}

/** An array of values. */
static __inline otelue_value otelue_value_array(otelue_builder *b, const otelue_value *values, size_t count) {
  const otelue_ref ref = otelue_build_array(b, values, count, sizeof *values);
  return otelue_value_of(OTELUE_ARRAY, ref.len, ref.off);
}

/** A list of keys and values. */
static __inline otelue_value otelue_value_kvlist(otelue_builder *b, const otelue_attribute *attributes, size_t count) {
  const otelue_ref ref = otelue_build_array(b, attributes, count, sizeof *attributes);
  return otelue_value_of(OTELUE_KVLIST, ref.len, ref.off);
}

/* ---- Attributes -------------------------------------------------------------------------------------------------- */

/** An attribute of any value. */
static __inline otelue_attribute otelue_attribute_of(otelue_builder *b, const char *key, otelue_value value) {
  otelue_attribute attribute;
  attribute.key = otelue_build_string(b, key);
  attribute.value = value;
  return attribute;
}

/** An attribute that is text, which ends with NUL. */
static __inline otelue_attribute otelue_attribute_string(otelue_builder *b, const char *key, const char *value) {
  return otelue_attribute_of(b, key, otelue_value_string(b, value));
}

/** An attribute that is an integer. */
static __inline otelue_attribute otelue_attribute_int(otelue_builder *b, const char *key, int64_t value) {
  return otelue_attribute_of(b, key, otelue_value_int(value));
}

/** An attribute that is a double. */
static __inline otelue_attribute otelue_attribute_double(otelue_builder *b, const char *key, double value) {
  return otelue_attribute_of(b, key, otelue_value_double(value));
}

/** An attribute that is a boolean. */
static __inline otelue_attribute otelue_attribute_bool(otelue_builder *b, const char *key, int value) {
  return otelue_attribute_of(b, key, otelue_value_bool(value));
}

/** Adds attributes that were made, for whatever has some. */
static __inline otelue_ref otelue_build_attributes(otelue_builder *b, const otelue_attribute *attributes,
                                                   size_t count) {
  return otelue_build_array(b, attributes, count, sizeof *attributes);
}

/**
 * Encodes attributes that were built, for points with OTELUE_ENCODED_ATTRIBUTES: otelue_encode_attributes() over what
 * the builder has. otelue_build_text() brings the set into a batch.
 *
 * @param out, capacity  outside the builder's memory; OTELUE_ENCODED_ATTRIBUTES_MAX bytes are always enough.
 * @return as otelue_encode_attributes(), or the builder's error.
 */
static __inline int otelue_builder_encode_attributes(const otelue_builder *b, otelue_ref attributes, void *out,
                                                   size_t capacity, size_t *written) {
  *written = 0;
  if (b->error != 0) return b->error;
  return otelue_encode_attributes(b->memory, (size_t)b->used, attributes.off, attributes.len, out, capacity, written,
                                  NULL, NULL);
}

/* ---- Records, each of which is referred to by its offset --------------------------------------------------------- */

/** Adds a resource, for scopes or otelue_builder_set_resource(). */
static __inline uint32_t otelue_build_resource(otelue_builder *b, const otelue_resource *resource) {
  return otelue_build_bytes(b, resource, sizeof *resource, 8);
}

/** Adds a scope. */
static __inline uint32_t otelue_build_scope(otelue_builder *b, const otelue_scope *scope) {
  return otelue_build_bytes(b, scope, sizeof *scope, 8);
}

/** Adds a metric. */
static __inline uint32_t otelue_build_metric(otelue_builder *b, const otelue_metric *metric) {
  return otelue_build_bytes(b, metric, sizeof *metric, 8);
}

/** Adds the body of a point of a HISTOGRAM. */
static __inline uint32_t otelue_build_histogram(otelue_builder *b, const otelue_histogram *histogram) {
  return otelue_build_bytes(b, histogram, sizeof *histogram, 8);
}

/** Adds the body of a point of an EXPONENTIAL_HISTOGRAM. */
static __inline uint32_t otelue_build_exponential_histogram(otelue_builder *b,
                                                          const otelue_exponential_histogram *histogram) {
  return otelue_build_bytes(b, histogram, sizeof *histogram, 8);
}

/** Adds the body of a point of a SUMMARY. */
static __inline uint32_t otelue_build_summary(otelue_builder *b, const otelue_summary *summary) {
  return otelue_build_bytes(b, summary, sizeof *summary, 8);
}

/** Adds a point. */
static __inline void otelue_build_point(otelue_builder *b, const otelue_point *point) {
  ++b->points;
  if (b->error == 0 && otelue_builder_needed(b) > b->capacity) b->error = -ENOBUFS;
  if (b->error != 0) return;
  memcpy(b->memory + b->capacity - (size_t)b->points * sizeof *point, point, sizeof *point);
}

#ifdef __cplusplus
}
#endif

#endif
