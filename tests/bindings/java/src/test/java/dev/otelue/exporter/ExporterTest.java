// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static dev.otelue.exporter.Recorder.gauge;
import static dev.otelue.exporter.Recorder.point;
import static dev.otelue.exporter.Recorder.said;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Results, messages, shutdown and threads. */
class ExporterTest {
  private static final Attributes LARGE = Attributes.builder().put("a", "x".repeat(9000)).build();

  @TempDir Path directory;

  @Test
  void theLibraryIsCalledThroughTheForeignFunctionApiWhereThereIsOne() {
    boolean isIn22 = Binding.class.getDeclaredMethods().length > 0;
    for (var method : Binding.class.getDeclaredMethods()) {
      isIn22 &= !Modifier.isNative(method.getModifiers());
    }
    assertEquals(Runtime.version().feature() >= 22, isIn22);
  }

  @Test
  void aPartialFailureIsAFailureInWordsAndIsSaidOnce() {
    Recorder recorder = new Recorder(directory);
    String wanted = "1 of 3 points was not exported; first gauge, point 1: too large for an event";
    List<String> said =
        said(
            Level.INFO,
            () -> {
              for (int i = 0; i < 2; i++) {
                String words = recorder.failure(gauge(point(1), point(2, LARGE), point(3)));
                assertTrue(words.startsWith(wanted), words);
              }
              recorder.export(gauge(point(4)));
            });
    assertEquals(1, said.size(), said::toString);
    assertTrue(said.get(0).startsWith(wanted));
    assertEquals(List.of(1L, 3L, 1L, 3L, 4L), recorder.values());
    Statistics statistics = recorder.exporter.getStatistics();
    assertEquals(7, statistics.getPoints());
    assertEquals(5, statistics.getPointsExported());
    assertEquals(2, statistics.getPointsTooLarge());
  }

  @Test
  void eachExportIsOneLineAtLevelFine() {
    Recorder recorder = new Recorder(directory);
    assertEquals(
        List.of("exported 2 of 2 points in 1 events"),
        said(Level.FINE, () -> recorder.export(gauge(point(1), point(2)))));
  }

  @Test
  void whatThrowsIsAFailure() {
    Recorder recorder = new Recorder(directory);
    List<MetricData> broken = new ArrayList<>();
    broken.add(null);
    said(
        Level.OFF,
        () -> {
          CompletableResultCode result = recorder.exporter.export(broken);
          assertTrue(result.isDone() && !result.isSuccess());
        });
    recorder.export(gauge(point(1)));
    assertEquals(List.of(1L), recorder.values());
  }

  /** This host has no user_events, or else nobody listens to it. */
  @Test
  void whatNobodyHearsIsASuccessAndSaidOnce() {
    List<String> said =
        said(
            Level.INFO,
            () -> {
              UserEventsMetricExporter exporter = UserEventsMetricExporter.create();
              for (int i = 0; i < 3; i++) {
                assertTrue(exporter.export(List.of(gauge(point(1)))).isSuccess());
              }
              assertEquals(0, exporter.getStatistics().getPoints());
              assertTrue(exporter.shutdown().isSuccess());
            });
    assertTrue(said.size() <= 1, said::toString);
    assertTrue(said.stream().allMatch(line -> line.startsWith("no metrics are exported: ")));
  }

  @Test
  void afterShutdownExportsFail() {
    Recorder recorder = new Recorder(directory);
    recorder.export(gauge(point(1)));
    said(
        Level.OFF,
        () -> {
          assertTrue(recorder.exporter.flush().isSuccess());
          assertTrue(recorder.exporter.shutdown().isSuccess());
          assertTrue(recorder.exporter.shutdown().isSuccess());
          recorder.exporter.close();
          assertEquals("the exporter is shut down", recorder.failure(gauge(point(2))));
          assertTrue(recorder.exporter.flush().isSuccess());
        });
    assertEquals(List.of(1L), recorder.values());
    assertEquals(1, recorder.exporter.getStatistics().getPointsExported());
  }

  @Test
  void manyThreadsExportWhileOneShutsDown() throws Exception {
    for (int round = 0; round < 20; round++) {
      Recorder recorder = new Recorder(directory);
      AtomicInteger successes = new AtomicInteger();
      CountDownLatch begun = new CountDownLatch(50);
      ExecutorService threads = executor();
      List<CompletableFuture<Void>> all = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        all.add(
            CompletableFuture.runAsync(
                () -> {
                  CompletableResultCode result;
                  do {
                    result = recorder.exporter.export(List.of(gauge(point(1), point(2))));
                    if (result.isSuccess()) {
                      successes.incrementAndGet();
                    }
                    begun.countDown();
                  } while (result.isSuccess());
                },
                threads));
      }
      begun.await();
      assertTrue(recorder.exporter.shutdown().isSuccess());
      CompletableFuture.allOf(all.toArray(new CompletableFuture<?>[0])).get();
      threads.shutdown();
      assertEquals(2 * successes.get(), recorder.points().size());
    }
  }

  /** Of virtual threads where there are some. */
  private static ExecutorService executor() throws ReflectiveOperationException {
    if (Runtime.version().feature() < 21) {
      return Executors.newCachedThreadPool();
    }
    return (ExecutorService)
        Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
  }

  @Test
  void exportersThatAreForgottenAreClosed() throws Exception {
    int before = descriptors();
    for (int i = 0; i < 200; i++) {
      new Recorder(directory).export(gauge(point(1)));
      if (i % 50 == 49) {
        System.gc();
        Thread.sleep(100);
      }
    }
    new Recorder(directory);
    assertTrue(descriptors() < before + 150, "descriptors are left open");
  }

  private static int descriptors() throws Exception {
    try (var found = Files.list(Path.of("/proc/self/fd"))) {
      return (int) found.count();
    }
  }

  @Test
  void packingsAndLimits() {
    MetricData[] metrics = {gauge(point(1), point(2)), gauge("other", point(3))};
    Map<Packing, Integer> wanted = Map.of(Packing.METRIC, 2, Packing.POINT, 3, Packing.REQUEST, 1);
    wanted.forEach(
        (packing, events) -> {
          Recorder recorder =
              new Recorder(directory, UserEventsMetricExporter.builder().setPacking(packing));
          recorder.export(metrics);
          assertEquals(events, recorder.events().size());
        });
    LongPointData[] many = new LongPointData[20];
    Arrays.fill(many, point(1));
    Recorder small =
        new Recorder(directory, UserEventsMetricExporter.builder().setTargetEventBytes(200));
    small.export(gauge(many));
    assertTrue(small.events().stream().allMatch(event -> event.getSerializedSize() <= 200));
    assertEquals(20, small.points().size());
    Recorder limited =
        new Recorder(directory, UserEventsMetricExporter.builder().setMaxEventBytes(400));
    said(
        Level.OFF,
        () -> {
          Attributes attributes = Attributes.builder().put("a", "x".repeat(500)).build();
          assertTrue(limited.failure(gauge(point(1, attributes))).startsWith("1 of 1 point"));
        });
  }

  @Test
  void whatTheLibraryRefusesIsAnIllegalArgument() {
    var tooLarge = UserEventsMetricExporter.builder().setMaxEventBytes(100_000);
    assertThrows(IllegalArgumentException.class, tooLarge::build);
    var noFile = UserEventsMetricExporter.builder().setRecording(directory.toString());
    String words = assertThrows(IllegalArgumentException.class, noFile::build).getMessage();
    assertTrue(words.contains(directory.toString()), words);
  }

  @Test
  void defaultsAreThoseOfTheProject() {
    UserEventsMetricExporter exporter = UserEventsMetricExporter.create();
    assertEquals(MemoryMode.REUSABLE_DATA, exporter.getMemoryMode());
    assertEquals(
        AggregationTemporality.DELTA, exporter.getAggregationTemporality(InstrumentType.COUNTER));
    assertEquals(
        AggregationTemporality.CUMULATIVE,
        exporter.getAggregationTemporality(InstrumentType.OBSERVABLE_UP_DOWN_COUNTER));
    exporter.shutdown();
  }

  @Test
  void theExporterCountsItsOwnPoints() {
    Collector reader =
        new Collector(AggregationTemporalitySelector.alwaysCumulative(), MemoryMode.IMMUTABLE_DATA);
    SdkMeterProvider provider = SdkMeterProvider.builder().registerMetricReader(reader).build();
    Recorder recorder =
        new Recorder(
            directory, UserEventsMetricExporter.builder().setMeterProvider(() -> provider));
    said(Level.OFF, () -> recorder.failure(gauge(point(1), point(2), point(3, LARGE))));
    Map<String, MetricData> metrics =
        reader.collect().stream().collect(Collectors.toMap(MetricData::getName, m -> m));
    assertEquals(3, metrics.size());
    AttributeKey<String> error = AttributeKey.stringKey("error.type");
    Map<String, Long> exported =
        metrics
            .get("otel.sdk.exporter.metric_data_point.exported")
            .getLongSumData()
            .getPoints()
            .stream()
            .collect(
                Collectors.toMap(
                    p -> String.valueOf(p.getAttributes().get(error)), LongPointData::getValue));
    assertEquals(Map.of("null", 2L, "too_large", 1L), exported);
    var inflight = metrics.get("otel.sdk.exporter.metric_data_point.inflight").getLongSumData();
    assertEquals(0, inflight.getPoints().iterator().next().getValue());
    var duration = metrics.get("otel.sdk.exporter.operation.duration").getHistogramData();
    assertEquals(1, duration.getPoints().iterator().next().getCount());
    assertFalse(recorder.points().isEmpty());
    provider.close();
  }
}
