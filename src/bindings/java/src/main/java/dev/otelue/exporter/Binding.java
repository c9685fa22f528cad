// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.nio.ByteBuffer;

/** The library through JNI. From Java 22 on the class of META-INF/versions/22 takes its place. */
final class Binding extends Library {
  Binding(String path) {
    System.load(path);
  }

  @Override
  long address(ByteBuffer buffer) {
    return addressOf(buffer);
  }

  private static native long addressOf(ByteBuffer buffer);

  @Override
  native int version();

  @Override
  native int open(long options, long out);

  @Override
  native int openRecording(long options, long path, long out);

  @Override
  native int listening(long exporter, long step);

  @Override
  native int export(long exporter, long batch, long size, long result);

  @Override
  native int describe(long data, long size, int returned, long result, long text, long capacity);

  @Override
  native int encodeAttributes(
      long memory, long size, int off, int len, long out, long capacity, long written);

  @Override
  native int getStatus(long exporter, long status);

  @Override
  native int getStatistics(long exporter, long statistics);

  @Override
  native int shutdown(long exporter);

  @Override
  native void close(long exporter);
}
