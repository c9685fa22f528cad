// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static dev.otelue.exporter.Recorder.gauge;
import static dev.otelue.exporter.Recorder.point;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.proto.common.v1.AnyValue;
import io.opentelemetry.proto.common.v1.InstrumentationScope;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.data.MetricDataType;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableGaugeData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableMetricData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableSummaryData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableSummaryPointData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableValueAtQuantile;
import io.opentelemetry.sdk.resources.Resource;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is sent, beyond what compare.py shows. */
class ValuesTest {
  private static final InstrumentationScopeInfo SCOPE = InstrumentationScopeInfo.create("scope");

  @TempDir Path directory;

  @Test
  void valuesNestedTooDeepAreEmptied() {
    Value<?> deep = Value.of(1);
    for (int i = 0; i < 70; i++) {
      deep = Value.of(List.of(deep));
    }
    Recorder recorder = new Recorder(directory);
    recorder.export(gauge(point(1, Attributes.of(AttributeKey.valueKey("deep"), deep))));
    AnyValue value = recorder.points().get(0).getAttributes(0).getValue();
    int depth = 0;
    for (; value.getArrayValue().getValuesCount() > 0; depth++) {
      value = value.getArrayValue().getValues(0);
    }
    assertEquals(46, depth);
    assertEquals(1, recorder.exporter.getStatistics().getValuesEmptied());
  }

  @Test
  void attributesOfDifferentTypesStayApart() {
    Recorder recorder = new Recorder(directory);
    recorder.export(
        gauge(
            point(0, Attributes.builder().put("k", true).build()),
            point(1, Attributes.builder().put("k", 1).build()),
            point(2, Attributes.builder().put("k", 1.0).build()),
            point(3, Attributes.builder().put("k", "1").build()),
            point(4, Attributes.of(AttributeKey.valueKey("k"), Value.of(new byte[] {49}))),
            point(5, Attributes.builder().put("k", 1, 2).build())));
    assertEquals(
        List.of("BOOL", "INT", "DOUBLE", "STRING", "BYTES", "ARRAY"),
        recorder.points().stream()
            .map(p -> p.getAttributes(0).getValue().getValueCase().toString().replace("_VALUE", ""))
            .toList());
  }

  @Test
  void scopesHaveTheirAttributes() {
    InstrumentationScopeInfo scope =
        InstrumentationScopeInfo.builder("s")
            .setVersion("1")
            .setAttributes(Attributes.builder().put("a", 7).build())
            .build();
    Recorder recorder = new Recorder(directory);
    recorder.export(
        ImmutableMetricData.createLongGauge(
            Resource.empty(), scope, "g", "", "", ImmutableGaugeData.create(List.of(point(1)))));
    InstrumentationScope sent =
        recorder.events().get(0).getResourceMetrics(0).getScopeMetrics(0).getScope();
    assertEquals("s", sent.getName());
    assertEquals("1", sent.getVersion());
    assertEquals(7, sent.getAttributes(0).getValue().getIntValue());
  }

  @Test
  void summariesOfOtherProducersAreSent() {
    Recorder recorder = new Recorder(directory);
    recorder.export(
        ImmutableMetricData.createDoubleSummary(
            Resource.empty(),
            SCOPE,
            "s",
            "",
            "",
            ImmutableSummaryData.create(
                List.of(
                    ImmutableSummaryPointData.create(
                        1,
                        2,
                        Attributes.empty(),
                        3,
                        6,
                        List.of(
                            ImmutableValueAtQuantile.create(0.5, 2),
                            ImmutableValueAtQuantile.create(1, 3)))))));
    var sent = recorder.metrics().get(0).getSummary().getDataPoints(0);
    assertEquals(3, sent.getCount());
    assertEquals(6, sent.getSum());
    assertEquals(0.5, sent.getQuantileValues(0).getQuantile());
    assertEquals(3, sent.getQuantileValues(1).getValue());
  }

  @Test
  void metricsThatSayTheSameOfThemselvesAreAllSent() {
    Recorder recorder = new Recorder(directory);
    for (int i = 0; i < 2; i++) {
      recorder.export(gauge(point(1)), gauge(point(2)), gauge(point(3)));
    }
    assertEquals(List.of(1L, 2L, 3L, 1L, 2L, 3L), recorder.values());
    assertEquals(6, recorder.metrics().size());
  }

  @Test
  void aMetricThatComesBackIsWhatItWas() {
    Recorder recorder = new Recorder(directory);
    MetricData one = gauge("one", point(1, Attributes.builder().put("k", "one").build()));
    MetricData two = gauge("two", point(2, Attributes.builder().put("k", "two").build()));
    recorder.export(one, two);
    recorder.export(two);
    recorder.export(one, two);
    recorder.export(two, one);
    recorder.export(one);
    assertEquals(
        List.of("one", "two", "two", "one", "two", "two", "one", "one"),
        recorder.points().stream()
            .map(p -> p.getAttributes(0).getValue().getStringValue())
            .toList());
    assertEquals(List.of(1L, 2L, 2L, 1L, 2L, 2L, 1L, 1L), recorder.values());
  }

  @Test
  void badMetricsCostThemselves() {
    MetricData odd =
        (MetricData)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {MetricData.class},
                (self, method, arguments) -> {
                  switch (method.getName()) {
                    case "getType":
                      return MetricDataType.LONG_GAUGE;
                    case "getName":
                      return "odd";
                    case "getData":
                      return ImmutableGaugeData.create(List.of(point(1)));
                    default:
                      throw new UnsupportedOperationException(method.getName());
                  }
                });
    Recorder recorder = new Recorder(directory);
    for (int i = 0; i < 2; i++) {
      String words = recorder.failure(gauge(point(1)), odd, gauge("b", point(2)));
      assertTrue(words.startsWith("1 of 3 points was not exported"), words);
      assertTrue(words.contains("metric odd cannot be exported: "), words);
    }
    assertEquals(List.of(1L, 2L, 1L, 2L), recorder.values());
  }
}
