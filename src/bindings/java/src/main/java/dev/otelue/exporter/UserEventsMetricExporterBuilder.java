// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static java.util.Objects.requireNonNull;

import io.opentelemetry.api.metrics.MeterProvider;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import io.opentelemetry.sdk.metrics.export.DefaultAggregationSelector;
import java.util.function.Supplier;
import java.util.logging.Logger;

/** Builds {@link UserEventsMetricExporter}s. */
public final class UserEventsMetricExporterBuilder {
  private static final Logger logger = Logger.getLogger(UserEventsMetricExporter.class.getName());

  private AggregationTemporalitySelector temporality =
      AggregationTemporalitySelector.deltaPreferred();
  private DefaultAggregationSelector aggregation = DefaultAggregationSelector.getDefault();
  private MemoryMode memoryMode = MemoryMode.REUSABLE_DATA;
  private Packing packing = Packing.METRIC;
  private int targetEventBytes;
  private int maxEventBytes;
  private String recording = "";
  private Supplier<MeterProvider> meterProvider;

  UserEventsMetricExporterBuilder() {}

  /** The temporality of each kind of instrument; by default delta, but for up-down counters. */
  public UserEventsMetricExporterBuilder setAggregationTemporalitySelector(
      AggregationTemporalitySelector selector) {
    temporality = requireNonNull(selector, "selector");
    return this;
  }

  /** The aggregation of each kind of instrument. */
  public UserEventsMetricExporterBuilder setDefaultAggregationSelector(
      DefaultAggregationSelector selector) {
    aggregation = requireNonNull(selector, "selector");
    return this;
  }

  /** Whether the SDK may use its objects again in the next cycle, as it does by default. */
  public UserEventsMetricExporterBuilder setMemoryMode(MemoryMode memoryMode) {
    this.memoryMode = requireNonNull(memoryMode, "memoryMode");
    return this;
  }

  /** Which points share an event; by default those of one metric. */
  public UserEventsMetricExporterBuilder setPacking(Packing packing) {
    this.packing = requireNonNull(packing, "packing");
    return this;
  }

  /**
   * The size up to which an event gets further points; by default 4048, which every listener can
   * receive.
   */
  public UserEventsMetricExporterBuilder setTargetEventBytes(int bytes) {
    targetEventBytes = bytes;
    return this;
  }

  /** How large an event with a single point may be; by default 8168, all that perf can receive. */
  public UserEventsMetricExporterBuilder setMaxEventBytes(int bytes) {
    maxEventBytes = bytes;
    return this;
  }

  /** A file to write to instead of the tracepoint, for {@code otelue watch FILE}. */
  public UserEventsMetricExporterBuilder setRecording(String path) {
    recording = requireNonNull(path, "path");
    return this;
  }

  /**
   * What counts the exporter's own data points, as {@code
   * otel.sdk.exporter.metric_data_point.exported} and its siblings; by default nothing does.
   */
  public UserEventsMetricExporterBuilder setMeterProvider(
      Supplier<MeterProvider> meterProviderSupplier) {
    meterProvider = requireNonNull(meterProviderSupplier, "meterProviderSupplier");
    return this;
  }

  /**
   * Makes the exporter.
   *
   * @throws IllegalArgumentException when a size is out of range, or the recording cannot be
   *     written.
   */
  public UserEventsMetricExporter build() {
    Library library;
    try {
      library = Library.get();
    } catch (Library.Unavailable e) {
      logger.warning(
          "no metrics are exported, because the library cannot be loaded: " + e.getMessage());
      return build(null);
    }
    return build(Handle.open(library, packing, targetEventBytes, maxEventBytes, recording));
  }

  private UserEventsMetricExporter build(Handle handle) {
    Telemetry telemetry = meterProvider == null ? null : new Telemetry(meterProvider);
    return new UserEventsMetricExporter(temporality, aggregation, memoryMode, telemetry, handle);
  }

  /** What somebody configured, who is not to fail for it. */
  UserEventsMetricExporter buildOrDisable() {
    try {
      return build();
    } catch (IllegalArgumentException e) {
      logger.warning("no metrics are exported, because of the configuration: " + e.getMessage());
      return build(null);
    }
  }
}
