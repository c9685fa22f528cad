// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableDoubleMeasurement;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.Base2ExponentialHistogramOptions;
import io.opentelemetry.sdk.metrics.ExemplarFilter;
import io.opentelemetry.sdk.metrics.ExplicitBucketHistogramOptions;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.SdkMeterProviderBuilder;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.metrics.ViewBuilder;
import io.opentelemetry.sdk.metrics.export.MetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.resources.ResourceBuilder;
import io.opentelemetry.sdk.resources.internal.Entity;
import io.opentelemetry.sdk.resources.internal.EntityUtil;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** What application.py generates, on the SDK, with a reader. */
final class Application {
  /** Measures a number in the current context. */
  private interface Instrument {
    void measure(String number, Attributes attributes);
  }

  private final JsonArray cycles;
  private final List<Attributes> sets = new ArrayList<>();
  private final List<Span> spans = new ArrayList<>();
  private final List<Instrument> instruments = new ArrayList<>();
  final SdkMeterProvider provider;

  Application(JsonObject described, MetricReader reader) {
    cycles = described.getAsJsonArray("cycles");
    SdkMeterProviderBuilder builder =
        SdkMeterProvider.builder()
            .registerMetricReader(reader)
            .setResource(resource(described.getAsJsonObject("resource")))
            .setExemplarFilter(ExemplarFilter.traceBased());
    for (JsonElement view : described.getAsJsonArray("views")) {
      register(builder, view.getAsJsonObject());
    }
    provider = builder.build();
    for (JsonElement set : described.getAsJsonArray("attribute_sets")) {
      sets.add(attributes(set.getAsJsonArray()));
    }
    for (JsonElement span : described.getAsJsonArray("spans")) {
      spans.add(
          Span.wrap(
              SpanContext.create(
                  text(span.getAsJsonObject(), "trace_id"),
                  text(span.getAsJsonObject(), "span_id"),
                  TraceFlags.getSampled(),
                  TraceState.getDefault())));
    }
    List<Meter> meters = new ArrayList<>();
    for (JsonElement element : described.getAsJsonArray("scopes")) {
      meters.add(meter(element.getAsJsonObject()));
    }
    for (JsonElement element : described.getAsJsonArray("instruments")) {
      JsonObject instrument = element.getAsJsonObject();
      Meter meter = meters.get(instrument.get("scope").getAsInt());
      instruments.add(
          text(instrument, "number").equals("int")
              ? longs(meter, instrument)
              : doubles(meter, instrument));
    }
  }

  /** Measures what a cycle says. */
  void run(int cycle) {
    for (JsonElement element : cycles.get(cycle).getAsJsonArray()) {
      JsonArray m = element.getAsJsonArray();
      int span = m.get(3).getAsInt();
      Context context = span < 0 ? Context.root() : Context.root().with(spans.get(span));
      context
          .wrap(
              () ->
                  instruments
                      .get(m.get(0).getAsInt())
                      .measure(m.get(2).getAsString(), sets.get(m.get(1).getAsInt())))
          .run();
    }
  }

  int cycles() {
    return cycles.size();
  }

  private static String text(JsonObject object, String name) {
    return object.has(name) && !object.get(name).isJsonNull()
        ? object.get(name).getAsString()
        : null;
  }

  private static Attributes attributes(JsonArray pairs) {
    AttributesBuilder builder = Attributes.builder();
    for (JsonElement element : pairs) {
      JsonArray pair = element.getAsJsonArray();
      put(builder, pair.get(0).getAsString(), pair.get(1).getAsJsonObject());
    }
    return builder.build();
  }

  /** As the SDK's own types where there is one, and else as a Value. */
  private static void put(AttributesBuilder builder, String key, JsonObject value) {
    if (value.has("string")) {
      builder.put(key, text(value, "string"));
    } else if (value.has("bool")) {
      builder.put(key, value.get("bool").getAsBoolean());
    } else if (value.has("int")) {
      builder.put(key, Long.parseLong(text(value, "int")));
    } else if (value.has("double")) {
      builder.put(key, number(text(value, "double")));
    } else if (!putArray(builder, key, value)) {
      builder.put(AttributeKey.valueKey(key), value(value));
    }
  }

  private static boolean putArray(AttributesBuilder builder, String key, JsonObject value) {
    if (!value.has("array")) {
      return false;
    }
    Set<String> types = new HashSet<>();
    List<JsonObject> elements = new ArrayList<>();
    for (JsonElement element : value.getAsJsonArray("array")) {
      elements.add(element.getAsJsonObject());
      types.addAll(element.getAsJsonObject().keySet());
    }
    if (types.equals(Set.of("string"))) {
      builder.put(key, elements.stream().map(e -> text(e, "string")).toArray(String[]::new));
    } else if (types.equals(Set.of("int"))) {
      builder.put(key, elements.stream().mapToLong(e -> e.get("int").getAsLong()).toArray());
    } else if (types.equals(Set.of("double"))) {
      builder.put(key, elements.stream().mapToDouble(e -> number(text(e, "double"))).toArray());
    } else if (types.equals(Set.of("bool"))) {
      boolean[] booleans = new boolean[elements.size()];
      for (int i = 0; i < booleans.length; i++) {
        booleans[i] = elements.get(i).get("bool").getAsBoolean();
      }
      builder.put(key, booleans);
    } else {
      return false;
    }
    return true;
  }

  private static Value<?> value(JsonObject value) {
    String type = value.keySet().iterator().next();
    switch (type) {
      case "string":
        return Value.of(text(value, type));
      case "bool":
        return Value.of(value.get(type).getAsBoolean());
      case "int":
        return Value.of(Long.parseLong(text(value, type)));
      case "double":
        return Value.of(number(text(value, type)));
      case "bytes":
        return Value.of(HexFormat.of().parseHex(text(value, type)));
      case "array":
        List<Value<?>> elements = new ArrayList<>();
        value.getAsJsonArray(type).forEach(e -> elements.add(value(e.getAsJsonObject())));
        return Value.of(elements);
      case "map":
        List<KeyValue> entries = new ArrayList<>();
        for (JsonElement element : value.getAsJsonArray(type)) {
          JsonArray pair = element.getAsJsonArray();
          entries.add(KeyValue.of(pair.get(0).getAsString(), value(pair.get(1).getAsJsonObject())));
        }
        return Value.of(entries.toArray(new KeyValue[0]));
      default:
        return Value.empty();
    }
  }

  private static double number(String bits) {
    return Double.longBitsToDouble(new BigInteger(bits, 16).longValue());
  }

  /** With entities, which other SDKs do not have, and without keys that only this one refuses. */
  private static Resource resource(JsonObject described) {
    ResourceBuilder builder =
        Resource.builder()
            .putAll(attributes(described.getAsJsonArray("attributes")))
            .removeIf(key -> !key.getKey().chars().allMatch(c -> c < 128))
            .setSchemaUrl(text(described, "schema_url"));
    Attributes id = Attributes.builder().put("service.instance.id", "7").put("id.b", 1).build();
    EntityUtil.addEntity(
        builder,
        Entity.builder("service.instance", id)
            .setDescription(Attributes.builder().put("service.kind", "größe").build())
            .setSchemaUrl("https://r")
            .build());
    Attributes host = Attributes.builder().put("host.id", "h").build();
    EntityUtil.addEntity(builder, Entity.builder("host", host).setSchemaUrl("https://r").build());
    return builder.build();
  }

  private Meter meter(JsonObject scope) {
    return provider
        .meterBuilder(text(scope, "name"))
        .setInstrumentationVersion(text(scope, "version"))
        .setSchemaUrl(text(scope, "schema_url"))
        .build();
  }

  private static void register(SdkMeterProviderBuilder builder, JsonObject view) {
    ViewBuilder made = View.builder();
    if (view.has("name")) {
      made.setName(text(view, "name"));
    }
    if (view.has("description")) {
      made.setDescription(text(view, "description"));
    }
    if (view.has("attribute_keys")) {
      Set<String> keys = new HashSet<>();
      view.getAsJsonArray("attribute_keys").forEach(key -> keys.add(key.getAsString()));
      made.setAttributeFilter(keys);
    }
    if (view.has("aggregation")) {
      made.setAggregation(aggregation(view));
    }
    builder.registerView(
        InstrumentSelector.builder().setName(text(view, "instrument")).build(), made.build());
  }

  private static Aggregation aggregation(JsonObject view) {
    switch (text(view, "aggregation")) {
      case "drop":
        return Aggregation.drop();
      case "exponential":
        return Aggregation.base2ExponentialBucketHistogram(
            Base2ExponentialHistogramOptions.builder()
                .setMaxBuckets(view.get("max_size").getAsInt())
                .setMaxScale(20)
                .build());
      default:
        List<Double> bounds = new ArrayList<>();
        view.getAsJsonArray("bounds").forEach(bound -> bounds.add(bound.getAsDouble()));
        JsonElement minMax = view.get("record_min_max");
        return Aggregation.explicitBucketHistogram(
            ExplicitBucketHistogramOptions.builder()
                .setBucketBoundaries(bounds)
                .setRecordMinMax(minMax == null || minMax.getAsBoolean())
                .build());
    }
  }

  private Instrument longs(Meter meter, JsonObject i) {
    String name = text(i, "name");
    String unit = text(i, "unit");
    String description = text(i, "description");
    List<Consumer<ObservableLongMeasurement>> observed = new ArrayList<>();
    Instrument observe = (n, a) -> observed.add(to -> to.record(Long.parseLong(n), a));
    Consumer<ObservableLongMeasurement> callback =
        to -> {
          observed.forEach(some -> some.accept(to));
          observed.clear();
        };
    var counter = meter.counterBuilder(name).setUnit(unit).setDescription(description);
    var upDown = meter.upDownCounterBuilder(name).setUnit(unit).setDescription(description);
    var gauge = meter.gaugeBuilder(name).ofLongs().setUnit(unit).setDescription(description);
    switch (text(i, "kind")) {
      case "counter":
        var c = counter.build();
        return (n, a) -> c.add(Long.parseLong(n), a);
      case "up_down_counter":
        var u = upDown.build();
        return (n, a) -> u.add(Long.parseLong(n), a);
      case "gauge":
        var g = gauge.build();
        return (n, a) -> g.set(Long.parseLong(n), a);
      case "histogram":
        var h =
            meter
                .histogramBuilder(name)
                .ofLongs()
                .setUnit(unit)
                .setDescription(description)
                .build();
        return (n, a) -> h.record(Long.parseLong(n), a);
      case "observable_counter":
        counter.buildWithCallback(callback);
        return observe;
      case "observable_up_down_counter":
        upDown.buildWithCallback(callback);
        return observe;
      default:
        gauge.buildWithCallback(callback);
        return observe;
    }
  }

  private Instrument doubles(Meter meter, JsonObject i) {
    String name = text(i, "name");
    String unit = text(i, "unit");
    String description = text(i, "description");
    List<Consumer<ObservableDoubleMeasurement>> observed = new ArrayList<>();
    Instrument observe = (n, a) -> observed.add(to -> to.record(number(n), a));
    Consumer<ObservableDoubleMeasurement> callback =
        to -> {
          observed.forEach(some -> some.accept(to));
          observed.clear();
        };
    var counter = meter.counterBuilder(name).ofDoubles().setUnit(unit).setDescription(description);
    var upDown =
        meter.upDownCounterBuilder(name).ofDoubles().setUnit(unit).setDescription(description);
    var gauge = meter.gaugeBuilder(name).setUnit(unit).setDescription(description);
    switch (text(i, "kind")) {
      case "counter":
        var c = counter.build();
        return (n, a) -> c.add(number(n), a);
      case "up_down_counter":
        var u = upDown.build();
        return (n, a) -> u.add(number(n), a);
      case "gauge":
        var g = gauge.build();
        return (n, a) -> g.set(number(n), a);
      case "histogram":
        var h = meter.histogramBuilder(name).setUnit(unit).setDescription(description).build();
        return (n, a) -> h.record(number(n), a);
      case "observable_counter":
        counter.buildWithCallback(callback);
        return observe;
      case "observable_up_down_counter":
        upDown.buildWithCallback(callback);
        return observe;
      default:
        gauge.buildWithCallback(callback);
        return observe;
    }
  }
}
