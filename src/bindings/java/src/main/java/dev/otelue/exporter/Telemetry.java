// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.LongUpDownCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.MeterProvider;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** The exporter's own metrics, as the semantic conventions name them. */
final class Telemetry {
  private static final AttributeKey<String> ERROR_TYPE = AttributeKey.stringKey("error.type");
  private static final AtomicLong EXPORTERS = new AtomicLong();

  private final Supplier<MeterProvider> meterProvider;
  private final Attributes attributes;
  // The provider is made after its exporter.
  private MeterProvider provider;
  private LongCounter exported;
  private LongUpDownCounter inflight;
  private DoubleHistogram duration;

  Telemetry(Supplier<MeterProvider> meterProvider) {
    this.meterProvider = meterProvider;
    String type = UserEventsMetricExporter.class.getName();
    attributes =
        Attributes.builder()
            .put("otel.component.type", type)
            .put("otel.component.name", type + "/" + EXPORTERS.getAndIncrement())
            .build();
  }

  Operation begin() {
    MeterProvider now = meterProvider.get();
    if (now != provider) {
      provider = now;
      Meter meter = now.get("dev.otelue.exporter");
      inflight =
          meter
              .upDownCounterBuilder("otel.sdk.exporter.metric_data_point.inflight")
              .setUnit("{data_point}")
              .setDescription(
                  "The number of metric data points which were passed to the exporter, but that"
                      + " have not been exported yet.")
              .build();
      duration =
          meter
              .histogramBuilder("otel.sdk.exporter.operation.duration")
              .setUnit("s")
              .setDescription("The duration of exporting a batch of telemetry records.")
              .build();
      exported =
          meter
              .counterBuilder("otel.sdk.exporter.metric_data_point.exported")
              .setUnit("{data_point}")
              .setDescription(
                  "The number of metric data points for which the export has finished, either"
                      + " successful or failed.")
              .build();
    }
    return new Operation();
  }

  /** An export. */
  final class Operation {
    private final long start = System.nanoTime();
    private int points;
    private Attributes worst = attributes;

    /** So many points are on their way until the operation ends. */
    void count(int points) {
      this.points = points;
      inflight.add(points, attributes);
    }

    void end(Handle handle) {
      int errno = handle.result(Records.Result.LAST_ERRNO);
      add(handle.result(Records.Result.POINTS_EXPORTED), null);
      add(handle.result(Records.Result.POINTS_INVALID), "invalid");
      add(handle.result(Records.Result.POINTS_TOO_LARGE), "too_large");
      add(handle.result(Records.Result.POINTS_UNWRITTEN), errno == 0 ? "_OTHER" : "errno " + errno);
      finish();
    }

    void fail(Throwable reason) {
      add(points, reason.getClass().getName());
      finish();
    }

    private void add(int some, String error) {
      if (some == 0) {
        return;
      }
      Attributes these = attributes;
      if (error != null) {
        these = attributes.toBuilder().put(ERROR_TYPE, error).build();
        worst = these;
      }
      exported.add(some, these);
    }

    private void finish() {
      inflight.add(-points, attributes);
      duration.record((System.nanoTime() - start) / 1e9, worst);
    }
  }
}
