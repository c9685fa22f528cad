# SPDX-License-Identifier: Apache-2.0
"""A batch and an encoded request, exported or only encoded, are treated alike."""

import ctypes
import resource

import otelue
import pytest
from lenient import delimited, tag, VARINT
from messages import varint
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Official
from otelue import LIBRARY, Batch
from rows import split

GAUGE, INT, STRING = 5, 3, 1
PACKINGS = [otelue.PACK_METRIC, otelue.PACK_POINT, otelue.PACK_REQUEST]


class Made:
    """The same points as a batch and as a request, which is what protobuf makes of them."""

    def __init__(self, resource=""):
        self.batch = Batch()
        self.request = Official()
        self.scope = self.request.resource_metrics.add().scope_metrics.add()
        if resource:
            self.batch.set_resource(self.attributes(resource))
            self.request.resource_metrics[0].resource.attributes.add(key="k").value.string_value = resource

    def attributes(self, text):
        return self.batch.run("4IQ", [(*self.batch.text("k"), STRING, *reversed(self.batch.text(text)))])

    def metric(self, name, points, text="", exemplars=()):
        """Points with the values that are given, with one attribute each and exemplars with attributes of such sizes."""
        off = self.batch.add_metric(0, GAUGE, self.batch.text(name))
        metric = self.scope.metrics.add()
        metric.name = name if isinstance(name, str) else "?"
        for value in points:
            refs = self.batch.run("Q2Iqd16s8s2I", [
                (0, INT, 0, i, 0.0, bytes(16), bytes(8), *self.attributes("x" * size))
                for i, size in enumerate(exemplars)])
            self.batch.add_point(off, value_type=INT, as_int=value, exemplars=refs,
                                 attributes=self.attributes(text) if text else (0, 0))
            point = metric.gauge.data_points.add(as_int=value)
            if text:
                point.attributes.add(key="k").value.string_value = text
            for i, size in enumerate(exemplars):
                point.exemplars.add(as_int=i).filtered_attributes.add(key="k").value.string_value = "x" * size

    def both(self, options):
        """What comes out of the batch, and out of the request: events and result, twice each."""
        data = self.batch.finish(), self.request.SerializeToString().replace(b"\x0a\x01?", b"\x0a\x01\xff")
        for one, encode, export in ((data[0], otelue.encode, LIBRARY.otelue_export),
                                    (data[1], otelue.split, LIBRARY.otelue_export_otlp)):
            events, result = encode(one, options)
            exported, export_result = otelue.record(export, one, options)
            assert exported == events
            for field, _ in otelue.Result._fields_:
                if field not in ("listening", "step"):
                    assert getattr(export_result, field) == getattr(result, field), field
            yield events, result


def rows_of(events):
    return [row for event in events for row in split(Official.FromString(event))]


def values(events):
    return [row.point.as_int for row in rows_of(events)]


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_metric_that_is_refused_again_and_again_costs_the_same_everywhere(packing):
    """It comes back in each event, and between events; the events are the same with an exporter and without."""
    for size in (1, 3000):
        made = Made()
        for i in range(6):
            made.metric("good", [3 * i], "x" * size)
            made.metric(b"\xff", [3 * i + 1], "y" * size)
            made.metric("good", [3 * i + 2], "z" * size)
        for events, result in made.both(otelue.options(packing=packing)):
            assert values(events) == [n for n in range(18) if n % 3 != 1]
            assert (result.points_invalid, result.first_bad_point, result.first_bad_reason) == (6, 1, otelue.REASON_TEXT)


@pytest.mark.parametrize("packing", PACKINGS)
def test_exemplars_that_fit_stay_in_order(packing):
    made = Made()
    made.metric("m", [1, 2], "v", exemplars=[100] * 100)
    made.metric("n", [3], "v", exemplars=[9000, 100, 4000, 4000, 100])
    for events, result in made.both(otelue.options(packing=packing)):
        rows = rows_of(events)
        assert values(events) == [1, 2, 3] and result.points_exported == 3
        # 120 bytes each: 67 of them make an event of 8076 bytes.
        assert [[e.as_int for e in row.point.exemplars] for row in rows] == [
            [*range(67)], [*range(67)], [1, 2, 4]]
        assert result.exemplars_dropped == 2 * 33 + 2
        assert all(len(event) <= 8168 for event in events)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_resource_that_leaves_no_room_is_the_reason(packing):
    made = Made("x" * 8200)
    made.metric("m", [1, 2, 3])
    for events, result in made.both(otelue.options(packing=packing)):
        assert (events, result.points_too_large) == ([], 3)
        assert (result.first_bad_point, result.first_bad_reason) == (0, otelue.REASON_HEAD_TOO_LARGE)


def test_a_large_resource_is_not_repeated_for_each_point():
    """Where one point with what surrounds it goes beyond the target, events are filled up to the limit."""
    for size in (3900, 4100, 7000):
        made = Made("x" * size)
        made.metric("m", range(300))
        for events, result in made.both(otelue.options()):
            assert values(events) == list(range(300))
            # A point takes 11 bytes.
            room = (4048 if size < 4000 else 8168) - size - 40
            assert result.events == len(events) <= 300 // (room // 11) + 1
            assert all(len(event) <= 8168 for event in events)


def test_the_first_bad_point_is_the_first_also_where_writing_fails():
    """Points 0 and 1 are good, 2 is not, and nothing can be written."""
    made = Made()
    made.metric("good", [1, 2], "v")
    made.metric(b"\xff", [3], "v")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for function, data in ((LIBRARY.otelue_export, made.batch.finish()),
                           (LIBRARY.otelue_export_otlp,
                            made.request.SerializeToString().replace(b"\x0a\x01?", b"\x0a\x01\xff"))):
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))  # the header of a recording
        try:
            events, result = otelue.record(function, data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (events, result.points_unwritten, result.points_invalid) == ([], 2, 1)
        assert (result.first_bad_point, result.first_bad_reason, result.last_errno) == (0, otelue.REASON_WRITE, 27)


def point(*fields):
    return delimited(1, delimited(2, delimited(2, delimited(1, b"m") + delimited(GAUGE, delimited(
        1, b"\x31" + (1).to_bytes(8, "little")) + delimited(1, b"\x31" + (2).to_bytes(8, "little") + b"".join(fields))))))


def attribute(value):
    return delimited(7, delimited(1, b"k") + delimited(2, value))


TOO_LARGE_A_NUMBER = b"\xff" * 9 + b"\x7f"
REFUSED = {
    # What one of them refuses.
    "an attribute's number beyond 64 bits: Go, Rust": attribute(tag(3, VARINT) + TOO_LARGE_A_NUMBER),
    "flags beyond 64 bits: Go, Rust": tag(8, VARINT) + TOO_LARGE_A_NUMBER,
    "an unknown number beyond 64 bits: Go, Rust": tag(99, VARINT) + TOO_LARGE_A_NUMBER,
    "a length beyond 32 bits": tag(7, 2) + varint(1 << 32),
    "a time that is a varint: Rust, the Collector": tag(3, VARINT) + b"\x05",
    "a value that is bytes: Rust, the Collector": delimited(6, bytes(8)),
    "an attribute that is a varint: Rust, the Collector": tag(7, VARINT) + b"\x05",
    "an exemplar that is a varint: Rust, the Collector": tag(5, VARINT) + b"\x05",
    "a text that is a number: Rust, the Collector": attribute(tag(1, VARINT) + b"\x05"),
    "a field of 32 bits where 64 are due": tag(4, 5) + bytes(4),
    "a key that is no text": delimited(7, tag(1, VARINT) + b"\x01" + delimited(2, b"")),
}


@pytest.mark.parametrize("field", REFUSED.values(), ids=REFUSED)
def test_what_any_decoder_refuses_costs_its_point_alone(field):
    for packing in PACKINGS:
        events, result = otelue.split(point(field), otelue.options(packing=packing))
        assert (values(events), result.points_invalid) == ([1], 1)
        assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_MALFORMED)


@pytest.mark.parametrize("field", [4, 5], ids=["span_id", "trace_id"])
def test_an_exemplar_with_an_id_of_another_length_is_dropped_and_the_point_stays(field):
    right = {4: 8, 5: 16}[field]
    for size in (1, right - 1, right + 1, 32, 200):
        bad = delimited(5, b"\x31" + bytes(8) + delimited(field, bytes(size)))
        good = delimited(5, b"\x31" + bytes(8) + delimited(field, b"i" * right))
        none = delimited(5, b"\x31" + bytes(8) + delimited(field, b""))  # as no id at all
        events, result = otelue.split(point(good, bad, none, attribute(delimited(1, b"v"))))
        (_, row) = rows_of(events)
        assert [e.span_id + e.trace_id for e in row.point.exemplars] == [b"i" * right, b""]
        assert [a.key for a in row.point.attributes] == ["k"]
        assert (result.points_exported, result.exemplars_dropped) == (2, 1)


def test_a_point_that_is_malformed_and_too_large_is_not_cut_short():
    exemplar = delimited(5, b"\x31" + bytes(8) + delimited(7, delimited(1, b"k") + delimited(
        2, delimited(1, b"x" * 9000))))
    for end in (b"\x07", b"\x00\x00", tag(9, 4), b"\x7a"):
        bad = b"\x19" + b"\x01" * 8 + exemplar + end + attribute(delimited(1, b"v"))
        events, result = otelue.split(point(bad))
        assert (values(events), result.points_invalid, result.exemplars_dropped) == ([1], 1, 0)
        assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_MALFORMED)


def test_options_with_a_size_that_cannot_be_are_refused_unread():
    batch = Made().batch.finish()
    for size, error in ((0, otelue.EINVAL), (3, otelue.EINVAL), (4097, otelue.E2BIG), (0xFFFFFFFF, otelue.E2BIG)):
        opts = otelue.options()
        opts.struct_size = size
        with pytest.raises(otelue.Refused) as refused:
            otelue.encode(batch, opts)
        assert refused.value.errno == error
