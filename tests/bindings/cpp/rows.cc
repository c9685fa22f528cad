// SPDX-License-Identifier: Apache-2.0
// Runs an application of application.py on C++'s SDK: rows APPLICATION OUT. See compare.py.
#include <opentelemetry/metrics/async_instruments.h>
#include <opentelemetry/metrics/observer_result.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/sdk/metrics/aggregation/aggregation_config.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/metrics/view/attributes_processor.h>
#include <opentelemetry/sdk/metrics/view/instrument_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/meter_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/view_factory.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <otelue/user_events_metric_exporter.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "encoder.h"

namespace api = opentelemetry::metrics;
namespace common = opentelemetry::common;
namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk::metrics;
using nlohmann::json;

namespace {

double Double(const std::string &bits) {
  const uint64_t number = std::stoull(bits, nullptr, 16);
  double value;
  std::memcpy(&value, &number, sizeof value);
  return value;
}

// Attributes, and what their values refer to.
class Attributes : public common::KeyValueIterable {
 public:
  explicit Attributes(const json &pairs) {
    for (const auto &pair : pairs) {
      values_.push_back(std::make_unique<Value>());
      Value &value = *values_.back();
      value.key = pair[0].get<std::string>();
      const std::string type = pair[1].begin().key();
      const json &content = pair[1].begin().value();
      if (type == "array") {
        SetArray(&value, content);
      } else if (type == "bool") {
        value.value = content.get<bool>();
      } else if (type == "double") {
        value.value = Double(content.get<std::string>());
      } else if (type == "int") {
        SetInt(&value, content.get<std::string>());
      } else {
        value.texts = {content.get<std::string>()};
        value.value = nostd::string_view(value.texts[0]);
      }
    }
  }

  bool ForEachKeyValue(
      nostd::function_ref<bool(nostd::string_view, common::AttributeValue)> callback) const noexcept override {
    for (const auto &value : values_) {
      if (!callback(value->key, value->value)) return false;
    }
    return true;
  }
  size_t size() const noexcept override { return values_.size(); }

 private:
  struct Value {
    std::string key;
    common::AttributeValue value;
    std::vector<std::string> texts;
    std::vector<nostd::string_view> views;
    std::vector<int64_t> ints;
    std::vector<double> doubles;
    std::unique_ptr<bool[]> bools;
  };

  static void SetInt(Value *value, const std::string &digits) {
    if (digits[0] != '-' && std::stoull(digits) > INT64_MAX) {
      value->value = static_cast<uint64_t>(std::stoull(digits));
    } else {
      value->value = static_cast<int64_t>(std::stoll(digits));
    }
  }

  static void SetArray(Value *value, const json &elements) {
    const std::string type = elements.empty() ? "string" : elements[0].begin().key();
    value->bools = std::make_unique<bool[]>(elements.size());
    size_t index = 0;
    for (const auto &element : elements) {
      const json &content = element.begin().value();
      if (type == "bool") value->bools[index++] = content.get<bool>();
      if (type == "int") value->ints.push_back(std::stoll(content.get<std::string>()));
      if (type == "double") value->doubles.push_back(Double(content.get<std::string>()));
      if (type == "string") value->texts.push_back(content.get<std::string>());
    }
    for (const auto &text : value->texts) value->views.emplace_back(text);
    if (type == "bool") value->value = nostd::span<const bool>(value->bools.get(), elements.size());
    if (type == "int") value->value = nostd::span<const int64_t>(value->ints.data(), value->ints.size());
    if (type == "double") value->value = nostd::span<const double>(value->doubles.data(), value->doubles.size());
    if (type == "string")
      value->value = nostd::span<const nostd::string_view>(value->views.data(), value->views.size());
  }

  std::vector<std::unique_ptr<Value>> values_;
};

class Reader : public sdk::MetricReader {
 public:
  explicit Reader(const otelue::UserEventsMetricExporter *exporter) : exporter_(exporter) {}
  sdk::AggregationTemporality GetAggregationTemporality(sdk::InstrumentType type) const noexcept override {
    return exporter_->GetAggregationTemporality(type);
  }
  bool OnForceFlush(std::chrono::microseconds) noexcept override { return true; }
  bool OnShutDown(std::chrono::microseconds) noexcept override { return true; }

 private:
  const otelue::UserEventsMetricExporter *exporter_;
};

sdk::InstrumentType TypeOf(const std::string &kind) {
  const std::map<std::string, sdk::InstrumentType> types = {
      {"counter", sdk::InstrumentType::kCounter},
      {"up_down_counter", sdk::InstrumentType::kUpDownCounter},
      {"histogram", sdk::InstrumentType::kHistogram},
      {"observable_counter", sdk::InstrumentType::kObservableCounter},
      {"observable_up_down_counter", sdk::InstrumentType::kObservableUpDownCounter},
      {"observable_gauge", sdk::InstrumentType::kObservableGauge},
  };
  return types.at(kind);
}

// An instrument, and what observable ones have observed until they are asked.
template <class T>
struct Observable {
  nostd::shared_ptr<api::ObservableInstrument> instrument;
  std::vector<std::pair<T, const Attributes *>> observed;

  static void Observe(api::ObserverResult result, void *state) {
    auto &observed = static_cast<Observable *>(state)->observed;
    for (const auto &one : observed) {
      nostd::get<nostd::shared_ptr<api::ObserverResultT<T>>>(result)->Observe(one.first, *one.second);
    }
    observed.clear();
  }
};

class Program {
 public:
  Program(const json &application, const otelue::UserEventsMetricExporter *exporter)
      : application_(application),
        reader_(std::make_shared<Reader>(exporter)),
        provider_(std::make_unique<sdk::ViewRegistry>(), MakeResource(application)) {
    provider_.AddMetricReader(reader_);
    std::map<std::string, json> instruments;
    for (const auto &instrument : application["instruments"]) instruments[instrument["name"]] = instrument;
    for (const auto &view : application["views"]) AddView(view, instruments.at(view["instrument"]));
    for (const auto &attributes : application["attribute_sets"]) sets_.emplace_back(attributes);
    for (const auto &instrument : application["instruments"]) {
      const json &scope = application["scopes"][instrument["scope"].get<size_t>()];
      const auto meter = provider_.GetMeter(scope["name"].get<std::string>(), scope["version"].get<std::string>(),
                                            scope["schema_url"].get<std::string>());
      records_.push_back(instrument["number"] == "int" ? CreateInt(meter, instrument)
                                                       : CreateDouble(meter, instrument));
    }
  }

  // Measures what a cycle has, and collects.
  void Run(const json &cycle, const std::function<void(const sdk::ResourceMetrics &)> &take) {
    for (const auto &measurement : cycle) {
      records_[measurement[0].get<size_t>()](measurement[2].get<std::string>(), sets_[measurement[1].get<size_t>()]);
    }
    reader_->Collect([&take](sdk::ResourceMetrics &data) {
      take(data);
      return true;
    });
  }

 private:
  using Record = std::function<void(const std::string &, const Attributes &)>;

  static opentelemetry::sdk::resource::Resource MakeResource(const json &application) {
    const Attributes attributes(application["resource"]["attributes"]);
    return opentelemetry::sdk::resource::Resource::Create(attributes, application["resource"]["schema_url"]);
  }

  void AddView(const json &view, const json &instrument) {
    const std::string aggregation = view.value("aggregation", "");
    if (aggregation == "exponential") return;  // which this SDK has not
    auto type = sdk::AggregationType::kDefault;
    std::shared_ptr<sdk::AggregationConfig> config;
    if (aggregation == "drop") type = sdk::AggregationType::kDrop;
    if (aggregation == "histogram") {
      type = sdk::AggregationType::kHistogram;
      auto histogram = std::make_shared<sdk::HistogramAggregationConfig>();
      histogram->boundaries_ = view["bounds"].get<std::vector<double>>();
      histogram->record_min_max_ = view.value("record_min_max", true);
      config = histogram;
    }
    std::unique_ptr<sdk::AttributesProcessor> processor(new sdk::DefaultAttributesProcessor());
    if (view.contains("attribute_keys")) {
      std::unordered_map<std::string, bool> keys;
      for (const auto &key : view["attribute_keys"]) keys[key] = true;
      processor.reset(new sdk::FilteringAttributesProcessor(keys));
    }
    provider_.AddView(sdk::InstrumentSelectorFactory::Create(TypeOf(instrument["kind"]), instrument["name"], ""),
                      sdk::MeterSelectorFactory::Create("", "", ""),
                      sdk::ViewFactory::Create(view.value("name", ""), view.value("description", ""), "", type, config,
                                               std::move(processor)));
  }

  Record CreateInt(const nostd::shared_ptr<api::Meter> &meter, const json &instrument) {
    const std::string name = instrument["name"], text = instrument["description"], unit = instrument["unit"];
    switch (TypeOf(instrument["kind"])) {
      case sdk::InstrumentType::kCounter:
        return Adding<uint64_t>(meter->CreateUInt64Counter(name, text, unit));
      case sdk::InstrumentType::kUpDownCounter:
        return Adding<int64_t>(meter->CreateInt64UpDownCounter(name, text, unit));
      case sdk::InstrumentType::kHistogram:
        return Recording<uint64_t>(meter->CreateUInt64Histogram(name, text, unit));
      case sdk::InstrumentType::kObservableCounter:
        return Observed<int64_t>(meter->CreateInt64ObservableCounter(name, text, unit));
      case sdk::InstrumentType::kObservableUpDownCounter:
        return Observed<int64_t>(meter->CreateInt64ObservableUpDownCounter(name, text, unit));
      default:
        return Observed<int64_t>(meter->CreateInt64ObservableGauge(name, text, unit));
    }
  }

  Record CreateDouble(const nostd::shared_ptr<api::Meter> &meter, const json &instrument) {
    const std::string name = instrument["name"], text = instrument["description"], unit = instrument["unit"];
    switch (TypeOf(instrument["kind"])) {
      case sdk::InstrumentType::kCounter:
        return Adding<double>(meter->CreateDoubleCounter(name, text, unit));
      case sdk::InstrumentType::kUpDownCounter:
        return Adding<double>(meter->CreateDoubleUpDownCounter(name, text, unit));
      case sdk::InstrumentType::kHistogram:
        return Recording<double>(meter->CreateDoubleHistogram(name, text, unit));
      case sdk::InstrumentType::kObservableCounter:
        return Observed<double>(meter->CreateDoubleObservableCounter(name, text, unit));
      case sdk::InstrumentType::kObservableUpDownCounter:
        return Observed<double>(meter->CreateDoubleObservableUpDownCounter(name, text, unit));
      default:
        return Observed<double>(meter->CreateDoubleObservableGauge(name, text, unit));
    }
  }

  template <class T>
  static T Number(const std::string &text) {
    if constexpr (std::is_same_v<T, double>) return Double(text);
    return static_cast<T>(std::stoll(text));
  }

  template <class T, class Instrument>
  static Record Adding(nostd::unique_ptr<Instrument> instrument) {
    return
        [counter = std::shared_ptr<Instrument>(instrument.release())](
            const std::string &number, const Attributes &attributes) { counter->Add(Number<T>(number), attributes); };
  }

  template <class T, class Instrument>
  static Record Recording(nostd::unique_ptr<Instrument> instrument) {
    return [histogram = std::shared_ptr<Instrument>(instrument.release())](const std::string &number,
                                                                           const Attributes &attributes) {
      histogram->Record(Number<T>(number), attributes, opentelemetry::context::Context{});
    };
  }

  template <class T>
  Record Observed(nostd::shared_ptr<api::ObservableInstrument> instrument) {
    auto observable = std::make_shared<Observable<T>>();
    observable->instrument = instrument;
    instrument->AddCallback(&Observable<T>::Observe, observable.get());
    return [observable](const std::string &number, const Attributes &attributes) {
      observable->observed.emplace_back(Number<T>(number), &attributes);
    };
  }

  const json &application_;
  std::shared_ptr<Reader> reader_;
  sdk::MeterProvider provider_;
  std::vector<Attributes> sets_;
  std::vector<Record> records_;
};

void Compare(const json &application, otelue::TemporalityPreference preference, const std::string &path) {
  std::vector<std::unique_ptr<otelue::UserEventsMetricExporter>> exporters;
  for (const auto &packing : {std::make_pair("metric", OTELUE_PACK_METRIC), std::make_pair("point", OTELUE_PACK_POINT),
                              std::make_pair("request", OTELUE_PACK_REQUEST)}) {
    otelue::UserEventsMetricExporterOptions options;
    options.temporality_preference = preference;
    options.packing = packing.second;
    options.recording = path + "." + packing.first;
    exporters.push_back(otelue::UserEventsMetricExporterFactory::Create(options));
  }
  std::ofstream sdk_file(path + ".sdk", std::ios::binary);
  Program program(application, exporters[0].get());
  for (const auto &cycle : application["cycles"]) {
    program.Run(cycle, [&](const sdk::ResourceMetrics &data) {
      const std::string request = Encode(data);
      for (int shift = 0; shift < 32; shift += 8) sdk_file.put(static_cast<char>(request.size() >> shift));
      sdk_file << request;
      for (const auto &exporter : exporters) {
        if (exporter->Export(data) != opentelemetry::sdk::common::ExportResult::kSuccess) {
          throw std::runtime_error("an export has failed");
        }
      }
    });
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[1]);
  const json application = json::parse(file);
  const std::string out = argv[2];
  Compare(application, otelue::TemporalityPreference::kDelta, out + "/delta");
  Compare(application, otelue::TemporalityPreference::kCumulative, out + "/cumulative");
}
