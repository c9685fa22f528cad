// SPDX-License-Identifier: Apache-2.0
//! Measures the exporter, and in the place of the SDK's encoder that of opentelemetry-user-events-metrics, as
//! tests/bench/languages.py asks.

use std::collections::HashMap;

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::Resource;
use otelue::{MetricsExporter, Packing};
use otelue_tests::{export, Reader};

const COLLECTIONS: usize = 4; // in turn

fn view(kind: &str, series: usize) -> impl Fn(&Instrument) -> Option<Stream> + Send + Sync + 'static {
    let exponential = kind == "exponential";
    move |_| {
        let stream = Stream::builder().with_cardinality_limit(series.max(2000));
        let stream = if exponential {
            let max_size = 160;
            stream.with_aggregation(Aggregation::Base2ExponentialHistogram {
                max_size,
                max_scale: 20,
                record_min_max: true,
            })
        } else {
            stream
        };
        stream.build().ok()
    }
}

/// What a reader hands over in some cycles.
fn collect(kind: &str, temporality: &str, series: usize) -> Vec<ResourceMetrics> {
    let reader = Reader::new(temporality.parse().unwrap_or(Temporality::Cumulative));
    let provider = SdkMeterProvider::builder()
        .with_reader(reader.clone())
        .with_view(view(kind, series))
        .with_resource(
            Resource::builder_empty()
                .with_attributes([
                    KeyValue::new("service.name", "shop"),
                    KeyValue::new("service.version", "1.2.3"),
                    KeyValue::new("host.name", "web-1"),
                    KeyValue::new("os.type", "linux"),
                ])
                .build(),
        )
        .build();
    let meter = provider.meter("bench");
    let (sum, histogram) = (meter.u64_counter("sum").build(), meter.f64_histogram("histogram").with_unit("s").build());
    let mut made = Vec::new();
    for _ in 0..COLLECTIONS {
        for i in 0..series {
            let attributes = [
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("url.scheme", "https"),
                KeyValue::new("http.route", format!("/api/v1/items/{i}")),
                KeyValue::new("server.address", "shop.example.com"),
                KeyValue::new("error.type", format!("error {}", i % 7)),
            ];
            if kind == "sum" {
                sum.add(i as u64 + 1, &attributes);
                continue;
            }
            let mut value = 0.001 * (i + 1) as f64;
            for _ in 0..5 {
                histogram.record(value, &attributes);
                value *= 3.0;
            }
        }
        made.push(reader.collect_one());
    }
    made
}

fn processor_time() -> i64 {
    // SAFETY: the struct consists of numbers, and lives for the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let nanoseconds = |t: libc::timeval| t.tv_sec * 1_000_000_000 + t.tv_usec * 1000;
    nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime)
}

fn main() {
    let reference = opentelemetry_user_events_metrics::MetricsExporter::new();
    let mut made: HashMap<String, Vec<ResourceMetrics>> = HashMap::new();
    let mut exporters: HashMap<String, MetricsExporter> = HashMap::new();
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        let words: Vec<_> = line.split_whitespace().collect();
        let ["round", who, kind, temporality, packing, series, exports] = words[..] else {
            panic!("round takes six words");
        };
        let (series, exports): (usize, usize) = (series.parse().expect("series"), exports.parse().expect("exports"));
        let collections =
            made.entry(format!("{kind} {temporality} {series}")).or_insert_with(|| collect(kind, temporality, series));
        let ours = exporters.entry(packing.to_owned()).or_insert_with(|| {
            let packing = match packing {
                "metric" => Packing::Metric,
                "point" => Packing::Point,
                _ => Packing::Request,
            };
            MetricsExporter::builder().with_packing(packing).build().expect("an exporter")
        });
        let once = |metrics| match who {
            "ours" => export(ours, metrics).expect("a complete export"),
            _ => export(&reference, metrics).expect("a complete export"),
        };
        // One export of all points that is not measured.
        let before = ours.statistics().points_exported;
        once(&collections[0]);
        let exported = ours.statistics().points_exported - before;
        assert!(who != "ours" || exported == series as u64, "{exported} points");
        let start = processor_time();
        for i in 0..exports {
            once(&collections[i % COLLECTIONS]);
        }
        println!("{{\"ns\": {}, \"points\": {}}}", processor_time() - start, exports * series);
    }
}
