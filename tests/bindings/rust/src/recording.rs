// SPDX-License-Identifier: Apache-2.0
//! Reads recordings of this machine, which otelue/records.h describes.

use std::path::Path;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use prost::Message;

const HEADER: usize = 16;
const ENTRY: usize = 40;

/// The OTLP bytes of each event.
#[must_use]
pub fn events(path: &Path) -> Vec<Vec<u8>> {
    let data = std::fs::read(path).expect("a recording");
    let mut rest = &data[HEADER..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
        found.push(rest[ENTRY..ENTRY + size].to_vec());
        rest = &rest[ENTRY + size..];
    }
    found
}

#[must_use]
pub fn requests(path: &Path) -> Vec<ExportMetricsServiceRequest> {
    events(path).iter().map(|event| ExportMetricsServiceRequest::decode(&event[..]).expect("OTLP")).collect()
}

/// The metrics of all events, each with the points that it has there.
#[must_use]
pub fn metrics(path: &Path) -> Vec<Metric> {
    requests(path)
        .into_iter()
        .flat_map(|request| request.resource_metrics)
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .collect()
}
