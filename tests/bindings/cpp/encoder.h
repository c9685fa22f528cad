// SPDX-License-Identifier: Apache-2.0
// The SDK's own OTLP encoder, and protobuf's messages of OTLP. The SDK is packaged without their headers, but they are
// known by their descriptors.
#ifndef OTELUE_TESTS_BINDINGS_CPP_ENCODER_H
#define OTELUE_TESTS_BINDINGS_CPP_ENCODER_H

#include <opentelemetry/sdk/metrics/export/metric_producer.h>

#include <string>

// The request, serialized.
std::string Encode(const opentelemetry::sdk::metrics::ResourceMetrics &data);

// A serialized request in protobuf's text format, on one line.
std::string Text(const std::string &request);

#endif
