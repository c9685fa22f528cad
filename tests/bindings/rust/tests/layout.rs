// SPDX-License-Identifier: Apache-2.0
//! What otelue-sys believes of the ABI is what the headers say: see ../../layout.py.

use std::io::Write;
use std::mem::{offset_of, size_of};
use std::process::{Command, Stdio};

use otelue_sys::*;
use serde_json::{json, Map, Value};

macro_rules! records {
    ($($record:ident { $($field:tt)* })*) => {
        object([$((stringify!($record), json!({
            "size": size_of::<$record>(),
            "fields": fields!($record, Map::new(), $($field)*),
        }))),*])
    };
}

/// Offsets by name. `field: record { ... }` is a record within a record.
macro_rules! fields {
    ($record:ident, $map:expr,) => { Value::Object($map) };
    ($record:ident, $map:expr, $field:ident in { $($inner:ident),* } $($rest:tt)*) => {{
        let mut map = $map;
        $(map.insert(
            name(concat!(stringify!($field), ".", stringify!($inner))),
            offset_of!($record, $field.$inner).into(),
        );)*
        fields!($record, map, $($rest)*)
    }};
    ($record:ident, $map:expr, $field:ident $($rest:tt)*) => {{
        let mut map = $map;
        map.insert(name(stringify!($field)), offset_of!($record, $field).into());
        fields!($record, map, $($rest)*)
    }};
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn name(field: &str) -> String {
    field.replace("r#", "") // `type` is a keyword
}

macro_rules! functions {
    ($($function:ident($($parameter:tt),*);)*) => {{
        // The compiler counts the parameters.
        $(let _: unsafe extern "C" fn($($parameter),*) -> _ = $function;)*
        object([$((stringify!($function), <[&str]>::len(&[$(stringify!($parameter)),*]).into())),*])
    }};
}

macro_rules! numbers {
    ($($number:ident)*) => { object([$((stringify!($number), $number.into())),*]) };
}

fn believed() -> Value {
    let records = records! {
        otelue_ref { off len }
        otelue_value { r#type len bits }
        otelue_attribute { key value in { r#type, len, bits } }
        otelue_entity_ref { schema_url r#type id_keys description_keys }
        otelue_resource { attributes schema_url entity_refs dropped_attributes_count reserved0 reserved1 }
        otelue_scope { resource dropped_attributes_count name version schema_url attributes reserved }
        otelue_metric { scope kind name description unit metadata temporality is_monotonic reserved }
        otelue_point {
            metric flags start_time_unix_nano time_unix_nano attributes exemplars value_type attributes_form body as_int
            as_double
        }
        otelue_histogram { count sum min max has reserved0 explicit_bounds bucket_counts reserved1 }
        otelue_exponential_histogram {
            count sum min max has scale zero_count zero_threshold positive_offset negative_offset positive negative
            reserved
        }
        otelue_quantile { quantile value }
        otelue_summary { count sum quantiles reserved }
        otelue_exemplar { time_unix_nano value_type has as_int as_double trace_id span_id filtered_attributes }
        otelue_batch { magic version header_size total_size flags points resource reserved }
        otelue_recording { magic byte_order version header_size }
        otelue_recording_entry { size r#type reserved0 time_unix_nano pid cpu protocol reserved1 version }
        otelue_options {
            struct_size flags target_event_bytes max_event_bytes packing pacing_bytes pacing_microseconds reserved
        }
        otelue_result {
            struct_size listening points_total points_exported points_invalid points_too_large points_unwritten
            points_unheard strings_as_bytes values_emptied exemplars_dropped events bytes first_bad_point
            first_bad_reason last_errno step
        }
        otelue_statistics {
            struct_size reserved exports exports_refused exports_unheard points_total points_exported points_invalid
            points_too_large points_unwritten points_unheard strings_as_bytes values_emptied exemplars_dropped events
            bytes registrations
        }
        otelue_status { struct_size registered enabled heard_here step last_errno message }
        otelue_cursor { opaque }
    };
    let functions = functions! {
        otelue_version();
        otelue_batch_version_max();
        otelue_strerror(_);
        otelue_strreason(_);
        otelue_open(_, _, _, _);
        otelue_open_recording(_, _, _, _, _);
        otelue_listening(_, _);
        otelue_enabled(_);
        otelue_export(_, _, _, _);
        otelue_export_otlp(_, _, _, _);
        otelue_force_flush(_);
        otelue_shutdown(_);
        otelue_close(_);
        otelue_get_status(_, _);
        otelue_get_statistics(_, _);
        otelue_describe(_, _, _, _, _, _);
        otelue_encode_next(_, _, _, _, _, _, _, _);
        otelue_split_next(_, _, _, _, _, _, _, _);
        otelue_encode_attributes(_, _, _, _, _, _, _, _, _);
    };
    let numbers = numbers! {
        OTELUE_BATCH_MAGIC OTELUE_BATCH_VERSION OTELUE_EMPTY OTELUE_STRING OTELUE_BOOL OTELUE_INT OTELUE_DOUBLE
        OTELUE_ARRAY OTELUE_KVLIST OTELUE_BYTES OTELUE_GAUGE OTELUE_SUM OTELUE_HISTOGRAM OTELUE_EXPONENTIAL_HISTOGRAM
        OTELUE_SUMMARY OTELUE_DELTA OTELUE_CUMULATIVE OTELUE_NO_RECORDED_VALUE OTELUE_ATTRIBUTE_RECORDS
        OTELUE_ENCODED_ATTRIBUTES OTELUE_HAS_SUM OTELUE_HAS_MIN OTELUE_HAS_MAX OTELUE_HAS_POSITIVE OTELUE_HAS_NEGATIVE
        OTELUE_HAS_TRACE_ID OTELUE_HAS_SPAN_ID OTELUE_RECORDING_EVENT OTELUE_RECORDING_LOST OTELUE_RECORDING_BYTE_ORDER
        OTELUE_RECORDING_VERSION OTELUE_DEFAULT_TARGET_EVENT_BYTES OTELUE_DEFAULT_MAX_EVENT_BYTES
        OTELUE_LARGEST_MAX_EVENT_BYTES OTELUE_PACK_METRIC OTELUE_PACK_POINT OTELUE_PACK_REQUEST
        OTELUE_ALLOW_LARGE_EVENTS OTELUE_LOG_ERROR OTELUE_LOG_WARNING OTELUE_LOG_INFO OTELUE_PARTIAL OTELUE_REASON_NONE
        OTELUE_REASON_REFERENCE OTELUE_REASON_RESERVED OTELUE_REASON_KIND OTELUE_REASON_TEMPORALITY
        OTELUE_REASON_VALUE_TYPE OTELUE_REASON_ATTRIBUTE_TYPE OTELUE_REASON_TEXT OTELUE_REASON_BUCKETS
        OTELUE_REASON_ENCODED OTELUE_REASON_ENCODED_VERSION OTELUE_REASON_MALFORMED OTELUE_REASON_TOO_LARGE
        OTELUE_REASON_HEAD_TOO_LARGE OTELUE_REASON_WRITE OTELUE_STEP_REGISTERED OTELUE_STEP_FIND OTELUE_STEP_OPEN
        OTELUE_STEP_REGISTER OTELUE_STEP_PROBE OTELUE_STEP_WRITE OTELUE_STEP_SHUTDOWN OTELUE_ENCODE_SLACK
        OTELUE_ENCODED_ATTRIBUTES_MAX
    };
    json!({"records": records, "functions": functions, "numbers": numbers})
}

#[test]
fn records_functions_and_numbers_are_those_of_the_headers() {
    assert!(std::env::var_os("OTELUE_LAYOUT").is_some(), "OTELUE_LAYOUT is not set to the layout.json of a build");
    let mut check = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../layout.py"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3");
    let said = serde_json::to_vec(&believed()).expect("JSON");
    check.stdin.take().expect("a pipe").write_all(&said).expect("a reader");
    assert!(check.wait().expect("an end").success());
}

#[test]
fn what_begins_with_its_size_says_it() {
    assert_eq!(otelue_options::default().struct_size, 32);
    assert_eq!(otelue_result::default().struct_size as usize, size_of::<otelue_result>());
    assert_eq!(otelue_statistics::default().struct_size as usize, size_of::<otelue_statistics>());
    assert_eq!(otelue_status::default().struct_size as usize, size_of::<otelue_status>());
}
