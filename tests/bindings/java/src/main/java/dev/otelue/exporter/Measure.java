// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.exporter.internal.otlp.metrics.MetricsRequestMarshaler;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.Base2ExponentialHistogramOptions;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.resources.Resource;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Measures Java's exporter and its SDK's own encoder, as tests/bench/languages.py asks. */
final class Measure {
  private static final int COLLECTIONS = 4; // in turn
  private static final int WARM_UP = 1000; // exports, until the compiler has done its work

  private static final com.sun.management.OperatingSystemMXBean SYSTEM =
      (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  /** One round: who exports what, into which events. */
  private record Round(String who, String kind, String temporality, String packing, int series) {}

  private static final Map<String, List<Collection<MetricData>>> collections = new HashMap<>();
  private static final Map<Round, Runner> runners = new HashMap<>();

  private interface Export {
    void run(Collection<MetricData> metrics) throws IOException;
  }

  private record Runner(List<Collection<MetricData>> metrics, Export export) {
    void run(int exports) throws IOException {
      for (int i = 0; i < exports; i++) {
        export.run(metrics.get(i % metrics.size()));
      }
    }
  }

  public static void main(String[] arguments) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] words = line.split(" ");
      Round round = new Round(words[1], words[2], words[3], words[4], Integer.parseInt(words[5]));
      int exports = Integer.parseInt(words[6]);
      Runner runner = runners.get(round);
      if (runner == null) {
        runner = runner(round);
        runner.run(WARM_UP);
        runners.put(round, runner);
      }
      runner.run(COLLECTIONS);
      // Of all threads, since garbage is collected and code compiled by others.
      long start = SYSTEM.getProcessCpuTime();
      runner.run(exports);
      long ns = SYSTEM.getProcessCpuTime() - start;
      System.out.printf("{\"ns\": %d, \"points\": %d}%n", ns, (long) exports * round.series);
    }
  }

  private static Runner runner(Round round) {
    List<Collection<MetricData>> metrics =
        collections.computeIfAbsent(
            round.kind + round.temporality + round.series,
            key -> collect(round.kind, round.temporality, round.series));
    if (round.who.equals("sdk")) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(1 << 22);
      return new Runner(
          metrics,
          some -> {
            out.reset();
            MetricsRequestMarshaler.create(some).writeBinaryTo(out);
          });
    }
    UserEventsMetricExporter exporter =
        UserEventsMetricExporter.builder()
            .setPacking(Packing.valueOf(round.packing.toUpperCase(Locale.ROOT)))
            .build();
    exporter.export(metrics.get(0));
    if (exporter.getStatistics().getPointsExported() != round.series) {
      throw new IllegalStateException("nobody listens");
    }
    return new Runner(
        metrics,
        some -> {
          if (!exporter.export(some).isSuccess()) {
            throw new IllegalStateException("an export failed");
          }
        });
  }

  /** What a reader hands over in some cycles. */
  private static List<Collection<MetricData>> collect(String kind, String temporality, int series) {
    Collector reader = new Collector(Collector.temporality(temporality), MemoryMode.IMMUTABLE_DATA);
    SdkMeterProvider provider =
        SdkMeterProvider.builder()
            .registerMetricReader(reader)
            .registerView(
                InstrumentSelector.builder().setName("exponential").build(),
                View.builder()
                    .setAggregation(
                        Aggregation.base2ExponentialBucketHistogram(
                            Base2ExponentialHistogramOptions.builder()
                                .setMaxBuckets(160)
                                .setMaxScale(20)
                                .build()))
                    .build())
            .setResource(
                Resource.create(
                    Attributes.builder()
                        .put("service.name", "shop")
                        .put("service.version", "1.2.3")
                        .put("host.name", "web-1")
                        .put("os.type", "linux")
                        .build()))
            .build();
    Meter meter = provider.get("bench");
    LongCounter sum = meter.counterBuilder("sum").build();
    String name = kind.equals("sum") ? "unused" : kind;
    DoubleHistogram histogram = meter.histogramBuilder(name).setUnit("s").build();
    List<Collection<MetricData>> made = new ArrayList<>();
    for (int cycle = 0; cycle < COLLECTIONS; cycle++) {
      for (int i = 0; i < series; i++) {
        Attributes attributes =
            Attributes.builder()
                .put("http.request.method", "GET")
                .put("url.scheme", "https")
                .put("http.route", "/api/v1/items/" + i)
                .put("server.address", "shop.example.com")
                .put("error.type", "error " + i % 7)
                .build();
        if (kind.equals("sum")) {
          sum.add(i + 1, attributes);
          continue;
        }
        double value = 0.001 * (i + 1);
        for (int k = 0; k < 5; k++, value *= 3) {
          histogram.record(value, attributes);
        }
      }
      made.add(List.copyOf(reader.collect()));
    }
    return made;
  }

  private Measure() {}
}
