# SPDX-License-Identifier: Apache-2.0
"""Events of every size around those where a length takes another byte, or an event is full, for every kind of point."""

import bisect
import concurrent.futures
import itertools

import messages
import otelue
import pytest
import reference
from convert import Converter
from generate import POINTS
from rows import Row

Request = messages.ExportMetricsServiceRequest
AROUND = (127, 128, 4048, 8168, 16383, 16384)
SIZES = sorted({size + d for size in AROUND for d in range(-40, 41)} | set(range(100, 420)))
LARGEST = otelue.options(65360, 65360, otelue.PACK_REQUEST)


def row_of(kind, padding, where):
    """A row, with so much padding in its point, metric, scope or resource."""
    rm, sm = messages.ResourceMetrics(), messages.ScopeMetrics()
    metric = messages.Metric(name="m")
    data = getattr(metric, kind)
    data.SetInParent()
    if kind not in ("gauge", "summary"):
        data.aggregation_temporality = 2
    point = getattr(messages, POINTS[kind])(time_unix_nano=1)
    if kind in ("gauge", "sum"):
        point.as_int = 1
    else:
        point.count = 3
    text = "x" * padding
    if where == "point":
        point.attributes.add(key="k").value.string_value = text
    elif where == "metric":
        metric.description = text
    elif where == "tail":
        metric.metadata.add(key="k").value.string_value = text
    elif where == "scope":
        sm.scope.name = text
    else:
        rm.resource.attributes.add(key="k").value.string_value = text
    return Row(rm, sm, metric, point)


def encode_both(rows, options):
    events, result = otelue.encode(Converter().convert(rows), options)
    again, split_result = otelue.split(reference.whole(Request, rows).SerializeToString(), options)
    assert again == events
    for name in ("points_exported", "points_too_large", "events", "bytes", "first_bad_point", "first_bad_reason"):
        assert getattr(result, name) == getattr(split_result, name)
    return events, result


def sweep(kind, where):
    """One event of every size that the padding can reach. Returns these sizes."""
    found = {}
    paddings = range(16500)

    def size_of(padding):
        return reference.whole(Request, [row_of(kind, padding, where)]).ByteSize()

    for size in SIZES:
        padding = bisect.bisect_left(paddings, size, key=size_of)
        if size_of(padding) != size:
            continue  # no padding gives it: a length takes one more byte
        row = row_of(kind, padding, where)
        wanted = reference.whole(Request, [row]).SerializeToString()
        events, result = encode_both([row], LARGEST)
        assert events == [wanted] and len(wanted) == size
        # The limit itself is enough, and a byte less is not.
        events, result = encode_both([row], otelue.options(size, size))
        assert events == [wanted]
        events, result = encode_both([row], otelue.options(size - 1, size - 1))
        assert (events, result.points_too_large, result.first_bad_reason) == ([], 1, otelue.REASON_TOO_LARGE)
        found[size] = wanted
    # protoc agrees, on all of them in one piece.
    together = b"".join(found.values())
    assert messages.protoc("encode", messages.protoc("decode", together)) == together
    return sorted(found)


def test_one_point_in_events_of_every_size():
    cases = list(itertools.product(POINTS, ("point", "metric", "tail", "scope", "resource")))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for case, sizes in zip(cases, pool.map(sweep, *zip(*cases))):
            missing = set(SIZES) - set(sizes)
            # Each of the eight lengths at most takes another byte, and so skips a size, twice.
            assert len(missing) <= 16 and not missing & {4048, 4049, 8168, 8169}, (case, missing)


@pytest.mark.parametrize("packing", range(3))
@pytest.mark.parametrize("kind", POINTS)
def test_several_points_up_to_a_limit_of_every_size(kind, packing):
    """As many as fit, and not one more, whether they share a metric or not."""
    shared = row_of(kind, 0, "point")
    rows = [shared._replace(point=row_of(kind, n % 23, "point").point) for n in range(150)]
    rows += [row_of(kind, n % 23, "point")._replace(rm=shared.rm, sm=shared.sm) for n in range(50)]
    for limit in sorted({size + d for size in AROUND for d in (-2, -1, 0, 1, 2)} | {256, 257, 300, 1000}):
        options = otelue.options(limit, max(limit, 300), packing)
        expected = reference.expected_of(Request, rows, options)
        events, result = encode_both(rows, options)
        assert events == [event.SerializeToString() for event in expected.events]
        assert (result.points_exported, result.points_too_large) == (200, 0)
    together = b"".join(events)
    assert messages.protoc("encode", messages.protoc("decode", together)) == together


def test_thousands_of_metrics_share_events_and_what_is_around_them():
    """In whole-request packing, resource and scope are written once per event, and order is kept."""
    rm = messages.ResourceMetrics(schema_url="schema")
    rm.resource.attributes.add(key="service.name").value.string_value = "the only shop"
    scopes = [messages.ScopeMetrics(scope=messages.InstrumentationScope(name=f"meter {i}")) for i in range(2)]
    rows = [row_of("sum", n % 7, "point")._replace(rm=rm, sm=scopes[n // 2500],
                                                   metric=messages.Metric(name=f"metric {n}", sum=messages.Sum(
                                                       aggregation_temporality=1))) for n in range(5000)]
    batch = Converter().convert(rows)
    for target_event_bytes, most in ((4048, 8168), (8168, 8168), (300, 300), (1000, 4000), (65360, 65360)):
        options = otelue.options(target_event_bytes, most, otelue.PACK_REQUEST)
        expected = reference.expected_of(Request, rows, options)
        events, result = otelue.encode(batch, options)
        assert events == [event.SerializeToString() for event in expected.events]
        assert result.points_exported == 5000
        names = []
        for event in map(Request.FromString, events):
            assert len(event.resource_metrics) == 1
            assert len(event.resource_metrics[0].scope_metrics) <= 2
            names += [m.name for sm in event.resource_metrics[0].scope_metrics for m in sm.metrics]
        assert names == [f"metric {n}" for n in range(5000)]
        assert all(event.count(b"the only shop") == 1 for event in events)
