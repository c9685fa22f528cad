// SPDX-License-Identifier: Apache-2.0
//! The four integration tests of opentelemetry-user-events-metrics, on our exporter: see build.rs. They take a kernel with
//! user_events, and so are ignored unless they are asked for.
#![allow(clippy::all, clippy::pedantic)]

include!(concat!(env!("OUT_DIR"), "/reference.rs"));
