// SPDX-License-Identifier: Apache-2.0

/**
 * The records of a batch and the results of functions, as otelue/records.h and otelue/otelue.h lay them out: sizes, and
 * the offsets of fields. A test compares them with layout.json.
 */

export const ATTRIBUTE = { size: 24, key: 0, 'value.type': 8, 'value.len': 12, 'value.bits': 16 } as const;

export const VALUE = { size: 16, type: 0, len: 4, bits: 8 } as const;

export const RESOURCE = {
  size: 40,
  attributes: 0,
  schema_url: 8,
  entity_refs: 16,
  dropped_attributes_count: 24,
  reserved0: 28,
  reserved1: 32,
} as const;

export const SCOPE = {
  size: 48,
  resource: 0,
  dropped_attributes_count: 4,
  name: 8,
  version: 16,
  schema_url: 24,
  attributes: 32,
  reserved: 40,
} as const;

export const METRIC = {
  size: 56,
  scope: 0,
  kind: 4,
  name: 8,
  description: 16,
  unit: 24,
  metadata: 32,
  temporality: 40,
  is_monotonic: 44,
  reserved: 48,
} as const;

export const POINT = {
  size: 64,
  metric: 0,
  flags: 4,
  start_time_unix_nano: 8,
  time_unix_nano: 16,
  attributes: 24,
  exemplars: 32,
  value_type: 40,
  attributes_form: 42,
  body: 44,
  as_int: 48,
  as_double: 56,
} as const;

export const HISTOGRAM = {
  size: 64,
  count: 0,
  sum: 8,
  min: 16,
  max: 24,
  has: 32,
  reserved0: 36,
  explicit_bounds: 40,
  bucket_counts: 48,
  reserved1: 56,
} as const;

export const EXPONENTIAL_HISTOGRAM = {
  size: 96,
  count: 0,
  sum: 8,
  min: 16,
  max: 24,
  has: 32,
  scale: 36,
  zero_count: 40,
  zero_threshold: 48,
  positive_offset: 56,
  negative_offset: 60,
  positive: 64,
  negative: 72,
  reserved: 80,
} as const;

export const BATCH = {
  size: 32,
  magic: 0,
  version: 4,
  header_size: 6,
  total_size: 8,
  flags: 12,
  points: 16,
  resource: 24,
  reserved: 28,
} as const;

export const RESULT = {
  size: 72,
  struct_size: 0,
  listening: 4,
  points_total: 8,
  points_exported: 12,
  points_invalid: 16,
  points_too_large: 20,
  points_unwritten: 24,
  points_unheard: 28,
  strings_as_bytes: 32,
  values_emptied: 36,
  exemplars_dropped: 40,
  events: 44,
  bytes: 48,
  first_bad_point: 56,
  first_bad_reason: 60,
  last_errno: 64,
  step: 68,
} as const;

export const STATISTICS = {
  size: 128,
  struct_size: 0,
  reserved: 4,
  exports: 8,
  exports_refused: 16,
  exports_unheard: 24,
  points_total: 32,
  points_exported: 40,
  points_invalid: 48,
  points_too_large: 56,
  points_unwritten: 64,
  points_unheard: 72,
  strings_as_bytes: 80,
  values_emptied: 88,
  exemplars_dropped: 96,
  events: 104,
  bytes: 112,
  registrations: 120,
} as const;

export const BATCH_MAGIC = 0x4555544f;
export const BATCH_VERSION = 1;

export const EMPTY = 0;
export const STRING = 1;
export const BOOL = 2;
export const INT = 3;
export const DOUBLE = 4;
export const ARRAY = 5;
export const KVLIST = 6;
export const BYTES = 7;

export const GAUGE = 5;
export const SUM = 7;
export const HISTOGRAM_KIND = 9;
export const EXPONENTIAL_HISTOGRAM_KIND = 10;

export const DELTA = 1;
export const CUMULATIVE = 2;

export const HAS_SUM = 1;
export const HAS_MIN = 2;
export const HAS_MAX = 4;
export const HAS_POSITIVE = 8;
export const HAS_NEGATIVE = 16;

export const PACKINGS = { metric: 0, point: 1, request: 2 } as const;

export const STEP_REGISTERED = 0;
