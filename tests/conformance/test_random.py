# SPDX-License-Identifier: Apache-2.0
"""Random batches and requests at any limits: the events are those of the reference, byte for byte.

OTELUE_SEED sets the first seed, OTELUE_RUNS how many are tried."""

import concurrent.futures
import itertools
import os
import random
import time

import messages
import otelue
import reference
from convert import Converter
from generate import Generator, limits
from rows import metrics

RUNS = int(os.environ.get("OTELUE_RUNS", 10000))
FIRST_SEED = int(os.environ.get("OTELUE_SEED", time.time_ns() % 2**31))


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


def run_several(seeds):
    """Their number of events. protoc, which nothing here is made of, takes those in one piece: requests that follow
    each other are one request."""
    events = []
    for seed in seeds:
        try:
            events += run(seed)
        except Exception as error:
            raise AssertionError(f"OTELUE_SEED={seed} OTELUE_RUNS=1: {error!r}") from error
    together = b"".join(events)
    assert messages.protoc("encode", messages.protoc("decode", together)) == together, seeds
    return len(events)


def test_events_are_those_of_the_reference_and_of_protoc():
    print(f"OTELUE_SEED={FIRST_SEED} OTELUE_RUNS={RUNS}")
    seeds = range(FIRST_SEED, FIRST_SEED + RUNS)
    with concurrent.futures.ProcessPoolExecutor() as pool:
        events = sum(pool.map(run_several, [seeds[i:i + 25] for i in range(0, RUNS, 25)]))
    assert events > 3 * RUNS or RUNS < 1000
