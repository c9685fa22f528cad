// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.sdk.metrics.data.DoubleExemplarData;
import io.opentelemetry.sdk.metrics.data.ExemplarData;
import io.opentelemetry.sdk.metrics.data.ExponentialHistogramBuckets;
import io.opentelemetry.sdk.metrics.data.ExponentialHistogramPointData;
import io.opentelemetry.sdk.metrics.data.HistogramPointData;
import io.opentelemetry.sdk.metrics.data.LongExemplarData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.data.PointData;
import io.opentelemetry.sdk.metrics.data.SummaryPointData;
import io.opentelemetry.sdk.metrics.data.ValueAtQuantile;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;

/**
 * Writes what points refer to and the next cycle does not keep: the bodies of histograms and
 * summaries, and exemplars.
 */
final class Bodies {
  private final Memory memory;
  private final AttributeWriter writer;
  // The bounds that the last histogram had, which the next one is likely to share.
  private List<Double> bounds;
  private long boundsRef;

  Bodies(Memory memory, AttributeWriter writer) {
    this.memory = memory;
    this.writer = writer;
  }

  /** A new cycle. */
  void begin() {
    bounds = null;
  }

  /** Writes the bodies of a stream whose points are from an offset on. */
  void write(Stream stream, MetricData metric, int at) {
    switch (stream.key.type) {
      case HISTOGRAM:
        writeHistograms(stream.count, metric.getHistogramData().getPoints(), at);
        break;
      case EXPONENTIAL_HISTOGRAM:
        writeExponential(metric.getExponentialHistogramData().getPoints(), at);
        break;
      case SUMMARY:
        writeSummaries(metric.getSummaryData().getPoints(), at);
        break;
      default:
    }
    if (stream.hasExemplars) {
      for (PointData point : metric.getData().getPoints()) {
        long exemplars = putExemplars(point.getExemplars());
        memory.bytes.putLong(at + Records.Point.EXEMPLARS, exemplars);
        at += Records.Point.SIZE;
      }
    }
  }

  private void writeHistograms(int count, Collection<HistogramPointData> points, int at) {
    int body = memory.reserve((long) count * Records.Histogram.SIZE, 8);
    for (HistogramPointData point : points) {
      long bounds = putBounds(point.getBoundaries());
      long counts = SdkInternals.putLongs(memory, point.getCounts());
      ByteBuffer bytes = memory.bytes;
      int has = Records.HAS_SUM;
      bytes.putLong(body + Records.Histogram.COUNT, point.getCount());
      bytes.putDouble(body + Records.Histogram.SUM, point.getSum());
      if (point.hasMin()) {
        bytes.putDouble(body + Records.Histogram.MIN, point.getMin());
        has |= Records.HAS_MIN;
      }
      if (point.hasMax()) {
        bytes.putDouble(body + Records.Histogram.MAX, point.getMax());
        has |= Records.HAS_MAX;
      }
      bytes.putLong(body + Records.Histogram.HAS, has); // and reserved0
      bytes.putLong(body + Records.Histogram.EXPLICIT_BOUNDS, bounds);
      bytes.putLong(body + Records.Histogram.BUCKET_COUNTS, counts);
      bytes.putLong(body + Records.Histogram.RESERVED1, 0);
      bytes.putInt(at + Records.Point.BODY, body);
      body += Records.Histogram.SIZE;
      at += Records.Point.SIZE;
    }
  }

  private long putBounds(List<Double> bounds) {
    if (bounds != this.bounds) {
      boundsRef = memory.putDoubles(bounds);
      this.bounds = bounds;
    }
    return boundsRef;
  }

  private void writeExponential(Collection<ExponentialHistogramPointData> points, int at) {
    for (ExponentialHistogramPointData point : points) {
      ExponentialHistogramBuckets positive = point.getPositiveBuckets();
      ExponentialHistogramBuckets negative = point.getNegativeBuckets();
      long positiveCounts = SdkInternals.putLongs(memory, positive.getBucketCounts());
      long negativeCounts = SdkInternals.putLongs(memory, negative.getBucketCounts());
      int body = memory.record(Records.ExponentialHistogram.SIZE);
      ByteBuffer bytes = memory.bytes;
      int has = Records.HAS_SUM | Records.HAS_POSITIVE | Records.HAS_NEGATIVE;
      bytes.putLong(body + Records.ExponentialHistogram.COUNT, point.getCount());
      bytes.putDouble(body + Records.ExponentialHistogram.SUM, point.getSum());
      if (point.hasMin()) {
        bytes.putDouble(body + Records.ExponentialHistogram.MIN, point.getMin());
        has |= Records.HAS_MIN;
      }
      if (point.hasMax()) {
        bytes.putDouble(body + Records.ExponentialHistogram.MAX, point.getMax());
        has |= Records.HAS_MAX;
      }
      bytes.putInt(body + Records.ExponentialHistogram.HAS, has);
      bytes.putInt(body + Records.ExponentialHistogram.SCALE, point.getScale());
      bytes.putLong(body + Records.ExponentialHistogram.ZERO_COUNT, point.getZeroCount());
      bytes.putInt(body + Records.ExponentialHistogram.POSITIVE_OFFSET, positive.getOffset());
      bytes.putInt(body + Records.ExponentialHistogram.NEGATIVE_OFFSET, negative.getOffset());
      bytes.putLong(body + Records.ExponentialHistogram.POSITIVE, positiveCounts);
      bytes.putLong(body + Records.ExponentialHistogram.NEGATIVE, negativeCounts);
      bytes.putInt(at + Records.Point.BODY, body);
      at += Records.Point.SIZE;
    }
  }

  private void writeSummaries(Collection<SummaryPointData> points, int at) {
    for (SummaryPointData point : points) {
      List<ValueAtQuantile> values = point.getValues();
      int quantiles = memory.record(values.size() * Records.Quantile.SIZE);
      int quantile = quantiles;
      for (ValueAtQuantile value : values) {
        memory.bytes.putDouble(quantile + Records.Quantile.QUANTILE, value.getQuantile());
        memory.bytes.putDouble(quantile + Records.Quantile.VALUE, value.getValue());
        quantile += Records.Quantile.SIZE;
      }
      int body = memory.record(Records.Summary.SIZE);
      ByteBuffer bytes = memory.bytes;
      bytes.putLong(body + Records.Summary.COUNT, point.getCount());
      bytes.putDouble(body + Records.Summary.SUM, point.getSum());
      bytes.putLong(body + Records.Summary.QUANTILES, Memory.ref(quantiles, values.size()));
      bytes.putInt(at + Records.Point.BODY, body);
      at += Records.Point.SIZE;
    }
  }

  private long putExemplars(List<? extends ExemplarData> exemplars) {
    if (exemplars.isEmpty()) {
      return 0;
    }
    int first = memory.record(exemplars.size() * Records.Exemplar.SIZE);
    int at = first;
    for (ExemplarData exemplar : exemplars) {
      putExemplar(exemplar, at);
      at += Records.Exemplar.SIZE;
    }
    return Memory.ref(first, exemplars.size());
  }

  private void putExemplar(ExemplarData exemplar, int at) {
    long filtered = writer.write(exemplar.getFilteredAttributes());
    ByteBuffer bytes = memory.bytes;
    bytes.putLong(at + Records.Exemplar.TIME_UNIX_NANO, exemplar.getEpochNanos());
    bytes.putLong(at + Records.Exemplar.FILTERED_ATTRIBUTES, filtered);
    if (exemplar instanceof LongExemplarData) {
      bytes.putInt(at + Records.Exemplar.VALUE_TYPE, Records.INT);
      bytes.putLong(at + Records.Exemplar.AS_INT, ((LongExemplarData) exemplar).getValue());
    } else {
      double value = ((DoubleExemplarData) exemplar).getValue();
      bytes.putInt(at + Records.Exemplar.VALUE_TYPE, Records.DOUBLE);
      bytes.putDouble(at + Records.Exemplar.AS_DOUBLE, value);
    }
    SpanContext span = exemplar.getSpanContext();
    if (span.isValid()) {
      bytes.putInt(at + Records.Exemplar.HAS, Records.HAS_TRACE_ID | Records.HAS_SPAN_ID);
      putId(at + Records.Exemplar.TRACE_ID, span.getTraceIdBytes());
      putId(at + Records.Exemplar.SPAN_ID, span.getSpanIdBytes());
    }
  }

  private void putId(int at, byte[] id) {
    for (byte some : id) {
      memory.bytes.put(at++, some);
    }
  }
}
