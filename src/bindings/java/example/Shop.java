// SPDX-License-Identifier: Apache-2.0

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.concurrent.ThreadLocalRandom;

/** A small shop whose metrics anybody on this machine can listen to: otelue watch. */
final class Shop {
  public static void main(String[] arguments) throws InterruptedException {
    // OTEL_METRICS_EXPORTER=user_events switches the exporter on.
    try (var sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk()) {
      var meter = sdk.getMeter("shop");
      var requests = meter.counterBuilder("http.server.requests").setUnit("{request}").build();
      var durations = meter.histogramBuilder("http.server.request.duration").setUnit("s").build();
      for (int i = 0; i < 100; i++) {
        String method = ThreadLocalRandom.current().nextBoolean() ? "GET" : "POST";
        var attributes = Attributes.of(AttributeKey.stringKey("http.request.method"), method);
        requests.add(1, attributes);
        durations.record(ThreadLocalRandom.current().nextDouble(), attributes);
        Thread.sleep(100);
      }
    }
  }
}
