// SPDX-License-Identifier: Apache-2.0
//! What the environment says. Mistakes are reported, and the default holds in their place.

use opentelemetry::otel_warn;
use opentelemetry_sdk::metrics::Temporality;

use crate::builder::Packing;

fn setting(name: &str) -> Option<String> {
    let said = std::env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!said.is_empty()).then_some(said)
}

fn parsed<T>(name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let said = setting(name)?;
    let found = parse(&said);
    if found.is_none() {
        let message = format!("{name} is set to {said:?}: using the default");
        otel_warn!(name: "UserEvents.BadSetting", message = message.as_str());
    }
    found
}

pub(crate) fn temporality() -> Option<Temporality> {
    parsed("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", |said| said.parse().ok())
}

/// Whether histograms are to be exponential.
pub(crate) fn exponential_histograms() -> bool {
    parsed("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", |said| match said.to_lowercase().as_str() {
        "explicit_bucket_histogram" => Some(false),
        "base2_exponential_bucket_histogram" => Some(true),
        _ => None,
    })
    .unwrap_or(false)
}

pub(crate) fn packing() -> Option<Packing> {
    parsed("OTEL_EXPORTER_USER_EVENTS_PACKING", |said| match said.to_lowercase().as_str() {
        "metric" => Some(Packing::Metric),
        "point" => Some(Packing::Point),
        "request" => Some(Packing::Request),
        _ => None,
    })
}

pub(crate) fn target_event_bytes() -> Option<u32> {
    parsed("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", |said| said.parse().ok())
}

pub(crate) fn max_event_bytes() -> Option<u32> {
    parsed("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", |said| said.parse().ok())
}

pub(crate) fn recording() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("OTEL_EXPORTER_USER_EVENTS_RECORDING")?;
    (!path.is_empty()).then(|| path.into())
}
