// SPDX-License-Identifier: Apache-2.0

package dev.otelue.exporter;

/**
 * Offsets in the records of records.h and otelue.h, and numbers of theirs. A test compares all of
 * them with layout.json.
 */
final class Records {
  static final int BATCH_MAGIC = 0x4555544f;
  static final int BATCH_VERSION = 1;
  static final int STRING = 1;
  static final int BOOL = 2;
  static final int INT = 3;
  static final int DOUBLE = 4;
  static final int ARRAY = 5;
  static final int KVLIST = 6;
  static final int BYTES = 7;
  static final int GAUGE = 5;
  static final int SUM = 7;
  static final int HISTOGRAM = 9;
  static final int EXPONENTIAL_HISTOGRAM = 10;
  static final int SUMMARY = 11;
  static final int DELTA = 1;
  static final int CUMULATIVE = 2;
  static final int ATTRIBUTE_RECORDS = 0;
  static final int ENCODED_ATTRIBUTES = 1;
  static final int HAS_SUM = 1;
  static final int HAS_MIN = 2;
  static final int HAS_MAX = 4;
  static final int HAS_POSITIVE = 8;
  static final int HAS_NEGATIVE = 16;
  static final int HAS_TRACE_ID = 32;
  static final int HAS_SPAN_ID = 64;
  static final int STEP_REGISTERED = 0;
  static final int ENCODED_ATTRIBUTES_MAX = 8200;

  static final class Batch {
    static final int SIZE = 32;
    static final int MAGIC = 0;
    static final int VERSION = 4;
    static final int HEADER_SIZE = 6;
    static final int TOTAL_SIZE = 8;
    static final int FLAGS = 12;
    static final int POINTS = 16;
    static final int RESOURCE = 24;
    static final int RESERVED = 28;

    private Batch() {}
  }

  static final class Resource {
    static final int SIZE = 40;
    static final int ATTRIBUTES = 0;
    static final int SCHEMA_URL = 8;
    static final int ENTITY_REFS = 16;
    static final int DROPPED_ATTRIBUTES_COUNT = 24;
    static final int RESERVED0 = 28;
    static final int RESERVED1 = 32;

    private Resource() {}
  }

  static final class EntityRef {
    static final int SIZE = 32;
    static final int SCHEMA_URL = 0;
    static final int TYPE = 8;
    static final int ID_KEYS = 16;
    static final int DESCRIPTION_KEYS = 24;

    private EntityRef() {}
  }

  static final class Scope {
    static final int SIZE = 48;
    static final int RESOURCE = 0;
    static final int DROPPED_ATTRIBUTES_COUNT = 4;
    static final int NAME = 8;
    static final int VERSION = 16;
    static final int SCHEMA_URL = 24;
    static final int ATTRIBUTES = 32;
    static final int RESERVED = 40;

    private Scope() {}
  }

  static final class Metric {
    static final int SIZE = 56;
    static final int SCOPE = 0;
    static final int KIND = 4;
    static final int NAME = 8;
    static final int DESCRIPTION = 16;
    static final int UNIT = 24;
    static final int METADATA = 32;
    static final int TEMPORALITY = 40;
    static final int IS_MONOTONIC = 44;
    static final int RESERVED = 48;

    private Metric() {}
  }

  static final class Point {
    static final int SIZE = 64;
    static final int METRIC = 0;
    static final int FLAGS = 4;
    static final int START_TIME_UNIX_NANO = 8;
    static final int TIME_UNIX_NANO = 16;
    static final int ATTRIBUTES = 24;
    static final int EXEMPLARS = 32;
    static final int VALUE_TYPE = 40;
    static final int ATTRIBUTES_FORM = 42;
    static final int BODY = 44;
    static final int AS_INT = 48;
    static final int AS_DOUBLE = 56;

    private Point() {}
  }

  static final class Histogram {
    static final int SIZE = 64;
    static final int COUNT = 0;
    static final int SUM = 8;
    static final int MIN = 16;
    static final int MAX = 24;
    static final int HAS = 32;
    static final int RESERVED0 = 36;
    static final int EXPLICIT_BOUNDS = 40;
    static final int BUCKET_COUNTS = 48;
    static final int RESERVED1 = 56;

    private Histogram() {}
  }

  static final class ExponentialHistogram {
    static final int SIZE = 96;
    static final int COUNT = 0;
    static final int SUM = 8;
    static final int MIN = 16;
    static final int MAX = 24;
    static final int HAS = 32;
    static final int SCALE = 36;
    static final int ZERO_COUNT = 40;
    static final int ZERO_THRESHOLD = 48;
    static final int POSITIVE_OFFSET = 56;
    static final int NEGATIVE_OFFSET = 60;
    static final int POSITIVE = 64;
    static final int NEGATIVE = 72;
    static final int RESERVED = 80;

    private ExponentialHistogram() {}
  }

  static final class Summary {
    static final int SIZE = 32;
    static final int COUNT = 0;
    static final int SUM = 8;
    static final int QUANTILES = 16;
    static final int RESERVED = 24;

    private Summary() {}
  }

  static final class Quantile {
    static final int SIZE = 16;
    static final int QUANTILE = 0;
    static final int VALUE = 8;

    private Quantile() {}
  }

  static final class Exemplar {
    static final int SIZE = 64;
    static final int TIME_UNIX_NANO = 0;
    static final int VALUE_TYPE = 8;
    static final int HAS = 12;
    static final int AS_INT = 16;
    static final int AS_DOUBLE = 24;
    static final int TRACE_ID = 32;
    static final int SPAN_ID = 48;
    static final int FILTERED_ATTRIBUTES = 56;

    private Exemplar() {}
  }

  static final class Attribute {
    static final int SIZE = 24;
    static final int KEY = 0;
    static final int VALUE_TYPE = 8;
    static final int VALUE_LEN = 12;
    static final int VALUE_BITS = 16;

    private Attribute() {}
  }

  static final class Value {
    static final int SIZE = 16;
    static final int TYPE = 0;
    static final int LEN = 4;
    static final int BITS = 8;

    private Value() {}
  }

  static final class Ref {
    static final int SIZE = 8;
    static final int OFF = 0;
    static final int LEN = 4;

    private Ref() {}
  }

  static final class Options {
    static final int SIZE = 32;
    static final int STRUCT_SIZE = 0;
    static final int FLAGS = 4;
    static final int TARGET_EVENT_BYTES = 8;
    static final int MAX_EVENT_BYTES = 12;
    static final int PACKING = 16;
    static final int PACING_BYTES = 20;
    static final int PACING_MICROSECONDS = 24;
    static final int RESERVED = 28;

    private Options() {}
  }

  static final class Result {
    static final int SIZE = 72;
    static final int STRUCT_SIZE = 0;
    static final int LISTENING = 4;
    static final int POINTS_TOTAL = 8;
    static final int POINTS_EXPORTED = 12;
    static final int POINTS_INVALID = 16;
    static final int POINTS_TOO_LARGE = 20;
    static final int POINTS_UNWRITTEN = 24;
    static final int POINTS_UNHEARD = 28;
    static final int STRINGS_AS_BYTES = 32;
    static final int VALUES_EMPTIED = 36;
    static final int EXEMPLARS_DROPPED = 40;
    static final int EVENTS = 44;
    static final int BYTES = 48;
    static final int FIRST_BAD_POINT = 56;
    static final int FIRST_BAD_REASON = 60;
    static final int LAST_ERRNO = 64;
    static final int STEP = 68;

    private Result() {}
  }

  static final class Statistics {
    static final int SIZE = 128;
    static final int STRUCT_SIZE = 0;
    static final int RESERVED = 4;
    static final int EXPORTS = 8;
    static final int EXPORTS_REFUSED = 16;
    static final int EXPORTS_UNHEARD = 24;
    static final int POINTS_TOTAL = 32;
    static final int POINTS_EXPORTED = 40;
    static final int POINTS_INVALID = 48;
    static final int POINTS_TOO_LARGE = 56;
    static final int POINTS_UNWRITTEN = 64;
    static final int POINTS_UNHEARD = 72;
    static final int STRINGS_AS_BYTES = 80;
    static final int VALUES_EMPTIED = 88;
    static final int EXEMPLARS_DROPPED = 96;
    static final int EVENTS = 104;
    static final int BYTES = 112;
    static final int REGISTRATIONS = 120;

    private Statistics() {}
  }

  static final class Status {
    static final int SIZE = 264;
    static final int STRUCT_SIZE = 0;
    static final int REGISTERED = 4;
    static final int ENABLED = 8;
    static final int HEARD_HERE = 12;
    static final int STEP = 16;
    static final int LAST_ERRNO = 20;
    static final int MESSAGE = 24;

    private Status() {}
  }

  private Records() {}
}
