// SPDX-License-Identifier: Apache-2.0
//! Exports every 300 ms, as lab.py asks.

use std::io::Read;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use otelue::MetricsExporter;

struct Reporting(MetricsExporter);

impl PushMetricExporter for Reporting {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.0.export(metrics).await;
        let metric = metrics.scope_metrics().next().and_then(|scope| scope.metrics().next()).expect("a metric");
        let AggregatedMetrics::I64(MetricData::Gauge(gauge)) = metric.data() else { panic!("no gauge") };
        let s = self.0.statistics();
        let line = serde_json::json!({
            "interval": gauge.data_points().next().expect("a point").value(),
            "produced": gauge.data_points().count(),
            "statistics": {
                "points_exported": s.points_exported,
                "points_unheard": s.points_unheard,
                "points_unwritten": s.points_unwritten,
                "points_invalid": s.points_invalid,
                "points_too_large": s.points_too_large,
            },
        });
        println!("{line}");
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.0.temporality()
    }
}

fn main() {
    let exporter = Reporting(MetricsExporter::builder().build().expect("an exporter"));
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_millis(300)).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let number = AtomicI64::new(0);
    let _gauge = provider
        .meter("lab")
        .i64_observable_gauge("interval")
        .with_callback(move |observer| {
            let number = number.fetch_add(1, Ordering::Relaxed) + 1;
            for i in 0..200 {
                let name = KeyValue::new("name", "of one of them");
                observer.observe(number, &[KeyValue::new("series", i), name]);
            }
        })
        .build();
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an end of the input");
    provider.shutdown().expect("an end");
}
