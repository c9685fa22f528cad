# SPDX-License-Identifier: Apache-2.0
"""The records of a batch, as otelue/records.h lays them out."""

from __future__ import annotations

import struct

_SIZES = {"H": 2, "I": 4, "i": 4, "Q": 8, "q": 8, "d": 8, "ref": 8, "8s": 8, "16s": 16, "2Q": 16}

# A format, and the index of the first value and the distance of the others in memory seen as such values.
Column = tuple[str, int, int]


class Record:
    """A record. `fields` are names and formats of the struct module, or "ref" for a reference."""

    def __init__(self, name: str, fields: str) -> None:
        self.name = name
        self.offsets: dict[str, int] = {}
        at, form = 0, "="
        for field in fields.split():
            field_name, code = field.split(":")
            self.offsets[field_name] = at
            at += _SIZES[code]
            form += "2I" if code == "ref" else code
        layout = struct.Struct(form)
        self.size = layout.size
        self.pack = layout.pack
        self.pack_into = layout.pack_into

    def column(self, field: str, code: str, word: int = 0) -> Column:
        """A field of records behind each other. `word` counts values of this size from the field's own offset."""
        size = _SIZES[code]
        return code, self.offsets[field] // size + word, self.size // size


VALUE = Record("otelue_value", "type:I len:I bits:Q")
ATTRIBUTE = Record("otelue_attribute", "key:ref value.type:I value.len:I value.bits:Q")
RESOURCE = Record(
    "otelue_resource",
    "attributes:ref schema_url:ref entity_refs:ref dropped_attributes_count:I reserved0:I reserved1:Q",
)
SCOPE = Record(
    "otelue_scope",
    "resource:I dropped_attributes_count:I name:ref version:ref schema_url:ref attributes:ref reserved:Q",
)
METRIC = Record(
    "otelue_metric",
    "scope:I kind:I name:ref description:ref unit:ref metadata:ref temporality:I is_monotonic:I reserved:Q",
)
POINT = Record(
    "otelue_point",
    "metric:I flags:I start_time_unix_nano:Q time_unix_nano:Q attributes:ref exemplars:ref value_type:H "
    "attributes_form:H body:I as_int:q as_double:d",
)
HISTOGRAM = Record(
    "otelue_histogram",
    "count:Q sum:d min:d max:d has:I reserved0:I explicit_bounds:ref bucket_counts:ref reserved1:Q",
)
EXPONENTIAL_HISTOGRAM = Record(
    "otelue_exponential_histogram",
    "count:Q sum:d min:d max:d has:I scale:i zero_count:Q zero_threshold:d positive_offset:i negative_offset:i "
    "positive:ref negative:ref reserved:2Q",
)
EXEMPLAR = Record(
    "otelue_exemplar",
    "time_unix_nano:Q value_type:I has:I as_int:q as_double:d trace_id:16s span_id:8s filtered_attributes:ref",
)
BATCH = Record(
    "otelue_batch",
    "magic:I version:H header_size:H total_size:I flags:I points:ref resource:I reserved:I",
)
RECORDS = (
    VALUE,
    ATTRIBUTE,
    RESOURCE,
    SCOPE,
    METRIC,
    POINT,
    HISTOGRAM,
    EXPONENTIAL_HISTOGRAM,
    EXEMPLAR,
    BATCH,
)

BATCH_MAGIC = 0x4555544F
BATCH_VERSION = 1

# otelue_value_type
EMPTY, STRING, BOOL, INT, DOUBLE, ARRAY, KVLIST, BYTES = range(8)
# otelue_metric_kind
KIND_GAUGE, KIND_SUM, KIND_HISTOGRAM, KIND_EXPONENTIAL_HISTOGRAM = 5, 7, 9, 10
# otelue_attributes_form
ATTRIBUTE_RECORDS, ENCODED_ATTRIBUTES = 0, 1
# otelue_has
HAS_SUM, HAS_MIN, HAS_MAX, HAS_TRACE_ID, HAS_SPAN_ID = 1, 2, 4, 32, 64
