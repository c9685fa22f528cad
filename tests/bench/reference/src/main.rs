// SPDX-License-Identifier: Apache-2.0
//! Exports the metrics of ../workload.cc through the reference exporter, driven by its SDK. Reads commands, one a line:
//!
//!   round KIND SERIES EXPORTS
//!
//! and answers each with what so many exports of the same collection took, as bench.cc does.

use opentelemetry::metrics::{Counter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::Resource;
use opentelemetry_user_events_metrics::MetricsExporter;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Counts {
    calls: u64,
    events: u64,
    bytes: u64,
    allocations: u64,
}

/// What the sink has counted for this thread; nothing without it.
fn counts() -> Counts {
    type Counted = unsafe extern "C" fn() -> *const Counts;
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"sink_counted".as_ptr()) };
    if symbol.is_null() {
        return Counts::default();
    }
    unsafe { *std::mem::transmute::<*mut libc::c_void, Counted>(symbol)() }
}

fn processor_time() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

#[derive(Default)]
struct Measurement {
    exports: u32,
    nanoseconds: u64,
    counts: Counts,
}

/// Repeats each export of the SDK, and times it.
struct Measured {
    inner: MetricsExporter,
    measurement: Arc<Mutex<Measurement>>,
}

impl PushMetricExporter for Measured {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let exports = self.measurement.lock().unwrap().exports;
        let before = counts();
        let start = processor_time();
        for _ in 0..exports {
            self.inner.export(metrics).await?;
        }
        let nanoseconds = processor_time() - start;
        let after = counts();
        let mut measurement = self.measurement.lock().unwrap();
        measurement.nanoseconds = nanoseconds;
        measurement.counts = Counts {
            calls: after.calls - before.calls,
            events: after.events - before.events,
            bytes: after.bytes - before.bytes,
            allocations: after.allocations - before.allocations,
        };
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

struct Case {
    name: String,
    attributes: Vec<[KeyValue; 5]>,
    counters: Vec<Counter<u64>>, // one for each series, or one for all
    provider: SdkMeterProvider,
    measurement: Arc<Mutex<Measurement>>,
}

fn attributes(i: usize) -> [KeyValue; 5] {
    [
        KeyValue::new("http.request.method", ["GET", "POST", "PUT", "DELETE"][i % 4]),
        KeyValue::new("http.response.status_code", ["200", "201", "404", "500"][i / 4 % 4]),
        KeyValue::new("http.route", format!("/api/v1/shop/items/{i:06}")),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("server.address", format!("node-{:03}.example.com", i / 16 % 1000)),
    ]
}

impl Case {
    fn new(kind: &str, series: usize) -> Case {
        let measurement = Arc::new(Mutex::new(Measurement::default()));
        let exporter = Measured { inner: MetricsExporter::new(), measurement: measurement.clone() };
        let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(86_400)).build();
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "checkout"),
                KeyValue::new("service.namespace", "shop"),
                KeyValue::new("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"),
                KeyValue::new("deployment.environment.name", "production"),
            ])
            .build();
        let view =
            move |_: &Instrument| Stream::builder().with_cardinality_limit(series.max(2000)).build().ok();
        let provider =
            SdkMeterProvider::builder().with_resource(resource).with_reader(reader).with_view(view).build();
        let meter =
            provider.meter_with_scope(InstrumentationScope::builder("shop.http").with_version("1.4.2").build());

        let counter = |name: String| {
            meter
                .u64_counter(name)
                .with_description("Requests that the service has answered")
                .with_unit("{request}")
                .build()
        };
        let counters = match kind {
            "sum" => vec![counter("http.server.requests".into())],
            "instruments" => (0..series).map(|i| counter(format!("shop.instrument.{i:06}"))).collect(),
            _ => panic!("no kind is called {kind}"),
        };
        let attributes = (0..series).map(attributes).collect();
        Case { name: format!("{kind} {series}"), attributes, counters, provider, measurement }
    }

    /// One cycle of the SDK: records, collects, exports.
    fn round(&self, exports: u32) -> Measurement {
        for (i, attributes) in self.attributes.iter().enumerate() {
            self.counters[i % self.counters.len()].add(1000 + i as u64, attributes);
        }
        self.measurement.lock().unwrap().exports = exports;
        self.provider.force_flush().expect("the export failed");
        std::mem::take(&mut self.measurement.lock().unwrap())
    }
}

fn main() {
    let mut case: Option<Case> = None;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words.len() == 4 && words[0] == "round", "round takes three words");
        let series: usize = words[2].parse().unwrap();
        let exports: u32 = words[3].parse().unwrap();
        if case.as_ref().map(|c| c.name.as_str()) != Some(&format!("{} {series}", words[1])) {
            drop(case.take());
            case = Some(Case::new(words[1], series));
        }
        let Measurement { nanoseconds, counts, .. } = case.as_ref().unwrap().round(exports);
        println!(
            "{{\"ns\":{nanoseconds},\"points\":{},\"calls\":{},\"events\":{},\"bytes\":{},\"allocations\":{}}}",
            series as u64 * u64::from(exports),
            counts.calls,
            counts.events,
            counts.bytes,
            counts.allocations
        );
    }
}
