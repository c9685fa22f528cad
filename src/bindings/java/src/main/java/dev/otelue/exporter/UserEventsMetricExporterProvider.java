// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.metrics.MeterProvider;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.autoconfigure.spi.internal.AutoConfigureListener;
import io.opentelemetry.sdk.autoconfigure.spi.metrics.ConfigurableMetricExporterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import java.util.concurrent.atomic.AtomicReference;

/** Makes the exporter where {@code OTEL_METRICS_EXPORTER=user_events} asks for it. */
public final class UserEventsMetricExporterProvider
    implements ConfigurableMetricExporterProvider, AutoConfigureListener {
  private static final String OTLP = "otel.exporter.otlp.metrics.";
  private static final String OWN = "otel.exporter.user.events.";

  private final AtomicReference<MeterProvider> meterProvider =
      new AtomicReference<>(MeterProvider.noop());

  /** As the SDK names what is in the environment. */
  private static String property(String setting) {
    boolean isShared =
        setting.equals(Settings.TEMPORALITY_PREFERENCE)
            || setting.equals(Settings.DEFAULT_HISTOGRAM_AGGREGATION);
    return (isShared ? OTLP : OWN) + setting.replace('_', '.');
  }

  @Override
  public MetricExporter createExporter(ConfigProperties config) {
    UserEventsMetricExporterBuilder builder =
        Settings.read(UserEventsMetricExporterProvider::property, config::getString);
    // As for the exporters of the SDK, whose older metrics have no names for partial failures.
    if ("latest".equalsIgnoreCase(config.getString("otel.experimental.sdk.telemetry.version"))) {
      builder.setMeterProvider(meterProvider::get);
    }
    return builder.buildOrDisable();
  }

  @Override
  public String getName() {
    return "user_events";
  }

  @Override
  public void afterAutoConfigure(OpenTelemetrySdk sdk) {
    meterProvider.set(sdk.getMeterProvider());
  }
}
