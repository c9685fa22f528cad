// SPDX-License-Identifier: Apache-2.0
//! What the environment says; in processes of their own, each with its part of it.

use std::path::Path;
use std::process::Command;

use opentelemetry::{metrics::MeterProvider, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use otelue::{MetricsExporter, Packing};
use otelue_tests::said::said;
use otelue_tests::{export, recording, Reader};
use tracing::Level;

const INSIDE: &str = "OTELUE_TEST_INSIDE";
const RECORDING: &str = "OTEL_EXPORTER_USER_EVENTS_RECORDING";

/// Runs a test of this file again in a process with these variables and a recording; or says that this is that process.
fn inside(test: &str, environment: &[(&str, &str)], also: impl FnOnce(&Path)) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("recording");
    let out = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .env(RECORDING, &path)
        .envs(environment.iter().copied())
        .output()
        .expect("it runs");
    assert!(out.status.success(), "{environment:?}\n{}", String::from_utf8_lossy(&out.stdout));
    also(&path);
    false
}

/// Two points of one metric and one of another.
fn three_points() -> ResourceMetrics {
    let reader = Reader::new(Temporality::Delta);
    let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
    let meter = provider.meter("m");
    let one = meter.u64_gauge("one").build();
    one.record(1, &[KeyValue::new("a", 1)]);
    one.record(2, &[KeyValue::new("a", 2)]);
    meter.u64_gauge("two").build().record(3, &[]);
    reader.collect_one()
}

#[test]
fn packing_of_new() {
    for (said, events) in [("", 3), ("metric", 2), ("Point", 3), (" request ", 1)] {
        if inside("packing_of_new", &[("OTEL_EXPORTER_USER_EVENTS_PACKING", said)], |path| {
            assert_eq!(recording::events(path).len(), events, "{said}");
        }) {
            return export(&MetricsExporter::new(), &three_points()).unwrap();
        }
    }
}

#[test]
fn packing_of_builder() {
    for (said, events) in [("", 2), ("metric", 2), ("point", 3), ("request", 1)] {
        if inside("packing_of_builder", &[("OTEL_EXPORTER_USER_EVENTS_PACKING", said)], |path| {
            assert_eq!(recording::events(path).len(), events, "{said}");
        }) {
            return export(&MetricsExporter::builder().build().unwrap(), &three_points()).unwrap();
        }
    }
}

#[test]
fn what_a_program_says_goes_first() {
    let environment = [
        ("OTEL_EXPORTER_USER_EVENTS_PACKING", "request"),
        ("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "50"),
        ("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "50"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative"),
    ];
    if inside("what_a_program_says_goes_first", &environment, |path| assert_eq!(recording::events(path).len(), 3)) {
        let exporter = MetricsExporter::builder()
            .with_packing(Packing::Point)
            .with_max_event_bytes(2000)
            .with_target_event_bytes(1000)
            .with_temporality(Temporality::LowMemory)
            .build()
            .unwrap();
        assert_eq!(exporter.temporality(), Temporality::LowMemory);
        export(&exporter, &three_points()).unwrap();
    }
}

#[test]
fn event_limits() {
    let environment =
        [("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "50"), ("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "40")];
    if inside("event_limits", &environment, |path| assert_eq!(recording::events(path).len(), 0)) {
        let error = export(&MetricsExporter::new(), &three_points()).unwrap_err().to_string();
        assert!(error.contains("3 of 3 points were not exported"), "{error}");
    }
}

#[test]
fn temporality() {
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    for said in ["", "delta", " Cumulative", "LOWMEMORY"] {
        if inside("temporality", &[(NAME, said)], |_| ()) {
            let wanted = match std::env::var(NAME).unwrap().as_str() {
                " Cumulative" => Temporality::Cumulative,
                "LOWMEMORY" => Temporality::LowMemory,
                _ => Temporality::Delta,
            };
            assert_eq!(MetricsExporter::new().temporality(), wanted);
            return;
        }
    }
}

#[test]
fn histogram_aggregation() {
    const NAME: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    for (said, exponential) in
        [("", false), ("explicit_bucket_histogram", false), ("base2_exponential_bucket_histogram", true)]
    {
        if inside("histogram_aggregation", &[(NAME, said)], |path| {
            let metrics = recording::metrics(path);
            let found: Vec<_> = metrics.iter().map(|m| matches!(m.data, Some(Data::ExponentialHistogram(_)))).collect();
            assert_eq!(found, [exponential, false], "{said}");
        }) {
            let exporter = MetricsExporter::new();
            let provider = SdkMeterProvider::builder()
                .with_periodic_exporter(exporter)
                .with_view(otelue::histogram_view())
                .build();
            provider.meter("m").f64_histogram("histogram").build().record(1.0, &[]);
            provider.meter("m").u64_counter("counter").build().add(1, &[]);
            provider.shutdown().unwrap();
            return;
        }
    }
}

#[test]
fn mistakes_are_reported_and_defaults_hold() {
    for (name, said_there) in [
        ("OTEL_EXPORTER_USER_EVENTS_PACKING", "tight"),
        ("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "-1"),
        ("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "4k"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sometimes"),
    ] {
        if inside("mistakes_are_reported_and_defaults_hold", &[(name, said_there)], |path| {
            assert_eq!(recording::events(path).len(), 2);
        }) {
            let lines = said(Level::WARN, || {
                let exporter = MetricsExporter::builder().build().unwrap();
                assert_eq!(exporter.temporality(), Temporality::Delta);
                export(&exporter, &three_points()).unwrap();
            });
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("UserEvents.BadSetting") && lines[0].contains("using the default"), "{lines:?}");
            return;
        }
    }
}

#[test]
fn what_the_library_refuses_is_said_once_and_nothing_is_exported() {
    for (name, said_there) in
        [("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "100000"), (RECORDING, "/"), (RECORDING, "/nowhere/recording")]
    {
        if inside("what_the_library_refuses_is_said_once_and_nothing_is_exported", &[(name, said_there)], |path| {
            assert!(!path.exists());
        }) {
            let lines = said(Level::WARN, || {
                let exporter = MetricsExporter::new();
                for _ in 0..2 {
                    export(&exporter, &three_points()).unwrap();
                }
                assert_eq!(exporter.statistics().points_total, 0);
                exporter.shutdown().unwrap();
            });
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("as the environment says: no metrics are exported"), "{lines:?}");
            return;
        }
    }
}
