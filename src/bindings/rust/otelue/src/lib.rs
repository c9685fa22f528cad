// SPDX-License-Identifier: Apache-2.0
//! Exports OpenTelemetry metrics to the Linux tracepoint `user_events:otlp_metrics`, where agents on the same machine
//! receive them through perf or ftrace.
//!
//! ```no_run
//! use opentelemetry_sdk::metrics::SdkMeterProvider;
//! use otelue::MetricsExporter;
//!
//! let exporter = MetricsExporter::builder().build()?;
//! let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
//! # Ok::<(), otelue::BuildError>(())
//! ```
//!
//! Nothing is built while nobody listens. A kernel without user_events or missing permission is said once, as the SDK
//! says things (the feature `internal-logs`, which is on by default), and is no failure.
//!
//! # Instead of opentelemetry-user-events-metrics
//!
//! [`MetricsExporter::new()`] stands in for that crate's, which puts each data point into an event of its own:
//! `use otelue::MetricsExporter` is all that changes. [`MetricsExporter::builder()`] puts the points of a metric into
//! events together ([`Packing::Metric`]), which takes fewer events and fewer bytes.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attributes;
mod batch;
mod builder;
mod environment;
mod exporter;
mod library;
mod memory;
mod statistics;
#[cfg(feature = "self-telemetry")]
mod telemetry;
mod view;

pub use builder::{BuildError, MetricsExporterBuilder, Packing};
pub use exporter::MetricsExporter;
pub use statistics::Statistics;
pub use view::histogram_view;
