/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file
 * OpenTelemetry metrics through the Linux user_events tracepoint `otlp_metrics`.
 *
 * A caller describes its metrics in one flat batch (records.h) and hands it to otelue_export(). The library encodes the
 * batch as OTLP ExportMetricsServiceRequest messages, each small enough for every listener, and writes one tracepoint
 * event per message. Nothing is encoded while nobody listens.
 *
 * What holds for every function:
 *
 *   Returns   0, or a negative errno. otelue_export() and its kin also return OTELUE_PARTIAL. -EINVAL means a mistake
 *             in an argument, such as NULL where one is needed. errno itself is left as it was.
 *   Points    While somebody listens, every point of an export is written to our tracepoint, or counted with the reason
 *             why not, whatever goes on beside it: other exports, forks, rights that are given up, descriptors that
 *             anybody closes or uses again, listeners that come and go, pauses, shutdown. A fault ends when its cause
 *             ends: the first call after the back-off (5 s at most) finds all well, and nothing is left over.
 *   Files     Nothing of ours reaches another file or event, and nobody else's descriptor is closed. Each export looks
 *             whose the descriptor is when it begins and behind each pause, and so does whatever closes it. One thing
 *             cannot be ruled out: who closes our descriptor *and* gets its number between that look and the writes or
 *             the close that follow at once gets what is written, or loses the descriptor. So its number is 64 or above
 *             where that may be. It is closed by exec.
 *   Threads   Any function may be called from any thread at any time, also on one exporter at once; otelue_close()
 *             must be the last call on its exporter. An export uses no thread-local storage, and takes a lock only
 *             where it has to register, for which it waits 0.1 s at most. Several exporters, and several copies of
 *             the library in one process, do not get in each other's way.
 *   Memory    The library keeps no pointer into what callers hand in, but for the log function and its context. An
 *             export allocates nothing.
 *   Stack     At most 24 KiB, or 80 KiB when the options have OTELUE_ALLOW_LARGE_EVENTS, however deep attributes are
 *             nested. Whether somebody listens makes no difference of more than that.
 *   Signals   No function is async-signal-safe. None installs a handler, prints, or ends the process. None blocks, but
 *             for the pauses that the options ask for, the wait above, and the bounded wait of otelue_shutdown().
 *   fork      A child exports with what its parent opened, and needs no right of its own for that: open in the parent,
 *             then drop privileges, chroot or lower limits in the child. A child that may open the tracepoint itself
 *             needs nothing from its parent. Neither notices when the other shuts down. It makes no difference what
 *             other threads were doing, nor whether a signal handler forked; of exports that were under way the child
 *             has none.
 *             Linux before July 2026 (commit 25a7090767304) may crash when one thread unregisters while another forks.
 *             So fork() waits for a shutdown that is unregistering, and that for fork(), each for a second at most.
 *             What goes past pthread_atfork(), such as _Fork() and clone() without CLONE_VM, must not run beside
 *             otelue_shutdown() on such kernels.
 */
#ifndef OTELUE_OTELUE_H
#define OTELUE_OTELUE_H

#include "records.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OTELUE_API
#define OTELUE_API __attribute__((visibility("default")))
#endif

/* ---- Options and results ------------------------------------------------------------------------------------------
 *
 * Each begins with struct_size, which the caller sets to the size it was compiled with, and grows only at its end. When
 * otelue_options are shorter than this library's, what is missing has its default; when they are longer, the part that
 * this library does not know must be zero, or the call returns -E2BIG. What the library fills in, it fills in as far as
 * the caller's struct reaches.
 */

/** What every listener can receive on a machine with 4 KiB pages: ftrace takes 4072 bytes of record data. */
#define OTELUE_DEFAULT_TARGET_EVENT_BYTES 4048u
/** What perf can receive: PERF_MAX_TRACE_SIZE is 8192. The kernel drops a larger event, reports success, and warns
 * once, which takes down a machine that runs with panic_on_warn. */
#define OTELUE_DEFAULT_MAX_EVENT_BYTES 8168u
/** What the `otlp_metrics` exporters of other projects write at most. */
#define OTELUE_LARGEST_MAX_EVENT_BYTES 65360u

/** otelue_options.packing: which points share an event. Records at different offsets count as different. */
enum otelue_packing {
  OTELUE_PACK_METRIC = 0, /**< consecutive points of one metric */
  OTELUE_PACK_POINT = 1,  /**< none: each point has an event of its own */
  OTELUE_PACK_REQUEST = 2 /**< all consecutive points; resource and scope are written once per event */
};

/** otelue_options.flags. */
enum otelue_flags {
  /**
   * Accept limits up to OTELUE_LARGEST_MAX_EVENT_BYTES. Since Linux 7.3 an ftrace instance receives events as large as
   * its sub-buffers (buffer_subbuf_size_kb; up to 65,488 bytes of OTLP). No other listener does: perf on the same host
   * loses every event above 8168 bytes in silence, and the first one makes the kernel warn, which with panic_on_warn
   * takes the machine down. So this is for hosts on which nobody listens through perf. Exports then need 80 KiB of
   * stack.
   */
  OTELUE_ALLOW_LARGE_EVENTS = 1
};

typedef struct otelue_options {
  uint32_t struct_size;
  uint32_t flags;               /**< otelue_flags */
  uint32_t target_event_bytes;  /**< an event gets no further point that would take it beyond so many bytes of OTLP; at
                                 * most max_event_bytes; 0: 4048, or max_event_bytes when that is less */
  uint32_t max_event_bytes;     /**< how large an event may be whose first point alone goes beyond the target; at most
                                 * 8168; 0: 8168, or target_event_bytes when that is more */
  uint32_t packing;             /**< otelue_packing */
  uint32_t pacing_bytes;        /**< how many bytes one export writes between two pauses; 0: it never pauses */
  uint32_t pacing_microseconds; /**< length of each pause, at most 1,000,000 */
  uint32_t reserved;
} otelue_options;

/** The level of a message for otelue_log_function. */
enum otelue_log_level { OTELUE_LOG_ERROR = 1, OTELUE_LOG_WARNING = 2, OTELUE_LOG_INFO = 3 };

/**
 * Gets one line without a newline: changes of the registration, and the first drop for each reason.
 *
 * It is called by the thread whose call found the news, before that call returns, and no longer counts as part of an
 * export that is under way: otelue_shutdown() does not wait for it. It may be called by several threads at once.
 * `message` lives for the call; `context` must live until otelue_close() *and every other call* on the exporter have
 * returned. It must not throw, leave by longjmp(), or call into the library.
 */
typedef void (*otelue_log_function)(void *context, int32_t level, const char *message);

/** Returned instead of 0 when at least one point was not exported although somebody listens. */
#define OTELUE_PARTIAL 1

/** Why a point was not exported: otelue_result.first_bad_reason. */
enum otelue_reason {
  OTELUE_REASON_NONE = 0,
  OTELUE_REASON_REFERENCE = 1,        /**< a reference is misaligned or ends outside the batch, or an element does not
                                       * lie below what contains it */
  OTELUE_REASON_RESERVED = 2,         /**< a reserved field or an unknown flag is not 0 */
  OTELUE_REASON_KIND = 3,             /**< the metric's kind is unknown */
  OTELUE_REASON_TEMPORALITY = 4,      /**< temporality or is_monotonic does not fit the metric's kind */
  OTELUE_REASON_VALUE_TYPE = 5,       /**< the point's or exemplar's value_type does not fit the metric's kind */
  OTELUE_REASON_ATTRIBUTE_TYPE = 6,   /**< an attribute's value has an unknown type, or is a BOOL that is not 0 or 1 */
  OTELUE_REASON_TEXT = 7,             /**< a name, unit, schema URL or key is not UTF-8 */
  OTELUE_REASON_BUCKETS = 8,          /**< the number of bucket counts does not fit the number of bounds */
  OTELUE_REASON_ENCODED = 9,          /**< an encoded attribute set is damaged */
  OTELUE_REASON_ENCODED_VERSION = 10, /**< an encoded attribute set is another release's */
  OTELUE_REASON_MALFORMED = 11,       /**< in an encoded request the point, or what surrounds it, is malformed */
  OTELUE_REASON_TOO_LARGE = 12,       /**< the point, without its exemplars, exceeds max_event_bytes */
  OTELUE_REASON_HEAD_TOO_LARGE = 13,  /**< resource, scope and metric leave no room in max_event_bytes for any point */
  OTELUE_REASON_WRITE = 14            /**< the point's event could not be written; see last_errno */
};

/** Where registration stands, or which step failed with last_errno. */
enum otelue_step {
  OTELUE_STEP_REGISTERED = 0,
  OTELUE_STEP_FIND = 1,     /**< no user_events_data: kernel without CONFIG_USER_EVENTS, or tracefs not mounted */
  OTELUE_STEP_OPEN = 2,     /**< user_events_data is there and cannot be opened */
  OTELUE_STEP_REGISTER = 3, /**< the kernel refused the registration */
  OTELUE_STEP_PROBE = 4,    /**< the kernel refused a probe */
  OTELUE_STEP_WRITE = 5,    /**< the kernel refused an event */
  OTELUE_STEP_SHUTDOWN = 6  /**< otelue_shutdown() was called */
};

/**
 * What one call did. points_total is the sum of points_exported, _invalid, _too_large, _unwritten and _unheard. When a
 * call was refused, all but struct_size is 0.
 */
typedef struct otelue_result {
  uint32_t struct_size;
  uint32_t listening;         /**< 1: somebody listened when the export began */
  uint32_t points_total;      /**< points in the batch or request; a request is read only while somebody listens */
  uint32_t points_exported;   /**< in events that the kernel took, or that were handed to the caller */
  uint32_t points_invalid;    /**< refused, see first_bad_reason */
  uint32_t points_too_large;  /**< refused: OTELUE_REASON_TOO_LARGE, OTELUE_REASON_HEAD_TOO_LARGE */
  uint32_t points_unwritten;  /**< in events that the kernel refused */
  uint32_t points_unheard;    /**< not written because nobody listened, or nobody did any longer */
  uint32_t strings_as_bytes;  /**< string values that are not UTF-8, sent as bytes_value; counted once per event */
  uint32_t values_emptied;    /**< attribute values nested too deep, sent as empty values; counted once per event */
  uint32_t exemplars_dropped; /**< left out so that their point fits its event, or because they are malformed */
  uint32_t events;
  uint64_t bytes;            /**< OTLP bytes in those events */
  uint32_t first_bad_point;  /**< index of the first point that was invalid, too large or unwritten */
  uint32_t first_bad_reason; /**< otelue_reason; NONE: there is no such point */
  int32_t last_errno;        /**< of the last write that failed; 0: none did */
  uint32_t step;             /**< otelue_step: why `listening` is 0; OTELUE_STEP_REGISTERED means that nobody listens */
} otelue_result;

/** Totals of all exports since otelue_open(), for self-telemetry such as otel.sdk.exporter.metric_data_point.*. */
typedef struct otelue_statistics {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t exports;         /**< calls that were not refused whole */
  uint64_t exports_refused; /**< malformed batches and requests, and calls after shutdown */
  uint64_t exports_unheard; /**< calls that found nobody listening */
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
  uint64_t registrations; /**< of the tracepoint, the first one included */
} otelue_statistics;

/** What is known of the tracepoint. */
typedef struct otelue_status {
  uint32_t struct_size;
  uint32_t registered; /**< 1: this process can write to the tracepoint */
  uint32_t enabled;    /**< the kernel's enable word, a hint that can be out of date */
  uint32_t heard_here; /**< 1: somebody would receive an event that this thread wrote now */
  uint32_t step;       /**< otelue_step */
  int32_t last_errno;  /**< of that step; 0: none */
  char message[240];   /**< all this in words, NUL-terminated */
} otelue_status;

/** What otelue_open() makes. */
typedef struct otelue_exporter otelue_exporter;

/* ---- Export ------------------------------------------------------------------------------------------------------ */

/** The release as major << 16 | minor << 8 | patch. */
OTELUE_API uint32_t otelue_version(void);

/** The newest otelue_batch.version that this library reads; it reads every one from 1 on. */
OTELUE_API uint32_t otelue_batch_version_max(void);

/** What a return value of this library means: static English text. */
OTELUE_API const char *otelue_strerror(int result);

/** What an otelue_reason means: static English text. */
OTELUE_API const char *otelue_strreason(uint32_t reason);

/**
 * Makes an exporter and registers the tracepoint `otlp_metrics`.
 *
 * A tracepoint that cannot be registered is no error: the exporter exists, otelue_get_status() says why, and exports
 * try again (after 0.1 s at first, then twice as long each time, up to 5 s).
 *
 * @param options      NULL: all defaults.
 * @param log          NULL: none.
 * @param log_context  handed to `log`.
 * @param out          the exporter, owned by the caller, to be ended by otelue_close(); NULL on failure.
 * @return 0; -EINVAL for an option out of range; -E2BIG for a newer option that this library does not know; -ENOMEM.
 *         Allocates.
 */
OTELUE_API int otelue_open(const otelue_options *options, otelue_log_function log, void *log_context,
                           otelue_exporter **out);

/**
 * Makes an exporter that writes to a recording, which `otelue watch FILE` reads, instead of the tracepoint. Everything
 * else is as with otelue_open(); a recording always listens.
 *
 * The file is made (mode 0666 less the umask) when there is none; to an existing recording of this machine's byte order
 * events are added, behind its last whole one. It has one writer at a time: in a forked child the exporter is out of
 * order (OTELUE_STEP_OPEN, EBUSY). A full disk, quota or RLIMIT_FSIZE costs the points that are not written, which are
 * counted, and nothing else. Exports to a recording wait for each other and for the disk.
 *
 * @param path  a regular file, or none yet; its last part must not be a symbolic link.
 * @param options, log, log_context, out  as for otelue_open().
 * @return as otelue_open(); -EBUSY when somebody else is writing to the file; -EBADMSG when it is no recording, or one
 *         of another byte order or version; or why it cannot be opened (-ELOOP: a symbolic link; -EINVAL: not a regular
 *         file).
 */
OTELUE_API int otelue_open_recording(const otelue_options *options, const char *path, otelue_log_function log,
                                     void *log_context, otelue_exporter **out);

/**
 * Whether it is worth building a batch: the question to ask once per cycle, before values are gathered.
 *
 * When the kernel's enable word says that somebody listens, that is the answer (a listener that has just left costs a
 * batch, no more). Otherwise a probe finds out, and heals a word that has gone stale: a 0 is never out of date. At most
 * two system calls, or what registering takes when that is due. Statistics do not change.
 *
 * @param exporter  NULL or shut down: the answer is 0.
 * @param step      NULL, or gets why the answer is 0 (otelue_step): OTELUE_STEP_REGISTERED when nobody listens, else
 *                  where registration stands.
 * @return 1 or 0.
 */
OTELUE_API int otelue_listening(otelue_exporter *exporter, uint32_t *step);

/**
 * The kernel's enable word, 1 or 0, by one load: for a guard in front of each measurement. The kernel ties the word to
 * the thread that registered; when that thread has ended, the word can stay behind until the next otelue_listening(),
 * otelue_export() or otelue_get_status() sets it right. So ask otelue_listening() once per cycle in any case. NULL: 0.
 */
OTELUE_API int otelue_enabled(const otelue_exporter *exporter);

/**
 * Exports a batch: all points that are valid and fit, in order.
 *
 * While nobody listens, one probe says so and nothing is encoded: two system calls, one that looks whether the
 * descriptor is still the tracepoint's, and one write that no listener can receive. A listener that leaves during the
 * export ends it; that is no error.
 *
 * Where one point with what surrounds it goes beyond target_event_bytes, so that ftrace cannot receive it anyway, the
 * event is filled up to max_event_bytes. A point that does not fit even so goes without the exemplars that do not fit,
 * each looked at in turn, or is refused.
 *
 * @param exporter     of otelue_open().
 * @param batch, size  see records.h; at any address.
 * @param result       NULL: not wanted. Otherwise struct_size must be set, to 4 or more.
 * @return 0 when every point was exported or nobody listens; OTELUE_PARTIAL when some were not, see result; -EBADMSG
 *         for a batch with a malformed header, -EOPNOTSUPP for one of a newer version, -ESHUTDOWN after
 *         otelue_shutdown(): then nothing was written.
 */
OTELUE_API int otelue_export(otelue_exporter *exporter, const void *batch, size_t size, otelue_result *result);

/**
 * Exports an encoded ExportMetricsServiceRequest, split into events as the options ask.
 *
 * Every field is kept, unknown ones included; the fields around the points are repeated in each event. The points of a
 * metric are the messages in field 1 of its data field, also of a data field that this library does not know. A metric
 * without points is not exported. Order is kept.
 *
 * All that protobuf decoders accept is accepted: fields in any order or repeated, numbers wider than need be, packed
 * fields that are not packed. What they refuse costs the points that it concerns: in a point that point, in a resource,
 * scope or metric the points below. A malformed exemplar costs only itself. What the numbers mean is not checked.
 *
 * @return as otelue_export(); -EBADMSG when the way to the points is malformed. Without a listener nothing is read.
 */
OTELUE_API int otelue_export_otlp(otelue_exporter *exporter, const void *request, size_t size, otelue_result *result);

/**
 * Does nothing, because every export is complete when it returns: for SDKs whose exporters must have it.
 *
 * @return 0; -ESHUTDOWN after otelue_shutdown().
 */
OTELUE_API int otelue_force_flush(otelue_exporter *exporter);

/**
 * Ends the exporter's work: exports that begin later return -ESHUTDOWN, pauses end at once, and when the exports that
 * are under way have finished, the tracepoint is unregistered or the recording closed.
 *
 * It waits for those exports for one second at most. When one has not come back by then (its thread is stopped, say),
 * it returns, and the last export to finish does the rest.
 *
 * @return 0 when all is done, also the second time; -ETIMEDOUT.
 */
OTELUE_API int otelue_shutdown(otelue_exporter *exporter);

/**
 * Shuts down, and ends the exporter. NULL is allowed. Any later call finds the exporter shut down, and closing it again
 * does nothing: the few bytes that it consists of are never given back, because the kernel may still write to them.
 */
OTELUE_API void otelue_close(otelue_exporter *exporter);

/**
 * Fills in what is known of the tracepoint, after one probe, which also heals a registration that has gone stale.
 * status->struct_size must be set.
 */
OTELUE_API int otelue_get_status(otelue_exporter *exporter, otelue_status *status);

/** Fills in the totals. statistics->struct_size must be set. */
OTELUE_API int otelue_get_statistics(const otelue_exporter *exporter, otelue_statistics *statistics);

/**
 * Says what became of an export, in a sentence for a log: "2 of 1000 points were not exported; first http.requests,
 * point 17: too large for an event, of which resource and scope are 8120 bytes". A name that could mislead a reader, a
 * log or a terminal is quoted and escaped, so the sentence is one line of printable UTF-8.
 *
 * @param data, size      the batch or encoded request as it was exported; NULL: not at hand, so no metric is named.
 * @param returned        what the export returned; or the last of the calls of otelue_encode_next() or
 *                        otelue_split_next().
 * @param result          its result; NULL: not at hand.
 * @param text, capacity  gets the sentence, NUL-terminated, cut short behind a whole character when it does not fit.
 *                        NULL when capacity is 0.
 * @return the length that the whole sentence has, without the NUL; -EINVAL.
 */
OTELUE_API int otelue_describe(const void *data, size_t size, int returned, const otelue_result *result, char *text,
                               size_t capacity);

/* ---- Without a kernel -------------------------------------------------------------------------------------------- */

/**
 * Where otelue_encode_next() and otelue_split_next() stand. It is all zero at the start; from then on it goes with the
 * same batch or request, unchanged, and the same options until the end.
 */
typedef struct otelue_cursor {
  uint64_t opaque[64];
} otelue_cursor;

/** The `out` of otelue_encode_next() must hold max_event_bytes and so many bytes more. */
#define OTELUE_ENCODE_SLACK 32u

/**
 * Encodes the next event of a batch into `out`: exactly the messages that otelue_export() writes. Pure: no handle, no
 * kernel, no state but the cursor.
 *
 * @param batch, size    as for otelue_export().
 * @param options        limits and packing; NULL: defaults.
 * @param cursor         see otelue_cursor.
 * @param out, capacity  at least max_event_bytes + OTELUE_ENCODE_SLACK, else -ENOBUFS.
 * @param written        the size of the event; 0 when there is none.
 * @param result         NULL or the sum over all calls: the first call clears it. The points of all events handed out
 *                       count as exported, and the last call, which returns 0, may still add points that were refused.
 * @return 1 for an event, 0 when there is no more; -ENOBUFS; -EINVAL or -E2BIG for options as otelue_open(); -EBADMSG
 *         or -EOPNOTSUPP for a batch as otelue_export(). On failure result and cursor are left as they were.
 */
OTELUE_API int otelue_encode_next(const void *batch, size_t size, const otelue_options *options,
                                  otelue_cursor *cursor, void *out, size_t capacity, size_t *written,
                                  otelue_result *result);

/** The same for an encoded request: exactly the messages that otelue_export_otlp() writes. */
OTELUE_API int otelue_split_next(const void *request, size_t size, const otelue_options *options,
                                 otelue_cursor *cursor, void *out, size_t capacity, size_t *written,
                                 otelue_result *result);

/** The largest set that otelue_encode_attributes() makes. */
#define OTELUE_ENCODED_ATTRIBUTES_MAX 8200u

/**
 * Encodes a run of attribute records, for points of any kind with OTELUE_ENCODED_ATTRIBUTES. Series live long: encode
 * their attributes once, keep the bytes, and append them to each batch, at any offset. They are opaque, and carry the
 * version of their format: a library that has another one refuses them (OTELUE_REASON_ENCODED_VERSION), so a set is for
 * the process that made it. What was changed in them, such as a string that is not UTF-8, is counted at each use.
 *
 * Caches of sets: keep the sets in the part of the batch that stays, found by what identifies the series in the SDK,
 * and start over when they number more than twice the points of a cycle plus 1,000, so that series that have gone do
 * not pile up.
 *
 * @param memory, size   the records and what they refer to; offsets count from its first byte. A batch will do, and so
 *                       will memory without a header.
 * @param off, len       the otelue_attribute records in it.
 * @param out, capacity  must not overlap `memory`.
 * @param written        the size of the set, at least 1, also when it does not fit into `out`; 0 on any other failure.
 * @param reason         NULL, or gets the otelue_reason with -EBADMSG.
 * @param index          NULL, or gets the number of the attribute that it concerns.
 * @return 0; -ENOBUFS when capacity is too small (`out` may then be NULL); -EBADMSG for attributes that would make a
 *         point invalid; -EMSGSIZE for a set of more than OTELUE_ENCODED_ATTRIBUTES_MAX bytes.
 */
OTELUE_API int otelue_encode_attributes(const void *memory, size_t size, uint32_t off, uint32_t len, void *out,
                                        size_t capacity, size_t *written, uint32_t *reason, uint32_t *index);

#ifdef __cplusplus
}
#endif

#endif
