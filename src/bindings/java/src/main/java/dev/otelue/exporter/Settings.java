// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.export.AggregationTemporalitySelector;
import io.opentelemetry.sdk.metrics.export.DefaultAggregationSelector;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.logging.Logger;

/** What configuration says in words. A mistake is said once, and the default taken in its place. */
final class Settings {
  static final String TEMPORALITY_PREFERENCE = "temporality_preference";
  static final String DEFAULT_HISTOGRAM_AGGREGATION = "default_histogram_aggregation";

  private static final Logger logger = Logger.getLogger(UserEventsMetricExporter.class.getName());

  private static final DefaultAggregationSelector EXPONENTIAL =
      DefaultAggregationSelector.getDefault()
          .with(InstrumentType.HISTOGRAM, Aggregation.base2ExponentialBucketHistogram());

  /**
   * A builder with the settings.
   *
   * @param naming what a setting is called where it comes from.
   * @param lookup what is set for such a name, or null.
   */
  static UserEventsMetricExporterBuilder read(
      UnaryOperator<String> naming, UnaryOperator<String> lookup) {
    UserEventsMetricExporterBuilder builder = UserEventsMetricExporter.builder();
    read(
        naming.apply(TEMPORALITY_PREFERENCE),
        lookup,
        said -> builder.setAggregationTemporalitySelector(temporality(said)));
    read(
        naming.apply(DEFAULT_HISTOGRAM_AGGREGATION),
        lookup,
        said -> builder.setDefaultAggregationSelector(aggregation(said)));
    read(
        naming.apply("packing"),
        lookup,
        said -> builder.setPacking(Packing.valueOf(said.toUpperCase(Locale.ROOT))));
    read(
        naming.apply("target_event_bytes"),
        lookup,
        said -> builder.setTargetEventBytes(size(said)));
    read(naming.apply("max_event_bytes"), lookup, said -> builder.setMaxEventBytes(size(said)));
    read(naming.apply("recording"), lookup, builder::setRecording);
    return builder;
  }

  private static void read(String name, UnaryOperator<String> lookup, Consumer<String> setting) {
    String said = lookup.apply(name);
    if (said == null || said.trim().isEmpty()) {
      return;
    }
    try {
      setting.accept(said.trim());
    } catch (IllegalArgumentException e) {
      logger.warning(name + " is set to \"" + said + "\", which is none of its values: ignored");
    }
  }

  private static AggregationTemporalitySelector temporality(String said) {
    switch (said.toLowerCase(Locale.ROOT)) {
      case "delta":
        return AggregationTemporalitySelector.deltaPreferred();
      case "cumulative":
        return AggregationTemporalitySelector.alwaysCumulative();
      case "lowmemory":
      case "low_memory":
        return AggregationTemporalitySelector.lowMemory();
      default:
        throw new IllegalArgumentException(said);
    }
  }

  private static DefaultAggregationSelector aggregation(String said) {
    switch (said.toLowerCase(Locale.ROOT)) {
      case "explicit_bucket_histogram":
        return DefaultAggregationSelector.getDefault();
      case "base2_exponential_bucket_histogram":
        return EXPONENTIAL;
      default:
        throw new IllegalArgumentException(said);
    }
  }

  private static int size(String said) {
    int size = Integer.parseInt(said);
    if (size < 0) {
      throw new IllegalArgumentException(said);
    }
    return size;
  }

  private Settings() {}
}
