// SPDX-License-Identifier: Apache-2.0
//! `records.h`.
// Fields and numbers are described in the header.
#![allow(missing_docs)]

use core::ffi::c_char;

pub const OTELUE_BATCH_MAGIC: u32 = 0x4555_544F;
pub const OTELUE_BATCH_VERSION: u16 = 1;

// otelue_value_type
pub const OTELUE_EMPTY: u32 = 0;
pub const OTELUE_STRING: u32 = 1;
pub const OTELUE_BOOL: u32 = 2;
pub const OTELUE_INT: u32 = 3;
pub const OTELUE_DOUBLE: u32 = 4;
pub const OTELUE_ARRAY: u32 = 5;
pub const OTELUE_KVLIST: u32 = 6;
pub const OTELUE_BYTES: u32 = 7;

// otelue_metric_kind
pub const OTELUE_GAUGE: u32 = 5;
pub const OTELUE_SUM: u32 = 7;
pub const OTELUE_HISTOGRAM: u32 = 9;
pub const OTELUE_EXPONENTIAL_HISTOGRAM: u32 = 10;
pub const OTELUE_SUMMARY: u32 = 11;

// otelue_temporality
pub const OTELUE_DELTA: u32 = 1;
pub const OTELUE_CUMULATIVE: u32 = 2;

// otelue_point_flags
pub const OTELUE_NO_RECORDED_VALUE: u32 = 1;

// otelue_attributes_form
pub const OTELUE_ATTRIBUTE_RECORDS: u16 = 0;
pub const OTELUE_ENCODED_ATTRIBUTES: u16 = 1;

// otelue_has
pub const OTELUE_HAS_SUM: u32 = 1;
pub const OTELUE_HAS_MIN: u32 = 2;
pub const OTELUE_HAS_MAX: u32 = 4;
pub const OTELUE_HAS_POSITIVE: u32 = 8;
pub const OTELUE_HAS_NEGATIVE: u32 = 16;
pub const OTELUE_HAS_TRACE_ID: u32 = 32;
pub const OTELUE_HAS_SPAN_ID: u32 = 64;

// otelue_recording_entry_type
pub const OTELUE_RECORDING_EVENT: u16 = 1;
pub const OTELUE_RECORDING_LOST: u16 = 2;

pub const OTELUE_RECORDING_BYTE_ORDER: u32 = 0x0102_0304;
pub const OTELUE_RECORDING_VERSION: u16 = 1;

/// Where something is: the offset from the first byte of the batch, and how many bytes, records or numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_ref {
    pub off: u32,
    pub len: u32,
}

/// The value of an attribute.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_value {
    pub r#type: u32,
    pub len: u32,
    pub bits: u64,
}

/// A key and its value.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_attribute {
    pub key: otelue_ref,
    pub value: otelue_value,
}

/// An entity of the resource: which of the resource's attributes identify and describe it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_entity_ref {
    pub schema_url: otelue_ref,
    pub r#type: otelue_ref,
    pub id_keys: otelue_ref,
    pub description_keys: otelue_ref,
}

/// What produces the metrics.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_resource {
    pub attributes: otelue_ref,
    pub schema_url: otelue_ref,
    pub entity_refs: otelue_ref,
    pub dropped_attributes_count: u32,
    pub reserved0: u32,
    pub reserved1: u64,
}

/// An instrumentation scope.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_scope {
    pub resource: u32,
    pub dropped_attributes_count: u32,
    pub name: otelue_ref,
    pub version: otelue_ref,
    pub schema_url: otelue_ref,
    pub attributes: otelue_ref,
    pub reserved: u64,
}

/// What points are of.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_metric {
    pub scope: u32,
    pub kind: u32,
    pub name: otelue_ref,
    pub description: otelue_ref,
    pub unit: otelue_ref,
    pub metadata: otelue_ref,
    pub temporality: u32,
    pub is_monotonic: u32,
    pub reserved: u64,
}

/// One data point.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_point {
    pub metric: u32,
    pub flags: u32,
    pub start_time_unix_nano: u64,
    pub time_unix_nano: u64,
    pub attributes: otelue_ref,
    pub exemplars: otelue_ref,
    pub value_type: u16,
    pub attributes_form: u16,
    pub body: u32,
    pub as_int: i64,
    pub as_double: f64,
}

/// The body of a point of a histogram.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_histogram {
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub has: u32,
    pub reserved0: u32,
    pub explicit_bounds: otelue_ref,
    pub bucket_counts: otelue_ref,
    pub reserved1: u64,
}

/// The body of a point of an exponential histogram.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_exponential_histogram {
    pub count: u64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub has: u32,
    pub scale: i32,
    pub zero_count: u64,
    pub zero_threshold: f64,
    pub positive_offset: i32,
    pub negative_offset: i32,
    pub positive: otelue_ref,
    pub negative: otelue_ref,
    pub reserved: [u64; 2],
}

/// A quantile of a summary.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_quantile {
    pub quantile: f64,
    pub value: f64,
}

/// The body of a point of a summary.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_summary {
    pub count: u64,
    pub sum: f64,
    pub quantiles: otelue_ref,
    pub reserved: u64,
}

/// An exemplar of a point.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_exemplar {
    pub time_unix_nano: u64,
    pub value_type: u32,
    pub has: u32,
    pub as_int: i64,
    pub as_double: f64,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub filtered_attributes: otelue_ref,
}

/// What a batch begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_batch {
    pub magic: u32,
    pub version: u16,
    pub header_size: u16,
    pub total_size: u32,
    pub flags: u32,
    pub points: otelue_ref,
    pub resource: u32,
    pub reserved: u32,
}

/// What a recording begins with; entries follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_recording {
    pub magic: [c_char; 8],
    pub byte_order: u32,
    pub version: u16,
    pub header_size: u16,
}

/// An entry of a recording. Its bytes follow, and then the next entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct otelue_recording_entry {
    pub size: u32,
    pub r#type: u16,
    pub reserved0: u16,
    pub time_unix_nano: u64,
    pub pid: u32,
    pub cpu: u32,
    pub protocol: u32,
    pub reserved1: u32,
    pub version: [c_char; 8],
}
