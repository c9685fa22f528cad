// SPDX-License-Identifier: Apache-2.0
// A small shop whose metrics anybody on this machine can listen to: otelue watch.
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_factory.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <otelue/user_events_metric_exporter.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace metrics = opentelemetry::sdk::metrics;
using std::chrono::milliseconds;

int main() {
  metrics::PeriodicExportingMetricReaderOptions options;
  options.export_interval_millis = milliseconds(1000);
  options.export_timeout_millis = milliseconds(500);
  metrics::MeterProvider provider;
  provider.AddMetricReader(metrics::PeriodicExportingMetricReaderFactory::Create(
      otelue::UserEventsMetricExporterFactory::Create(), options));

  const auto meter = provider.GetMeter("shop", "1.0");
  const auto requests = meter->CreateUInt64Counter("http.server.requests", "", "{request}");
  const auto durations = meter->CreateDoubleHistogram("http.server.request.duration", "", "s");
  for (int i = 0; i < 100; ++i) {
    const char *method = std::rand() % 2 == 0 ? "GET" : "POST";
    requests->Add(1, {{"http.request.method", method}});
    durations->Record(0.001 * (std::rand() % 1000), {{"http.request.method", method}}, {});
    std::this_thread::sleep_for(milliseconds(100));
  }
}
