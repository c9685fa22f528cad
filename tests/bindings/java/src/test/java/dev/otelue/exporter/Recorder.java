// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
import io.opentelemetry.proto.metrics.v1.Metric;
import io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableGaugeData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableLongPointData;
import io.opentelemetry.sdk.metrics.internal.data.ImmutableMetricData;
import io.opentelemetry.sdk.resources.Resource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** An exporter to a recording, which stands for a listener; what it records; and metrics for it. */
final class Recorder {
  final Path path;
  final UserEventsMetricExporter exporter;

  Recorder(Path directory) {
    this(directory, UserEventsMetricExporter.builder());
  }

  Recorder(Path directory, UserEventsMetricExporterBuilder builder) {
    path = directory.resolve("recording" + System.nanoTime());
    exporter = builder.setRecording(path.toString()).build();
  }

  void export(MetricData... metrics) {
    assertTrue(exporter.export(Arrays.asList(metrics)).isSuccess());
  }

  /** Why an export failed. */
  String failure(MetricData... metrics) {
    return exporter.export(Arrays.asList(metrics)).getFailureThrowable().getMessage();
  }

  List<ExportMetricsServiceRequest> events() {
    return events(path);
  }

  static List<ExportMetricsServiceRequest> events(Path path) {
    try {
      ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.nativeOrder());
      List<ExportMetricsServiceRequest> found = new ArrayList<>();
      for (int at = 16; at < data.capacity(); ) {
        int size = data.getInt(at);
        found.add(ExportMetricsServiceRequest.parseFrom(data.slice(at + 40, size)));
        at += 40 + size;
      }
      return found;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<Metric> metrics() {
    List<Metric> found = new ArrayList<>();
    for (ExportMetricsServiceRequest event : events()) {
      event
          .getResourceMetricsList()
          .forEach(r -> r.getScopeMetricsList().forEach(s -> found.addAll(s.getMetricsList())));
    }
    return found;
  }

  /** The points of all gauges. */
  List<NumberDataPoint> points() {
    List<NumberDataPoint> found = new ArrayList<>();
    metrics().forEach(metric -> found.addAll(metric.getGauge().getDataPointsList()));
    return found;
  }

  List<Long> values() {
    return points().stream().map(NumberDataPoint::getAsInt).toList();
  }

  static LongPointData point(long value, Attributes attributes) {
    return ImmutableLongPointData.create(1, 2, attributes, value);
  }

  static LongPointData point(long value) {
    return point(value, Attributes.empty());
  }

  static MetricData gauge(LongPointData... points) {
    return gauge("gauge", points);
  }

  static MetricData gauge(String name, LongPointData... points) {
    return ImmutableMetricData.createLongGauge(
        Resource.empty(),
        InstrumentationScopeInfo.create("scope"),
        name,
        "",
        "",
        ImmutableGaugeData.create(Arrays.asList(points)));
  }

  /** What the exporter says while something runs, from a level on. */
  static List<String> said(Level level, Runnable something) {
    List<String> said = new ArrayList<>();
    Logger logger = Logger.getLogger(UserEventsMetricExporter.class.getName());
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            said.add(record.getMessage());
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    logger.setUseParentHandlers(false);
    logger.setLevel(level);
    logger.addHandler(handler);
    try {
      something.run();
    } finally {
      logger.removeHandler(handler);
      logger.setLevel(null);
    }
    return said;
  }
}
