// SPDX-License-Identifier: Apache-2.0
//! What the exporter promises beyond what compare.py shows. Recordings stand for a listener.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point, Metric};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use otelue::{MetricsExporter, MetricsExporterBuilder, Packing};
use otelue_tests::said::said;
use otelue_tests::{export, recording, Reader};
use tempfile::TempDir;
use tracing::Level;

struct Recorder {
    exporter: MetricsExporter,
    path: PathBuf,
    _directory: TempDir,
}

fn record(builder: MetricsExporterBuilder) -> Recorder {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("recording");
    let exporter = builder.with_recording(&path).build().expect("an exporter");
    Recorder { exporter, path, _directory: directory }
}

/// A collection of gauges with these values, one each, and an attribute.
fn gauges(points: &[(&'static str, &[(u64, String)])]) -> ResourceMetrics {
    let reader = Reader::new(Temporality::Delta);
    let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
    for (name, values) in points {
        let gauge = provider.meter("m").u64_gauge(*name).build();
        for (value, attribute) in *values {
            gauge.record(*value, &[KeyValue::new("a", attribute.clone())]);
        }
    }
    reader.collect_one()
}

fn small(values: &[u64]) -> Vec<(u64, String)> {
    values.iter().map(|value| (*value, format!("series {value}"))).collect()
}

fn values(metrics: &[Metric]) -> Vec<number_data_point::Value> {
    let mut found = Vec::new();
    for metric in metrics {
        let Some(Data::Gauge(gauge)) = &metric.data else { panic!("no gauge") };
        found.extend(gauge.data_points.iter().map(|point| point.value.expect("a value")));
    }
    found.sort_by_key(|value| format!("{value:?}"));
    found
}

fn integers(metrics: &[Metric]) -> Vec<i64> {
    values(metrics)
        .into_iter()
        .map(|value| match value {
            number_data_point::Value::AsInt(v) => v,
            number_data_point::Value::AsDouble(v) => panic!("{v} is no integer"),
        })
        .collect()
}

fn words(result: &opentelemetry_sdk::error::OTelSdkResult) -> String {
    match result {
        Err(OTelSdkError::InternalFailure(words)) => words.clone(),
        other => panic!("{other:?} has no words"),
    }
}

fn is_shut_down(result: &opentelemetry_sdk::error::OTelSdkResult) -> bool {
    matches!(result, Err(OTelSdkError::AlreadyShutdown))
}

// ---- Values: the difference from the SDK's encoder

#[test]
fn what_int64_cannot_hold_is_sent_as_a_double() {
    let r = record(MetricsExporter::builder());
    let metrics = gauges(&[("gauge", &small(&[i64::MAX as u64, 1 << 63, u64::MAX]))]);
    export(&r.exporter, &metrics).unwrap();
    assert_eq!(
        values(&recording::metrics(&r.path)),
        [
            number_data_point::Value::AsDouble(18_446_744_073_709_551_616.0),
            number_data_point::Value::AsDouble(9_223_372_036_854_775_808.0),
            number_data_point::Value::AsInt(9_223_372_036_854_775_807),
        ]
    );
    let sdk = &ExportMetricsServiceRequest::from(&metrics).resource_metrics[0].scope_metrics[0].metrics;
    assert_eq!(integers(sdk), [0, 0, 9_223_372_036_854_775_807]);
}

// ---- Results and messages

#[test]
fn a_partial_failure_is_an_error_in_words() {
    let r = record(MetricsExporter::builder());
    let metrics = gauges(&[("gauge", &[(1, "a".into()), (2, "x".repeat(9000)), (3, "c".into())])]);
    for _ in 0..2 {
        let words = words(&export(&r.exporter, &metrics));
        assert!(words.starts_with("1 of 3 points was not exported; first gauge, point "), "{words}");
        assert!(words.contains("too large for an event"), "{words}");
    }
    assert_eq!(integers(&recording::metrics(&r.path)), [1, 1, 3, 3]);
    let statistics = r.exporter.statistics();
    assert_eq!((statistics.points_total, statistics.points_exported, statistics.points_too_large), (6, 4, 2));
}

#[test]
fn each_export_is_one_line_at_debug_level() {
    let r = record(MetricsExporter::builder());
    let metrics = gauges(&[("gauge", &small(&[1, 2]))]);
    let lines = said(Level::DEBUG, || export(&r.exporter, &metrics).unwrap());
    assert_eq!(lines, ["name=\"UserEvents.Exported\" points=2 of=2 events=1 "]);
}

#[test]
fn without_user_events_one_message_says_so() {
    let mut step = 0;
    let mut exporter = std::ptr::null_mut();
    // SAFETY: what is handed over lives, and closing is the last call.
    let listening = unsafe {
        otelue_sys::otelue_open(std::ptr::null(), None, std::ptr::null_mut(), &raw mut exporter);
        let listening = otelue_sys::otelue_listening(exporter, &raw mut step);
        otelue_sys::otelue_close(exporter);
        listening
    };
    assert_eq!(listening, 0, "somebody listens to the tracepoint on this machine");
    let lines = said(Level::INFO, || {
        let exporter = MetricsExporter::builder().build().unwrap();
        for _ in 0..3 {
            export(&exporter, &gauges(&[("gauge", &small(&[1]))])).unwrap();
        }
        assert_eq!(exporter.statistics().points_total, 0); // nothing was built
        exporter.shutdown().unwrap();
    });
    let wanted = usize::from(step != otelue_sys::OTELUE_STEP_REGISTERED);
    assert_eq!(lines.len(), wanted, "{lines:?}");
    for line in lines {
        assert!(line.contains("UserEvents.Unavailable") && line.contains("no metrics are exported: "), "{line}");
    }
}

#[test]
fn the_exporter_counts_its_own_points() {
    let r = record(MetricsExporter::builder());
    let reader = Reader::new(Temporality::Cumulative);
    opentelemetry::global::set_meter_provider(SdkMeterProvider::builder().with_reader(reader.clone()).build());
    words(&export(&r.exporter, &gauges(&[("gauge", &[(1, "a".into()), (2, "b".into()), (3, "x".repeat(9000))])])));
    let request = ExportMetricsServiceRequest::from(&reader.collect_one());
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "otel.sdk.exporter.metric_data_point.exported");
    let Some(Data::Sum(sum)) = &metric.data else { panic!("no sum") };
    let mut found: Vec<_> = sum.data_points.iter().map(|p| (p.value, p.attributes.len())).collect();
    found.sort_by_key(|(_, attributes)| *attributes);
    // Beside the component's type and name a failure has error.type. Other tests of this process may have added to it.
    assert_eq!(found.iter().map(|(_, attributes)| *attributes).collect::<Vec<_>>(), [2, 3]);
}

// ---- Settings of the program; those of the environment are in environment.rs

#[test]
fn packings() {
    let metrics = gauges(&[("one", &small(&[1, 2])), ("two", &small(&[3]))]);
    for (packing, events) in [(Packing::Metric, 2), (Packing::Point, 3), (Packing::Request, 1)] {
        let r = record(MetricsExporter::builder().with_packing(packing));
        export(&r.exporter, &metrics).unwrap();
        assert_eq!(recording::events(&r.path).len(), events, "{packing:?}");
    }
    let r = record(MetricsExporter::builder());
    export(&r.exporter, &metrics).unwrap();
    assert_eq!(recording::events(&r.path).len(), 2);
}

#[test]
fn event_limits() {
    let metrics = gauges(&[("gauge", &[(1, "a".into()), (2, "x".repeat(500))])]);
    let r = record(MetricsExporter::builder().with_max_event_bytes(400));
    assert!(words(&export(&r.exporter, &metrics)).starts_with("1 of 2 points"));
    let r = record(MetricsExporter::builder().with_max_event_bytes(1000));
    export(&r.exporter, &metrics).unwrap();

    let metrics = gauges(&[("gauge", &small(&(0..20).collect::<Vec<_>>()))]);
    for limit in [500, 800] {
        let r = record(MetricsExporter::builder().with_target_event_bytes(limit).with_max_event_bytes(8000));
        export(&r.exporter, &metrics).unwrap();
        let largest = recording::events(&r.path).iter().map(Vec::len).max().unwrap();
        assert!(largest <= limit as usize && largest > limit as usize / 2, "{largest} of {limit}");
    }
}

#[test]
fn what_the_library_refuses_is_an_error() {
    let error = MetricsExporter::builder().with_max_event_bytes(100_000).build().unwrap_err();
    assert!(!error.to_string().is_empty());
    let directory = TempDir::new().unwrap();
    let error = MetricsExporter::builder().with_recording(directory.path()).build().unwrap_err();
    assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
    let error = MetricsExporter::builder().with_recording("a\0b").build().unwrap_err();
    assert!(error.to_string().contains("NUL"), "{error}");
}

#[test]
fn it_stands_in_for_the_reference() {
    let exporter: MetricsExporter = MetricsExporter::default();
    assert_eq!(format!("{exporter:?}"), "user_events metrics exporter");
    assert_eq!(exporter.temporality(), Temporality::Delta);
    let r = record(MetricsExporter::builder().with_temporality(Temporality::Cumulative));
    assert_eq!(r.exporter.temporality(), Temporality::Cumulative);
}

// ---- The end

#[test]
fn after_shutdown_everything_says_so() {
    let r = record(MetricsExporter::builder());
    let metrics = gauges(&[("gauge", &small(&[1]))]);
    r.exporter.force_flush().unwrap();
    r.exporter.shutdown().unwrap();
    for _ in 0..2 {
        assert!(is_shut_down(&export(&r.exporter, &metrics)));
        assert!(is_shut_down(&r.exporter.force_flush()));
        assert!(is_shut_down(&r.exporter.shutdown()));
        assert!(is_shut_down(&r.exporter.shutdown_with_timeout(Duration::ZERO)));
    }
    assert_eq!(r.exporter.statistics().points_exported, 0);
}

#[test]
fn a_shutdown_takes_no_longer_than_it_may() {
    let r = record(MetricsExporter::builder());
    match r.exporter.shutdown_with_timeout(Duration::ZERO) {
        Ok(()) | Err(OTelSdkError::Timeout(Duration::ZERO)) => {}
        Err(other) => panic!("{other}"),
    }
    assert!(is_shut_down(&export(&r.exporter, &gauges(&[]))));
}

#[test]
fn the_last_clone_closes() {
    let r = record(MetricsExporter::builder());
    let again = || MetricsExporter::builder().with_recording(&r.path).build();
    let clone = r.exporter.clone();
    drop(r.exporter);
    export(&clone, &gauges(&[("gauge", &small(&[1]))])).unwrap();
    assert!(again().is_err()); // a recording has one writer at a time
    drop(clone);
    again().unwrap();
    assert_eq!(integers(&recording::metrics(&r.path)), [1]);
}

#[test]
fn threads_export_and_one_shuts_down() {
    let r = record(MetricsExporter::builder());
    let points: Vec<_> = (0..200).collect();
    let exported: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let metrics = gauges(&[("gauge", &small(&points))]);
                    let mut exports = 0;
                    loop {
                        match export(&r.exporter, &metrics) {
                            Ok(()) => exports += 1,
                            Err(OTelSdkError::AlreadyShutdown) => break exports,
                            Err(other) => panic!("{other}"),
                        }
                    }
                })
            })
            .collect();
        while r.exporter.statistics().exports < 20 {
            thread::yield_now();
        }
        r.exporter.shutdown().unwrap();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(r.exporter.statistics().points_exported, exported * 200);
    assert_eq!(integers(&recording::metrics(&r.path)).len() as u64, exported * 200);
}
