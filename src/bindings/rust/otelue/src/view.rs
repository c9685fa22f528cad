// SPDX-License-Identifier: Apache-2.0

use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, Stream};

use crate::environment;

/// A view that makes histograms exponential where `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` says
/// `base2_exponential_bucket_histogram`. In this SDK an exporter has no say in that, so it takes a view:
///
/// ```no_run
/// # use opentelemetry_sdk::metrics::SdkMeterProvider;
/// let provider = SdkMeterProvider::builder()
///     .with_periodic_exporter(otelue::MetricsExporter::new())
///     .with_view(otelue::histogram_view())
///     .build();
/// ```
///
/// It matches all histograms, and the SDK makes a stream for each view that matches.
pub fn histogram_view() -> impl Fn(&Instrument) -> Option<Stream> + Send + Sync + 'static {
    let exponential = environment::exponential_histograms();
    move |instrument| {
        if !exponential || instrument.kind() != InstrumentKind::Histogram {
            return None;
        }
        let aggregation = Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
        Stream::builder().with_aggregation(aggregation).build().ok()
    }
}
