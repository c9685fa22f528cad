// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static dev.otelue.exporter.Recorder.gauge;
import static dev.otelue.exporter.Recorder.point;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What exports take of the heap, and beside it. */
class MemoryTest {
  private static final int SERIES = 1900;

  @TempDir Path directory;

  @Test
  void pointsOfSumsTakeNothingOfTheHeap() {
    for (MemoryMode mode : MemoryMode.values()) {
      Collector reader = new Collector(AggregationTemporalitySelector.alwaysCumulative(), mode);
      SdkMeterProvider provider = SdkMeterProvider.builder().registerMetricReader(reader).build();
      LongCounter counter = provider.get("m").counterBuilder("c").build();
      for (int i = 0; i < SERIES; i++) {
        counter.add(1, Attributes.builder().put("series", i).put("name", "some").build());
      }
      Recorder recorder = new Recorder(directory);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      Collection<MetricData> metrics = reader.collect();
      for (int i = 0; i < 20; i++) {
        assertTrue(recorder.exporter.export(metrics).isSuccess());
      }
      long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
      for (int i = 0; i < 100; i++) {
        recorder.exporter.export(metrics);
      }
      long taken = threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
      // A few objects for an export, and none for its points.
      assertTrue(taken < 100 * 1000, taken + " bytes for 100 exports of 1,900 points");
      assertEquals(120L * SERIES, recorder.exporter.getStatistics().getPointsExported());
      provider.close();
    }
  }

  @Test
  void seriesThatComeAndGoTakeConstantMemory() {
    Library library = library();
    Batch batch = new Batch((memory, records) -> encode(library, memory, records));
    int largest = 0;
    for (int cycle = 0; cycle < 300; cycle++) {
      LongPointData[] points = new LongPointData[1000];
      for (int i = 0; i < points.length; i++) {
        points[i] = point(i, Attributes.builder().put("series", 1000L * cycle + i).build());
      }
      batch.build(List.of(gauge(points)));
      assertTrue(batch.kept() <= 2 * 1000 + 1000 + 1000 + 3, batch.kept() + " are kept");
      if (cycle == 10) {
        largest = batch.memory.bytes.capacity();
      }
    }
    assertEquals(largest, batch.memory.bytes.capacity());
  }

  private static Library library() {
    try {
      return Library.get();
    } catch (Library.Unavailable e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] encode(Library library, Memory memory, long records) {
    var out = Memory.allocate(Records.ENCODED_ATTRIBUTES_MAX);
    var written = Memory.allocate(8);
    int returned =
        library.encodeAttributes(
            library.address(memory.bytes),
            memory.used,
            Memory.off(records),
            Memory.len(records),
            library.address(out),
            out.capacity(),
            library.address(written));
    assertEquals(0, returned);
    byte[] copy = new byte[(int) written.getLong(0)];
    out.get(copy);
    return copy;
  }
}
