// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.incubator.config.DeclarativeConfigProperties;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.internal.ComponentProvider;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The exporter where configuration makes it. */
class ConfigurationTest {
  private static final String OWN = "otel.exporter.user.events.";

  @TempDir Path directory;

  @Test
  void aPropertySwitchesItOn() {
    Path path = directory.resolve("recording");
    Map<String, String> properties = new HashMap<>();
    properties.put("otel.metrics.exporter", "user_events");
    properties.put("otel.traces.exporter", "none");
    properties.put("otel.logs.exporter", "none");
    properties.put(OWN + "recording", path.toString());
    properties.put("otel.experimental.sdk.telemetry.version", "latest");
    var sdk =
        AutoConfiguredOpenTelemetrySdk.builder()
            .addPropertiesSupplier(() -> properties)
            .disableShutdownHook()
            .build()
            .getOpenTelemetrySdk();
    sdk.getMeter("m").counterBuilder("c").build().add(3);
    sdk.getSdkMeterProvider().forceFlush().join(10, TimeUnit.SECONDS);
    sdk.getMeter("m").counterBuilder("c").build().add(4);
    sdk.close();
    List<String> names =
        Recorder.events(path).stream()
            .flatMap(event -> event.getResourceMetricsList().stream())
            .flatMap(resource -> resource.getScopeMetricsList().stream())
            .flatMap(scope -> scope.getMetricsList().stream())
            .map(metric -> metric.getName() + metric.getSum().getAggregationTemporalityValue())
            .toList();
    assertEquals(2, names.stream().filter("c1"::equals).count(), names::toString);
    assertTrue(names.contains("otel.sdk.exporter.metric_data_point.exported1"), names::toString);
  }

  @Test
  void settingsInWords() {
    MetricExporter exporter =
        read(
            Map.of(
                "temporality_preference", " Cumulative",
                "default_histogram_aggregation", "base2_exponential_bucket_histogram"));
    assertEquals(
        AggregationTemporality.CUMULATIVE,
        exporter.getAggregationTemporality(InstrumentType.COUNTER));
    assertEquals(
        Aggregation.base2ExponentialBucketHistogram().toString(),
        exporter.getDefaultAggregation(InstrumentType.HISTOGRAM).toString());
    MetricExporter low = read(Map.of("temporality_preference", "lowmemory"));
    assertEquals(
        AggregationTemporality.DELTA, low.getAggregationTemporality(InstrumentType.COUNTER));
    assertEquals(
        AggregationTemporality.CUMULATIVE,
        low.getAggregationTemporality(InstrumentType.OBSERVABLE_COUNTER));
  }

  @Test
  void mistakesAreSaidAndDefaultsHold() {
    for (String setting :
        List.of(
            "temporality_preference",
            "default_histogram_aggregation",
            "packing",
            "target_event_bytes",
            "max_event_bytes")) {
      List<String> said =
          Recorder.said(
              Level.INFO,
              () ->
                  assertEquals(
                      AggregationTemporality.DELTA,
                      read(Map.of(setting, "odd", "recording", directory + "/" + setting))
                          .getAggregationTemporality(InstrumentType.COUNTER)));
      assertEquals(
          List.of(setting + " is set to \"odd\", which is none of its values: ignored"), said);
    }
    // What the library refuses switches the exporter off, and not the application.
    for (Map<String, String> odd :
        List.of(Map.of("max_event_bytes", "100000"), Map.of("recording", directory.toString()))) {
      List<String> said =
          Recorder.said(Level.INFO, () -> assertTrue(read(odd).export(List.of()).isSuccess()));
      assertEquals(1, said.size());
      assertTrue(said.get(0).startsWith("no metrics are exported, because of the configuration: "));
    }
  }

  private static MetricExporter read(Map<String, String> settings) {
    return Settings.read(name -> name, settings::get).buildOrDisable();
  }

  @Test
  void declarativeConfiguration() {
    ComponentProvider provider =
        ServiceLoader.load(ComponentProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(found -> found.getName().equals("user_events"))
            .findFirst()
            .orElseThrow();
    assertEquals(MetricExporter.class, provider.getType());
    Map<String, Object> yaml =
        Map.of("temporality_preference", "cumulative", "max_event_bytes", 5000L);
    DeclarativeConfigProperties config =
        (DeclarativeConfigProperties)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {DeclarativeConfigProperties.class},
                (self, method, arguments) -> {
                  Object found = yaml.get((String) arguments[0]);
                  switch (method.getName()) {
                    case "isInt":
                    case "isLong":
                      return found instanceof Long;
                    default:
                      return found;
                  }
                });
    MetricExporter exporter = (MetricExporter) provider.create(config);
    assertEquals(
        AggregationTemporality.CUMULATIVE,
        exporter.getAggregationTemporality(InstrumentType.COUNTER));
    exporter.shutdown();
  }
}
