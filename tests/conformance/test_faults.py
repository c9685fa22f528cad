# SPDX-License-Identifier: Apache-2.0
"""One bad point costs itself alone, and one bad header the whole batch; nothing crashes."""

import random
import struct

import messages
import otelue
import pytest
from otelue import Batch

SUM, HISTOGRAM = 7, 9
INT = 3


class Three:
    """Three points, the second of which has the fault."""

    def __init__(self):
        self.batch = Batch()
        self.metric = self.add_metric("m")
        self.good = self.attributes("k", 1, *self.batch.text("v"))

    def add_metric(self, name, kind=SUM, **fields):
        fields = {"temporality": 1, **fields}
        return self.batch.add_metric(0, kind, self.batch.text(name), **fields)

    def attributes(self, key, kind, bits, length=0):
        return self.batch.run("4IQ", [(*self.batch.text(key), kind, length, bits)])

    def point(self, value=1, **fields):
        fields = {"metric": self.metric, "attributes": self.good, "value_type": INT, "as_int": value, **fields}
        self.batch.add_point(**fields)

    def values(self, **bad):
        """The values that come out, and the result."""
        self.point(1)
        self.point(2, **bad)
        self.point(3)
        events, result = otelue.encode(self.batch.finish())
        decoded = [messages.ExportMetricsServiceRequest.FromString(e) for e in events]
        assert result.adds_up()
        return [p.as_int for d in decoded for rm in d.resource_metrics for sm in rm.scope_metrics for m in sm.metrics
                for p in m.sum.data_points], result


def refused(reason, values_and_result):
    values, result = values_and_result
    assert (values, result.points_invalid, result.first_bad_point, result.first_bad_reason) == ([1, 3], 1, 1, reason)


@pytest.mark.parametrize("ref", [
    (0xFFFFFFF8, 1), (0xFFFFFFF8, 0xFFFFFFFF), (8, 1), (0, 1), (36, 1), (40, 0x10000000), (40, 0xFFFFFFFF),
])
def test_references_outside_the_batch(ref):
    refused(otelue.REASON_REFERENCE, Three().values(attributes=ref))
    refused(otelue.REASON_REFERENCE, Three().values(exemplars=ref))
    if ref[0] != 40:
        refused(otelue.REASON_REFERENCE, Three().values(metric=ref[0]))
        refused(otelue.REASON_REFERENCE, Three().values(value_type=HISTOGRAM, body=ref[0], metric=ref[0]))


def test_texts_outside_the_batch():
    for off, length in ((31, 1), (0xFFFFFFFF, 1), (32, 0xFFFFFFFF), (4096, 1)):
        t = Three()
        key = t.batch.run("4IQ", [(off, length, 1, 0, 0)])
        refused(otelue.REASON_REFERENCE, t.values(attributes=key))
        t = Three()
        refused(otelue.REASON_REFERENCE, t.values(attributes=t.attributes("k", 1, off, length)))
    t = Three()
    refused(otelue.REASON_REFERENCE, t.values(attributes=t.attributes("k", 1, 2**32 + 40, 1)))


def test_values_that_contain_themselves_or_point_up():
    for kind in (5, 6):
        for distance in (-1, 0, 1, 1000):
            t = Three()
            key = t.batch.text("k")
            at = len(t.batch.buffer) + -len(t.batch.buffer) % 8
            run = t.batch.run("4IQ", [(*key, kind, 1, at + 8 * distance)])
            refused(otelue.REASON_REFERENCE, t.values(attributes=run))


@pytest.mark.parametrize("bad, reason", [
    (dict(value_type=0), otelue.REASON_VALUE_TYPE),
    (dict(value_type=1), otelue.REASON_VALUE_TYPE),
    (dict(value_type=HISTOGRAM), otelue.REASON_VALUE_TYPE),
    (dict(body=40), otelue.REASON_RESERVED),
    (dict(form=2), otelue.REASON_RESERVED),
])
def test_points(bad, reason):
    refused(reason, Three().values(**bad))


@pytest.mark.parametrize("fields, reason", [
    (dict(kind=8), otelue.REASON_KIND),
    (dict(kind=0), otelue.REASON_KIND),
    (dict(temporality=0), otelue.REASON_TEMPORALITY),
    (dict(temporality=3), otelue.REASON_TEMPORALITY),
    (dict(monotonic=2), otelue.REASON_TEMPORALITY),
    (dict(kind=5), otelue.REASON_TEMPORALITY),
    (dict(kind=HISTOGRAM, monotonic=1), otelue.REASON_TEMPORALITY),
    (dict(name=b"\xff"), otelue.REASON_TEXT),
])
def test_metrics(fields, reason):
    t = Three()
    fields = {"name": "other", **fields}
    refused(reason, t.values(metric=t.add_metric(**fields)))


@pytest.mark.parametrize("attribute, reason", [
    ((b"\xc3", 3, 1), otelue.REASON_TEXT),
    (("k", 8, 1), otelue.REASON_ATTRIBUTE_TYPE),
    (("k", 2, 2), otelue.REASON_ATTRIBUTE_TYPE),
])
def test_attributes(attribute, reason):
    t = Three()
    refused(reason, t.values(attributes=t.attributes(*attribute)))


def test_bucket_counts_fit_bounds():
    for bounds, counts in ((1, 1), (0, 2), (2, 0), (1, 3)):
        t = Three()
        metric = t.add_metric("h", HISTOGRAM)
        refs = t.batch.run("d", [(1.0,)] * bounds) + t.batch.run("Q", [(1,)] * counts)
        body = t.batch.pack("Q3d6IQ", 1, 0, 0, 0, 0, 0, *refs, 0)
        refused(otelue.REASON_BUCKETS, t.values(metric=metric, value_type=HISTOGRAM, body=body))


def test_strings_that_are_not_utf8_go_out_as_bytes():
    t = Three()
    values, result = t.values(attributes=t.attributes("k", 1, *t.batch.text(b"a\xff")))
    assert (values, result.strings_as_bytes, result.first_bad_reason) == ([1, 2, 3], 1, 0)
    events, _ = otelue.encode(t.batch.finish())
    assert b"\x12\x04\x3a\x02a\xff" in events[0]


def test_an_encoded_set_with_any_bit_changed_is_refused():
    aside = Batch()
    run = aside.run("4IQ", [(*aside.text("key"), 1, 5, aside.text("value")[0]), (*aside.text("n"), 3, 0, 7)])
    good = otelue.encode_attributes(aside.finish(), *run)
    for i in range(8 * len(good)):
        bad = bytearray(good)
        bad[i // 8] ^= 1 << i % 8
        t = Three()
        refused(otelue.REASON_ENCODED, t.values(attributes=t.batch.text(bytes(bad)), form=1))
    for length in range(1, len(good)):
        t = Three()
        refused(otelue.REASON_ENCODED, t.values(attributes=t.batch.text(good[:length]), form=1))
    t = Three()
    assert t.values(attributes=t.batch.text(good), form=1)[0] == [1, 2, 3]


def test_headers():
    t = Three()
    t.values()
    good = t.batch.finish()

    def code(batch):
        with pytest.raises(otelue.Refused) as error:
            otelue.encode(batch)
        return error.value.errno

    def with_fault(at, layout, value):
        bad = bytearray(good)
        struct.pack_into("=" + layout, bad, at, value)
        return bytes(bad)

    assert code(with_fault(0, "I", 1)) == otelue.EBADMSG                      # magic
    assert code(with_fault(4, "H", 2)) == otelue.EOPNOTSUPP                  # version
    assert code(with_fault(6, "H", 40)) == otelue.EBADMSG                     # header_size
    assert code(with_fault(8, "I", len(good) + 1)) == otelue.EBADMSG          # total_size
    assert code(with_fault(8, "I", 31)) == otelue.EBADMSG
    assert code(with_fault(12, "I", 1)) == otelue.EOPNOTSUPP                 # flags
    assert code(with_fault(16, "I", 36)) == otelue.EBADMSG                    # points: misaligned
    assert code(with_fault(16, "I", 0)) == otelue.EBADMSG                     # inside the header
    assert code(with_fault(20, "I", 4)) == otelue.EBADMSG                     # too many
    assert code(with_fault(20, "I", 0xFFFFFFFF)) == otelue.EBADMSG
    assert code(with_fault(28, "I", 1)) == otelue.EBADMSG                     # reserved
    for length in range(len(good)):
        assert code(good[:length]) == otelue.EBADMSG


def test_exemplars_go_first_then_the_point():
    exemplars = [(1, 3, 0, 1, 0.0, bytes(16), bytes(8), 0, 0)] * 500
    t = Three()
    values, result = t.values(exemplars=t.batch.run("Q2Iqd16s8s2I", exemplars))
    # Each takes 20 bytes: 406 of them make an event of 8159 bytes.
    assert (values, result.exemplars_dropped, result.points_too_large) == ([1, 2, 3], 500 - 406, 0)
    t = Three()
    large = t.attributes("k", 1, *t.batch.text("x" * 9000))
    values, result = t.values(attributes=large, exemplars=t.batch.run("Q2Iqd16s8s2I", exemplars))
    assert (values, result.exemplars_dropped, result.points_too_large) == ([1, 3], 0, 1)
    assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_TOO_LARGE)


def nested(t, kind, depth):
    """A value with so many containers around an int, as the fields of an otelue_value."""
    value = (3, 0, 1)
    for _ in range(depth):
        if kind == 5:
            value = (5, 1, t.batch.run("2IQ", [value])[0])
        else:
            value = (6, 1, t.batch.run("4IQ", [(*t.batch.text("k"), *value)])[0])
    return value


@pytest.mark.parametrize("kind, deepest", [(5, 46), (6, 31)])
def test_nesting_ends_where_decoders_end(kind, deepest):
    """Decoders refuse messages more than 100 deep: protoc and the Python library must read what comes out."""
    for depth, emptied in ((deepest, 0), (deepest + 1, 1), (64, 1), (65, 1), (500, 1)):
        t = Three()
        attributes = t.batch.run("4IQ", [(*t.batch.text("k"), *nested(t, kind, depth))])
        values, result = t.values(attributes=attributes)
        assert (values, result.values_emptied) == ([1, 2, 3], emptied), depth
        events, _ = otelue.encode(t.batch.finish())
        messages.protoc("decode", events[0])


def test_shared_values_that_multiply_end_soon():
    t = Three()
    value = (3, 0, 1)
    for _ in range(40):
        value = (5, 10, t.batch.run("2IQ", [value] * 10)[0])
    values, result = t.values(attributes=t.batch.run("4IQ", [(*t.batch.text("k"), *value)]))
    assert (values, result.points_too_large) == ([1, 3], 1)


def test_random_bytes_never_crash():
    r = random.Random(7)
    t = Three()
    t.values()
    good = t.batch.finish()
    for _ in range(20000):
        bad = bytearray(good)
        for _ in range(r.randrange(1, 8)):
            at = r.randrange(len(bad))
            bad[at] = r.choice((0, 1, 5, 6, 32, 40, 0x7F, 0xFF, r.randrange(256)))
        try:
            events, result = otelue.encode(bytes(bad), otelue.options(packing=r.randrange(3)))
        except otelue.Refused:
            continue
        assert result.adds_up()
        for event in events:
            messages.ExportMetricsServiceRequest.FromString(event)
