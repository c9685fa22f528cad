// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

/** Where the attributes of a series are, and in which form. */
final class AttributeSet {
  static final AttributeSet NONE = new AttributeSet(0, Records.ATTRIBUTE_RECORDS);

  final long ref;
  final int form;

  AttributeSet(long ref, int form) {
    this.ref = ref;
    this.form = form;
  }
}
