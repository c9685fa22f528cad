// SPDX-License-Identifier: Apache-2.0
// Measures C++'s exporter and its SDK's own encoder, as tests/bench/languages.py asks.
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/metrics/view/view_registry.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <otelue/user_events_metric_exporter.h>
#include <time.h>

#include <iostream>
#include <map>
#include <stdexcept>

#include "encoder.h"

namespace api = opentelemetry::metrics;
namespace sdk = opentelemetry::sdk::metrics;

namespace {

constexpr int kCollections = 4;  // in turn

class Reader : public sdk::MetricReader {
 public:
  explicit Reader(sdk::AggregationTemporality temporality) : temporality_(temporality) {}
  sdk::AggregationTemporality GetAggregationTemporality(sdk::InstrumentType) const noexcept override {
    return temporality_;
  }
  bool OnForceFlush(std::chrono::microseconds) noexcept override { return true; }
  bool OnShutDown(std::chrono::microseconds) noexcept override { return true; }

 private:
  const sdk::AggregationTemporality temporality_;
};

// What a reader hands over in some cycles.
class Workload {
 public:
  Workload(const std::string &kind, const std::string &temporality, int series)
      : provider_(std::make_unique<sdk::ViewRegistry>(),
                  opentelemetry::sdk::resource::Resource::Create({{"service.name", "shop"},
                                                                  {"service.version", "1.2.3"},
                                                                  {"host.name", "web-1"},
                                                                  {"os.type", "linux"}})) {
    const auto reader = std::make_shared<Reader>(temporality == "delta" ? sdk::AggregationTemporality::kDelta
                                                                        : sdk::AggregationTemporality::kCumulative);
    provider_.AddMetricReader(reader);
    const auto meter = provider_.GetMeter("bench", "1.0");
    const auto sum = meter->CreateUInt64Counter("sum");
    const auto histogram = meter->CreateDoubleHistogram("histogram", "", "s");
    for (int cycle = 0; cycle < kCollections; ++cycle) {
      for (int i = 0; i < series; ++i) {
        const std::string route = "/api/v1/items/" + std::to_string(i), error = "error " + std::to_string(i % 7);
        const std::map<std::string, std::string> attributes = {{"http.request.method", "GET"},
                                                               {"url.scheme", "https"},
                                                               {"http.route", route},
                                                               {"server.address", "shop.example.com"},
                                                               {"error.type", error}};
        if (kind == "sum") {
          sum->Add(static_cast<uint64_t>(i) + 1, attributes);
          continue;
        }
        double value = 0.001 * (i + 1);
        for (int k = 0; k < 5; ++k, value *= 3) histogram->Record(value, attributes, {});
      }
      reader->Collect([this](sdk::ResourceMetrics &data) {
        collections.push_back(data);
        return true;
      });
    }
  }

  std::vector<sdk::ResourceMetrics> collections;

 private:
  sdk::MeterProvider provider_;
};

int64_t ProcessorTime() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void Check(bool good) {
  if (!good) throw std::runtime_error("an export has failed");
}

}  // namespace

int main() {
  std::map<std::string, std::unique_ptr<Workload>> workloads;
  std::map<std::string, std::unique_ptr<otelue::UserEventsMetricExporter>> exporters;
  const std::map<std::string, otelue_packing> packings = {
      {"metric", OTELUE_PACK_METRIC}, {"point", OTELUE_PACK_POINT}, {"request", OTELUE_PACK_REQUEST}};
  std::string word, who, kind, temporality, packing;
  int series, exports;
  while (std::cin >> word >> who >> kind >> temporality >> packing >> series >> exports) {
    auto &workload = workloads[kind + temporality + std::to_string(series)];
    if (workload == nullptr) workload = std::make_unique<Workload>(kind, temporality, series);
    auto &exporter = exporters[packing];
    if (exporter == nullptr) {
      otelue::UserEventsMetricExporterOptions options;
      options.packing = packings.at(packing);
      exporter = otelue::UserEventsMetricExporterFactory::Create(options);
    }
    const auto run = [&](int number) {
      const auto &data = workload->collections[static_cast<size_t>(number % kCollections)];
      Check(who == "sdk" ? !Encode(data).empty()
                         : exporter->Export(data) == opentelemetry::sdk::common::ExportResult::kSuccess);
    };
    // One export of all points that is not measured.
    const uint64_t before = exporter->Statistics().points_exported;
    run(0);
    Check(who == "sdk" || exporter->Statistics().points_exported - before == static_cast<uint64_t>(series));
    const int64_t start = ProcessorTime();
    for (int i = 0; i < exports; ++i) run(i);
    std::cout << "{\"ns\": " << ProcessorTime() - start << ", \"points\": " << int64_t{exports} * series << "}"
              << std::endl;
  }
}
