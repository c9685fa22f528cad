// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

/** Which data points share an event. */
public enum Packing {
  // In the order of otelue_packing.
  /** Consecutive points of one metric. */
  METRIC,
  /** None: each point has an event of its own. */
  POINT,
  /** Points of any metrics, which takes the fewest events and the fewest bytes. */
  REQUEST
}
