// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Bytes that the library reads, of which the first {@link #used} are taken. It lies outside of the
 * heap, so nothing is pinned while the library reads it.
 *
 * <p>References are a long: the offset in the lower half, the length in the upper one, which is an
 * otelue_ref in the byte order of all machines that there is a library for.
 */
final class Memory {
  ByteBuffer bytes;
  int used;

  Memory(int capacity) {
    bytes = allocate(capacity);
  }

  static ByteBuffer allocate(int capacity) {
    return ByteBuffer.allocateDirect(capacity).order(ByteOrder.nativeOrder());
  }

  static long ref(int off, int len) {
    return (long) len << 32 | off;
  }

  static int off(long ref) {
    return (int) ref;
  }

  static int len(long ref) {
    return (int) (ref >>> 32);
  }

  /** The offset of so many bytes behind those that are taken. They hold anything. */
  int reserve(long size, int align) {
    int at = (used + align - 1) & -align;
    if (size > Integer.MAX_VALUE - 8L - at) {
      throw new IllegalStateException("the collection does not fit into a batch");
    }
    used = (int) (at + size);
    if (used > bytes.capacity()) {
      long doubled = Math.min(2L * bytes.capacity(), Integer.MAX_VALUE - 8);
      ByteBuffer grown = allocate((int) Math.max(used, doubled));
      bytes.position(0).limit(Math.min(at, bytes.capacity()));
      grown.put(bytes);
      grown.clear();
      bytes = grown;
    }
    return at;
  }

  /** Reserves a record, all zero. */
  int record(int size) {
    int at = reserve(size, 8);
    clear(at, size);
    return at;
  }

  void clear(int at, int size) {
    for (int i = 0; i < size; i += 8) {
      bytes.putLong(at + i, 0);
    }
  }

  long putText(String text) {
    return text == null || text.isEmpty() ? 0 : putBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  long putBytes(byte[] some) {
    if (some.length == 0) {
      return 0;
    }
    int at = reserve(some.length, 1);
    bytes.position(at);
    bytes.put(some);
    bytes.clear();
    return ref(at, some.length);
  }

  /** A run of 8-byte numbers. */
  long putLongs(long[] numbers, int from, int to) {
    int at = reserve(8L * (to - from), 8);
    ByteBuffer bytes = this.bytes;
    for (int i = from, off = at; i < to; i++, off += 8) {
      bytes.putLong(off, numbers[i]);
    }
    return ref(at, to - from);
  }

  long putDoubles(List<Double> numbers) {
    int size = numbers.size();
    int at = reserve(8L * size, 8);
    for (int i = 0; i < size; i++) {
      bytes.putDouble(at + 8 * i, numbers.get(i));
    }
    return ref(at, size);
  }
}
