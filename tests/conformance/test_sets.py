# SPDX-License-Identifier: Apache-2.0
"""Encoded attribute sets: points that refer to them are those that refer to records, for all kinds."""

import messages
import otelue
import pytest
from convert import Converter
from generate import POINTS
from rows import Row, rows

Request = messages.ExportMetricsServiceRequest


class WithSet(Converter):
    """Points of every kind, all of which refer to the bytes given as an encoded set."""

    def __init__(self, encoded):
        super().__init__()
        self.reference = self.batch.text(encoded)

    def attributes_of(self, p):
        return self.reference, 1


def row(kind, attributes=()):
    metric = messages.Metric(name=kind)
    data = getattr(metric, kind)
    data.SetInParent()
    if kind not in ("gauge", "summary"):
        data.aggregation_temporality = 1
    point = getattr(messages, POINTS[kind])(time_unix_nano=1)
    if kind in ("gauge", "sum"):
        point.as_int = 1
    point.attributes.extend(attributes)
    return Row(messages.ResourceMetrics(), messages.ScopeMetrics(), metric, point)


def encode_set(key_values):
    aside = Converter()
    run = aside.attributes(key_values, 7)
    return otelue.encode_attributes(aside.batch.finish(), *run)


def attributes(*values):
    found = []
    for i, value in enumerate(values):
        kv = messages.KeyValue(key=f"key {i}")
        kv.value.SetInParent()
        if value is not None:
            setattr(kv.value, {str: "string_value", int: "int_value", bytes: "bytes_value"}[type(value)], value)
        found.append(kv)
    return found


def outcome(encoded, wanted_attributes):
    """Encodes two points of every kind with the set, and says how many went out as with these attributes."""
    batch = WithSet(encoded).convert([row(kind) for kind in POINTS for _ in range(2)])
    wanted = [row(kind, wanted_attributes).bytes() for kind in POINTS for _ in range(2)]
    events, result = otelue.encode(batch, otelue.options(packing=otelue.PACK_REQUEST))
    found = [r for event in events for r in rows(Request.FromString(event))]
    assert result.adds_up() and found in ([], wanted)
    return len(found), result


@pytest.mark.parametrize("set_of", [(), ("",), ("v", -1, None), ("x" * 127,), ("x" * 128, "y" * 300), tuple(range(40))],
                         ids=lambda values: str(len(values)))
def test_points_of_all_kinds_have_the_attributes_of_their_set(set_of):
    key_values = attributes(*set_of)
    exported, result = outcome(encode_set(key_values), key_values)
    assert (exported, result.strings_as_bytes, result.values_emptied) == (10, 0, 0)


def test_what_was_changed_in_a_set_is_counted_at_each_use():
    """Two strings that are no text, and a list that lies too deep."""
    deep = messages.KeyValue(key="deep")
    value = deep.value
    for _ in range(46):
        value = value.array_value.values.add()
    key_values = attributes(b"a\xff", "text", b"b\xff") + [deep]
    exported, result = outcome(encode_set(key_values), key_values)
    assert (exported, result.strings_as_bytes, result.values_emptied) == (10, 20, 10)


def test_a_damaged_set_is_refused_for_points_of_all_kinds():
    good = encode_set(attributes("value", 7))
    for at in range(len(good)):
        for bad in (good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:], good[:at], good + good[:at + 1]):
            exported, result = outcome(bad, ())
            if bad:
                assert (exported, result.points_invalid, result.first_bad_reason) == (0, 10, otelue.REASON_ENCODED)
            else:
                assert exported == 10  # no bytes are no attributes


@pytest.mark.parametrize("size", range(8160, 8172))
def test_a_set_is_encoded_when_an_event_could_hold_it(size):
    key_values = attributes("x" * (size - 16))
    assert sum(3 + kv.ByteSize() for kv in key_values) == size
    if size <= 8168:
        assert len(encode_set(key_values)) == size + 32
        return
    with pytest.raises(otelue.Refused) as refused:
        encode_set(key_values)
    assert refused.value.errno == otelue.EMSGSIZE


def test_attributes_that_would_make_a_point_invalid_make_no_set():
    for run in ([(0, 0, 3, 0, 1)], [(32, 1, 8, 0, 0)], [(32, 1, 2, 0, 2)], [(4096, 1, 3, 0, 1)]):
        aside = otelue.Batch()
        aside.text("k")
        with pytest.raises(otelue.Refused) as refused:
            otelue.encode_attributes(aside.finish(), *aside.run("4IQ", run))
        assert refused.value.errno == otelue.EBADMSG
    aside = otelue.Batch()
    for off, length in ((32, 1), (36, 1), (0, 1), (0xFFFFFFF8, 1), (32, 0xFFFFFFFF)):
        with pytest.raises(otelue.Refused):
            otelue.encode_attributes(aside.finish(), off, length)
