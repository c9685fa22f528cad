// SPDX-License-Identifier: Apache-2.0
//! What the programs and tests here share.

pub mod application;
pub mod recording;
pub mod said;

use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};

/// A reader that is asked for collections; clones are one reader.
#[derive(Clone, Debug)]
pub struct Reader(Arc<ManualReader>);

impl Reader {
    #[must_use]
    pub fn new(temporality: Temporality) -> Self {
        Self(Arc::new(ManualReader::builder().with_temporality(temporality).build()))
    }

    #[must_use]
    pub fn collect_one(&self) -> ResourceMetrics {
        let mut metrics = ResourceMetrics::default();
        self.collect(&mut metrics).expect("the SDK collects");
        metrics
    }
}

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// Exports and waits for it.
///
/// # Errors
///
/// That of the exporter.
pub fn export(exporter: &impl PushMetricExporter, metrics: &ResourceMetrics) -> OTelSdkResult {
    futures_executor::block_on(exporter.export(metrics))
}
