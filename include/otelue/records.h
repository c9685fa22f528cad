/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * The records of a batch, and of a recording. Functions are in otelue.h.
 *
 * A batch is one piece of memory in the byte order of the machine. It begins with an otelue_batch; all other records
 * and texts follow in any order and are found by their offset from its first byte, so a batch holds no pointers and
 * can lie anywhere. It can be built in any language's byte buffer, sent by one call, stored, replayed and compared.
 * A record may be referred to from many places: texts, attributes, metrics and scopes are written once and kept from
 * one export to the next, while only the points change. A layout that suits that:
 *
 *     | otelue_batch | points, with room for more | what stays: texts, attributes, metrics ... | this cycle's bodies |
 *
 * The rules of every batch:
 *
 *   - A record's offset is a multiple of 8 and at least sizeof(otelue_batch). Text and encoded attribute sets may lie
 *     at any offset from there on. The address of the batch itself need not be aligned.
 *   - A reference ends within otelue_batch.total_size. A reference of length 0 is empty, whatever its offset.
 *   - The elements of an array or a key-value list lie at a lower offset than the value that refers to them.
 *   - Text is UTF-8 and may contain NUL. Keys must be unique within one set of attributes, as OpenTelemetry demands;
 *     the library does not look for repeated ones.
 *   - Reserved fields are 0, and so are unknown bits of `has` and of otelue_batch.flags, and references, offsets and
 *     settings that a metric's kind does not have. Numbers that are not in use, such as as_double of an INT or min
 *     without HAS_MIN, are not looked at.
 *   - The batch does not change while a call reads it. If it does, what is sent may be wrong, but nothing else happens.
 *
 * A batch whose header breaks a rule is refused as a whole. Any other mistake costs the points that refer to it, and no
 * others; otelue_result counts them and names the first.
 *
 * The types of values and the kinds of metrics have the field numbers of opentelemetry/proto (common.proto and
 * metrics.proto), whose comments say what each field means. Values go out as they are, NaN and infinities included.
 * OTLP has no unsigned values: one that does not fit into int64_t goes into as_double, and in an attribute it becomes a
 * STRING of its decimal digits (specification, "Mapping arbitrary data to OTLP AnyValue"). Temporality is numbered as
 * in OTLP, which is the other way round from Go's SDK.
 *
 * Every library with one soname reads batches of all versions from 1 to its otelue_batch_version_max().
 */
#ifndef OTELUE_RECORDS_H
#define OTELUE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** otelue_batch.magic: the bytes "OTUE" on a little-endian machine. */
#define OTELUE_BATCH_MAGIC 0x4555544Fu
/** otelue_batch.version. */
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

/** The field `has` of histograms and exemplars: which optional fields are set. */
enum otelue_has {
  OTELUE_HAS_SUM = 1,
  OTELUE_HAS_MIN = 2,
  OTELUE_HAS_MAX = 4,
  OTELUE_HAS_POSITIVE = 8,  /**< exponential histogram: `positive` is present, even without counts */
  OTELUE_HAS_NEGATIVE = 16, /**< the same for `negative` */
  OTELUE_HAS_TRACE_ID = 32,
  OTELUE_HAS_SPAN_ID = 64
};

/** Where something is: the offset from the first byte of the batch, and how many bytes (text), records or numbers. */
typedef struct otelue_ref {
  uint32_t off;
  uint32_t len;
} otelue_ref;

/**
 * The value of an attribute. Arrays and key-value lists may be nested. Protobuf decoders refuse messages nested more
 * than 100 deep, so an array or list that would take its event beyond that goes out as an empty value, which
 * otelue_result.values_emptied counts. A point's attributes have room for 46 arrays or 31 lists inside each other.
 */
typedef struct otelue_value {
  uint32_t type; /**< otelue_value_type */
  uint32_t len;  /**< STRING, BYTES: bytes. ARRAY: otelue_value records. KVLIST: otelue_attribute records. */
  uint64_t bits; /**< BOOL: 0 or 1. INT: two's complement. DOUBLE: IEEE 754 bits. Types with len: an offset. */
} otelue_value;

typedef struct otelue_attribute {
  otelue_ref key; /**< may be empty: OpenTelemetry advises against it, but SDKs send such keys */
  otelue_value value;
} otelue_attribute;

/** An entity of the resource (EntityRef): which of the resource's attributes identify and describe it. */
typedef struct otelue_entity_ref {
  otelue_ref schema_url;
  otelue_ref type;
  otelue_ref id_keys;          /**< otelue_ref records, one text each */
  otelue_ref description_keys; /**< otelue_ref records, one text each */
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
  uint32_t has; /**< SUM, MIN, MAX, POSITIVE, NEGATIVE; the last two are not needed where there are counts */
  int32_t scale;
  uint64_t zero_count;
  double zero_threshold;
  int32_t positive_offset; /**< 0 when `positive` is not present */
  int32_t negative_offset; /**< 0 when `negative` is not present */
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
  uint16_t version;     /**< OTELUE_BATCH_VERSION; an unknown one gives -EOPNOTSUPP */
  uint16_t header_size; /**< sizeof(otelue_batch) */
  uint32_t total_size;  /**< bytes in use, at most the size handed in */
  uint32_t flags;       /**< 0; anything else gives -EOPNOTSUPP */
  otelue_ref points;    /**< otelue_point records */
  uint32_t resource;    /**< offset of the otelue_resource of scopes that name none; 0: none */
  uint32_t reserved;
} otelue_batch;

/** otelue_recording.magic, without the NUL. */
#define OTELUE_RECORDING_MAGIC "\x89OTELUE\n"
/** otelue_recording.byte_order: the same number in every byte order. */
#define OTELUE_RECORDING_BYTE_ORDER 0x01020304u
/** otelue_recording.version. */
#define OTELUE_RECORDING_VERSION 1u

/** otelue_recording_entry.type. Readers skip entries of other types. */
enum otelue_recording_entry_type {
  OTELUE_RECORDING_EVENT = 1, /**< an event: OTLP bytes */
  OTELUE_RECORDING_LOST = 2   /**< a uint64_t: the number of events that were lost here */
};

/** What a recording begins with; entries follow. See otelue_open_recording(). */
typedef struct otelue_recording {
  char magic[8];        /**< OTELUE_RECORDING_MAGIC */
  uint32_t byte_order;  /**< OTELUE_RECORDING_BYTE_ORDER in the order of the writer, which all its numbers have */
  uint16_t version;     /**< OTELUE_RECORDING_VERSION */
  uint16_t header_size; /**< sizeof(otelue_recording) */
} otelue_recording;

/** An entry of a recording. Its bytes follow, and then the next entry. */
typedef struct otelue_recording_entry {
  uint32_t size; /**< of the bytes that follow */
  uint16_t type; /**< otelue_recording_entry_type */
  uint16_t reserved0;
  uint64_t time_unix_nano; /**< when the event was written, or arrived; 0: not known */
  uint32_t pid;            /**< of the process that wrote it; 0: not known */
  uint32_t cpu;            /**< UINT32_MAX: not known */
  uint32_t protocol;       /**< field `protocol` of the tracepoint, 0: protobuf */
  uint32_t reserved1;
  char version[8]; /**< field `version` of the tracepoint */
} otelue_recording_entry;

/* The layout is the ABI: the same on every machine, without padding. */
#define OTELUE_LAYOUT(record, size, fields)                              \
  do {                                                                   \
    typedef record otelue_record;                                        \
    (void)sizeof(char[sizeof(otelue_record) == (size) fields ? 1 : -1]); \
  } while (0)
#define OTELUE_AT(field, offset) &&offsetof(otelue_record, field) == (offset)
static __inline void otelue_assert_layout(void) {
  OTELUE_LAYOUT(otelue_ref, 8, OTELUE_AT(off, 0) OTELUE_AT(len, 4));
  OTELUE_LAYOUT(otelue_value, 16, OTELUE_AT(type, 0) OTELUE_AT(len, 4) OTELUE_AT(bits, 8));
  OTELUE_LAYOUT(otelue_attribute, 24, OTELUE_AT(key, 0) OTELUE_AT(value, 8));
  OTELUE_LAYOUT(otelue_entity_ref, 32, OTELUE_AT(schema_url, 0) OTELUE_AT(type, 8) OTELUE_AT(id_keys, 16)
                OTELUE_AT(description_keys, 24));
  OTELUE_LAYOUT(otelue_resource, 40, OTELUE_AT(attributes, 0) OTELUE_AT(schema_url, 8) OTELUE_AT(entity_refs, 16)
                OTELUE_AT(dropped_attributes_count, 24) OTELUE_AT(reserved0, 28) OTELUE_AT(reserved1, 32));
  OTELUE_LAYOUT(otelue_scope, 48, OTELUE_AT(resource, 0) OTELUE_AT(dropped_attributes_count, 4) OTELUE_AT(name, 8)
                OTELUE_AT(version, 16) OTELUE_AT(schema_url, 24) OTELUE_AT(attributes, 32) OTELUE_AT(reserved, 40));
  OTELUE_LAYOUT(otelue_metric, 56, OTELUE_AT(scope, 0) OTELUE_AT(kind, 4) OTELUE_AT(name, 8)
                OTELUE_AT(description, 16) OTELUE_AT(unit, 24) OTELUE_AT(metadata, 32) OTELUE_AT(temporality, 40)
                OTELUE_AT(is_monotonic, 44) OTELUE_AT(reserved, 48));
  OTELUE_LAYOUT(otelue_point, 64, OTELUE_AT(metric, 0) OTELUE_AT(flags, 4) OTELUE_AT(start_time_unix_nano, 8)
                OTELUE_AT(time_unix_nano, 16) OTELUE_AT(attributes, 24) OTELUE_AT(exemplars, 32)
                OTELUE_AT(value_type, 40) OTELUE_AT(attributes_form, 42) OTELUE_AT(body, 44) OTELUE_AT(as_int, 48)
                OTELUE_AT(as_double, 56));
  OTELUE_LAYOUT(otelue_histogram, 64, OTELUE_AT(count, 0) OTELUE_AT(sum, 8) OTELUE_AT(min, 16) OTELUE_AT(max, 24)
                OTELUE_AT(has, 32) OTELUE_AT(reserved0, 36) OTELUE_AT(explicit_bounds, 40)
                OTELUE_AT(bucket_counts, 48) OTELUE_AT(reserved1, 56));
  OTELUE_LAYOUT(otelue_exponential_histogram, 96, OTELUE_AT(count, 0) OTELUE_AT(sum, 8) OTELUE_AT(min, 16)
                OTELUE_AT(max, 24) OTELUE_AT(has, 32) OTELUE_AT(scale, 36) OTELUE_AT(zero_count, 40)
                OTELUE_AT(zero_threshold, 48) OTELUE_AT(positive_offset, 56) OTELUE_AT(negative_offset, 60)
                OTELUE_AT(positive, 64) OTELUE_AT(negative, 72) OTELUE_AT(reserved, 80));
  OTELUE_LAYOUT(otelue_quantile, 16, OTELUE_AT(quantile, 0) OTELUE_AT(value, 8));
  OTELUE_LAYOUT(otelue_summary, 32, OTELUE_AT(count, 0) OTELUE_AT(sum, 8) OTELUE_AT(quantiles, 16)
                OTELUE_AT(reserved, 24));
  OTELUE_LAYOUT(otelue_exemplar, 64, OTELUE_AT(time_unix_nano, 0) OTELUE_AT(value_type, 8) OTELUE_AT(has, 12)
                OTELUE_AT(as_int, 16) OTELUE_AT(as_double, 24) OTELUE_AT(trace_id, 32) OTELUE_AT(span_id, 48)
                OTELUE_AT(filtered_attributes, 56));
  OTELUE_LAYOUT(otelue_batch, 32, OTELUE_AT(magic, 0) OTELUE_AT(version, 4) OTELUE_AT(header_size, 6)
                OTELUE_AT(total_size, 8) OTELUE_AT(flags, 12) OTELUE_AT(points, 16) OTELUE_AT(resource, 24)
                OTELUE_AT(reserved, 28));
  OTELUE_LAYOUT(otelue_recording, 16, OTELUE_AT(magic, 0) OTELUE_AT(byte_order, 8) OTELUE_AT(version, 12)
                OTELUE_AT(header_size, 14));
  OTELUE_LAYOUT(otelue_recording_entry, 40, OTELUE_AT(size, 0) OTELUE_AT(type, 4) OTELUE_AT(reserved0, 6)
                OTELUE_AT(time_unix_nano, 8) OTELUE_AT(pid, 16) OTELUE_AT(cpu, 20) OTELUE_AT(protocol, 24)
                OTELUE_AT(reserved1, 28) OTELUE_AT(version, 32));
}
#undef OTELUE_AT
#undef OTELUE_LAYOUT

#ifdef __cplusplus
}
#endif

#endif
