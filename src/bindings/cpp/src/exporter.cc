// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <opentelemetry/sdk/common/global_log_handler.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <memory>
#include <utility>

#include "batch.h"
#include "otelue/user_events_metric_exporter.h"

namespace otelue {
namespace {

namespace common = opentelemetry::sdk::common;
namespace sdk = opentelemetry::sdk::metrics;

// ---- The environment

std::string Setting(const char *name) {
  const char *value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  return text;
}

// The first of the choices is the default.
template <class T>
T Choice(const char *name, std::initializer_list<std::pair<const char *, T>> choices) {
  std::string said = Setting(name);
  std::transform(said.begin(), said.end(), said.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto &choice : choices) {
    if (said == choice.first) return choice.second;
  }
  if (!said.empty()) {
    OTEL_INTERNAL_LOG_WARN("[otelue] " << name << " is set to \"" << said << "\": using " << choices.begin()->first);
  }
  return choices.begin()->second;
}

uint32_t Size(const char *name) {
  const std::string said = Setting(name);
  if (said.empty()) return 0;
  char *end = nullptr;
  errno = 0;
  const unsigned long long size = std::strtoull(said.c_str(), &end, 10);
  if (std::isdigit(static_cast<unsigned char>(said[0])) != 0 && *end == '\0' && errno == 0 && size <= UINT32_MAX) {
    return static_cast<uint32_t>(size);
  }
  OTEL_INTERNAL_LOG_WARN("[otelue] " << name << " is set to \"" << said
                                     << "\", which is no number of bytes: using the default");
  return 0;
}

// ---- The library

std::string Describe(const void *data, size_t size, int returned, const otelue_result *result) {
  char text[1024];
  otelue_describe(data, size, returned, result, text, sizeof text);
  return text;
}

// Whether an export may use what one at a time can use.
class Turn {
 public:
  explicit Turn(std::atomic_flag &taken) : taken_(taken), is_mine_(!taken.test_and_set(std::memory_order_acquire)) {}
  ~Turn() {
    if (is_mine_) taken_.clear(std::memory_order_release);
  }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;

  explicit operator bool() const { return is_mine_; }

 private:
  std::atomic_flag &taken_;
  const bool is_mine_;
};

class Exporter final : public UserEventsMetricExporter {
 public:
  explicit Exporter(const UserEventsMetricExporterOptions &options) : preference_(options.temporality_preference) {
    otelue_options given = {};
    given.struct_size = sizeof given;
    given.packing = static_cast<uint32_t>(options.packing);
    given.target_event_bytes = options.target_event_bytes;
    given.max_event_bytes = options.max_event_bytes;
    int returned = Open(given, options.recording);
    if (returned == -EINVAL && (given.target_event_bytes != 0 || given.max_event_bytes != 0)) {
      OTEL_INTERNAL_LOG_WARN("[otelue] event limits of " << given.target_event_bytes << " and " << given.max_event_bytes
                                                         << " bytes are refused: using the defaults");
      given.target_event_bytes = given.max_event_bytes = 0;
      returned = Open(given, options.recording);
    }
    if (returned != 0) {
      OTEL_INTERNAL_LOG_ERROR("[otelue] no metrics are exported: " << Describe(nullptr, 0, returned, nullptr)
                                                                   << (options.recording.empty() ? "" : ": ")
                                                                   << options.recording);
      return;
    }
    uint32_t step = OTELUE_STEP_REGISTERED;
    otelue_listening(exporter_, &step);
    Report(step);
  }

  ~Exporter() override { otelue_close(exporter_); }
  Exporter(const Exporter &) = delete;
  Exporter &operator=(const Exporter &) = delete;

  common::ExportResult Export(const sdk::ResourceMetrics &data) noexcept override {
    uint32_t step = OTELUE_STEP_REGISTERED;
    const bool heard = exporter_ != nullptr && otelue_listening(exporter_, &step) == 1;
    if (is_shut_down_) {
      if (!refused_.exchange(true)) OTEL_INTERNAL_LOG_ERROR("[otelue] the exporter was shut down: nothing is exported");
      return common::ExportResult::kFailure;
    }
    Report(step);
    if (!heard) {
      OTEL_INTERNAL_LOG_DEBUG("[otelue] nobody listens to user_events");
      return common::ExportResult::kSuccess;
    }
    try {
      return ExportHeard(data);
    } catch (const std::exception &error) {
      OTEL_INTERNAL_LOG_ERROR("[otelue] metrics could not be exported: " << error.what());
      return common::ExportResult::kFailure;
    }
  }

  sdk::AggregationTemporality GetAggregationTemporality(sdk::InstrumentType type) const noexcept override {
    const bool is_delta =
        preference_ != TemporalityPreference::kCumulative &&
        (type == sdk::InstrumentType::kCounter || type == sdk::InstrumentType::kHistogram ||
         (type == sdk::InstrumentType::kObservableCounter && preference_ == TemporalityPreference::kDelta));
    return is_delta ? sdk::AggregationTemporality::kDelta : sdk::AggregationTemporality::kCumulative;
  }

  // Every export is complete when it returns.
  bool ForceFlush(std::chrono::microseconds) noexcept override { return !is_shut_down_; }

  bool Shutdown(std::chrono::microseconds) noexcept override {
    is_shut_down_ = true;
    return exporter_ == nullptr || otelue_shutdown(exporter_) == 0;
  }

  otelue_statistics Statistics() const noexcept override {
    otelue_statistics statistics = {};
    statistics.struct_size = sizeof statistics;
    if (exporter_ != nullptr) otelue_get_statistics(exporter_, &statistics);
    return statistics;
  }

 private:
  int Open(const otelue_options &options, const std::string &recording) {
    return recording.empty() ? otelue_open(&options, nullptr, nullptr, &exporter_)
                             : otelue_open_recording(&options, recording.c_str(), nullptr, nullptr, &exporter_);
  }

  // Says once why nobody can listen.
  void Report(uint32_t step) noexcept {
    if (step_.exchange(step) == step || step == OTELUE_STEP_REGISTERED) return;
    otelue_status status = {};
    status.struct_size = sizeof status;
    otelue_get_status(exporter_, &status);
    OTEL_INTERNAL_LOG_WARN("[otelue] no metrics are exported: " << status.message);
  }

  common::ExportResult ExportHeard(const sdk::ResourceMetrics &data) {
    // Never waits: a process may have been forked amid an export of a thread that its child does not have.
    const Turn turn(taken_);
    std::unique_ptr<Batch> another;
    if (!turn) another.reset(new Batch);
    const Batch::Bytes batch = (turn ? batch_ : *another).Build(data);
    otelue_result result = {};
    result.struct_size = sizeof result;
    const int returned = otelue_export(exporter_, batch.data, batch.size, &result);
    OTEL_INTERNAL_LOG_DEBUG("[otelue] " << result.points_exported << " of " << result.points_total
                                        << " points exported in " << result.events << " events");
    const int64_t failure = returned * (int64_t{1} << 32) + result.first_bad_reason;
    if (failure_.exchange(failure) != failure && returned != 0) {
      OTEL_INTERNAL_LOG_ERROR("[otelue] " << Describe(batch.data, batch.size, returned, &result));
    }
    return returned == 0 ? common::ExportResult::kSuccess : common::ExportResult::kFailure;
  }

  const TemporalityPreference preference_;
  otelue_exporter *exporter_ = nullptr;
  std::atomic<bool> is_shut_down_{false};
  std::atomic<bool> refused_{false};
  std::atomic<uint32_t> step_{OTELUE_STEP_REGISTERED};
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;  // batch_, by an export
  Batch batch_;
  std::atomic<int64_t> failure_{0};  // what the last export returned, and why: it is logged when it changes
};

}  // namespace

UserEventsMetricExporterOptions::UserEventsMetricExporterOptions()
    : temporality_preference(Choice<TemporalityPreference>("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                                                           {{"delta", TemporalityPreference::kDelta},
                                                            {"cumulative", TemporalityPreference::kCumulative},
                                                            {"lowmemory", TemporalityPreference::kLowMemory}})),
      packing(Choice<otelue_packing>(
          "OTEL_EXPORTER_USER_EVENTS_PACKING",
          {{"metric", OTELUE_PACK_METRIC}, {"point", OTELUE_PACK_POINT}, {"request", OTELUE_PACK_REQUEST}})),
      target_event_bytes(Size("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES")),
      max_event_bytes(Size("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES")),
      recording(Setting("OTEL_EXPORTER_USER_EVENTS_RECORDING")) {}

std::unique_ptr<UserEventsMetricExporter> UserEventsMetricExporterFactory::Create(
    const UserEventsMetricExporterOptions &options) {
  return std::unique_ptr<UserEventsMetricExporter>(new Exporter(options));
}

}  // namespace otelue
