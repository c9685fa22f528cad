// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import io.opentelemetry.sdk.metrics.export.CollectionRegistration;
import io.opentelemetry.sdk.metrics.export.MetricReader;
import java.util.Collection;

/** A reader that collects when it is asked to. */
final class Collector implements MetricReader {
  private final AggregationTemporalitySelector temporality;
  private final MemoryMode memoryMode;
  private CollectionRegistration registration = CollectionRegistration.noop();

  Collector(AggregationTemporalitySelector temporality, MemoryMode memoryMode) {
    this.temporality = temporality;
    this.memoryMode = memoryMode;
  }

  static AggregationTemporalitySelector temporality(String name) {
    return name.equals("delta")
        ? AggregationTemporalitySelector.deltaPreferred()
        : AggregationTemporalitySelector.alwaysCumulative();
  }

  Collection<MetricData> collect() {
    return registration.collectAllMetrics();
  }

  @Override
  public void register(CollectionRegistration registration) {
    this.registration = registration;
  }

  @Override
  public AggregationTemporality getAggregationTemporality(InstrumentType type) {
    return temporality.getAggregationTemporality(type);
  }

  @Override
  public Aggregation getDefaultAggregation(InstrumentType type) {
    return Aggregation.defaultAggregation();
  }

  @Override
  public MemoryMode getMemoryMode() {
    return memoryMode;
  }

  @Override
  public CompletableResultCode forceFlush() {
    return CompletableResultCode.ofSuccess();
  }

  @Override
  public CompletableResultCode shutdown() {
    return CompletableResultCode.ofSuccess();
  }
}
