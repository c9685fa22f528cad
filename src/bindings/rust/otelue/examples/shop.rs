// SPDX-License-Identifier: Apache-2.0
//! A small shop whose metrics anybody on this machine can listen to: otelue watch.

use std::error::Error;
use std::time::Duration;

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use otelue::MetricsExporter;

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = MetricsExporter::builder().build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(1)).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let meter = provider.meter("shop");
    let requests = meter.u64_counter("http.server.requests").build();
    let durations = meter.f64_histogram("http.server.request.duration").with_unit("s").build();
    for i in 0..100_u32 {
        let method = ["GET", "POST"][i as usize % 2];
        let attributes = [KeyValue::new("http.request.method", method)];
        requests.add(1, &attributes);
        durations.record(f64::from(i * i % 97) / 1000.0, &attributes);
        std::thread::sleep(Duration::from_millis(100));
    }
    provider.shutdown()?;
    Ok(())
}
