// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.io.File;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An exporter of the library, and the memory through which it is told things and tells them. One
 * thread at a time may use it, but for what says otherwise.
 */
final class Handle {
  private static final int TEXT_SIZE = 1024;
  // Where things are in the block.
  private static final int STEP = 0;
  private static final int WRITTEN = 8;
  private static final int RESULT = 16;
  private static final int STATUS = RESULT + Records.Result.SIZE;
  private static final int TEXT = STATUS + Records.Status.SIZE;
  private static final int ENCODED = TEXT + TEXT_SIZE;

  private static final ReferenceQueue<Object> GONE = new ReferenceQueue<>();
  private static final Set<Owned> OWNED = ConcurrentHashMap.newKeySet();

  private final Library library;
  private final long exporter;
  private final ByteBuffer block = Memory.allocate(ENCODED + Records.ENCODED_ATTRIBUTES_MAX);
  private final long blockAddress;
  private ByteBuffer known = block;
  private long knownAddress;

  private Handle(Library library, long exporter) {
    this.library = library;
    this.exporter = exporter;
    blockAddress = library.address(block);
    knownAddress = blockAddress;
  }

  /** An owner that is gone without having shut down. */
  private static final class Owned extends PhantomReference<Object> {
    final Handle handle;

    Owned(Object owner, Handle handle) {
      super(owner, GONE);
      this.handle = handle;
    }
  }

  /**
   * Opens the tracepoint, or a recording if there is a path to one.
   *
   * @throws IllegalArgumentException when the library refuses what it is asked for.
   */
  static Handle open(
      Library library, Packing packing, int targetEventBytes, int maxEventBytes, String recording) {
    closeThoseThatAreGone();
    byte[] path = recording.getBytes(StandardCharsets.UTF_8);
    int pathAt = Records.Options.SIZE + 8;
    ByteBuffer memory = Memory.allocate(pathAt + path.length + 1 + TEXT_SIZE);
    memory.putInt(Records.Options.STRUCT_SIZE, Records.Options.SIZE);
    memory.putInt(Records.Options.PACKING, packing.ordinal());
    memory.putInt(Records.Options.TARGET_EVENT_BYTES, targetEventBytes);
    memory.putInt(Records.Options.MAX_EVENT_BYTES, maxEventBytes);
    memory.position(pathAt);
    memory.put(path);
    memory.clear();
    long address = library.address(memory);
    long out = address + Records.Options.SIZE;
    int returned =
        recording.isEmpty()
            ? library.open(address, out)
            : library.openRecording(address, address + pathAt, out);
    if (returned != 0) {
      int textAt = pathAt + path.length + 1;
      library.describe(0, 0, returned, 0, address + textAt, TEXT_SIZE);
      String words = text(memory, textAt, TEXT_SIZE);
      throw new IllegalArgumentException(
          recording.isEmpty() ? words : words + ": " + new File(recording));
    }
    return new Handle(library, memory.getLong(Records.Options.SIZE));
  }

  /** Closes the exporter some time after `owner` is gone. */
  void belongTo(Object owner) {
    OWNED.add(new Owned(owner, this));
  }

  private static void closeThoseThatAreGone() {
    for (Reference<?> gone = GONE.poll(); gone != null; gone = GONE.poll()) {
      Owned owned = (Owned) gone;
      OWNED.remove(owned);
      owned.handle.close();
    }
  }

  /** Whether somebody listens; if not, {@link #step} says why. */
  boolean isListening() {
    return library.listening(exporter, blockAddress + STEP) == 1;
  }

  int step() {
    return block.getInt(STEP);
  }

  /** The state of the tracepoint in words. */
  String status() {
    block.putInt(STATUS + Records.Status.STRUCT_SIZE, Records.Status.SIZE);
    library.getStatus(exporter, blockAddress + STATUS);
    int message = Records.Status.MESSAGE;
    return text(block, STATUS + message, Records.Status.SIZE - message);
  }

  int export(Memory batch) {
    block.putInt(RESULT + Records.Result.STRUCT_SIZE, Records.Result.SIZE);
    return library.export(exporter, address(batch.bytes), batch.used, blockAddress + RESULT);
  }

  /** A field of the last export's result. */
  int result(int field) {
    return block.getInt(RESULT + field);
  }

  /** What became of the last export. */
  String describe(Memory batch, int returned) {
    library.describe(
        address(batch.bytes),
        batch.used,
        returned,
        blockAddress + RESULT,
        blockAddress + TEXT,
        TEXT_SIZE);
    return text(block, TEXT, TEXT_SIZE);
  }

  /** What a call has returned, in words. By any thread. */
  String describe(int returned) {
    ByteBuffer text = Memory.allocate(TEXT_SIZE);
    library.describe(0, 0, returned, 0, library.address(text), TEXT_SIZE);
    return text(text, 0, TEXT_SIZE);
  }

  byte[] encodeAttributes(Memory memory, long records) {
    int returned =
        library.encodeAttributes(
            library.address(memory.bytes),
            memory.used,
            Memory.off(records),
            Memory.len(records),
            blockAddress + ENCODED,
            Records.ENCODED_ATTRIBUTES_MAX,
            blockAddress + WRITTEN);
    return returned == 0 ? bytes(block, ENCODED, (int) block.getLong(WRITTEN)) : null;
  }

  /** By any thread. */
  Statistics statistics() {
    ByteBuffer record = Memory.allocate(Records.Statistics.SIZE);
    record.putInt(Records.Statistics.STRUCT_SIZE, Records.Statistics.SIZE);
    library.getStatistics(exporter, library.address(record));
    return new Statistics(record);
  }

  /** By any thread, also during an export. */
  int shutdown() {
    return library.shutdown(exporter);
  }

  /** By any thread; later calls find the exporter shut down. */
  void close() {
    library.close(exporter);
  }

  /** Of memory that seldom moves. */
  private long address(ByteBuffer buffer) {
    if (buffer != known) {
      known = buffer;
      knownAddress = library.address(buffer);
    }
    return knownAddress;
  }

  private static String text(ByteBuffer memory, int at, int capacity) {
    int size = 0;
    while (size < capacity && memory.get(at + size) != 0) {
      size++;
    }
    return new String(bytes(memory, at, size), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(ByteBuffer memory, int at, int size) {
    byte[] copy = new byte[size];
    ByteBuffer view = memory.duplicate();
    view.position(at);
    view.get(copy);
    return copy;
  }
}
