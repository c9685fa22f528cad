// SPDX-License-Identifier: Apache-2.0
/**
 * @file
 * An exporter of opentelemetry-cpp for the Linux tracepoint user_events:otlp_metrics, where agents on the same machine
 * receive metrics through perf or ftrace.
 */
#ifndef OTELUE_USER_EVENTS_METRIC_EXPORTER_H
#define OTELUE_USER_EVENTS_METRIC_EXPORTER_H

#include <opentelemetry/sdk/metrics/push_metric_exporter.h>
#include <otelue/otelue.h>

#include <cstdint>
#include <memory>
#include <string>

namespace otelue {

/** Which instruments have delta temporality; the others are cumulative. */
enum class TemporalityPreference {
  kDelta,      /**< counters, histograms and observable counters */
  kCumulative, /**< none */
  kLowMemory   /**< counters and histograms */
};

/** Begins as the environment says; mistakes in it are logged, and the default holds. */
struct UserEventsMetricExporterOptions {
  UserEventsMetricExporterOptions();

  /** OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: delta (default), cumulative, lowmemory. */
  TemporalityPreference temporality_preference;
  /** OTEL_EXPORTER_USER_EVENTS_PACKING: metric (default), point, request. */
  otelue_packing packing;
  /** OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES: up to which size an event gets further points; 0: 4048. */
  uint32_t target_event_bytes;
  /** OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES: how large an event with a single point may be; 0: 8168. */
  uint32_t max_event_bytes;
  /** OTEL_EXPORTER_USER_EVENTS_RECORDING: a file to write to instead, which `otelue watch FILE` reads; empty: none. */
  std::string recording;
};

/**
 * Never throws. Export() succeeds when every point was exported, or nobody listens; it fails when some were not, which
 * is logged in words, and after Shutdown(). Shutdown() waits for exports that are under way, for a second at most.
 */
class UserEventsMetricExporter : public opentelemetry::sdk::metrics::PushMetricExporter {
 public:
  /** Totals of all exports so far. */
  virtual otelue_statistics Statistics() const noexcept = 0;
};

class UserEventsMetricExporterFactory {
 public:
  /** Never fails: an exporter that cannot export says why through the SDK's log, once, and recovers when it can. */
  static std::unique_ptr<UserEventsMetricExporter> Create(
      const UserEventsMetricExporterOptions &options = UserEventsMetricExporterOptions());
};

}  // namespace otelue

#endif
