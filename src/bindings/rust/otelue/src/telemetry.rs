// SPDX-License-Identifier: Apache-2.0
//! Counts what the exporter does, as the semantic conventions name it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use opentelemetry::metrics::Counter;
use opentelemetry::KeyValue;
use otelue_sys::otelue_result;

const COMPONENT: &str = "otelue_metrics_exporter";

static EXPORTERS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Telemetry {
    name: String,
    /// Made by the first export, when the program has set its meter provider.
    exported: OnceLock<Counter<u64>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        let number = EXPORTERS.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("{COMPONENT}/{number}"), exported: OnceLock::new() }
    }
}

impl Telemetry {
    pub(crate) fn count(&self, result: &otelue_result) {
        let exported = self.exported.get_or_init(|| {
            opentelemetry::global::meter("otel.sdk")
                .u64_counter("otel.sdk.exporter.metric_data_point.exported")
                .with_description(
                    "The number of metric data points for which the export has finished, either successful or failed.",
                )
                .with_unit("{data_point}")
                .build()
        });
        let unwritten = std::io::Error::from_raw_os_error(result.last_errno).kind().to_string();
        for (points, reason) in [
            (result.points_exported, None),
            (result.points_invalid, Some("invalid")),
            (result.points_too_large, Some("too_large")),
            (result.points_unwritten, Some(unwritten.as_str())),
        ] {
            if points == 0 {
                continue;
            }
            let mut attributes = vec![
                KeyValue::new("otel.component.type", COMPONENT),
                KeyValue::new("otel.component.name", self.name.clone()),
            ];
            attributes.extend(reason.map(|reason| KeyValue::new("error.type", reason.to_owned())));
            exported.add(points.into(), &attributes);
        }
    }
}
