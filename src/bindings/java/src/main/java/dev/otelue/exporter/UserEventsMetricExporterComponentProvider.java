// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.incubator.config.DeclarativeConfigProperties;
import io.opentelemetry.sdk.autoconfigure.spi.internal.ComponentProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;

/** Makes the exporter where declarative configuration has {@code user_events}. */
public final class UserEventsMetricExporterComponentProvider implements ComponentProvider {
  @Override
  public Class<MetricExporter> getType() {
    return MetricExporter.class;
  }

  @Override
  public String getName() {
    return "user_events";
  }

  @Override
  public MetricExporter create(DeclarativeConfigProperties config) {
    return Settings.read(name -> name, name -> read(config, name)).buildOrDisable();
  }

  /** A size is a number in YAML. */
  private static String read(DeclarativeConfigProperties config, String name) {
    if (config.isLong(name) || config.isInt(name)) {
      return String.valueOf(config.getLong(name));
    }
    return config.getString(name);
  }
}
