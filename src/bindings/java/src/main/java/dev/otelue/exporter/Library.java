// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.nio.ByteBuffer;

/**
 * The functions of otelue.h that exporters call. Pointers are addresses; none of them may block for
 * longer than otelue.h says.
 */
abstract class Library {
  /** Of the first byte of a direct buffer. */
  abstract long address(ByteBuffer buffer);

  abstract int version();

  abstract int open(long options, long out);

  abstract int openRecording(long options, long path, long out);

  abstract int listening(long exporter, long step);

  abstract int export(long exporter, long batch, long size, long result);

  abstract int describe(long data, long size, int returned, long result, long text, long capacity);

  abstract int encodeAttributes(
      long memory, long size, int off, int len, long out, long capacity, long written);

  abstract int getStatus(long exporter, long status);

  abstract int getStatistics(long exporter, long statistics);

  abstract int shutdown(long exporter);

  abstract void close(long exporter);

  /** The library of this process, which is loaded when it is first asked for. */
  static Library get() throws Unavailable {
    if (Loaded.LIBRARY == null) {
      throw new Unavailable(Loaded.reason);
    }
    return Loaded.LIBRARY;
  }

  static final class Unavailable extends Exception {
    private static final long serialVersionUID = 1;

    Unavailable(String reason) {
      super(reason);
    }
  }

  private static final class Loaded {
    static String reason;
    static final Library LIBRARY = load();

    private static Library load() {
      try {
        Library library = NativeFile.load(Binding::new);
        library.version(); // fails when it is not what we take it for
        return library;
      } catch (Exception | LinkageError | OutOfMemoryError e) {
        reason = e.getMessage() == null ? e.toString() : e.getMessage();
        return null;
      }
    }
  }
}
