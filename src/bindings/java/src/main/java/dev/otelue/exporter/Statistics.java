// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

import java.nio.ByteBuffer;

/**
 * Totals of all exports of an exporter while somebody listened. Each point is exactly one of
 * exported, invalid, too large, unwritten and unheard.
 */
public final class Statistics {
  static final Statistics NONE = new Statistics(Memory.allocate(Records.Statistics.SIZE));

  private final ByteBuffer record;

  Statistics(ByteBuffer record) {
    this.record = record;
  }

  private long get(int off) {
    return record.getLong(off);
  }

  /** Exports that the library saw. */
  public long getExports() {
    return get(Records.Statistics.EXPORTS);
  }

  /** All data points of those exports. */
  public long getPoints() {
    return get(Records.Statistics.POINTS_TOTAL);
  }

  /** Points in events that the kernel took. */
  public long getPointsExported() {
    return get(Records.Statistics.POINTS_EXPORTED);
  }

  /** Points that were refused because they cannot be said in OTLP. */
  public long getPointsInvalid() {
    return get(Records.Statistics.POINTS_INVALID);
  }

  /** Points that were refused because they do not fit into an event. */
  public long getPointsTooLarge() {
    return get(Records.Statistics.POINTS_TOO_LARGE);
  }

  /** Points in events that the kernel refused. */
  public long getPointsUnwritten() {
    return get(Records.Statistics.POINTS_UNWRITTEN);
  }

  /** Points that were not written because the listener had left. */
  public long getPointsUnheard() {
    return get(Records.Statistics.POINTS_UNHEARD);
  }

  /** Attribute values nested too deep, sent as empty ones. */
  public long getValuesEmptied() {
    return get(Records.Statistics.VALUES_EMPTIED);
  }

  /** Exemplars that did not fit into the event of their point. */
  public long getExemplarsDropped() {
    return get(Records.Statistics.EXEMPLARS_DROPPED);
  }

  /** Events that the kernel took. */
  public long getEvents() {
    return get(Records.Statistics.EVENTS);
  }

  /** Bytes of OTLP in those events. */
  public long getBytes() {
    return get(Records.Statistics.BYTES);
  }
}
