// SPDX-License-Identifier: Apache-2.0
//! Runs an application of application.py on Rust's SDK: rows APPLICATION OUT. See compare.py.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::Temporality;
use otelue::{MetricsExporter, Packing};
use otelue_tests::{application::Program, export};
use prost::Message;
use serde_json::Value as Json;

fn compare(described: &Json, temporality: Temporality, out: &Path, name: &str) {
    let exporters: Vec<_> = [(Packing::Metric, "metric"), (Packing::Point, "point"), (Packing::Request, "request")]
        .into_iter()
        .map(|(packing, called)| {
            let path = out.join(format!("{name}.{called}"));
            MetricsExporter::builder().with_packing(packing).with_recording(path).build().expect("an exporter")
        })
        .collect();
    let mut sdk = File::create(out.join(format!("{name}.sdk"))).expect("a file");
    let program = Program::new(described, temporality);
    for cycle in described["cycles"].as_array().expect("cycles") {
        let metrics = program.run(cycle);
        let request = ExportMetricsServiceRequest::from(&metrics).encode_to_vec();
        sdk.write_all(&(request.len() as u32).to_le_bytes()).expect("room");
        sdk.write_all(&request).expect("room");
        for exporter in &exporters {
            export(exporter, &metrics).expect("a complete export");
        }
    }
    for exporter in &exporters {
        exporter.shutdown().expect("an end");
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let described = serde_json::from_slice(&fs::read(&arguments[1]).expect("an application")).expect("JSON");
    let out = Path::new(&arguments[2]);
    compare(&described, Temporality::Delta, out, "delta");
    compare(&described, Temporality::Cumulative, out, "cumulative");
}
