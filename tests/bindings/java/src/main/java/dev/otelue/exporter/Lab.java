// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import com.google.gson.Gson;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import java.io.IOException;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Exports every 300 ms, as lab.py asks. The environment alone switches the exporter on. */
final class Lab {
  /** Prints what the exporter did. */
  private static final class Reporting implements MetricExporter {
    private final UserEventsMetricExporter exporter;

    Reporting(UserEventsMetricExporter exporter) {
      this.exporter = exporter;
    }

    @Override
    public CompletableResultCode export(Collection<MetricData> metrics) {
      CompletableResultCode result = exporter.export(metrics);
      Collection<LongPointData> points = metrics.iterator().next().getLongGaugeData().getPoints();
      Statistics statistics = exporter.getStatistics();
      System.out.println(
          new Gson()
              .toJson(
                  Map.of(
                      "interval",
                      points.iterator().next().getValue(),
                      "produced",
                      points.size(),
                      "statistics",
                      Map.of(
                          "points_exported",
                          statistics.getPointsExported(),
                          "points_unheard",
                          statistics.getPointsUnheard(),
                          "points_unwritten",
                          statistics.getPointsUnwritten(),
                          "points_invalid",
                          statistics.getPointsInvalid(),
                          "points_too_large",
                          statistics.getPointsTooLarge()))));
      return result;
    }

    @Override
    public AggregationTemporality getAggregationTemporality(InstrumentType type) {
      return exporter.getAggregationTemporality(type);
    }

    @Override
    public MemoryMode getMemoryMode() {
      return exporter.getMemoryMode();
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }

  public static void main(String[] arguments) throws IOException {
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder()
            .addMetricExporterCustomizer(
                (exporter, config) -> new Reporting((UserEventsMetricExporter) exporter))
            .disableShutdownHook()
            .build()
            .getOpenTelemetrySdk();
    AtomicLong number = new AtomicLong();
    sdk.getMeter("lab")
        .gaugeBuilder("interval")
        .ofLongs()
        .buildWithCallback(
            to -> {
              long now = number.incrementAndGet();
              for (long i = 0; i < 200; i++) {
                AttributeKey<Long> series = AttributeKey.longKey("series");
                AttributeKey<String> name = AttributeKey.stringKey("name");
                to.record(now, Attributes.of(series, i, name, "of one of them"));
              }
            });
    while (System.in.read() >= 0) {}
    sdk.close();
  }

  private Lab() {}
}
