# SPDX-License-Identifier: Apache-2.0
"""Turns the SDK's metrics into a batch.

    | otelue_batch | what stays: texts, attribute sets, scopes, metrics | points | this cycle's bodies and exemplars |

What stays is written once, and found again by the SDK's own objects or by what they say. Each metric keeps the records
of its points from one cycle to the next, in memory of its own, in which only whole columns are written: the values, the
times. So an attribute set costs nothing while the SDK hands out the same dict, which it does for cumulative streams.
"""

from __future__ import annotations

import logging
import math
import operator
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, MetricsData, Sum

from . import _records as r
from ._memory import Memory, identity

_logger = logging.getLogger("otelue")

# Where a point's attributes are: an offset, a length, and an otelue_attributes_form.
AttributeSet = tuple[int, int, int]
_NO_ATTRIBUTES: AttributeSet = (0, 0, 0)
_KINDS: dict[type, int] = {
    Gauge: r.KIND_GAUGE,
    Sum: r.KIND_SUM,
    Histogram: r.KIND_HISTOGRAM,
    ExponentialHistogram: r.KIND_EXPONENTIAL_HISTOGRAM,
}
_FLAGS = r.POINT.column("flags", "I")
_START = r.POINT.column("start_time_unix_nano", "Q")
_TIME = r.POINT.column("time_unix_nano", "Q")
_ATTRIBUTES_OFF = r.POINT.column("attributes", "I")
_ATTRIBUTES_LEN = r.POINT.column("attributes", "I", 1)
_VALUE_TYPE = r.POINT.column("value_type", "H")
_ATTRIBUTES_FORM = r.POINT.column("attributes_form", "H")
_BODY = r.POINT.column("body", "I")
_AS_INT = r.POINT.column("as_int", "q")
_AS_DOUBLE = r.POINT.column("as_double", "d")
_COUNT = r.HISTOGRAM.column("count", "Q")
_SUM = r.HISTOGRAM.column("sum", "d")
_MIN = r.HISTOGRAM.column("min", "d")
_MAX = r.HISTOGRAM.column("max", "d")
_HAS = r.HISTOGRAM.column("has", "I")
_BOUNDS_OFF = r.HISTOGRAM.column("explicit_bounds", "I")
_BOUNDS_LEN = r.HISTOGRAM.column("explicit_bounds", "I", 1)
_COUNTS_OFF = r.HISTOGRAM.column("bucket_counts", "I")
_COUNTS_LEN = r.HISTOGRAM.column("bucket_counts", "I", 1)

_INF = math.inf
_HAS_ALL = r.HAS_SUM | r.HAS_MIN | r.HAS_MAX


def double(number: Any) -> float:
    """Of an integer that is too large, what comes nearest."""
    try:
        return float(number)
    except OverflowError:
        return sys.float_info.max if number > 0 else -sys.float_info.max


def number(value: Any) -> tuple[int, int, float]:
    """Type, as_int and as_double of a point or an exemplar."""
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return r.INT, int(value), 0.0
    return r.DOUBLE, 0, double(value)


def _has(minimum: float, maximum: float) -> int:
    """The SDK leaves these two as they began when it does not record them."""
    return r.HAS_SUM if minimum == _INF and maximum == -_INF else _HAS_ALL


def _pack(code: str, values: Sequence[Any]) -> bytes:
    return struct.pack(f"={len(values)}{code}", *values)


class Columns:
    """Records of one kind behind each other, written field by field."""

    def __init__(self, template: bytes, number: int) -> None:
        self.bytes = bytearray(template * number)
        self._views: dict[str, Any] = {}

    def write(self, column: r.Column, values: Sequence[Any]) -> None:
        code, first, distance = column
        view = self._views.get(code)
        if view is None:
            view = self._views[code] = memoryview(self.bytes).cast(code)  # type: ignore[call-overload]
        view[first::distance] = memoryview(_pack(code, values)).cast(code)  # type: ignore[call-overload]


class Stream:
    """A metric, and the records of its points."""

    def __init__(self, metric: int, kind: int, key: tuple[Any, ...]) -> None:
        self.metric, self.kind, self.key = metric, kind, key
        self.cycle = 0
        self.is_spoiled = False
        self.points: Sequence[Any] = ()
        self.records = Columns(b"", 0)
        self._attributes: list[Any] = []
        self._sets: list[AttributeSet] = []
        self._starts: list[Any] = []
        self._value_type = 0

    def take(self, find_set: Callable[[Any], AttributeSet]) -> None:
        """Writes all fields but those that refer to this cycle's part of the batch."""
        points = self.points
        attributes = [p.attributes for p in points]
        if len(attributes) != len(self._attributes) or not all(map(operator.is_, attributes, self._attributes)):
            self._renew(attributes, find_set)
        starts = [p.start_time_unix_nano for p in points]
        if starts != self._starts and self.kind != r.KIND_GAUGE:  # whose start the SDK does not send either
            self.records.write(_START, starts)
            self._starts = starts
        self.records.write(_TIME, [p.time_unix_nano for p in points])
        if self.kind in (r.KIND_GAUGE, r.KIND_SUM):
            self._write_values([p.value for p in points])
        elif self.kind == r.KIND_EXPONENTIAL_HISTOGRAM:
            self.records.write(_FLAGS, [p.flags for p in points])

    def _renew(self, attributes: list[Any], find_set: Callable[[Any], AttributeSet]) -> None:
        """Makes the records anew for other series. The dicts of those that stay are known by themselves."""
        known = dict(zip(map(id, self._attributes), self._sets))
        sets = [known.get(id(a)) or find_set(a) for a in attributes]
        template = r.POINT.pack(self.metric, 0, 0, 0, 0, 0, 0, 0, self.kind, 0, 0, 0, 0.0)
        self.records = Columns(template, len(sets))
        offsets, lengths, forms = zip(*sets)
        self.records.write(_ATTRIBUTES_OFF, offsets)
        self.records.write(_ATTRIBUTES_LEN, lengths)
        self.records.write(_ATTRIBUTES_FORM, forms)
        self._attributes, self._sets, self._starts, self._value_type = attributes, sets, [], 0

    def _write_values(self, values: list[Any]) -> None:
        types = set(map(type, values))
        value_type = {int: r.INT, float: r.DOUBLE}.get(types.pop()) if len(types) == 1 else None
        try:
            if value_type == r.INT:
                self.records.write(_AS_INT, values)
            elif value_type == r.DOUBLE:
                self.records.write(_AS_DOUBLE, values)
        except struct.error:  # beyond int64
            value_type = None
        if value_type is None:
            value_types, ints, doubles = zip(*map(number, values))
            self.records.write(_VALUE_TYPE, value_types)
            self.records.write(_AS_INT, ints)
            self.records.write(_AS_DOUBLE, doubles)
        elif value_type != self._value_type:
            self.records.write(_VALUE_TYPE, [value_type] * len(values))
        self._value_type = value_type or 0

    def place(self, memory: Memory, at: int) -> None:
        """Copies the records to `at`, and writes behind everything else what they refer to."""
        if self.kind == r.KIND_HISTOGRAM:
            self._write_histograms(memory)
        elif self.kind == r.KIND_EXPONENTIAL_HISTOGRAM:
            self.records.write(_BODY, [_exponential_histogram(memory, p) for p in self.points])
        memory.buffer[at : at + len(self.records.bytes)] = self.records.bytes
        exemplars = [p.exemplars for p in self.points]
        if any(exemplars):
            for index, some in enumerate(exemplars):
                if some:
                    ref = _exemplars(memory, some)
                    place = at + index * r.POINT.size + r.POINT.offsets["exemplars"]
                    struct.pack_into("=2I", memory.buffer, place, *ref)

    def _write_histograms(self, memory: Memory) -> None:
        """Bodies, with the bucket counts of all of them in one run when they have equally many."""
        points = self.points
        bounds, counts = [p.explicit_bounds for p in points], [p.bucket_counts for p in points]
        buckets = len(counts[0])
        if bounds.count(bounds[0]) == len(bounds) and set(map(len, counts)) == {buckets}:
            bounds_ref = memory.put(_pack("d", bounds[0])), len(bounds[0])
            off = memory.put(_pack("Q", list(chain.from_iterable(counts))))
            template = r.HISTOGRAM.pack(0, 0, 0, 0, _HAS_ALL, 0, *bounds_ref, 0, buckets, 0)
            bodies = Columns(template, len(points))
            bodies.write(_COUNTS_OFF, [off + 8 * buckets * i for i in range(len(points))])
        else:
            template = r.HISTOGRAM.pack(0, 0, 0, 0, _HAS_ALL, 0, 0, 0, 0, 0, 0)
            bodies = Columns(template, len(points))
            for code, offsets, lengths, arrays in (
                ("d", _BOUNDS_OFF, _BOUNDS_LEN, bounds),
                ("Q", _COUNTS_OFF, _COUNTS_LEN, counts),
            ):
                bodies.write(offsets, [memory.put(_pack(code, values)) for values in arrays])
                bodies.write(lengths, list(map(len, arrays)))
        sums, minima, maxima = [p.sum for p in points], [p.min for p in points], [p.max for p in points]
        bodies.write(_COUNT, [p.count for p in points])
        for column, values in ((_SUM, sums), (_MIN, minima), (_MAX, maxima)):
            bodies.write(column, values if set(map(type, values)) == {float} else list(map(double, values)))
        if _INF in minima:
            bodies.write(_HAS, list(map(_has, minima, maxima)))
        first = memory.put(bodies.bytes)
        self.records.write(_BODY, range(first, first + len(bodies.bytes), r.HISTOGRAM.size))


def _exponential_histogram(memory: Memory, p: Any) -> int:
    refs = []
    for buckets in (p.positive, p.negative):
        counts = buckets.bucket_counts
        refs.append((buckets.offset, memory.put(_pack("Q", counts)), len(counts)) if counts else (0, 0, 0))
    return memory.put(
        r.EXPONENTIAL_HISTOGRAM.pack(
            p.count,
            double(p.sum),
            double(p.min),
            double(p.max),
            _has(p.min, p.max),
            p.scale,
            p.zero_count,
            0.0,
            refs[0][0],
            refs[1][0],
            *refs[0][1:],
            *refs[1][1:],
            0,
            0,
        )
    )


def _exemplars(memory: Memory, exemplars: Sequence[Any]) -> tuple[int, int]:
    records = []
    for e in exemplars:
        has, trace_id, span_id = 0, b"", b""
        if e.trace_id is not None and e.span_id is not None:
            has = r.HAS_TRACE_ID | r.HAS_SPAN_ID
            trace_id, span_id = e.trace_id.to_bytes(16, "big"), e.span_id.to_bytes(8, "big")
        value_type, as_int, as_double = number(e.value)
        filtered = memory.attributes(e.filtered_attributes)
        records.append(
            r.EXEMPLAR.pack(e.time_unix_nano, value_type, has, as_int, as_double, trace_id, span_id, *filtered)
        )
    return memory.put(b"".join(records)), len(records)


class Batch:
    """`encode` makes an encoded set of attribute records in memory, or returns None."""

    def __init__(self, encode: Callable[[Memory, int, int], bytes | None]) -> None:
        self._encode = encode
        self.points = 0  # of the last batch
        self._clear()

    def _clear(self) -> None:
        self._memory = Memory(r.BATCH.size)
        self._cycle = 0
        self._recent_points = 0
        self._streams: dict[tuple[Any, ...], Stream] = {}
        self._spoiled: set[str] = set()
        self._sets: dict[tuple[Any, ...], AttributeSet] = {}
        # The SDK's resources and scopes, and their records, by id and by the record that they belong to.
        self._owners: dict[tuple[int, int], tuple[Any, int]] = {}

    def build(self, data: MetricsData) -> tuple[bytearray, int]:
        """A batch that says the same, and its size. It holds until the next call."""
        memory = self._memory
        self._cycle += 1
        streams = []
        for rm in data.resource_metrics:
            for sm in rm.scope_metrics:
                scope = self._scope(sm, rm)
                for metric in sm.metrics:
                    stream = self._stream(scope, metric)
                    if stream is not None and metric.data.data_points:
                        stream.points = metric.data.data_points
                        streams.append(stream)
                        try:
                            stream.take(self._find_set)
                        except Exception as error:
                            self._spoil(stream, error)
        stays = memory.used
        self.points = count = sum(len(stream.points) for stream in streams)
        at = first = memory.reserve(count * r.POINT.size)
        for stream in streams:
            end = at + len(stream.points) * r.POINT.size
            try:
                if not stream.is_spoiled:
                    stream.place(memory, at)
            except Exception as error:
                self._spoil(stream, error)
            if stream.is_spoiled:
                memory.buffer[at:end] = bytes(end - at)
            at = end
            stream.points = ()
        size = memory.used
        memory.used = stays
        r.BATCH.pack_into(memory.buffer, 0, r.BATCH_MAGIC, r.BATCH_VERSION, r.BATCH.size, size, 0, first, count, 0, 0)
        self._recent_points = max(count, self._recent_points // 2)
        # Series that have gone pile up: start over.
        if (
            len(self._sets) + len(self._streams) + len(self._owners) + len(self._spoiled)
            > 2 * self._recent_points + 1000
        ):
            buffer = memory.buffer
            self._clear()
            return buffer, size
        return memory.buffer, size

    def _spoil(self, stream: Stream, error: Exception) -> None:
        """Gives up a metric that is not what the SDK hands over. Its points go out as zeros, which the library refuses
        and counts."""
        stream.is_spoiled = True
        del self._streams[stream.key]
        name = stream.key[2]
        if name not in self._spoiled:
            self._spoiled.add(name)
            _logger.error("metric %s cannot be exported: %r", name, error)

    def _scope(self, sm: Any, rm: Any) -> int:
        memory, scope = self._memory, sm.scope
        resource = self._owner(rm.resource, 0, lambda: self._resource(rm))

        def make() -> int:
            fields = (scope.name, scope.version, scope.schema_url) if scope is not None else ("", "", "")
            refs = chain.from_iterable(map(memory.text, fields))
            attributes = memory.attributes(scope.attributes if scope is not None else None)
            return memory.put(r.SCOPE.pack(resource, 0, *refs, *attributes, 0))

        return self._owner(scope, resource, make)

    def _resource(self, rm: Any) -> int:
        attributes = self._memory.attributes(rm.resource.attributes)
        schema_url = self._memory.text(rm.resource.schema_url)
        return self._memory.put(r.RESOURCE.pack(*attributes, *schema_url, 0, 0, 0, 0, 0))

    def _owner(self, thing: Any, parent: int, make: Callable[[], int]) -> int:
        """The record of something immutable that the SDK hands out again and again."""
        key = id(thing), parent
        if key not in self._owners:
            self._owners[key] = thing, make()
        return self._owners[key][1]

    def _stream(self, scope: int, metric: Any) -> Stream | None:
        """That of a metric. Metrics that say the same of themselves have one each."""
        data = metric.data
        kind = _KINDS.get(type(data))
        if kind is None:
            return None
        temporality = int(getattr(data, "aggregation_temporality", 0))
        monotonic = bool(getattr(data, "is_monotonic", False))
        key: tuple[Any, ...] = (scope, kind, metric.name, metric.description, metric.unit, temporality, monotonic)
        stream = self._streams.get(key)
        while stream is not None and stream.cycle == self._cycle:
            key = (*key, None)
            stream = self._streams.get(key)
        if stream is None:
            text = self._memory.text
            refs = chain.from_iterable(map(text, (metric.name, metric.description, metric.unit)))
            record = self._memory.put(r.METRIC.pack(scope, kind, *refs, 0, 0, temporality, monotonic, 0))
            stream = self._streams[key] = Stream(record, kind, key)
        stream.cycle = self._cycle
        return stream

    def _find_set(self, attributes: Mapping[str, Any] | None) -> AttributeSet:
        if not attributes:
            return _NO_ATTRIBUTES
        key = identity(attributes)
        found = self._sets.get(key)
        if found is None:
            found = self._sets[key] = self._make_set(attributes)
        return found

    def _make_set(self, attributes: Mapping[str, Any]) -> AttributeSet:
        scratch = Memory(8)  # an offset of 0 would say nothing
        run = scratch.attributes(attributes)
        if run[1] == 0:
            return _NO_ATTRIBUTES
        encoded = self._encode(scratch, *run)
        if encoded is not None:
            return (*self._memory.bytes(encoded), r.ENCODED_ATTRIBUTES)
        return (*self._memory.attributes(attributes), r.ATTRIBUTE_RECORDS)
