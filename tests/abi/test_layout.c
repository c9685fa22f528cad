/* SPDX-License-Identifier: Apache-2.0 */
/* Where every field of every public struct lies, and every number: the ABI that other languages write down by hand. */
#include <otelue/otelue.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define IS(name, number) _Static_assert((name) == (number), #name)

SIZE(otelue_ref, 8);
AT(otelue_ref, off, 0);
AT(otelue_ref, len, 4);

SIZE(otelue_value, 16);
AT(otelue_value, type, 0);
AT(otelue_value, len, 4);
AT(otelue_value, bits, 8);

SIZE(otelue_attribute, 24);
AT(otelue_attribute, key, 0);
AT(otelue_attribute, value, 8);

SIZE(otelue_entity_ref, 32);
AT(otelue_entity_ref, schema_url, 0);
AT(otelue_entity_ref, type, 8);
AT(otelue_entity_ref, id_keys, 16);
AT(otelue_entity_ref, description_keys, 24);

SIZE(otelue_resource, 40);
AT(otelue_resource, attributes, 0);
AT(otelue_resource, schema_url, 8);
AT(otelue_resource, entity_refs, 16);
AT(otelue_resource, dropped_attributes_count, 24);
AT(otelue_resource, reserved0, 28);
AT(otelue_resource, reserved1, 32);

SIZE(otelue_scope, 48);
AT(otelue_scope, resource, 0);
AT(otelue_scope, dropped_attributes_count, 4);
AT(otelue_scope, name, 8);
AT(otelue_scope, version, 16);
AT(otelue_scope, schema_url, 24);
AT(otelue_scope, attributes, 32);
AT(otelue_scope, reserved, 40);

SIZE(otelue_metric, 56);
AT(otelue_metric, scope, 0);
AT(otelue_metric, kind, 4);
AT(otelue_metric, name, 8);
AT(otelue_metric, description, 16);
AT(otelue_metric, unit, 24);
AT(otelue_metric, metadata, 32);
AT(otelue_metric, temporality, 40);
AT(otelue_metric, is_monotonic, 44);
AT(otelue_metric, reserved, 48);

SIZE(otelue_point, 64);
AT(otelue_point, metric, 0);
AT(otelue_point, flags, 4);
AT(otelue_point, start_time_unix_nano, 8);
AT(otelue_point, time_unix_nano, 16);
AT(otelue_point, attributes, 24);
AT(otelue_point, exemplars, 32);
AT(otelue_point, value_type, 40);
AT(otelue_point, attributes_form, 42);
AT(otelue_point, body, 44);
AT(otelue_point, as_int, 48);
AT(otelue_point, as_double, 56);

SIZE(otelue_histogram, 64);
AT(otelue_histogram, count, 0);
AT(otelue_histogram, sum, 8);
AT(otelue_histogram, min, 16);
AT(otelue_histogram, max, 24);
AT(otelue_histogram, has, 32);
AT(otelue_histogram, reserved0, 36);
AT(otelue_histogram, explicit_bounds, 40);
AT(otelue_histogram, bucket_counts, 48);
AT(otelue_histogram, reserved1, 56);

SIZE(otelue_exponential_histogram, 96);
AT(otelue_exponential_histogram, count, 0);
AT(otelue_exponential_histogram, sum, 8);
AT(otelue_exponential_histogram, min, 16);
AT(otelue_exponential_histogram, max, 24);
AT(otelue_exponential_histogram, has, 32);
AT(otelue_exponential_histogram, scale, 36);
AT(otelue_exponential_histogram, zero_count, 40);
AT(otelue_exponential_histogram, zero_threshold, 48);
AT(otelue_exponential_histogram, positive_offset, 56);
AT(otelue_exponential_histogram, negative_offset, 60);
AT(otelue_exponential_histogram, positive, 64);
AT(otelue_exponential_histogram, negative, 72);
AT(otelue_exponential_histogram, reserved, 80);

SIZE(otelue_quantile, 16);
AT(otelue_quantile, quantile, 0);
AT(otelue_quantile, value, 8);

SIZE(otelue_summary, 32);
AT(otelue_summary, count, 0);
AT(otelue_summary, sum, 8);
AT(otelue_summary, quantiles, 16);
AT(otelue_summary, reserved, 24);

SIZE(otelue_exemplar, 64);
AT(otelue_exemplar, time_unix_nano, 0);
AT(otelue_exemplar, value_type, 8);
AT(otelue_exemplar, has, 12);
AT(otelue_exemplar, as_int, 16);
AT(otelue_exemplar, as_double, 24);
AT(otelue_exemplar, trace_id, 32);
AT(otelue_exemplar, span_id, 48);
AT(otelue_exemplar, filtered_attributes, 56);

SIZE(otelue_batch, 32);
AT(otelue_batch, magic, 0);
AT(otelue_batch, version, 4);
AT(otelue_batch, header_size, 6);
AT(otelue_batch, total_size, 8);
AT(otelue_batch, flags, 12);
AT(otelue_batch, points, 16);
AT(otelue_batch, resource, 24);
AT(otelue_batch, reserved, 28);

SIZE(otelue_recording, 16);
AT(otelue_recording, magic, 0);
AT(otelue_recording, byte_order, 8);
AT(otelue_recording, version, 12);
AT(otelue_recording, header_size, 14);

SIZE(otelue_recording_entry, 40);
AT(otelue_recording_entry, size, 0);
AT(otelue_recording_entry, type, 4);
AT(otelue_recording_entry, reserved0, 6);
AT(otelue_recording_entry, time_unix_nano, 8);
AT(otelue_recording_entry, pid, 16);
AT(otelue_recording_entry, cpu, 20);
AT(otelue_recording_entry, protocol, 24);
AT(otelue_recording_entry, reserved1, 28);
AT(otelue_recording_entry, version, 32);

SIZE(otelue_options, 32);
AT(otelue_options, struct_size, 0);
AT(otelue_options, flags, 4);
AT(otelue_options, target_event_bytes, 8);
AT(otelue_options, max_event_bytes, 12);
AT(otelue_options, packing, 16);
AT(otelue_options, pacing_bytes, 20);
AT(otelue_options, pacing_microseconds, 24);
AT(otelue_options, reserved, 28);

SIZE(otelue_result, 72);
AT(otelue_result, struct_size, 0);
AT(otelue_result, listening, 4);
AT(otelue_result, points_total, 8);
AT(otelue_result, points_exported, 12);
AT(otelue_result, points_invalid, 16);
AT(otelue_result, points_too_large, 20);
AT(otelue_result, points_unwritten, 24);
AT(otelue_result, points_unheard, 28);
AT(otelue_result, strings_as_bytes, 32);
AT(otelue_result, values_emptied, 36);
AT(otelue_result, exemplars_dropped, 40);
AT(otelue_result, events, 44);
AT(otelue_result, bytes, 48);
AT(otelue_result, first_bad_point, 56);
AT(otelue_result, first_bad_reason, 60);
AT(otelue_result, last_errno, 64);
AT(otelue_result, step, 68);

SIZE(otelue_statistics, 128);
AT(otelue_statistics, struct_size, 0);
AT(otelue_statistics, reserved, 4);
AT(otelue_statistics, exports, 8);
AT(otelue_statistics, exports_refused, 16);
AT(otelue_statistics, exports_unheard, 24);
AT(otelue_statistics, points_total, 32);
AT(otelue_statistics, points_exported, 40);
AT(otelue_statistics, points_invalid, 48);
AT(otelue_statistics, points_too_large, 56);
AT(otelue_statistics, points_unwritten, 64);
AT(otelue_statistics, points_unheard, 72);
AT(otelue_statistics, strings_as_bytes, 80);
AT(otelue_statistics, values_emptied, 88);
AT(otelue_statistics, exemplars_dropped, 96);
AT(otelue_statistics, events, 104);
AT(otelue_statistics, bytes, 112);
AT(otelue_statistics, registrations, 120);

SIZE(otelue_status, 264);
AT(otelue_status, struct_size, 0);
AT(otelue_status, registered, 4);
AT(otelue_status, enabled, 8);
AT(otelue_status, heard_here, 12);
AT(otelue_status, step, 16);
AT(otelue_status, last_errno, 20);
AT(otelue_status, message, 24);

SIZE(otelue_cursor, 512);
AT(otelue_cursor, opaque, 0);

IS(OTELUE_EMPTY, 0);
IS(OTELUE_STRING, 1);
IS(OTELUE_BOOL, 2);
IS(OTELUE_INT, 3);
IS(OTELUE_DOUBLE, 4);
IS(OTELUE_ARRAY, 5);
IS(OTELUE_KVLIST, 6);
IS(OTELUE_BYTES, 7);
IS(OTELUE_GAUGE, 5);
IS(OTELUE_SUM, 7);
IS(OTELUE_HISTOGRAM, 9);
IS(OTELUE_EXPONENTIAL_HISTOGRAM, 10);
IS(OTELUE_SUMMARY, 11);
IS(OTELUE_ATTRIBUTE_RECORDS, 0);
IS(OTELUE_ENCODED_ATTRIBUTES, 1);
IS(OTELUE_HAS_SUM, 1);
IS(OTELUE_HAS_MIN, 2);
IS(OTELUE_HAS_MAX, 4);
IS(OTELUE_HAS_POSITIVE, 8);
IS(OTELUE_HAS_NEGATIVE, 16);
IS(OTELUE_HAS_TRACE_ID, 32);
IS(OTELUE_HAS_SPAN_ID, 64);
IS(OTELUE_RECORDING_EVENT, 1);
IS(OTELUE_RECORDING_LOST, 2);
IS(OTELUE_PACK_METRIC, 0);
IS(OTELUE_PACK_POINT, 1);
IS(OTELUE_PACK_REQUEST, 2);
IS(OTELUE_ALLOW_LARGE_EVENTS, 1);
IS(OTELUE_REASON_NONE, 0);
IS(OTELUE_REASON_REFERENCE, 1);
IS(OTELUE_REASON_RESERVED, 2);
IS(OTELUE_REASON_KIND, 3);
IS(OTELUE_REASON_TEMPORALITY, 4);
IS(OTELUE_REASON_VALUE_TYPE, 5);
IS(OTELUE_REASON_ATTRIBUTE_TYPE, 6);
IS(OTELUE_REASON_TEXT, 7);
IS(OTELUE_REASON_BUCKETS, 8);
IS(OTELUE_REASON_ENCODED, 9);
IS(OTELUE_REASON_ENCODED_VERSION, 10);
IS(OTELUE_REASON_MALFORMED, 11);
IS(OTELUE_REASON_TOO_LARGE, 12);
IS(OTELUE_REASON_HEAD_TOO_LARGE, 13);
IS(OTELUE_REASON_WRITE, 14);
IS(OTELUE_STEP_REGISTERED, 0);
IS(OTELUE_STEP_FIND, 1);
IS(OTELUE_STEP_OPEN, 2);
IS(OTELUE_STEP_REGISTER, 3);
IS(OTELUE_STEP_PROBE, 4);
IS(OTELUE_STEP_WRITE, 5);
IS(OTELUE_STEP_SHUTDOWN, 6);
IS(OTELUE_DELTA, 1);
IS(OTELUE_CUMULATIVE, 2);
IS(OTELUE_NO_RECORDED_VALUE, 1);
IS(OTELUE_LOG_ERROR, 1);
IS(OTELUE_LOG_WARNING, 2);
IS(OTELUE_LOG_INFO, 3);
IS(OTELUE_BATCH_MAGIC, 1163220047);
IS(OTELUE_BATCH_VERSION, 1);
IS(OTELUE_RECORDING_BYTE_ORDER, 16909060);
IS(OTELUE_RECORDING_VERSION, 1);
IS(OTELUE_DEFAULT_TARGET_EVENT_BYTES, 4048);
IS(OTELUE_DEFAULT_MAX_EVENT_BYTES, 8168);
IS(OTELUE_LARGEST_MAX_EVENT_BYTES, 65360);
IS(OTELUE_PARTIAL, 1);
IS(OTELUE_ENCODE_SLACK, 32);
IS(OTELUE_ENCODED_ATTRIBUTES_MAX, 8200);

int main(void) { return 0; }
