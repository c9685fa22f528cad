// SPDX-License-Identifier: Apache-2.0
//! `otelue.h`.
// Fields and numbers are described in the header.
#![allow(missing_docs)]

use core::ffi::{c_char, c_int, c_void};

pub const OTELUE_DEFAULT_TARGET_EVENT_BYTES: u32 = 4048;
pub const OTELUE_DEFAULT_MAX_EVENT_BYTES: u32 = 8168;
pub const OTELUE_LARGEST_MAX_EVENT_BYTES: u32 = 65360;

// otelue_packing
pub const OTELUE_PACK_METRIC: u32 = 0;
pub const OTELUE_PACK_POINT: u32 = 1;
pub const OTELUE_PACK_REQUEST: u32 = 2;

// otelue_flags
pub const OTELUE_ALLOW_LARGE_EVENTS: u32 = 1;

// otelue_log_level
pub const OTELUE_LOG_ERROR: i32 = 1;
pub const OTELUE_LOG_WARNING: i32 = 2;
pub const OTELUE_LOG_INFO: i32 = 3;

pub const OTELUE_PARTIAL: c_int = 1;

// otelue_reason
pub const OTELUE_REASON_NONE: u32 = 0;
pub const OTELUE_REASON_REFERENCE: u32 = 1;
pub const OTELUE_REASON_RESERVED: u32 = 2;
pub const OTELUE_REASON_KIND: u32 = 3;
pub const OTELUE_REASON_TEMPORALITY: u32 = 4;
pub const OTELUE_REASON_VALUE_TYPE: u32 = 5;
pub const OTELUE_REASON_ATTRIBUTE_TYPE: u32 = 6;
pub const OTELUE_REASON_TEXT: u32 = 7;
pub const OTELUE_REASON_BUCKETS: u32 = 8;
pub const OTELUE_REASON_ENCODED: u32 = 9;
pub const OTELUE_REASON_ENCODED_VERSION: u32 = 10;
pub const OTELUE_REASON_MALFORMED: u32 = 11;
pub const OTELUE_REASON_TOO_LARGE: u32 = 12;
pub const OTELUE_REASON_HEAD_TOO_LARGE: u32 = 13;
pub const OTELUE_REASON_WRITE: u32 = 14;

// otelue_step
pub const OTELUE_STEP_REGISTERED: u32 = 0;
pub const OTELUE_STEP_FIND: u32 = 1;
pub const OTELUE_STEP_OPEN: u32 = 2;
pub const OTELUE_STEP_REGISTER: u32 = 3;
pub const OTELUE_STEP_PROBE: u32 = 4;
pub const OTELUE_STEP_WRITE: u32 = 5;
pub const OTELUE_STEP_SHUTDOWN: u32 = 6;

pub const OTELUE_ENCODE_SLACK: u32 = 32;
pub const OTELUE_ENCODED_ATTRIBUTES_MAX: u32 = 8200;

/// What [`otelue_open`](crate::otelue_open) takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct otelue_options {
    pub struct_size: u32,
    pub flags: u32,
    pub target_event_bytes: u32,
    pub max_event_bytes: u32,
    pub packing: u32,
    pub pacing_bytes: u32,
    pub pacing_microseconds: u32,
    pub reserved: u32,
}

/// What one call did.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct otelue_result {
    pub struct_size: u32,
    pub listening: u32,
    pub points_total: u32,
    pub points_exported: u32,
    pub points_invalid: u32,
    pub points_too_large: u32,
    pub points_unwritten: u32,
    pub points_unheard: u32,
    pub strings_as_bytes: u32,
    pub values_emptied: u32,
    pub exemplars_dropped: u32,
    pub events: u32,
    pub bytes: u64,
    pub first_bad_point: u32,
    pub first_bad_reason: u32,
    pub last_errno: i32,
    pub step: u32,
}

/// Totals of all exports of an exporter.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct otelue_statistics {
    pub struct_size: u32,
    pub reserved: u32,
    pub exports: u64,
    pub exports_refused: u64,
    pub exports_unheard: u64,
    pub points_total: u64,
    pub points_exported: u64,
    pub points_invalid: u64,
    pub points_too_large: u64,
    pub points_unwritten: u64,
    pub points_unheard: u64,
    pub strings_as_bytes: u64,
    pub values_emptied: u64,
    pub exemplars_dropped: u64,
    pub events: u64,
    pub bytes: u64,
    pub registrations: u64,
}

/// What is known of the tracepoint.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct otelue_status {
    pub struct_size: u32,
    pub registered: u32,
    pub enabled: u32,
    pub heard_here: u32,
    pub step: u32,
    pub last_errno: i32,
    pub message: [c_char; 240],
}

/// Where [`otelue_encode_next`](crate::otelue_encode_next) and its like stand; all zero at the start.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct otelue_cursor {
    pub opaque: [u64; 64],
}

/// Makes the default of a record that begins with its size: all else is 0.
macro_rules! sized_default {
    ($($record:ident)*) => {$(
        impl Default for $record {
            fn default() -> Self {
                // SAFETY: it consists of numbers, of which 0 is one.
                let zero: Self = unsafe { core::mem::zeroed() };
                #[allow(clippy::cast_possible_truncation)]
                Self { struct_size: core::mem::size_of::<Self>() as u32, ..zero }
            }
        }
    )*};
}

sized_default! { otelue_options otelue_result otelue_statistics otelue_status }

impl Default for otelue_cursor {
    fn default() -> Self {
        Self { opaque: [0; 64] }
    }
}

/// What [`otelue_open`] makes.
#[repr(C)]
pub struct otelue_exporter {
    private: [u8; 0],
    // Neither Send nor Sync by itself, and never moved.
    marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// Gets one line without a newline.
pub type otelue_log_function = Option<unsafe extern "C" fn(context: *mut c_void, level: i32, message: *const c_char)>;

extern "C" {
    pub fn otelue_version() -> u32;
    pub fn otelue_batch_version_max() -> u32;
    pub fn otelue_strerror(result: c_int) -> *const c_char;
    pub fn otelue_strreason(reason: u32) -> *const c_char;
    pub fn otelue_open(
        options: *const otelue_options,
        log: otelue_log_function,
        log_context: *mut c_void,
        out: *mut *mut otelue_exporter,
    ) -> c_int;
    pub fn otelue_open_recording(
        options: *const otelue_options,
        path: *const c_char,
        log: otelue_log_function,
        log_context: *mut c_void,
        out: *mut *mut otelue_exporter,
    ) -> c_int;
    pub fn otelue_listening(exporter: *mut otelue_exporter, step: *mut u32) -> c_int;
    pub fn otelue_enabled(exporter: *const otelue_exporter) -> c_int;
    pub fn otelue_export(
        exporter: *mut otelue_exporter,
        batch: *const c_void,
        size: usize,
        result: *mut otelue_result,
    ) -> c_int;
    pub fn otelue_export_otlp(
        exporter: *mut otelue_exporter,
        request: *const c_void,
        size: usize,
        result: *mut otelue_result,
    ) -> c_int;
    pub fn otelue_force_flush(exporter: *mut otelue_exporter) -> c_int;
    pub fn otelue_shutdown(exporter: *mut otelue_exporter) -> c_int;
    pub fn otelue_close(exporter: *mut otelue_exporter);
    pub fn otelue_get_status(exporter: *mut otelue_exporter, status: *mut otelue_status) -> c_int;
    pub fn otelue_get_statistics(exporter: *const otelue_exporter, statistics: *mut otelue_statistics) -> c_int;
    pub fn otelue_describe(
        data: *const c_void,
        size: usize,
        returned: c_int,
        result: *const otelue_result,
        text: *mut c_char,
        capacity: usize,
    ) -> c_int;
    pub fn otelue_encode_next(
        batch: *const c_void,
        size: usize,
        options: *const otelue_options,
        cursor: *mut otelue_cursor,
        out: *mut c_void,
        capacity: usize,
        written: *mut usize,
        result: *mut otelue_result,
    ) -> c_int;
    pub fn otelue_split_next(
        request: *const c_void,
        size: usize,
        options: *const otelue_options,
        cursor: *mut otelue_cursor,
        out: *mut c_void,
        capacity: usize,
        written: *mut usize,
        result: *mut otelue_result,
    ) -> c_int;
    pub fn otelue_encode_attributes(
        memory: *const c_void,
        size: usize,
        off: u32,
        len: u32,
        out: *mut c_void,
        capacity: usize,
        written: *mut usize,
        reason: *mut u32,
        index: *mut u32,
    ) -> c_int;
}
