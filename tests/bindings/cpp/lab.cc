// SPDX-License-Identifier: Apache-2.0
// Exports every 300 ms, as lab.py asks.
#include <opentelemetry/metrics/async_instruments.h>
#include <opentelemetry/metrics/observer_result.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_factory.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <otelue/user_events_metric_exporter.h>

#include <cinttypes>
#include <cstdio>
#include <utility>

namespace api = opentelemetry::metrics;
namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk::metrics;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

class Reporting : public sdk::PushMetricExporter {
 public:
  opentelemetry::sdk::common::ExportResult Export(const sdk::ResourceMetrics &data) noexcept override {
    const auto result = exporter_->Export(data);
    if (data.scope_metric_data_.empty()) return result;  // the gauge was not there yet
    const auto &points = data.scope_metric_data_[0].metric_data_[0].point_data_attr_;
    const auto &value = nostd::get<sdk::LastValuePointData>(points[0].point_data).value_;
    const otelue_statistics s = exporter_->Statistics();
    std::printf("{\"interval\": %" PRId64 ", \"produced\": %zu, \"statistics\": {\"points_exported\": %" PRIu64
                ", \"points_unheard\": %" PRIu64 ", \"points_unwritten\": %" PRIu64 ", \"points_invalid\": %" PRIu64
                ", \"points_too_large\": %" PRIu64 "}}\n",
                nostd::get<int64_t>(value), points.size(), s.points_exported, s.points_unheard, s.points_unwritten,
                s.points_invalid, s.points_too_large);
    std::fflush(stdout);
    return result;
  }
  sdk::AggregationTemporality GetAggregationTemporality(sdk::InstrumentType type) const noexcept override {
    return exporter_->GetAggregationTemporality(type);
  }
  bool ForceFlush(microseconds timeout) noexcept override { return exporter_->ForceFlush(timeout); }
  bool Shutdown(microseconds timeout) noexcept override { return exporter_->Shutdown(timeout); }

 private:
  std::unique_ptr<otelue::UserEventsMetricExporter> exporter_ = otelue::UserEventsMetricExporterFactory::Create();
};

void Observe(api::ObserverResult result, void *state) {
  const int64_t number = ++*static_cast<int64_t *>(state);
  for (int i = 0; i < 200; ++i) {
    nostd::get<nostd::shared_ptr<api::ObserverResultT<int64_t>>>(result)->Observe(
        number, {{"series", i}, {"name", "of one of them"}});
  }
}

}  // namespace

int main() {
  sdk::PeriodicExportingMetricReaderOptions options;
  options.export_interval_millis = milliseconds(300);
  options.export_timeout_millis = milliseconds(299);
  sdk::MeterProvider provider;
  provider.AddMetricReader(sdk::PeriodicExportingMetricReaderFactory::Create(std::make_unique<Reporting>(), options));
  int64_t number = 0;
  const auto gauge = provider.GetMeter("lab")->CreateInt64ObservableGauge("interval");
  gauge->AddCallback(Observe, &number);
  while (std::getchar() != EOF) {
  }
  provider.Shutdown();
}
