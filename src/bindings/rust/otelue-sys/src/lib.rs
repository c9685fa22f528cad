// SPDX-License-Identifier: Apache-2.0
//! The records and functions of libotelue, as its headers `records.h` and `otelue.h` describe them: each item here has
//! the name and the meaning that it has there.
//!
//! The library is compiled from the sources in this package, by a C++20 compiler, and needs libc alone. With the feature
//! `system` pkg-config finds that of the system instead.
//!
//! Programs that use OpenTelemetry's SDK want the crate `otelue`, which is safe.
#![allow(non_camel_case_types)]
#![no_std]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "user_events are Linux's: depend on this crate under [target.'cfg(target_os = \"linux\")'.dependencies]"
);

mod functions;
mod records;

pub use functions::*;
pub use records::*;
