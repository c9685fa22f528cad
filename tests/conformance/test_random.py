# SPDX-License-Identifier: Apache-2.0
"""Random batches and requests: what comes out is what went in, in the bytes that protoc would make of it.

OTELUE_SEED sets the first seed, OTELUE_RUNS how many are tried."""

import os
import random
import time

import convert
import messages
import otelue
from generate import Generator, limits
from rows import metrics, rows

RUNS = int(os.environ.get("OTELUE_RUNS", 10000))
FIRST_SEED = int(os.environ.get("OTELUE_SEED", time.time_ns() % 2**31))


def check_events(events, result, wanted, options):
    """Returns the decoded events."""
    decoded = [messages.ExportMetricsServiceRequest.FromString(e) for e in events]
    found = [row for request in decoded for row in rows(request)]
    for event, request in zip(events, decoded):
        assert event == request.SerializeToString(deterministic=True), "bytes"
        points = len(rows(request))
        assert len(event) <= (options.batch_bytes if points > 1 else options.max_event_bytes), "size"
        assert points == 1 or options.packing != otelue.PACK_POINT
        assert len(set(metrics(request))) == 1 or options.packing == otelue.PACK_REQUEST
    assert result.adds_up() and result.points_total == len(wanted) and result.points_invalid == 0
    assert (result.points_exported, result.events, result.bytes) == (len(found), len(events), sum(map(len, events)))
    if result.points_too_large == 0 and result.exemplars_dropped == 0:
        assert found == wanted, "rows"
    else:
        heads = [row[:3] for row in wanted]
        for row in found:  # in order, some missing
            del heads[:heads.index(row[:3]) + 1]


def run(seed):
    r = random.Random(seed)
    request = Generator(r, messages).request()
    options = otelue.options(*limits(r), packing=r.randrange(3))
    sets = convert.EncodedSets() if r.random() < 0.5 else None
    wanted = rows(request)
    events, result = otelue.encode(convert.to_batch(request, sets), options)
    check_events(events, result, wanted, options)
    again, split_result = otelue.split(request.SerializeToString(), options)
    check_events(again, split_result, wanted, options)
    assert again == events, "a batch and the same request encoded make the same events"
    return events


def test_random_requests():
    print(f"OTELUE_SEED={FIRST_SEED} OTELUE_RUNS={RUNS}")
    for seed in range(FIRST_SEED, FIRST_SEED + RUNS):
        try:
            run(seed)
        except Exception as error:
            raise AssertionError(f"OTELUE_SEED={seed} OTELUE_RUNS=1: {error}") from error


def test_protoc_writes_the_same_bytes():
    """The Python library, the oracle above, writes what protoc does."""
    checked = 0
    for seed in range(FIRST_SEED, FIRST_SEED + 300):
        for event in run(seed)[:3]:
            assert messages.protoc("encode", messages.protoc("decode", event)) == event or b"nan" in event
            checked += 1
    assert checked >= 100
