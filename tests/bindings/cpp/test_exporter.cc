// SPDX-License-Identifier: Apache-2.0
// What the exporter promises beyond what compare.py shows. Recordings stand for a listener.
#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/instrumentationscope/instrumentation_scope.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <otelue/user_events_metric_exporter.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>

#include "batch.h"
#include "encoder.h"

namespace common = opentelemetry::sdk::common;
namespace sdk = opentelemetry::sdk::metrics;
namespace internal_log = opentelemetry::sdk::common::internal_log;
using otelue::UserEventsMetricExporterFactory;
using otelue::UserEventsMetricExporterOptions;

namespace {

constexpr auto kSuccess = common::ExportResult::kSuccess;
constexpr auto kFailure = common::ExportResult::kFailure;

// What is logged as a warning or an error from its construction on.
class Log : public internal_log::LogHandler {
 public:
  void Handle(internal_log::LogLevel level, const char *, int, const char *message,
              const common::AttributeMap &) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (level <= internal_log::LogLevel::Warning) messages.emplace_back(message);
  }
  std::vector<std::string> messages;

  static opentelemetry::nostd::shared_ptr<internal_log::LogHandler> Take(Log **log) {
    opentelemetry::nostd::shared_ptr<internal_log::LogHandler> taken(*log = new Log);
    internal_log::GlobalLogHandler::SetLogHandler(taken);
    return taken;
  }

 private:
  std::mutex mutex_;
};

// A variable of the environment while it lives.
class Variable {
 public:
  Variable(const char *name, const std::string &value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char *name_;
};

sdk::ResourceMetrics Collection(const opentelemetry::sdk::resource::Resource *resource,
                                const opentelemetry::sdk::instrumentationscope::InstrumentationScope *scope,
                                const std::vector<sdk::MetricData> &metrics) {
  std::vector<sdk::ScopeMetrics> scopes;
  scopes.emplace_back(scope, std::vector<sdk::MetricData>(metrics));
  return {resource, std::move(scopes)};
}

class Recorded {
 public:
  explicit Recorded(UserEventsMetricExporterOptions options = {}) : path_("/tmp/otelue-XXXXXX") {
    close(mkstemp(path_.data()));
    options.recording = path_;
    exporter = UserEventsMetricExporterFactory::Create(options);
  }
  ~Recorded() { unlink(path_.c_str()); }

  common::ExportResult Export(const std::vector<sdk::MetricData> &metrics) {
    return exporter->Export(Collection(&resource_, scope_.get(), metrics));
  }

  // The events in protobuf's text format.
  std::vector<std::string> Events() const {
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::vector<std::string> events;
    for (size_t at = sizeof(otelue_recording); at < bytes.size();) {
      otelue_recording_entry entry;
      std::memcpy(&entry, bytes.data() + at, sizeof entry);
      events.push_back(Text(bytes.substr(at + sizeof entry, entry.size)));
      at += sizeof entry + entry.size;
    }
    return events;
  }

  std::unique_ptr<otelue::UserEventsMetricExporter> exporter;

 private:
  std::string path_;
  opentelemetry::sdk::resource::Resource resource_ = opentelemetry::sdk::resource::Resource::GetEmpty();
  std::unique_ptr<opentelemetry::sdk::instrumentationscope::InstrumentationScope> scope_{
      opentelemetry::sdk::instrumentationscope::InstrumentationScope::Create("scope").release()};
};

sdk::PointDataAttributes Point(int64_t value,
                               const std::map<std::string, common::OwnedAttributeValue> &attributes = {}) {
  sdk::PointAttributes given;
  for (const auto &attribute : attributes) given[attribute.first] = attribute.second;
  sdk::LastValuePointData data;
  data.value_ = value;
  return {std::move(given), std::move(data)};
}

sdk::MetricData Gauge(std::vector<sdk::PointDataAttributes> points, const std::string &name = "gauge") {
  sdk::MetricData metric;
  metric.instrument_descriptor = {name, "", "", sdk::InstrumentType::kObservableGauge, sdk::InstrumentValueType::kLong};
  metric.aggregation_temporality = sdk::AggregationTemporality::kCumulative;
  metric.point_data_attr_ = std::move(points);
  return metric;
}

bool Contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

size_t Count(const std::vector<std::string> &texts, const std::string &part) {
  size_t number = 0;
  for (const auto &text : texts) {
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++number;
  }
  return number;
}

}  // namespace

TEST_CASE("unsigned numbers that do not fit become digits") {
  Recorded recorded;
  CHECK(recorded.Export({Gauge({Point(1, {{"a", uint64_t{INT64_MAX}}, {"b", uint64_t{INT64_MAX} + 1}})})}) == kSuccess);
  CHECK(Count(recorded.Events(), "int_value: 9223372036854775807") == 1);
  CHECK(Count(recorded.Events(), "string_value: \"9223372036854775808\"") == 1);
}

TEST_CASE("strings that are not UTF-8 are sent as bytes") {
  Recorded recorded;
  CHECK(recorded.Export({Gauge({Point(1, {{"a", std::string("x\xff")}})})}) == kSuccess);
  CHECK(Count(recorded.Events(), "bytes_value: \"x\\377\"") == 1);
}

TEST_CASE("attributes whose key is not UTF-8 are dropped and logged once") {
  Log *log;
  const auto keep = Log::Take(&log);
  Recorded recorded;
  for (int i = 0; i < 2; ++i) {
    CHECK(recorded.Export({Gauge({Point(1, {{"\xff", i}, {"\xfe", i}, {"good", i}}), Point(2)})}) == kSuccess);
  }
  CHECK(Count(recorded.Events(), "attributes {") == 2);
  CHECK(Count(recorded.Events(), "key: \"good\"") == 2);
  CHECK(log->messages.size() == 1);
}

TEST_CASE("attributes of different types stay apart") {
  Recorded recorded;
  const std::vector<common::OwnedAttributeValue> values = {
      true, int32_t{1}, 1.0, std::string("1"), 0.0, -0.0, std::vector<bool>{true}, std::vector<int64_t>{1}};
  std::vector<sdk::PointDataAttributes> points;
  for (const auto &value : values) points.push_back(Point(1, {{"k", value}}));
  for (int cycle = 0; cycle < 2; ++cycle) CHECK(recorded.Export({Gauge(points)}) == kSuccess);
  for (const char *text : {"value { bool_value: true }", "value { int_value: 1 }", "value { double_value: 1 }",
                           "value { string_value: \"1\" }", "value { double_value: 0 }", "value { double_value: -0 }",
                           "array_value { values { bool_value: true } }", "array_value { values { int_value: 1 } }"}) {
    INFO(text);
    CHECK(Count(recorded.Events(), text) == 2);
  }
}

TEST_CASE("a partial failure fails, in words when it is new") {
  Log *log;
  const auto keep = Log::Take(&log);
  Recorded recorded;
  const auto metric = Gauge({Point(1), Point(2, {{"a", std::string(9000, 'x')}}), Point(3)});
  for (int i = 0; i < 3; ++i) CHECK(recorded.Export({metric}) == kFailure);
  CHECK(Count(recorded.Events(), "as_int: 1") == 3);
  CHECK(Count(recorded.Events(), "as_int: 3") == 3);
  REQUIRE(log->messages.size() == 1);
  CHECK(Contains(log->messages[0], "1 of 3 points was not exported; first gauge, point 1: too large for an event"));
  CHECK(recorded.Export({Gauge({Point(1)})}) == kSuccess);
  CHECK(recorded.Export({metric}) == kFailure);
  CHECK(log->messages.size() == 2);
  CHECK(recorded.exporter->Statistics().points_too_large == 4);
}

TEST_CASE("metrics that say the same of themselves are all sent") {
  Recorded recorded;
  for (int i = 0; i < 2; ++i)
    CHECK(recorded.Export({Gauge({Point(1)}), Gauge({Point(2)}), Gauge({Point(3)})}) == kSuccess);
  CHECK(recorded.Events().size() == 6);
}

TEST_CASE("metrics without points, and those that are dropped, are left out") {
  Recorded recorded;
  const sdk::PointDataAttributes dropped{{}, sdk::DropPointData()};
  CHECK(recorded.Export({Gauge({}), Gauge({dropped}), Gauge({Point(1)})}) == kSuccess);
  CHECK(recorded.exporter->Statistics().points_total == 1);
}

TEST_CASE("collections of any size") {
  Recorded recorded;
  for (const int number : {1, 5000, 1, 20000}) {
    std::vector<sdk::PointDataAttributes> points;
    for (int i = 0; i < number; ++i) points.push_back(Point(i, {{"series", i}, {"text", std::string(50, 'x')}}));
    CHECK(recorded.Export({Gauge(points)}) == kSuccess);
  }
  CHECK(recorded.exporter->Statistics().points_exported == 25002);
}

TEST_CASE("series and metrics that come and go take constant memory") {
  otelue::Batch batch;
  size_t capacity = 0;
  for (int cycle = 0; cycle < 300; ++cycle) {
    std::vector<sdk::PointDataAttributes> points;
    for (int i = 0; i < 1000; ++i) points.push_back(Point(i, {{"cycle", cycle}, {"series", std::to_string(i)}}));
    const auto data = Collection(nullptr, nullptr, {Gauge(points, "metric " + std::to_string(cycle))});
    CHECK(batch.Build(data).size > 64000);
    if (cycle == 150) capacity = batch.capacity();
  }
  CHECK(batch.capacity() == capacity);
}

TEST_CASE("after shutdown exports fail, and nothing else happens") {
  Log *log;
  const auto keep = Log::Take(&log);
  Recorded recorded;
  CHECK(recorded.exporter->ForceFlush());
  CHECK(recorded.exporter->Shutdown());
  CHECK(recorded.exporter->Shutdown());
  for (int i = 0; i < 3; ++i) CHECK(recorded.Export({Gauge({Point(1)})}) == kFailure);
  CHECK_FALSE(recorded.exporter->ForceFlush());
  CHECK(recorded.Events().empty());
  CHECK(log->messages.size() == 1);
}

TEST_CASE("threads export, and one shuts down") {
  Recorded recorded;
  std::atomic<uint64_t> succeeded{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (recorded.Export({Gauge({Point(1), Point(2)})}) == kSuccess) ++succeeded;
    });
  }
  while (succeeded < 20) std::this_thread::yield();
  CHECK(recorded.exporter->Shutdown());
  for (auto &thread : threads) thread.join();
  CHECK(recorded.exporter->Statistics().points_exported == 2 * succeeded);
}

// As in the child of a process that was forked amid an export: nobody is there who would end it.
TEST_CASE("an export that does not come back holds up no other") {
  class Waiting : public internal_log::LogHandler {
   public:
    void Handle(internal_log::LogLevel level, const char *, int, const char *,
                const common::AttributeMap &) noexcept override {
      if (level != internal_log::LogLevel::Debug || is_held_.exchange(true)) return;
      while (!may_go) std::this_thread::yield();
    }
    bool is_held() const { return is_held_; }
    std::atomic<bool> may_go{false};

   private:
    std::atomic<bool> is_held_{false};
  };
  Recorded recorded;
  auto *log = new Waiting;
  internal_log::GlobalLogHandler::SetLogHandler(opentelemetry::nostd::shared_ptr<internal_log::LogHandler>(log));
  internal_log::GlobalLogHandler::SetLogLevel(internal_log::LogLevel::Debug);
  std::thread thread([&] { CHECK(recorded.Export({Gauge({Point(1)})}) == kSuccess); });
  while (!log->is_held()) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) CHECK(recorded.Export({Gauge({Point(2)})}) == kSuccess);
  CHECK(Count(recorded.Events(), "as_int: 2") == 3);
  log->may_go = true;
  thread.join();
  internal_log::GlobalLogHandler::SetLogLevel(internal_log::LogLevel::Warning);
  Log *rest;
  const auto keep = Log::Take(&rest);
  CHECK(recorded.exporter->Statistics().points_exported == 4);
}

TEST_CASE("without user_events one message says so, and nothing is built") {
  Log *log;
  const auto keep = Log::Take(&log);
  const auto exporter = UserEventsMetricExporterFactory::Create();
  sdk::ResourceMetrics data;
  for (int i = 0; i < 3; ++i) CHECK(exporter->Export(data) == kSuccess);
  CHECK(log->messages.size() <= 1);  // this machine's kernel may have them; nobody listens then
  CHECK(exporter->Statistics().exports == 0);
}

TEST_CASE("the environment sets what code can set") {
  using Type = sdk::InstrumentType;
  const auto delta = sdk::AggregationTemporality::kDelta, cumulative = sdk::AggregationTemporality::kCumulative;
  struct {
    const char *said;
    sdk::AggregationTemporality counter, observable_counter;
  } const cases[] = {{"", delta, delta},
                     {"delta", delta, delta},
                     {" CUMULATIVE", cumulative, cumulative},
                     {"lowmemory", delta, cumulative}};
  for (const auto &one : cases) {
    const Variable variable("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", one.said);
    const auto exporter = UserEventsMetricExporterFactory::Create();
    CHECK(exporter->GetAggregationTemporality(Type::kCounter) == one.counter);
    CHECK(exporter->GetAggregationTemporality(Type::kObservableCounter) == one.observable_counter);
    CHECK(exporter->GetAggregationTemporality(Type::kUpDownCounter) == cumulative);
  }
  const std::pair<const char *, size_t> packings[] = {{"metric", 2}, {"Point", 3}, {"request", 1}};
  for (const auto &packing : packings) {
    const Variable variable("OTEL_EXPORTER_USER_EVENTS_PACKING", packing.first);
    Recorded recorded;
    CHECK(recorded.Export({Gauge({Point(1), Point(2)}), Gauge({Point(3)}, "other")}) == kSuccess);
    CHECK(recorded.Events().size() == packing.second);
  }
  const Variable limit("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "400");
  CHECK(Recorded().Export({Gauge({Point(1, {{"a", std::string(500, 'x')}})})}) == kFailure);
  const Variable target("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "100");
  Recorded recorded;
  CHECK(recorded.Export({Gauge(std::vector<sdk::PointDataAttributes>(20, Point(1)))}) == kSuccess);
  CHECK(recorded.Events().size() > 3);
}

TEST_CASE("mistakes are logged, and defaults hold") {
  const std::pair<const char *, const char *> mistakes[] = {
      {"OTEL_EXPORTER_USER_EVENTS_PACKING", "tight"},
      {"OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "-1"},
      {"OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "4k"},
      {"OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "99999999999999999999"},
      {"OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "100000"},
      {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sometimes"},
  };
  for (const auto &mistake : mistakes) {
    INFO(mistake.first << "=" << mistake.second);
    Log *log;
    const auto keep = Log::Take(&log);
    const Variable variable(mistake.first, mistake.second);
    Recorded recorded;
    CHECK(log->messages.size() == 1);
    CHECK(recorded.Export({Gauge({Point(1)})}) == kSuccess);
    CHECK(recorded.Events().size() == 1);
  }
  Log *log;
  const auto keep = Log::Take(&log);
  const Variable directory("OTEL_EXPORTER_USER_EVENTS_RECORDING", "/tmp");
  const auto exporter = UserEventsMetricExporterFactory::Create();
  CHECK(exporter->Export({}) == kSuccess);
  CHECK(exporter->Shutdown());
  REQUIRE(log->messages.size() == 1);
  CHECK(Contains(log->messages[0], "/tmp"));
}
