// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.AttributeType;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.common.ValueType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Writes attributes as records. What a record refers to is written before it, as the library
 * demands.
 */
final class AttributeWriter {
  // The library sends a container inside so many others as an empty value, so its elements need not
  // be there.
  private static final int DEPTH_LIMIT = 64;

  private final Memory memory;
  // Records whose container is not complete yet, as words.
  private long[] aside = new long[64];
  private int waiting;

  AttributeWriter(Memory memory) {
    this.memory = memory;
  }

  /** Attribute records, referred to by their number. */
  long write(Attributes attributes) {
    waiting = 0;
    attributes.forEach(
        (key, value) -> {
          push(memory.putText(key.getKey()));
          pushAttribute(key, value);
        });
    return pop(0, Records.Attribute.SIZE);
  }

  private void pushAttribute(AttributeKey<?> key, Object value) {
    AttributeType type = key.getType();
    switch (type) {
      case STRING:
        pushText((String) value);
        return;
      case BOOLEAN:
        push(Records.BOOL, (Boolean) value ? 1 : 0);
        return;
      case LONG:
        push(Records.INT, (Long) value);
        return;
      case DOUBLE:
        push(Records.DOUBLE, Double.doubleToRawLongBits((Double) value));
        return;
      case STRING_ARRAY:
      case BOOLEAN_ARRAY:
      case LONG_ARRAY:
      case DOUBLE_ARRAY:
        pushArray((List<?>) value, 0);
        return;
      case VALUE:
        pushElement(value, 0);
        return;
    }
    pushText(String.valueOf(value)); // of an SDK that is newer
  }

  private void pushElement(Object element, int depth) {
    if (element instanceof Value<?>) {
      pushValue((Value<?>) element, depth);
    } else if (element instanceof String) {
      pushText((String) element);
    } else if (element instanceof Boolean) {
      push(Records.BOOL, (Boolean) element ? 1 : 0);
    } else if (element instanceof Long) {
      push(Records.INT, (Long) element);
    } else if (element instanceof Double) {
      push(Records.DOUBLE, Double.doubleToRawLongBits((Double) element));
    } else {
      push(0, 0);
    }
  }

  private void pushValue(Value<?> value, int depth) {
    ValueType type = value.getType();
    Object content = value.getValue();
    if (type == ValueType.ARRAY) {
      pushArray((List<?>) content, depth);
    } else if (type == ValueType.KEY_VALUE_LIST) {
      pushMap((List<?>) content, depth);
    } else if (type == ValueType.BYTES) {
      ByteBuffer bytes = ((ByteBuffer) content).duplicate();
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      pushRef(Records.BYTES, memory.putBytes(copy));
    } else {
      pushElement(content, depth);
    }
  }

  private void pushArray(List<?> elements, int depth) {
    int start = waiting;
    if (depth < DEPTH_LIMIT) {
      for (Object element : elements) {
        pushElement(element, depth + 1);
      }
    } else if (!elements.isEmpty()) {
      push(0, 0);
    }
    pushRef(Records.ARRAY, pop(start, Records.Value.SIZE));
  }

  private void pushMap(List<?> entries, int depth) {
    int start = waiting;
    if (depth < DEPTH_LIMIT) {
      for (Object entry : entries) {
        push(memory.putText(((KeyValue) entry).getKey()));
        pushValue(((KeyValue) entry).getValue(), depth + 1);
      }
    } else if (!entries.isEmpty()) {
      push(0);
      push(0, 0);
    }
    pushRef(Records.KVLIST, pop(start, Records.Attribute.SIZE));
  }

  private void pushText(String text) {
    pushRef(Records.STRING, memory.putText(text));
  }

  private void pushRef(int type, long ref) {
    push(Memory.ref(type, Memory.len(ref)));
    push(Memory.off(ref));
  }

  /** A value without a length. */
  private void push(int type, long bits) {
    push(type);
    push(bits);
  }

  private void push(long word) {
    if (waiting == aside.length) {
      aside = Arrays.copyOf(aside, 2 * waiting);
    }
    aside[waiting++] = word;
  }

  private long pop(int start, int size) {
    long words = memory.putLongs(aside, start, waiting);
    int records = (waiting - start) / (size / 8);
    waiting = start;
    return Memory.ref(Memory.off(words), records);
  }
}
