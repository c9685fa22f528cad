// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.DoublePointData;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.data.PointData;
import io.opentelemetry.sdk.metrics.data.SumData;
import io.opentelemetry.sdk.resources.Resource;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns the SDK's metrics into batches:
 *
 * <pre>
 * | header | points, and room for more | what stays: texts, attribute sets, scopes, metrics | bodies |
 * </pre>
 *
 * <p>What stays is written once, and found by what it says; most of what a point says is written
 * once, too. The rest is written in each cycle. When series that have gone pile up, or there are
 * more points than there is room for, it starts over.
 */
final class Batch {
  /** Encodes attribute records. */
  interface Encoder {
    /** The set, or null when it cannot be encoded. */
    byte[] encode(Memory memory, long records);
  }

  final Memory memory = new Memory(1 << 14);
  private final AttributeWriter writer = new AttributeWriter(memory);
  private final Bodies bodies = new Bodies(memory, writer);
  private final Encoder encoder;
  // Where attribute records are before they are encoded.
  private final Memory scratch = new Memory(1 << 10);
  private final AttributeWriter scratchWriter = new AttributeWriter(scratch);

  private int cycle;
  private int points;
  private int recent; // a bound for the points of recent cycles
  private int room; // for points
  private int stays;
  private boolean isFresh = true;

  private Map<Attributes, AttributeSet> sets;
  private Map<Stream.Key, Stream> streams;
  private Map<Resource, Owner> resources;
  private final Stream.Key probe = new Stream.Key();
  // The last scope, which the next metric is likely to share.
  private Resource resource;
  private InstrumentationScopeInfo scope;
  private int scopeOff;
  private final List<Stream> current = new ArrayList<>();
  private final List<MetricData> currentData = new ArrayList<>();
  private String problem;

  private static final class Owner {
    final int off;
    final Map<InstrumentationScopeInfo, Integer> scopes = new HashMap<>();

    Owner(int off) {
      this.off = off;
    }
  }

  Batch(Encoder encoder) {
    this.encoder = encoder;
  }

  /** The next batch is built from nothing. */
  void forget() {
    isFresh = true;
    sets = new HashMap<>();
    streams = new HashMap<>();
    resources = new IdentityHashMap<>();
    resource = null;
    scope = null;
  }

  /** The points of the last batch. */
  int points() {
    return points;
  }

  /** How many sets, metrics and scopes are kept. */
  int kept() {
    int kept = sets.size() + streams.size() + resources.size();
    for (Owner owner : resources.values()) {
      kept += owner.scopes.size();
    }
    return kept;
  }

  /** Why the last batch has points that say nothing, which the library refuses; or null. */
  String problem() {
    return problem;
  }

  private void startOver() {
    forget();
    isFresh = false;
    room = points + points / 2 + 16;
    memory.used = 0;
    memory.reserve(Records.Batch.SIZE + (long) room * Records.Point.SIZE, 8);
    stays = memory.used;
  }

  /** Builds a batch that says what the metrics say. It holds until the next call. */
  void build(Collection<MetricData> metrics) {
    problem = null;
    points = 0;
    for (MetricData metric : metrics) {
      points = Math.addExact(points, metric.getData().getPoints().size());
    }
    recent = Math.max(points, recent / 2);
    if (isFresh || points > room || kept() > 2 * recent + 1000) {
      startOver();
    }
    cycle++;
    memory.used = stays;
    bodies.begin();
    int first = Records.Batch.SIZE;
    for (MetricData metric : metrics) {
      int count = metric.getData().getPoints().size();
      if (count == 0) {
        continue;
      }
      Stream stream = null;
      try {
        stream = stream(metric);
        stream.place(first, count, cycle);
        write(stream, metric, first);
      } catch (RuntimeException | StackOverflowError e) {
        spoil(stream, metric, first, count, e);
        stream = null;
      }
      current.add(stream);
      currentData.add(metric);
      first += count * Records.Point.SIZE;
    }
    stays = memory.used;
    writeBodies();
    ByteBuffer bytes = memory.bytes;
    memory.clear(0, Records.Batch.SIZE);
    bytes.putInt(Records.Batch.MAGIC, Records.BATCH_MAGIC);
    bytes.putShort(Records.Batch.VERSION, (short) Records.BATCH_VERSION);
    bytes.putShort(Records.Batch.HEADER_SIZE, (short) Records.Batch.SIZE);
    bytes.putInt(Records.Batch.TOTAL_SIZE, memory.used);
    bytes.putLong(Records.Batch.POINTS, Memory.ref(Records.Batch.SIZE, points));
  }

  private void writeBodies() {
    int first = Records.Batch.SIZE;
    for (int i = 0; i < current.size(); i++) {
      Stream stream = current.get(i);
      MetricData metric = currentData.get(i);
      int count = stream == null ? metric.getData().getPoints().size() : stream.count;
      if (stream != null) {
        try {
          bodies.write(stream, metric, first);
        } catch (RuntimeException | StackOverflowError e) {
          spoil(stream, metric, first, count, e);
        }
      }
      first += count * Records.Point.SIZE;
    }
    // The SDK uses the objects again.
    current.clear();
    currentData.clear();
  }

  /** Gives up a metric: its points say nothing, so the library refuses and counts them. */
  private void spoil(Stream stream, MetricData metric, int first, int count, Throwable reason) {
    memory.clear(first, count * Records.Point.SIZE);
    if (stream != null) {
      streams.remove(stream.key);
    }
    if (problem == null) {
      problem = "metric " + metric.getName() + " cannot be exported: " + reason;
    }
  }

  private int scope(MetricData metric) {
    Resource resource = metric.getResource();
    InstrumentationScopeInfo scope = metric.getInstrumentationScopeInfo();
    if (resource == this.resource && scope == this.scope) {
      return scopeOff;
    }
    Owner owner = resources.get(resource);
    if (owner == null) {
      owner = new Owner(putResource(resource));
      resources.put(resource, owner);
    }
    Integer off = owner.scopes.get(scope);
    if (off == null) {
      off = putScope(owner.off, scope);
      owner.scopes.put(scope, off);
    }
    this.resource = resource;
    this.scope = scope;
    scopeOff = off;
    return off;
  }

  private int putResource(Resource resource) {
    long attributes = writer.write(resource.getAttributes());
    long schemaUrl = memory.putText(resource.getSchemaUrl());
    long entities = SdkInternals.putEntities(memory, resource);
    int at = memory.record(Records.Resource.SIZE);
    memory.bytes.putLong(at + Records.Resource.ATTRIBUTES, attributes);
    memory.bytes.putLong(at + Records.Resource.SCHEMA_URL, schemaUrl);
    memory.bytes.putLong(at + Records.Resource.ENTITY_REFS, entities);
    return at;
  }

  private int putScope(int resource, InstrumentationScopeInfo scope) {
    long attributes = writer.write(scope.getAttributes());
    long name = memory.putText(scope.getName());
    long version = memory.putText(scope.getVersion());
    long schemaUrl = memory.putText(scope.getSchemaUrl());
    int at = memory.record(Records.Scope.SIZE);
    memory.bytes.putInt(at + Records.Scope.RESOURCE, resource);
    memory.bytes.putLong(at + Records.Scope.NAME, name);
    memory.bytes.putLong(at + Records.Scope.VERSION, version);
    memory.bytes.putLong(at + Records.Scope.SCHEMA_URL, schemaUrl);
    memory.bytes.putLong(at + Records.Scope.ATTRIBUTES, attributes);
    return at;
  }

  private Stream stream(MetricData metric) {
    Stream.Key key = probe;
    key.scope = scope(metric);
    key.type = metric.getType();
    key.name = metric.getName();
    key.description = metric.getDescription();
    key.unit = metric.getUnit();
    key.temporality = 0;
    key.isMonotonic = false;
    key.number = 0;
    int kind;
    int valueType;
    switch (key.type) {
      case LONG_GAUGE:
        kind = Records.GAUGE;
        valueType = Records.INT;
        break;
      case DOUBLE_GAUGE:
        kind = Records.GAUGE;
        valueType = Records.DOUBLE;
        break;
      case LONG_SUM:
        kind = Records.SUM;
        valueType = Records.INT;
        setSum(key, metric.getLongSumData());
        break;
      case DOUBLE_SUM:
        kind = Records.SUM;
        valueType = Records.DOUBLE;
        setSum(key, metric.getDoubleSumData());
        break;
      case HISTOGRAM:
        kind = valueType = Records.HISTOGRAM;
        key.temporality = number(metric.getHistogramData().getAggregationTemporality());
        break;
      case EXPONENTIAL_HISTOGRAM:
        kind = valueType = Records.EXPONENTIAL_HISTOGRAM;
        key.temporality = number(metric.getExponentialHistogramData().getAggregationTemporality());
        break;
      case SUMMARY:
        kind = valueType = Records.SUMMARY;
        break;
      default:
        throw new IllegalArgumentException("unknown type " + key.type);
    }
    Stream stream = streams.get(key);
    while (stream != null && stream.cycle == cycle) {
      key.number++;
      stream = streams.get(key);
    }
    if (stream == null) {
      stream = new Stream(new Stream.Key(key), putMetric(key, kind), valueType);
      streams.put(stream.key, stream);
    }
    return stream;
  }

  private static void setSum(Stream.Key key, SumData<?> sum) {
    key.temporality = number(sum.getAggregationTemporality());
    key.isMonotonic = sum.isMonotonic();
  }

  private static int number(AggregationTemporality temporality) {
    return temporality == AggregationTemporality.DELTA ? Records.DELTA : Records.CUMULATIVE;
  }

  private int putMetric(Stream.Key key, int kind) {
    long name = memory.putText(key.name);
    long description = memory.putText(key.description);
    long unit = memory.putText(key.unit);
    int at = memory.record(Records.Metric.SIZE);
    memory.bytes.putInt(at + Records.Metric.SCOPE, key.scope);
    memory.bytes.putInt(at + Records.Metric.KIND, kind);
    memory.bytes.putLong(at + Records.Metric.NAME, name);
    memory.bytes.putLong(at + Records.Metric.DESCRIPTION, description);
    memory.bytes.putLong(at + Records.Metric.UNIT, unit);
    memory.bytes.putInt(at + Records.Metric.TEMPORALITY, key.temporality);
    memory.bytes.putInt(at + Records.Metric.IS_MONOTONIC, key.isMonotonic ? 1 : 0);
    return at;
  }

  /** The set of a series. */
  AttributeSet set(Attributes attributes) {
    if (attributes.isEmpty()) {
      return AttributeSet.NONE;
    }
    AttributeSet set = sets.get(attributes);
    if (set == null) {
      set = putSet(attributes);
      sets.put(attributes, set);
    }
    return set;
  }

  private AttributeSet putSet(Attributes attributes) {
    scratch.used = 8; // an offset of 0 would say nothing
    byte[] encoded = encoder.encode(scratch, scratchWriter.write(attributes));
    return encoded == null
        ? new AttributeSet(writer.write(attributes), Records.ATTRIBUTE_RECORDS)
        : new AttributeSet(memory.putBytes(encoded), Records.ENCODED_ATTRIBUTES);
  }

  // One loop for each type, so that the compiler knows whose methods it calls.
  private void write(Stream stream, MetricData metric, int at) {
    switch (stream.key.type) {
      case LONG_GAUGE:
        writeLongs(stream, metric.getLongGaugeData().getPoints(), at);
        return;
      case LONG_SUM:
        writeLongs(stream, metric.getLongSumData().getPoints(), at);
        return;
      case DOUBLE_GAUGE:
        writeDoubles(stream, metric.getDoubleGaugeData().getPoints(), at);
        return;
      case DOUBLE_SUM:
        writeDoubles(stream, metric.getDoubleSumData().getPoints(), at);
        return;
      default:
        writeOthers(stream, metric.getData().getPoints(), at);
    }
  }

  private void writeLongs(Stream stream, Collection<LongPointData> points, int at) {
    int index = 0;
    for (LongPointData point : points) {
      Attributes attributes = point.getAttributes();
      if (!stream.isThere(index, attributes)) {
        stream.write(this, index, attributes);
      }
      ByteBuffer bytes = memory.bytes;
      bytes.putLong(at + Records.Point.START_TIME_UNIX_NANO, point.getStartEpochNanos());
      bytes.putLong(at + Records.Point.TIME_UNIX_NANO, point.getEpochNanos());
      bytes.putLong(at + Records.Point.AS_INT, point.getValue());
      stream.hasExemplars |= !point.getExemplars().isEmpty();
      at += Records.Point.SIZE;
      index++;
    }
    check(stream, index);
  }

  private void writeDoubles(Stream stream, Collection<DoublePointData> points, int at) {
    int index = 0;
    for (DoublePointData point : points) {
      Attributes attributes = point.getAttributes();
      if (!stream.isThere(index, attributes)) {
        stream.write(this, index, attributes);
      }
      ByteBuffer bytes = memory.bytes;
      bytes.putLong(at + Records.Point.START_TIME_UNIX_NANO, point.getStartEpochNanos());
      bytes.putLong(at + Records.Point.TIME_UNIX_NANO, point.getEpochNanos());
      bytes.putDouble(at + Records.Point.AS_DOUBLE, point.getValue());
      stream.hasExemplars |= !point.getExemplars().isEmpty();
      at += Records.Point.SIZE;
      index++;
    }
    check(stream, index);
  }

  private void writeOthers(Stream stream, Collection<? extends PointData> points, int at) {
    int index = 0;
    for (PointData point : points) {
      Attributes attributes = point.getAttributes();
      if (!stream.isThere(index, attributes)) {
        stream.write(this, index, attributes);
      }
      ByteBuffer bytes = memory.bytes;
      bytes.putLong(at + Records.Point.START_TIME_UNIX_NANO, point.getStartEpochNanos());
      bytes.putLong(at + Records.Point.TIME_UNIX_NANO, point.getEpochNanos());
      stream.hasExemplars |= !point.getExemplars().isEmpty();
      at += Records.Point.SIZE;
      index++;
    }
    check(stream, index);
  }

  private static void check(Stream stream, int written) {
    if (written != stream.count) {
      throw new IllegalStateException("there are " + written + " points of " + stream.count);
    }
  }
}
