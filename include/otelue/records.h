/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The records of a batch, and of a recording. Functions are in otelue.h.
 *
 * A batch is one piece of memory, position-independent, in the byte order of the machine. It begins with
 * otelue_batch and holds all other records and texts, in any order, found by their offset from the first byte. So a
 * batch can be built in any language's byte buffer, sent by one call, stored, replayed and compared. A record may be
 * referred to from many places: strings, attributes, metrics and scopes are written once and kept from one export to
 * the next, while only the points change. A layout that suits that:
 *
 *     | otelue_batch | points, with room for more | what stays: texts, attributes, metrics ... | this cycle's bodies |
 *
 * The rules of every batch:
 *
 *   - A record's offset is a multiple of 8 and at least sizeof(otelue_batch); the address of the batch itself need
 *     not be aligned. Text and encoded attribute sets may lie at any offset from there on.
 *   - A reference ends within otelue_batch.total_size. A reference of length 0 is empty, whatever its offset.
 *   - The elements of an array or a key-value list lie at a lower offset than the value that refers to them.
 *   - Text is UTF-8 and may contain NUL. Keys must be unique within one set of attributes, as OpenTelemetry demands;
 *     the library does not look for repeated ones.
 *   - Reserved fields and unknown bits are 0, and so are references, offsets and settings that a metric's kind does
 *     not have. A number that is not in use, such as as_double of an INT or min without HAS_MIN, is not looked at.
 *   - Nobody changes the batch while a call reads it. Changing it all the same can spoil what is sent, and nothing
 *     else.
 *
 * A batch whose header breaks a rule is refused whole. Anything else that is wrong costs the points that refer to it,
 * and only those; otelue_result counts them and names the first.
 *
 * Numbers equal the field numbers of opentelemetry/proto/metrics/v1/metrics.proto, whose comments say what each field
 * means. Values go out as they are, NaN and infinities included. OTLP has no unsigned values: what does not fit into
 * int64_t goes into as_double, and in an attribute into a STRING of its decimal digits (specification, "Mapping
 * arbitrary data to OTLP AnyValue"). Temporality is numbered as in OTLP; Go's SDK numbers it the other way round.
 *
 * A library reads batches of every version from 1 to otelue_batch_version_max(), for as long as its soname lives.
 */
#ifndef OTELUE_RECORDS_H
#define OTELUE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** otelue_batch.magic: "OTUE" on a little-endian machine. */
#define OTELUE_BATCH_MAGIC 0x4555544Fu
/** otelue_batch.version */
#define OTELUE_BATCH_VERSION 1u

/** otelue_value.type: fields of AnyValue. Also otelue_point.value_type and otelue_exemplar.value_type. */
enum otelue_value_type {
  OTELUE_EMPTY = 0,
  OTELUE_STRING = 1,
  OTELUE_BOOL = 2,
  OTELUE_INT = 3,
  OTELUE_DOUBLE = 4,
  OTELUE_ARRAY = 5,
  OTELUE_KVLIST = 6,
  OTELUE_BYTES = 7
};

/** otelue_metric.kind: fields of Metric. */
enum otelue_metric_kind {
  OTELUE_GAUGE = 5,
  OTELUE_SUM = 7,
  OTELUE_HISTOGRAM = 9,
  OTELUE_EXPONENTIAL_HISTOGRAM = 10,
  OTELUE_SUMMARY = 11
};

/** otelue_metric.temporality: AggregationTemporality. */
enum otelue_temporality { OTELUE_DELTA = 1, OTELUE_CUMULATIVE = 2 };

/** otelue_point.flags: DataPointFlags. Unknown bits are passed on. */
enum otelue_point_flags { OTELUE_NO_RECORDED_VALUE = 1 };

/** otelue_point.attributes_form: what otelue_point.attributes refers to. */
enum otelue_attributes_form {
  OTELUE_ATTRIBUTE_RECORDS = 0, /**< len otelue_attribute records */
  OTELUE_ENCODED_ATTRIBUTES = 1 /**< len bytes that otelue_encode_attributes() made */
};

/** `has` of histograms and exemplars: which optional fields are set. */
enum otelue_has {
  OTELUE_HAS_SUM = 1,
  OTELUE_HAS_MIN = 2,
  OTELUE_HAS_MAX = 4,
  OTELUE_HAS_POSITIVE = 8,  /**< exponential histogram: the field is present, even without counts */
  OTELUE_HAS_NEGATIVE = 16, /**< likewise */
  OTELUE_HAS_TRACE_ID = 32,
  OTELUE_HAS_SPAN_ID = 64
};

/** Where something is: an offset from the first byte of the batch, and a length in bytes (text) or records. */
typedef struct otelue_ref {
  uint32_t off;
  uint32_t len;
} otelue_ref;

/**
 * The value of an attribute. Arrays and key-value lists may be nested. Protobuf decoders refuse messages nested more
 * than 100 deep, so a container that would take its event beyond that goes out as an empty value, and so does one
 * inside 64 others (the specification's AttributeValueDepthLimit). otelue_result.values_emptied counts them.
 */
typedef struct otelue_value {
  uint32_t type; /**< otelue_value_type */
  uint32_t len;  /**< STRING, BYTES: bytes. ARRAY: otelue_value records. KVLIST: otelue_attribute records. */
  uint64_t bits; /**< BOOL: 0 or 1. INT: two's complement. DOUBLE: IEEE 754 bits. Types with len: an offset. */
} otelue_value;

typedef struct otelue_attribute {
  otelue_ref key; /**< may be empty, which OpenTelemetry discourages and SDKs send */
  otelue_value value;
} otelue_attribute;

/** An entity of the resource (EntityRef): which of the resource's attributes identify and describe it. */
typedef struct otelue_entity_ref {
  otelue_ref schema_url;
  otelue_ref type;
  otelue_ref id_keys;          /**< otelue_ref records, each of them a text */
  otelue_ref description_keys; /**< likewise */
} otelue_entity_ref;

typedef struct otelue_resource {
  otelue_ref attributes; /**< otelue_attribute records */
  otelue_ref schema_url;
  otelue_ref entity_refs; /**< otelue_entity_ref records */
  uint32_t dropped_attributes_count;
  uint32_t reserved0;
  uint64_t reserved1;
} otelue_resource;

typedef struct otelue_scope {
  uint32_t resource; /**< offset of an otelue_resource; 0: the one in otelue_batch */
  uint32_t dropped_attributes_count;
  otelue_ref name;
  otelue_ref version;
  otelue_ref schema_url;
  otelue_ref attributes; /**< otelue_attribute records */
  uint64_t reserved;
} otelue_scope;

typedef struct otelue_metric {
  uint32_t scope; /**< offset of an otelue_scope; 0: none */
  uint32_t kind;  /**< otelue_metric_kind */
  otelue_ref name;
  otelue_ref description;
  otelue_ref unit;
  otelue_ref metadata;   /**< otelue_attribute records */
  uint32_t temporality;  /**< SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM: otelue_temporality; others: 0 */
  uint32_t is_monotonic; /**< SUM: 0 or 1; others: 0 */
  uint64_t reserved;
} otelue_metric;

/**
 * One data point. GAUGE and SUM have value_type INT or DOUBLE; the other kinds have value_type equal to their kind,
 * and a body. A point with OTELUE_NO_RECORDED_VALUE may instead have value_type EMPTY and no body.
 */
typedef struct otelue_point {
  uint32_t metric; /**< offset of an otelue_metric */
  uint32_t flags;  /**< otelue_point_flags */
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  otelue_ref attributes;
  otelue_ref exemplars; /**< otelue_exemplar records; a SUMMARY has none */
  uint16_t value_type;
  uint16_t attributes_form; /**< otelue_attributes_form */
  uint32_t body; /**< offset of an otelue_histogram, otelue_exponential_histogram or otelue_summary; others: 0 */
  int64_t as_int;
  double as_double;
} otelue_point;

typedef struct otelue_histogram {
  uint64_t count;
  double sum;
  double min;
  double max;
  uint32_t has; /**< SUM, MIN, MAX */
  uint32_t reserved0;
  otelue_ref explicit_bounds; /**< double */
  otelue_ref bucket_counts;   /**< uint64_t: one more than there are bounds, or no buckets at all */
  uint64_t reserved1;
} otelue_histogram;

typedef struct otelue_exponential_histogram {
  uint64_t count;
  double sum;
  double min;
  double max;
  uint32_t has; /**< SUM, MIN, MAX, POSITIVE, NEGATIVE; counts make POSITIVE and NEGATIVE present by themselves */
  int32_t scale;
  uint64_t zero_count;
  double zero_threshold;
  int32_t positive_offset; /**< 0 when there are no counts and the field is not present */
  int32_t negative_offset;
  otelue_ref positive; /**< uint64_t */
  otelue_ref negative; /**< uint64_t */
  uint64_t reserved[2];
} otelue_exponential_histogram;

typedef struct otelue_quantile {
  double quantile;
  double value;
} otelue_quantile;

typedef struct otelue_summary {
  uint64_t count;
  double sum;
  otelue_ref quantiles; /**< otelue_quantile */
  uint64_t reserved;
} otelue_summary;

typedef struct otelue_exemplar {
  uint64_t time_unix_nano;
  uint32_t value_type; /**< INT or DOUBLE */
  uint32_t has;        /**< TRACE_ID, SPAN_ID */
  int64_t as_int;
  double as_double;
  uint8_t trace_id[16];
  uint8_t span_id[8];
  otelue_ref filtered_attributes; /**< otelue_attribute records */
} otelue_exemplar;

/** What a batch begins with. */
typedef struct otelue_batch {
  uint32_t magic;       /**< OTELUE_BATCH_MAGIC */
  uint16_t version;     /**< OTELUE_BATCH_VERSION; another one gives -EOPNOTSUPP */
  uint16_t header_size; /**< sizeof(otelue_batch) */
  uint32_t total_size;  /**< bytes in use, at most the size handed in */
  uint32_t flags;       /**< 0; anything else gives -EOPNOTSUPP */
  otelue_ref points;    /**< otelue_point records */
  uint32_t resource;    /**< offset of the otelue_resource of scopes that name none; 0: none */
  uint32_t reserved;
} otelue_batch;

/** otelue_recording.magic, without a NUL */
#define OTELUE_RECORDING_MAGIC "\x89OTELUE\n"
/** otelue_recording.byte_order */
#define OTELUE_RECORDING_BYTE_ORDER 0x01020304u
/** otelue_recording.version */
#define OTELUE_RECORDING_VERSION 1u

/** otelue_recording_entry.type. Readers pass over other ones. */
enum otelue_recording_entry_type {
  OTELUE_RECORDING_EVENT = 1, /**< an event: OTLP bytes */
  OTELUE_RECORDING_LOST = 2   /**< a uint64_t: so many events were lost here */
};

/** What a recording begins with; entries follow. See otelue_open_recording(). */
typedef struct otelue_recording {
  char magic[8];        /**< OTELUE_RECORDING_MAGIC */
  uint32_t byte_order;  /**< OTELUE_RECORDING_BYTE_ORDER in the order of the writer, which all its numbers have */
  uint16_t version;     /**< OTELUE_RECORDING_VERSION */
  uint16_t header_size; /**< sizeof(otelue_recording) */
} otelue_recording;

/** An entry of a recording; `size` bytes follow, and then the next entry. */
typedef struct otelue_recording_entry {
  uint32_t size;
  uint16_t type; /**< otelue_recording_entry_type */
  uint16_t reserved0;
  uint64_t time_unix_nano; /**< when it was written, or arrived; 0: not known */
  uint32_t pid;            /**< of the writer; 0: not known */
  uint32_t cpu;            /**< UINT32_MAX: not known */
  uint32_t protocol;       /**< field `protocol` of the tracepoint, 0: protobuf */
  uint32_t reserved1;
  char version[8]; /**< field `version` of the tracepoint */
} otelue_recording_entry;

#ifdef __cplusplus
}
#endif

/*
 * The layout is the ABI: equal on every machine, without padding.
 */
#ifdef __cplusplus
#define OTELUE_ASSERT_LAYOUT(name, condition) static_assert(condition, "the layout of otelue's records")
#else
#define OTELUE_ASSERT_LAYOUT(name, condition) typedef char otelue_layout_of_##name[(condition) ? 1 : -1]
#endif
OTELUE_ASSERT_LAYOUT(otelue_ref, sizeof(otelue_ref) == 8 && offsetof(otelue_ref, off) == 0 &&
                                 offsetof(otelue_ref, len) == 4);
OTELUE_ASSERT_LAYOUT(otelue_value, sizeof(otelue_value) == 16 && offsetof(otelue_value, type) == 0 &&
                                   offsetof(otelue_value, len) == 4 && offsetof(otelue_value, bits) == 8);
OTELUE_ASSERT_LAYOUT(otelue_attribute, sizeof(otelue_attribute) == 24 && offsetof(otelue_attribute, key) == 0 &&
                                       offsetof(otelue_attribute, value) == 8);
OTELUE_ASSERT_LAYOUT(otelue_entity_ref, sizeof(otelue_entity_ref) == 32 &&
                                        offsetof(otelue_entity_ref, schema_url) == 0 &&
                                        offsetof(otelue_entity_ref, type) == 8 &&
                                        offsetof(otelue_entity_ref, id_keys) == 16 &&
                                        offsetof(otelue_entity_ref, description_keys) == 24);
OTELUE_ASSERT_LAYOUT(otelue_resource, sizeof(otelue_resource) == 40 && offsetof(otelue_resource, attributes) == 0 &&
                                      offsetof(otelue_resource, schema_url) == 8 &&
                                      offsetof(otelue_resource, entity_refs) == 16 &&
                                      offsetof(otelue_resource, dropped_attributes_count) == 24 &&
                                      offsetof(otelue_resource, reserved0) == 28 &&
                                      offsetof(otelue_resource, reserved1) == 32);
OTELUE_ASSERT_LAYOUT(otelue_scope, sizeof(otelue_scope) == 48 && offsetof(otelue_scope, resource) == 0 &&
                                   offsetof(otelue_scope, dropped_attributes_count) == 4 &&
                                   offsetof(otelue_scope, name) == 8 && offsetof(otelue_scope, version) == 16 &&
                                   offsetof(otelue_scope, schema_url) == 24 &&
                                   offsetof(otelue_scope, attributes) == 32 && offsetof(otelue_scope, reserved) == 40);
OTELUE_ASSERT_LAYOUT(otelue_metric, sizeof(otelue_metric) == 56 && offsetof(otelue_metric, scope) == 0 &&
                                    offsetof(otelue_metric, kind) == 4 && offsetof(otelue_metric, name) == 8 &&
                                    offsetof(otelue_metric, description) == 16 &&
                                    offsetof(otelue_metric, unit) == 24 && offsetof(otelue_metric, metadata) == 32 &&
                                    offsetof(otelue_metric, temporality) == 40 &&
                                    offsetof(otelue_metric, is_monotonic) == 44 &&
                                    offsetof(otelue_metric, reserved) == 48);
OTELUE_ASSERT_LAYOUT(otelue_point, sizeof(otelue_point) == 64 && offsetof(otelue_point, metric) == 0 &&
                                   offsetof(otelue_point, flags) == 4 &&
                                   offsetof(otelue_point, start_time_unix_nano) == 8 &&
                                   offsetof(otelue_point, time_unix_nano) == 16 &&
                                   offsetof(otelue_point, attributes) == 24 &&
                                   offsetof(otelue_point, exemplars) == 32 &&
                                   offsetof(otelue_point, value_type) == 40 &&
                                   offsetof(otelue_point, attributes_form) == 42 &&
                                   offsetof(otelue_point, body) == 44 && offsetof(otelue_point, as_int) == 48 &&
                                   offsetof(otelue_point, as_double) == 56);
OTELUE_ASSERT_LAYOUT(otelue_histogram, sizeof(otelue_histogram) == 64 && offsetof(otelue_histogram, count) == 0 &&
                                       offsetof(otelue_histogram, sum) == 8 && offsetof(otelue_histogram, min) == 16 &&
                                       offsetof(otelue_histogram, max) == 24 &&
                                       offsetof(otelue_histogram, has) == 32 &&
                                       offsetof(otelue_histogram, reserved0) == 36 &&
                                       offsetof(otelue_histogram, explicit_bounds) == 40 &&
                                       offsetof(otelue_histogram, bucket_counts) == 48 &&
                                       offsetof(otelue_histogram, reserved1) == 56);
OTELUE_ASSERT_LAYOUT(otelue_exponential_histogram, sizeof(otelue_exponential_histogram) == 96 &&
                                                   offsetof(otelue_exponential_histogram, count) == 0 &&
                                                   offsetof(otelue_exponential_histogram, sum) == 8 &&
                                                   offsetof(otelue_exponential_histogram, min) == 16 &&
                                                   offsetof(otelue_exponential_histogram, max) == 24 &&
                                                   offsetof(otelue_exponential_histogram, has) == 32 &&
                                                   offsetof(otelue_exponential_histogram, scale) == 36 &&
                                                   offsetof(otelue_exponential_histogram, zero_count) == 40 &&
                                                   offsetof(otelue_exponential_histogram, zero_threshold) == 48 &&
                                                   offsetof(otelue_exponential_histogram, positive_offset) == 56 &&
                                                   offsetof(otelue_exponential_histogram, negative_offset) == 60 &&
                                                   offsetof(otelue_exponential_histogram, positive) == 64 &&
                                                   offsetof(otelue_exponential_histogram, negative) == 72 &&
                                                   offsetof(otelue_exponential_histogram, reserved) == 80);
OTELUE_ASSERT_LAYOUT(otelue_quantile, sizeof(otelue_quantile) == 16 && offsetof(otelue_quantile, quantile) == 0 &&
                                      offsetof(otelue_quantile, value) == 8);
OTELUE_ASSERT_LAYOUT(otelue_summary, sizeof(otelue_summary) == 32 && offsetof(otelue_summary, count) == 0 &&
                                     offsetof(otelue_summary, sum) == 8 && offsetof(otelue_summary, quantiles) == 16 &&
                                     offsetof(otelue_summary, reserved) == 24);
OTELUE_ASSERT_LAYOUT(otelue_exemplar, sizeof(otelue_exemplar) == 64 &&
                                      offsetof(otelue_exemplar, time_unix_nano) == 0 &&
                                      offsetof(otelue_exemplar, value_type) == 8 &&
                                      offsetof(otelue_exemplar, has) == 12 &&
                                      offsetof(otelue_exemplar, as_int) == 16 &&
                                      offsetof(otelue_exemplar, as_double) == 24 &&
                                      offsetof(otelue_exemplar, trace_id) == 32 &&
                                      offsetof(otelue_exemplar, span_id) == 48 &&
                                      offsetof(otelue_exemplar, filtered_attributes) == 56);
OTELUE_ASSERT_LAYOUT(otelue_batch, sizeof(otelue_batch) == 32 && offsetof(otelue_batch, magic) == 0 &&
                                   offsetof(otelue_batch, version) == 4 && offsetof(otelue_batch, header_size) == 6 &&
                                   offsetof(otelue_batch, total_size) == 8 && offsetof(otelue_batch, flags) == 12 &&
                                   offsetof(otelue_batch, points) == 16 && offsetof(otelue_batch, resource) == 24 &&
                                   offsetof(otelue_batch, reserved) == 28);
OTELUE_ASSERT_LAYOUT(otelue_recording, sizeof(otelue_recording) == 16 && offsetof(otelue_recording, magic) == 0 &&
                                       offsetof(otelue_recording, byte_order) == 8 &&
                                       offsetof(otelue_recording, version) == 12 &&
                                       offsetof(otelue_recording, header_size) == 14);
OTELUE_ASSERT_LAYOUT(otelue_recording_entry, sizeof(otelue_recording_entry) == 40 &&
                                             offsetof(otelue_recording_entry, size) == 0 &&
                                             offsetof(otelue_recording_entry, type) == 4 &&
                                             offsetof(otelue_recording_entry, reserved0) == 6 &&
                                             offsetof(otelue_recording_entry, time_unix_nano) == 8 &&
                                             offsetof(otelue_recording_entry, pid) == 16 &&
                                             offsetof(otelue_recording_entry, cpu) == 20 &&
                                             offsetof(otelue_recording_entry, protocol) == 24 &&
                                             offsetof(otelue_recording_entry, reserved1) == 28 &&
                                             offsetof(otelue_recording_entry, version) == 32);
#undef OTELUE_ASSERT_LAYOUT

#endif
