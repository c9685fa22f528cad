# SPDX-License-Identifier: Apache-2.0
"""Random batches and requests at any limits: the events are those of the reference, byte for byte."""

import concurrent.futures
import itertools
import random

import messages
import otelue
import reference
from convert import Converter
from generate import Generator, limits
from rows import metrics
from seeds import named, seeds

Request = messages.ExportMetricsServiceRequest


def check(events, result, expected, options, total, changes):
    bad = expected.first_bad is not None
    found = {name: getattr(result, name) for name, _ in result._fields_}
    assert found == dict(
        struct_size=72, listening=0, points_total=total, points_exported=len(expected.rows), points_invalid=0,
        points_too_large=expected.too_large, points_unwritten=0, points_unheard=0, strings_as_bytes=changes[0],
        values_emptied=changes[1], exemplars_dropped=expected.exemplars_dropped, events=len(events),
        bytes=sum(map(len, events)), first_bad_point=expected.first_bad or 0,
        first_bad_reason=expected.first_bad_reason, last_errno=0, step=0)
    if not bad:
        assert events == [e.SerializeToString(deterministic=True) for e in expected.events]
        return
    # A point that is too large may end an event or not; all else is certain.
    left = iter(expected.rows)
    for event in events:
        rows = list(itertools.islice(left, len(metrics(Request.FromString(event)))))
        assert event == reference.whole(Request, rows).SerializeToString(deterministic=True)
        assert len(event) <= (otelue.limit_of(event, options) if len(rows) > 1 else options.max_event_bytes)
        assert len(rows) == 1 or options.packing != otelue.PACK_POINT
        assert len({id(row.metric) for row in rows}) == 1 or options.packing == otelue.PACK_REQUEST
    assert next(left, None) is None


def run(seed):
    r = random.Random(seed)
    rows = Generator(r, messages).rows()
    sizes = [reference.whole(Request, [row]).ByteSize() for row in rows]
    options = otelue.options(*limits(r, sizes), packing=r.randrange(3))
    expected = reference.expected_of(Request, rows, options)
    events, result = otelue.encode(Converter(sets=r.random() < 0.5, random=r).convert(rows), options)
    changes = [reference.changes(Request.FromString(event)) for event in events]
    check(events, result, expected, options, len(rows), [sum(c) for c in zip((0, 0), *changes)])
    check(*otelue.split(reference.whole(Request, rows).SerializeToString(), options), expected, options, len(rows), (0, 0))
    return events


def run_several(cases):
    """Their number of events. protoc, which nothing here is made of, takes those in one piece: requests that follow
    each other are one request."""
    events = []
    for seed in cases:
        with named(seed):
            events += run(seed)
    together = b"".join(events)
    assert messages.protoc("encode", messages.protoc("decode", together)) == together, cases
    return len(events)


def test_events_are_those_of_the_reference_and_of_protoc():
    cases = seeds(10_000)
    with concurrent.futures.ProcessPoolExecutor() as pool:
        events = sum(pool.map(run_several, [cases[i:i + 25] for i in range(0, len(cases), 25)]))
    assert events > 3 * len(cases) or len(cases) < 1000
