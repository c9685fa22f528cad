/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry metrics through the Linux user_events tracepoint `otlp_metrics`.
 *
 * A caller describes its metrics in one flat batch (below: "The batch") and hands it to otelue_export().
 * The library encodes the batch as OTLP ExportMetricsServiceRequest messages, each small enough for every
 * listener, and writes one tracepoint event per message. Nothing is encoded when nobody listens.
 *
 * What holds for every function:
 *
 *   Returns   0, or a negative errno. otelue_export() and its kin also return OTELUE_PARTIAL.
 *             NULL where an argument is needed gives -EINVAL. errno itself is left as it was.
 *   Threads   Any function, any thread, any time, also two at once on one exporter. Only otelue_close() must be
 *             the last call on its exporter. Nothing is locked and no thread-local storage is used on export.
 *   Memory    The library keeps no pointer into what callers hand in, and allocates nothing on export.
 *   Stack     otelue_export() and otelue_export_otlp() need 72 KiB of free stack, all else less than 16 KiB.
 *   Signals   No function is async-signal-safe. None installs a handler, prints, blocks or ends the process.
 *   fork      A child may go on with its parent's exporters; each registers afresh at its first export.
 */
#ifndef OTELUE_OTELUE_H
#define OTELUE_OTELUE_H

#include <stddef.h>
#include <stdint.h>

#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OTELUE_API
#define OTELUE_API __attribute__((visibility("default")))
#endif

/* ---- The batch -------------------------------------------------------------------------------------------
 *
 * One piece of memory, position-independent, in the byte order of the machine: it begins with otelue_batch and
 * holds all other records and texts, in any order, found by their offset from the first byte. So a batch can be
 * built in any language's byte buffer, sent by one call, stored, replayed and compared. A record may be referred
 * to from many places: strings, attributes, metrics and scopes are written once and kept from one export to the
 * next while only the points change.
 *
 * The rules that every batch keeps:
 *
 *   - A record's offset is a multiple of 8 and at least sizeof(otelue_batch); the address of the batch itself
 *     need not be aligned. Text and encoded attribute sets may lie at any offset.
 *   - A reference ends within otelue_batch.total_size. A reference of length 0 is empty, whatever its offset.
 *   - The elements of an array or a key-value list lie at a lower offset than the value that refers to them.
 *   - Text is UTF-8 and may contain NUL. Attribute keys are not empty. Keys must be unique within one set, as
 *     OpenTelemetry demands; the library does not look for repeated ones.
 *   - Reserved fields and unknown bits are 0, and so are references, offsets and settings that a metric's kind does
 *     not have. A number that is not in use, such as as_double of an INT or min without HAS_MIN, is not looked at.
 *   - Nobody changes the batch while a call reads it. A batch that is changed all the same can spoil what is
 *     sent, and nothing else.
 *
 * A batch whose header breaks a rule is refused whole. Anything else that is wrong costs the points that refer
 * to it, and those alone. otelue_result counts them and names the first.
 *
 * Numbers equal the field numbers of opentelemetry/proto/metrics/v1/metrics.proto, whose comments say what each
 * field means. Values go out as they are, NaN and infinities too. OTLP has no unsigned values: what int64_t does not
 * hold goes into as_double, and in an attribute into a STRING of its digits, as the specification has it.
 */
#define OTELUE_BATCH_MAGIC 0x4555544Fu /* "OTUE" on a little-endian machine */
#define OTELUE_BATCH_VERSION 1u

/* otelue_value.type: fields of AnyValue. Also otelue_point.value_type and otelue_exemplar.value_type. */
enum {
  OTELUE_EMPTY = 0,
  OTELUE_STRING = 1,
  OTELUE_BOOL = 2,
  OTELUE_INT = 3,
  OTELUE_DOUBLE = 4,
  OTELUE_ARRAY = 5,
  OTELUE_KVLIST = 6,
  OTELUE_BYTES = 7
};

/* otelue_metric.kind: fields of Metric. */
enum {
  OTELUE_GAUGE = 5,
  OTELUE_SUM = 7,
  OTELUE_HISTOGRAM = 9,
  OTELUE_EXPONENTIAL_HISTOGRAM = 10,
  OTELUE_SUMMARY = 11
};

/* otelue_metric.temporality: AggregationTemporality. */
enum { OTELUE_DELTA = 1, OTELUE_CUMULATIVE = 2 };

/* otelue_point.flags: DataPointFlags. */
enum { OTELUE_NO_RECORDED_VALUE = 1 };

/* otelue_point.attributes_form: what otelue_point.attributes refers to. */
enum {
  OTELUE_ATTRIBUTE_RECORDS = 0, /* len otelue_attribute records */
  OTELUE_ENCODED_ATTRIBUTES = 1 /* len bytes that otelue_encode_attributes() made */
};

/* `has` of histograms and exemplars: which optional fields are set. */
enum {
  OTELUE_HAS_SUM = 1,
  OTELUE_HAS_MIN = 2,
  OTELUE_HAS_MAX = 4,
  OTELUE_HAS_POSITIVE = 8,  /* exponential histogram: the field is present, even when it has no counts */
  OTELUE_HAS_NEGATIVE = 16, /* likewise */
  OTELUE_HAS_TRACE_ID = 32,
  OTELUE_HAS_SPAN_ID = 64
};

/* Where something is: an offset from the batch's first byte, and a length in bytes (text) or records. */
typedef struct otelue_ref {
  uint32_t off;
  uint32_t len;
} otelue_ref;

/* Arrays and key-value lists may be nested. Protobuf decoders refuse messages nested more than 100 deep, so a
 * container that would take its event beyond that goes out as an empty value, as does one in the 65th container
 * (the specification's AttributeValueDepthLimit). otelue_result.values_emptied counts them. */
typedef struct otelue_value {
  uint32_t type;
  uint32_t len;  /* STRING, BYTES: bytes. ARRAY: otelue_value records. KVLIST: otelue_attribute records. */
  uint64_t bits; /* BOOL: 0 or 1. INT: two's complement. DOUBLE: IEEE 754 bits. Types with len: an offset. */
} otelue_value;

typedef struct otelue_attribute {
  otelue_ref key;
  otelue_value value;
} otelue_attribute;

typedef struct otelue_resource {
  otelue_ref attributes;
  otelue_ref schema_url;
  otelue_ref entity_refs; /* reserved: empty */
  uint32_t dropped_attributes_count;
  uint32_t reserved0;
  uint64_t reserved1;
} otelue_resource;

typedef struct otelue_scope {
  uint32_t resource; /* offset of an otelue_resource; 0: the one in otelue_batch */
  uint32_t dropped_attributes_count;
  otelue_ref name;
  otelue_ref version;
  otelue_ref schema_url;
  otelue_ref attributes;
  uint64_t reserved;
} otelue_scope;

typedef struct otelue_metric {
  uint32_t scope; /* offset of an otelue_scope; 0: none */
  uint32_t kind;
  otelue_ref name;
  otelue_ref description;
  otelue_ref unit;
  otelue_ref metadata;   /* otelue_attribute records */
  uint32_t temporality;  /* SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM: DELTA or CUMULATIVE; others: 0 */
  uint32_t is_monotonic; /* SUM: 0 or 1; others: 0 */
  uint64_t reserved;
} otelue_metric;

/* One data point. GAUGE and SUM have value_type INT or DOUBLE; the other kinds have value_type equal to their
 * kind, and a body. A point with OTELUE_NO_RECORDED_VALUE may instead have value_type EMPTY and no body. */
typedef struct otelue_point {
  uint32_t metric; /* offset of an otelue_metric */
  uint32_t flags;
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  otelue_ref attributes;
  otelue_ref exemplars; /* otelue_exemplar records; a SUMMARY has none */
  uint16_t value_type;
  uint16_t attributes_form;
  uint32_t body; /* offset of an otelue_histogram, otelue_exponential_histogram or otelue_summary; others: 0 */
  int64_t as_int;
  double as_double;
} otelue_point;

typedef struct otelue_histogram {
  uint64_t count;
  double sum;
  double min;
  double max;
  uint32_t has; /* SUM, MIN, MAX */
  uint32_t reserved0;
  otelue_ref explicit_bounds; /* double */
  otelue_ref bucket_counts;   /* uint64_t: one more than there are bounds, or no buckets at all */
  uint64_t reserved1;
} otelue_histogram;

typedef struct otelue_exponential_histogram {
  uint64_t count;
  double sum;
  double min;
  double max;
  uint32_t has; /* SUM, MIN, MAX, POSITIVE, NEGATIVE; counts make POSITIVE and NEGATIVE present by themselves */
  int32_t scale;
  uint64_t zero_count;
  double zero_threshold;
  int32_t positive_offset; /* 0 when the field is not present */
  int32_t negative_offset;
  otelue_ref positive; /* uint64_t */
  otelue_ref negative; /* uint64_t */
  uint64_t reserved[2];
} otelue_exponential_histogram;

typedef struct otelue_quantile {
  double quantile;
  double value;
} otelue_quantile;

typedef struct otelue_summary {
  uint64_t count;
  double sum;
  otelue_ref quantiles; /* otelue_quantile */
  uint64_t reserved;
} otelue_summary;

typedef struct otelue_exemplar {
  uint64_t time_unix_nano;
  uint32_t value_type; /* INT or DOUBLE */
  uint32_t has;        /* TRACE_ID, SPAN_ID */
  int64_t as_int;
  double as_double;
  uint8_t trace_id[16];
  uint8_t span_id[8];
  otelue_ref filtered_attributes; /* otelue_attribute records */
} otelue_exemplar;

typedef struct otelue_batch {
  uint32_t magic;       /* OTELUE_BATCH_MAGIC */
  uint16_t version;     /* OTELUE_BATCH_VERSION; another one gives -EOPNOTSUPP */
  uint16_t header_size; /* sizeof(otelue_batch) */
  uint32_t total_size;  /* bytes in use, at most the size handed in */
  uint32_t flags;       /* 0; anything else gives -EOPNOTSUPP */
  otelue_ref points;    /* otelue_point records */
  uint32_t resource;    /* offset of the otelue_resource of scopes that name none; 0: none */
  uint32_t reserved;
} otelue_batch;

/* ---- Options and results ---------------------------------------------------------------------------------
 *
 * Both begin with struct_size, which the caller sets to the size it was compiled with, and grow only at their
 * end. A shorter otelue_options gets defaults for what it lacks; a longer one is accepted when the part that
 * this library does not know is zero, else -E2BIG. Of otelue_result and its kin as much is filled in as fits.
 */

/* What every listener can receive on a machine with 4 KiB pages: ftrace takes 4072 bytes of record data. */
#define OTELUE_DEFAULT_BATCH_BYTES 4048u
/* What perf can receive: PERF_MAX_TRACE_SIZE is 8192. The kernel drops a larger event, reports success, and
 * warns once, which takes down a machine that runs with panic_on_warn. */
#define OTELUE_DEFAULT_MAX_EVENT_BYTES 8168u
/* What the `otlp_metrics` exporters of other projects write at most. */
#define OTELUE_LARGEST_MAX_EVENT_BYTES 65360u

/* otelue_options.packing: which points share an event. Records at different offsets count as different. */
enum {
  OTELUE_PACK_METRIC = 0, /* consecutive points of one metric */
  OTELUE_PACK_POINT = 1,  /* none: one point per event */
  OTELUE_PACK_REQUEST = 2 /* all consecutive points; resource and scope are written once per event */
};

/* otelue_options.flags */
enum {
  /* Accept max_event_bytes up to OTELUE_LARGEST_MAX_EVENT_BYTES. Only for kernels that were changed to deliver such
   * events: on any other they are lost in silence, and with panic_on_warn the machine goes down. */
  OTELUE_ALLOW_UNDELIVERABLE_EVENTS = 1
};

enum { OTELUE_LOG_ERROR = 1, OTELUE_LOG_WARNING = 2, OTELUE_LOG_INFO = 3 };

/* Gets one line without a newline: changes of the registration, and the first drop for each reason. It is called
 * by the thread whose call found the news, before that call returns. It must not call into the library. */
typedef void (*otelue_log_function)(void *context, int32_t level, const char *message);

typedef struct otelue_options {
  uint32_t struct_size;
  uint32_t flags;
  uint32_t batch_bytes;         /* OTLP bytes that an event with several points may have, at most max_event_bytes;
                                 * 0: 4048, or max_event_bytes when that is less */
  uint32_t max_event_bytes;     /* OTLP bytes that an event with a single point may have, at most 8168;
                                 * 0: 8168, or batch_bytes when that is more */
  uint32_t packing;             /* OTELUE_PACK_* */
  uint32_t pacing_bytes;        /* pause after each so many bytes written by one export; 0: never */
  uint32_t pacing_microseconds; /* length of each pause, at most 1,000,000 */
  uint32_t reserved;
  otelue_log_function log; /* NULL: none */
  void *log_context;
} otelue_options;

/* Returned instead of 0 when at least one point was not exported although somebody listens. */
#define OTELUE_PARTIAL 1

/* otelue_result.first_bad_reason */
enum {
  OTELUE_REASON_NONE = 0,
  OTELUE_REASON_REFERENCE = 1,      /* a reference is misaligned, ends outside the batch, or does not point down */
  OTELUE_REASON_RESERVED = 2,       /* a reserved field or an unknown flag is not 0 */
  OTELUE_REASON_KIND = 3,           /* the metric's kind is unknown */
  OTELUE_REASON_TEMPORALITY = 4,    /* temporality or is_monotonic does not fit the metric's kind */
  OTELUE_REASON_VALUE_TYPE = 5,     /* the point's or exemplar's value_type does not fit the metric's kind */
  OTELUE_REASON_ATTRIBUTE_TYPE = 6, /* an attribute's value has an unknown type, or a BOOL that is not 0 or 1 */
  OTELUE_REASON_TEXT = 7,           /* a name, unit, schema URL or key is not UTF-8, or a batch's key is empty */
  OTELUE_REASON_BUCKETS = 8,        /* the number of bucket counts does not fit the number of bounds */
  OTELUE_REASON_ENCODED = 9,        /* an encoded attribute set is damaged */
  OTELUE_REASON_MALFORMED = 10,     /* in an encoded request the point, or what surrounds it, is malformed */
  OTELUE_REASON_TOO_LARGE = 11,     /* the point alone, without exemplars, exceeds max_event_bytes */
  OTELUE_REASON_WRITE = 12          /* the kernel refused the point's event; see last_errno */
};

/* What one call did. points_total is the sum of exported, invalid, too_large, unwritten and unheard. When the call
 * was refused, all but struct_size is 0. */
typedef struct otelue_result {
  uint32_t struct_size;
  uint32_t enabled;          /* 1: somebody listened when the export began */
  uint32_t points_total;     /* points in the batch; of a request that nobody hears none is counted */
  uint32_t points_exported;  /* in events that the kernel took, or that were handed to the caller */
  uint32_t points_invalid;   /* refused, see first_bad_reason */
  uint32_t points_too_large; /* refused, OTELUE_REASON_TOO_LARGE */
  uint32_t points_unwritten; /* in events that the kernel refused */
  uint32_t points_unheard;   /* not written because nobody listened, or listened any more */
  uint32_t strings_as_bytes; /* string values that are not UTF-8, sent as bytes_value, in each event again */
  uint32_t values_emptied;   /* attribute values nested too deep, sent as empty values, in each event again */
  uint32_t exemplars_dropped; /* so that their point fits its event */
  uint32_t events;
  uint64_t bytes; /* OTLP bytes in those events */
  uint32_t first_bad_point; /* index of the first point that was invalid, too large or unwritten */
  uint32_t first_bad_reason; /* OTELUE_REASON_*; NONE: there is no such point */
  int32_t last_errno;        /* of the last write that failed; 0: none did */
  uint32_t reserved;
} otelue_result;

/* Totals of all exports since otelue_open(), for self-telemetry such as otel.sdk.exporter.metric_data_point.*. */
typedef struct otelue_statistics {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t exports;         /* calls that were not refused whole */
  uint64_t exports_refused; /* malformed batches and requests, and calls after shutdown */
  uint64_t exports_unheard; /* calls that found nobody listening */
  uint64_t points_total;
  uint64_t points_exported;
  uint64_t points_invalid;
  uint64_t points_too_large;
  uint64_t points_unwritten;
  uint64_t points_unheard;
  uint64_t strings_as_bytes;
  uint64_t values_emptied;
  uint64_t exemplars_dropped;
  uint64_t events;
  uint64_t bytes;
  uint64_t registrations; /* of the tracepoint, the first one included */
} otelue_statistics;

/* otelue_status_info.step: where registration stands, or which step failed with last_errno. */
enum {
  OTELUE_STEP_REGISTERED = 0,
  OTELUE_STEP_FIND = 1,     /* no user_events_data: kernel without CONFIG_USER_EVENTS, or tracefs not mounted */
  OTELUE_STEP_OPEN = 2,     /* user_events_data is there and cannot be opened */
  OTELUE_STEP_REGISTER = 3, /* the kernel refused the registration */
  OTELUE_STEP_PROBE = 4,    /* the kernel refused a probe */
  OTELUE_STEP_WRITE = 5,    /* the kernel refused an event */
  OTELUE_STEP_SHUTDOWN = 6  /* otelue_shutdown() was called */
};

typedef struct otelue_status_info {
  uint32_t struct_size;
  uint32_t registered; /* the tracepoint is registered by this process */
  uint32_t enabled;    /* the kernel's enable word, a hint that can be out of date */
  uint32_t heard;      /* a probe found somebody who would receive an event written now, here */
  uint32_t step;       /* OTELUE_STEP_* */
  int32_t last_errno;  /* of that step; 0: none */
  char message[240];   /* the same in words, NUL-terminated */
} otelue_status_info;

typedef struct otelue_exporter otelue_exporter;

/* ---- Export ---------------------------------------------------------------------------------------------- */

/* The release as major << 16 | minor << 8 | patch. */
OTELUE_API uint32_t otelue_version(void);

/* The newest otelue_batch.version that this library reads. */
OTELUE_API uint32_t otelue_batch_version_max(void);

/* What a return value of this library means, and what an OTELUE_REASON_* means: static English text. */
OTELUE_API const char *otelue_strerror(int result);
OTELUE_API const char *otelue_strreason(uint32_t reason);

/*
 * Makes an exporter and registers the tracepoint `otlp_metrics`.
 *
 * A tracepoint that cannot be registered is no error: the exporter exists, otelue_status() says why, and exports
 * try again (after 0.1 s at first, then twice as long each time, up to 5 s).
 *
 * options  NULL: all defaults.
 * *out     the exporter, owned by the caller, to be ended by otelue_close(); NULL on failure.
 * Returns 0; -EINVAL for an option out of range; -E2BIG for a newer option that this library does not know;
 * -ENOMEM. Allocates.
 */
OTELUE_API int otelue_open(const otelue_options *options, otelue_exporter **out);

/*
 * Returns 1 when the kernel says that somebody listens, else 0: one load, for callers that would rather not
 * gather values for nobody. The kernel ties this word to the thread that registered; when that thread has ended
 * the word can stay behind, at 0 or 1, until the next otelue_export() or otelue_status() sets it right. So let
 * it guard measurements, and call otelue_export() or otelue_status() once per cycle in any case.
 */
OTELUE_API int otelue_enabled(const otelue_exporter *exporter);

/*
 * Exports a batch: all points that are valid and fit, in order.
 *
 * When nobody listens, one probe says so and nothing is encoded: two system calls, one that looks whether the
 * descriptor is still the tracepoint's, and one write that no listener can receive. A listener that leaves during
 * the export ends it; that is no error.
 *
 * result   NULL: not wanted. Otherwise struct_size must be set, to 4 or more.
 * Returns 0 when every point was exported or nobody listens; OTELUE_PARTIAL when some were not, see result;
 * -EINVAL for a batch with a malformed header, -EOPNOTSUPP for one of a newer version, -ESHUTDOWN after
 * otelue_shutdown(); then nothing was written.
 */
OTELUE_API int otelue_export(otelue_exporter *exporter, const void *batch, size_t size, otelue_result *result);

/*
 * Exports an encoded ExportMetricsServiceRequest, split into events as the options ask.
 *
 * Every field is kept, unknown ones included; the fields around the points are repeated in each event. The
 * points of a metric are the messages in field 1 of its data field, also of a data field that this library does
 * not know. A metric without points is not exported. Order is kept.
 *
 * All that protobuf decoders accept is accepted: fields in any order or repeated, numbers wider than need be, packed
 * fields that are not packed. What they would refuse costs the points that it belongs to: itself in a point, those
 * below in a resource, scope or metric. What the numbers mean is not checked.
 *
 * Returns as otelue_export(); -EINVAL when the way to the points is malformed. Without a listener nothing is looked
 * at.
 */
OTELUE_API int otelue_export_otlp(otelue_exporter *exporter, const void *request, size_t size,
                                  otelue_result *result);

/* Returns 0, or -ESHUTDOWN after otelue_shutdown(). Every export is complete when it returns, so there is
 * nothing to flush. */
OTELUE_API int otelue_force_flush(otelue_exporter *exporter);

/* Waits for exports that are under way, then unregisters the tracepoint. Later exports return -ESHUTDOWN.
 * Returns 0, and does nothing the second time. */
OTELUE_API int otelue_shutdown(otelue_exporter *exporter);

/* Shuts down, and ends the exporter. NULL is allowed. A second call on the same exporter does nothing, and any
 * other call finds it shut down: the few bytes that the kernel may still write to are never given back. */
OTELUE_API void otelue_close(otelue_exporter *exporter);

/* Fills in what is known of the tracepoint, after one probe, which also heals a registration that has gone stale.
 * status->struct_size must be set. */
OTELUE_API int otelue_status(otelue_exporter *exporter, otelue_status_info *status);

/* Fills in the totals. statistics->struct_size must be set. */
OTELUE_API int otelue_stats(const otelue_exporter *exporter, otelue_statistics *statistics);

/* ---- Without a kernel ------------------------------------------------------------------------------------ */

/* Where otelue_encode_next() and otelue_split_next() stand. All zero at the start; then the same batch or request and
 * the same options go with it until the end. Each batch has its own. */
typedef struct otelue_cursor {
  uint64_t opaque[24];
} otelue_cursor;

/* `out` must hold max_event_bytes and this much more. */
#define OTELUE_ENCODE_SLACK 32u

/*
 * Encodes the next event of a batch into `out`: exactly the messages that otelue_export() would write.
 * Pure: no handle, no kernel, no state but the cursor.
 *
 * options   limits and packing; NULL: defaults.
 * capacity  at least max_event_bytes + OTELUE_ENCODE_SLACK, else -ENOBUFS.
 * *written  the size of the event; 0 when there is none.
 * result    NULL or the sum over all calls: the first call clears it. The points of all events handed out are
 *           counted as exported, and the last call, which returns 0, may still add points that were refused.
 * Returns 1 for an event, 0 when there is no more; -ENOBUFS; -EINVAL or -E2BIG for options as otelue_open(); -EINVAL
 * or -EOPNOTSUPP for a batch as otelue_export(). On failure result and cursor are left as they were.
 */
OTELUE_API int otelue_encode_next(const void *batch, size_t size, const otelue_options *options,
                                  otelue_cursor *cursor, void *out, size_t capacity, size_t *written,
                                  otelue_result *result);

/* The same for an encoded request: exactly the messages that otelue_export_otlp() would write. */
OTELUE_API int otelue_split_next(const void *request, size_t size, const otelue_options *options,
                                 otelue_cursor *cursor, void *out, size_t capacity, size_t *written,
                                 otelue_result *result);

/*
 * Encodes a run of attribute records, for points of any kind with OTELUE_ENCODED_ATTRIBUTES. Series live long:
 * encode their attributes once, keep the bytes, and append them to each batch, at any offset. They are opaque, and
 * for the release of the library that made them. What was changed in them, as a string that is not UTF-8, is counted
 * at each use.
 *
 * batch     a batch with a valid header; it needs no points.
 * off, len  the otelue_attribute records in it.
 * *written  the size of the set, also when it does not fit; at least 1.
 * Returns 0; -ENOBUFS when capacity is too small (out may then be NULL); -EINVAL for attributes that would make
 * a point invalid; -E2BIG for a set of more than 8168 bytes of OTLP; -EOPNOTSUPP as otelue_export().
 */
OTELUE_API int otelue_encode_attributes(const void *batch, size_t size, uint32_t off, uint32_t len, void *out,
                                        size_t capacity, size_t *written);

#ifdef __cplusplus
}
#endif

#endif
