// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.opentelemetry.exporter.internal.otlp.metrics.MetricsRequestMarshaler;
import io.opentelemetry.sdk.common.export.MemoryMode;
import io.opentelemetry.sdk.metrics.data.MetricData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/** Runs an application of application.py on Java's SDK: Rows APPLICATION OUT. See compare.py. */
final class Rows {
  public static void main(String[] arguments) throws IOException {
    Path out = Path.of(arguments[1]);
    JsonObject described =
        JsonParser.parseString(Files.readString(Path.of(arguments[0]))).getAsJsonObject();
    run(described, "delta", MemoryMode.REUSABLE_DATA, out);
    run(described, "cumulative", MemoryMode.IMMUTABLE_DATA, out);
  }

  private static void run(JsonObject described, String temporality, MemoryMode mode, Path out)
      throws IOException {
    List<UserEventsMetricExporter> exporters = new ArrayList<>();
    for (Packing packing : Packing.values()) {
      String name = temporality + "." + packing.toString().toLowerCase(Locale.ROOT);
      exporters.add(
          UserEventsMetricExporter.builder()
              .setPacking(packing)
              .setRecording(out.resolve(name).toString())
              .build());
    }
    Collector reader = new Collector(Collector.temporality(temporality), mode);
    Application application = new Application(described, reader);
    try (OutputStream sdk = Files.newOutputStream(out.resolve(temporality + ".sdk"))) {
      for (int cycle = 0; cycle < application.cycles(); cycle++) {
        application.run(cycle);
        Collection<MetricData> metrics = reader.collect();
        writeOfSdk(metrics, sdk);
        for (UserEventsMetricExporter exporter : exporters) {
          if (!exporter.export(metrics).isSuccess()) {
            throw new IllegalStateException("an export failed");
          }
        }
      }
    }
    exporters.forEach(UserEventsMetricExporter::shutdown);
    application.provider.close();
  }

  /** The SDK's encoder brings scopes into an order of its own, so it gets one at a time. */
  private static void writeOfSdk(Collection<MetricData> metrics, OutputStream out)
      throws IOException {
    List<MetricData> some = new ArrayList<>();
    for (MetricData metric : metrics) {
      if (!some.isEmpty()
          && some.get(0).getInstrumentationScopeInfo() != metric.getInstrumentationScopeInfo()) {
        writeRequest(some, out);
        some.clear();
      }
      some.add(metric);
    }
    writeRequest(some, out);
  }

  private static void writeRequest(List<MetricData> metrics, OutputStream out) throws IOException {
    ByteArrayOutputStream request = new ByteArrayOutputStream();
    MetricsRequestMarshaler.create(metrics).writeBinaryTo(request);
    ByteBuffer size = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
    out.write(size.putInt(0, request.size()).array());
    request.writeTo(out);
  }

  private Rows() {}
}
