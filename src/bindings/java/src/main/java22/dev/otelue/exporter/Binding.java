// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.util.Map;

/** The library through the Foreign Function &amp; Memory API. */
final class Binding extends Library {
  private static final MemoryLayout POINTER = JAVA_LONG;
  private static final MemoryLayout SIZE = JAVA_LONG;

  /** By name; a test compares them with layout.json. */
  static final Map<String, FunctionDescriptor> FUNCTIONS =
      Map.ofEntries(
          Map.entry("otelue_version", FunctionDescriptor.of(JAVA_INT)),
          Map.entry(
              "otelue_open", FunctionDescriptor.of(JAVA_INT, POINTER, POINTER, POINTER, POINTER)),
          Map.entry(
              "otelue_open_recording",
              FunctionDescriptor.of(JAVA_INT, POINTER, POINTER, POINTER, POINTER, POINTER)),
          Map.entry("otelue_listening", FunctionDescriptor.of(JAVA_INT, POINTER, POINTER)),
          Map.entry(
              "otelue_export", FunctionDescriptor.of(JAVA_INT, POINTER, POINTER, SIZE, POINTER)),
          Map.entry(
              "otelue_describe",
              FunctionDescriptor.of(JAVA_INT, POINTER, SIZE, JAVA_INT, POINTER, POINTER, SIZE)),
          Map.entry(
              "otelue_encode_attributes",
              FunctionDescriptor.of(
                  JAVA_INT, POINTER, SIZE, JAVA_INT, JAVA_INT, POINTER, SIZE, POINTER, POINTER,
                  POINTER)),
          Map.entry("otelue_get_status", FunctionDescriptor.of(JAVA_INT, POINTER, POINTER)),
          Map.entry("otelue_get_statistics", FunctionDescriptor.of(JAVA_INT, POINTER, POINTER)),
          Map.entry("otelue_shutdown", FunctionDescriptor.of(JAVA_INT, POINTER)),
          Map.entry("otelue_close", FunctionDescriptor.ofVoid(POINTER)));

  private static SymbolLookup lookup;

  Binding(String path) {
    lookup = SymbolLookup.libraryLookup(path, Arena.global());
  }

  /** Constants, so that calls are compiled to calls. They are looked up in the library once. */
  private static final class Functions {
    static final MethodHandle VERSION = function("otelue_version");
    static final MethodHandle OPEN = function("otelue_open");
    static final MethodHandle OPEN_RECORDING = function("otelue_open_recording");
    static final MethodHandle LISTENING = function("otelue_listening");
    static final MethodHandle EXPORT = function("otelue_export");
    static final MethodHandle DESCRIBE = function("otelue_describe");
    static final MethodHandle ENCODE_ATTRIBUTES = function("otelue_encode_attributes");
    static final MethodHandle GET_STATUS = function("otelue_get_status");
    static final MethodHandle GET_STATISTICS = function("otelue_get_statistics");
    static final MethodHandle SHUTDOWN = function("otelue_shutdown");
    static final MethodHandle CLOSE = function("otelue_close");

    private static MethodHandle function(String name) {
      MemorySegment symbol =
          lookup.find(name).orElseThrow(() -> new UnsatisfiedLinkError("no function " + name));
      return Linker.nativeLinker().downcallHandle(symbol, FUNCTIONS.get(name));
    }
  }

  @Override
  long address(ByteBuffer buffer) {
    return MemorySegment.ofBuffer(buffer).address();
  }

  @Override
  int version() {
    try {
      return (int) Functions.VERSION.invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int open(long options, long out) {
    try {
      return (int) Functions.OPEN.invokeExact(options, 0L, 0L, out);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int openRecording(long options, long path, long out) {
    try {
      return (int) Functions.OPEN_RECORDING.invokeExact(options, path, 0L, 0L, out);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int listening(long exporter, long step) {
    try {
      return (int) Functions.LISTENING.invokeExact(exporter, step);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int export(long exporter, long batch, long size, long result) {
    try {
      return (int) Functions.EXPORT.invokeExact(exporter, batch, size, result);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int describe(long data, long size, int returned, long result, long text, long capacity) {
    try {
      return (int) Functions.DESCRIBE.invokeExact(data, size, returned, result, text, capacity);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int encodeAttributes(
      long memory, long size, int off, int len, long out, long capacity, long written) {
    try {
      return (int)
          Functions.ENCODE_ATTRIBUTES.invokeExact(
              memory, size, off, len, out, capacity, written, 0L, 0L);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int getStatus(long exporter, long status) {
    try {
      return (int) Functions.GET_STATUS.invokeExact(exporter, status);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int getStatistics(long exporter, long statistics) {
    try {
      return (int) Functions.GET_STATISTICS.invokeExact(exporter, statistics);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  int shutdown(long exporter) {
    try {
      return (int) Functions.SHUTDOWN.invokeExact(exporter);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  void close(long exporter) {
    try {
      Functions.CLOSE.invokeExact(exporter);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** The functions throw nothing; what may come is an error of the virtual machine. */
  private static Error unexpected(Throwable thrown) {
    return thrown instanceof Error ? (Error) thrown : new LinkageError(thrown.toString(), thrown);
  }
}
