// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import io.opentelemetry.sdk.metrics.export.DefaultAggregationSelector;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import java.util.Collection;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * Exports metrics to the Linux tracepoint {@code user_events:otlp_metrics}, where agents on the
 * same machine receive them through perf or ftrace.
 *
 * <p>Nothing is built while nobody listens. A kernel without user_events, missing permission or a
 * missing library is said once through {@link Logger}, and is no failure: exports succeed and do
 * nothing. All methods may be called by any thread at any time; none throws.
 */
public final class UserEventsMetricExporter implements MetricExporter {
  private static final Logger logger = Logger.getLogger(UserEventsMetricExporter.class.getName());

  private final AggregationTemporalitySelector temporality;
  private final DefaultAggregationSelector aggregation;
  private final MemoryMode memoryMode;
  private final Telemetry telemetry;
  private final Handle handle; // null without the library
  private final Batch batch;
  private final AtomicBoolean isShutDown = new AtomicBoolean();
  // An export holds it while it uses what is below, the batch and the handle. No monitor, so that a
  // virtual thread that waits does not keep its carrier.
  private final ReentrantLock lock = new ReentrantLock();
  private int step = Records.STEP_REGISTERED; // why nobody could listen when it was last asked
  private String failure = ""; // of the last export, in words

  UserEventsMetricExporter(
      AggregationTemporalitySelector temporality,
      DefaultAggregationSelector aggregation,
      MemoryMode memoryMode,
      Telemetry telemetry,
      Handle handle) {
    this.temporality = temporality;
    this.aggregation = aggregation;
    this.memoryMode = memoryMode;
    this.telemetry = telemetry;
    this.handle = handle;
    if (handle == null) {
      batch = null;
      return;
    }
    batch = new Batch(handle::encodeAttributes);
    handle.belongTo(this);
    handle.isListening();
    report();
  }

  /** An exporter with all defaults. */
  public static UserEventsMetricExporter create() {
    return builder().build();
  }

  /** A builder of exporters. */
  public static UserEventsMetricExporterBuilder builder() {
    return new UserEventsMetricExporterBuilder();
  }

  @Override
  public AggregationTemporality getAggregationTemporality(InstrumentType instrumentType) {
    return temporality.getAggregationTemporality(instrumentType);
  }

  @Override
  public Aggregation getDefaultAggregation(InstrumentType instrumentType) {
    return aggregation.getDefaultAggregation(instrumentType);
  }

  @Override
  public MemoryMode getMemoryMode() {
    return memoryMode;
  }

  /**
   * Writes the metrics, and returns when that is done. It is a failure, which says why, when some
   * data points could not be exported although somebody listens, and after {@link #shutdown}.
   */
  @Override
  public CompletableResultCode export(Collection<MetricData> metrics) {
    if (isShutDown.get()) {
      return shutDown();
    }
    if (handle == null) {
      return CompletableResultCode.ofSuccess();
    }
    lock.lock();
    try {
      return exportAlone(metrics);
    } catch (Throwable e) { // telemetry does not take its program down
      batch.forget();
      return fail("metrics could not be exported: " + e, e);
    } finally {
      lock.unlock();
    }
  }

  private CompletableResultCode exportAlone(Collection<MetricData> metrics) {
    boolean isListening = handle.isListening();
    if (isShutDown.get()) {
      return shutDown();
    }
    report();
    if (!isListening) {
      logger.fine("nobody listens to user_events");
      return CompletableResultCode.ofSuccess();
    }
    Telemetry.Operation operation = telemetry == null ? null : telemetry.begin();
    int returned;
    try {
      batch.build(metrics);
      if (operation != null) {
        operation.count(batch.points());
      }
      returned = handle.export(batch.memory);
    } catch (Throwable e) {
      if (operation != null) {
        operation.fail(e);
      }
      throw e;
    }
    if (operation != null) {
      operation.end(handle);
    }
    if (logger.isLoggable(Level.FINE)) {
      logger.fine(
          "exported "
              + handle.result(Records.Result.POINTS_EXPORTED)
              + " of "
              + batch.points()
              + " points in "
              + handle.result(Records.Result.EVENTS)
              + " events");
    }
    if (returned == 0) {
      failure = "";
      return CompletableResultCode.ofSuccess();
    }
    if (isShutDown.get()) {
      return shutDown();
    }
    String words = handle.describe(batch.memory, returned);
    if (batch.problem() != null) {
      words += "; " + batch.problem();
    }
    return fail(words, null);
  }

  private static CompletableResultCode shutDown() {
    return CompletableResultCode.ofExceptionalFailure(
        new IllegalStateException("the exporter is shut down"));
  }

  /** Says what has gone wrong, once for as long as the same goes wrong. */
  private CompletableResultCode fail(String words, Throwable cause) {
    if (!words.equals(failure)) {
      failure = words;
      logger.warning(words);
    }
    return CompletableResultCode.ofExceptionalFailure(new IllegalStateException(words, cause));
  }

  /** Says once why nobody can listen. */
  private void report() {
    int before = step;
    step = handle.step();
    if (step != before && step != Records.STEP_REGISTERED) {
      logger.warning("no metrics are exported: " + handle.status());
    }
  }

  /** Has nothing to do: every export is complete when it returns. */
  @Override
  public CompletableResultCode flush() {
    return CompletableResultCode.ofSuccess();
  }

  /**
   * Unregisters the tracepoint. It waits for exports that are under way, a second at most; the last
   * of them does the rest.
   */
  @Override
  public CompletableResultCode shutdown() {
    if (isShutDown.getAndSet(true)) {
      logger.info("Calling shutdown() multiple times.");
      return CompletableResultCode.ofSuccess();
    }
    if (handle == null) {
      return CompletableResultCode.ofSuccess();
    }
    int returned = handle.shutdown();
    return returned == 0
        ? CompletableResultCode.ofSuccess()
        : CompletableResultCode.ofExceptionalFailure(
            new IllegalStateException(handle.describe(returned)));
  }

  /** The totals of all exports so far. */
  public Statistics getStatistics() {
    return handle == null ? Statistics.NONE : handle.statistics();
  }

  @Override
  public String toString() {
    return "UserEventsMetricExporter{memoryMode=" + memoryMode + "}";
  }
}
