// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.metrics.data.MetricDataType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;

/** A metric, and what its points said of themselves in the last cycle. */
final class Stream {
  /** What a metric says of itself. */
  static final class Key {
    int scope;
    MetricDataType type;
    String name;
    String description;
    String unit;
    int temporality;
    boolean isMonotonic;
    // Which one it is of several that say the same.
    int number;

    Key() {}

    Key(Key other) {
      scope = other.scope;
      type = other.type;
      name = other.name;
      description = other.description;
      unit = other.unit;
      temporality = other.temporality;
      isMonotonic = other.isMonotonic;
      number = other.number;
    }

    @Override
    public boolean equals(Object other) {
      if (!(other instanceof Key)) {
        return false;
      }
      Key that = (Key) other;
      return scope == that.scope
          && type == that.type
          && temporality == that.temporality
          && isMonotonic == that.isMonotonic
          && number == that.number
          && Objects.equals(name, that.name)
          && Objects.equals(description, that.description)
          && Objects.equals(unit, that.unit);
    }

    @Override
    public int hashCode() {
      return 31 * (31 * scope + number) + Objects.hashCode(name);
    }
  }

  private static final Attributes[] NO_ATTRIBUTES = {};
  private static final AttributeSet[] NO_SETS = {};

  final Key key;
  private final int metric;
  private final int valueType;

  int cycle;
  int count;
  // Exemplars are those of one cycle, so what refers to them is out of date in the next one.
  boolean hasExemplars;

  private int first;
  private int stale;
  private Attributes[] attributes = NO_ATTRIBUTES;
  private AttributeSet[] sets = NO_SETS;

  Stream(Key key, int metric, int valueType) {
    this.key = key;
    this.metric = metric;
    this.valueType = valueType;
  }

  /** Has so many points in this cycle, from an offset on. */
  void place(int first, int count, int cycle) {
    if (count > attributes.length) {
      attributes = Arrays.copyOf(attributes, count + count / 2);
      sets = Arrays.copyOf(sets, attributes.length);
    }
    for (int i = count; i < this.count; i++) {
      attributes[i] = null;
      sets[i] = null;
    }
    // Where it was in the last cycle, its records are still there.
    boolean stays = this.first == first && this.cycle == cycle - 1 && !hasExemplars;
    stale = stays ? 0 : count;
    hasExemplars = false;
    this.first = first;
    this.count = count;
    this.cycle = cycle;
  }

  /** Whether the record of a point has said the same in the last cycle. */
  boolean isThere(int index, Attributes attributes) {
    return this.attributes[index] == attributes && index >= stale;
  }

  /** Writes the record of a point, but for what changes in each cycle. */
  void write(Batch batch, int index, Attributes attributes) {
    if (this.attributes[index] != attributes) {
      sets[index] = batch.set(attributes);
      this.attributes[index] = attributes;
    }
    AttributeSet set = sets[index];
    ByteBuffer bytes = batch.memory.bytes;
    int at = first + index * Records.Point.SIZE;
    bytes.putInt(at + Records.Point.METRIC, metric);
    bytes.putInt(at + Records.Point.FLAGS, 0);
    bytes.putLong(at + Records.Point.ATTRIBUTES, set.ref);
    bytes.putLong(at + Records.Point.EXEMPLARS, 0);
    bytes.putShort(at + Records.Point.VALUE_TYPE, (short) valueType);
    bytes.putShort(at + Records.Point.ATTRIBUTES_FORM, (short) set.form);
    bytes.putInt(at + Records.Point.BODY, 0);
  }
}
