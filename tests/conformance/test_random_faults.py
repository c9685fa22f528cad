# SPDX-License-Identifier: Apache-2.0
"""A known fault in a batch costs exactly the points that refer to it, for exactly that reason; random ones add up."""

import collections
import random
import struct

import messages
import otelue
import reference
from convert import EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, KINDS, SUM, SUMMARY, Converter
from generate import Generator
from rows import rows as rows_of
from seeds import generator, named, seeds

Request = messages.ExportMetricsServiceRequest


class Batch:
    """Where the records of a batch lie. Nothing but resources, scopes and metrics is shared."""

    def __init__(self, rows):
        self.rows = rows
        self.bytes = bytearray(Converter().convert(rows))
        self.points, = struct.unpack_from("=I", self.bytes, 16)

    def get(self, at):
        return struct.unpack_from("=I", self.bytes, at)[0]

    def set(self, at, *numbers):
        struct.pack_into(f"={len(numbers)}I", self.bytes, at, *numbers)

    def point(self, i):
        return self.points + 64 * i

    def kind(self, i):
        return KINDS[self.rows[i].metric.WhichOneof("data")]


# A fault: what puts it in, given the offset of a record, and the reason for which points are then refused.
OUTSIDE = 0xFFFFFFF8
POINT = {
    "a metric that is misaligned": (lambda b, at: b.set(at, b.get(at) + 4), otelue.REASON_REFERENCE),
    "a metric outside the batch": (lambda b, at: b.set(at, OUTSIDE), otelue.REASON_REFERENCE),
    "a metric in the header": (lambda b, at: b.set(at, 8), otelue.REASON_REFERENCE),
    "attributes outside the batch": (lambda b, at: b.set(at + 24, OUTSIDE, 1), otelue.REASON_REFERENCE),
    "too many attributes": (lambda b, at: b.set(at + 24, 32, 0x40000000), otelue.REASON_REFERENCE),
    "an unknown form of attributes": (lambda b, at: struct.pack_into("=H", b.bytes, at + 42, 2), otelue.REASON_RESERVED),
    "an encoded set that is none": (
        lambda b, at: (b.set(at + 24, 32, 40), struct.pack_into("=H", b.bytes, at + 42, 1)), otelue.REASON_ENCODED),
    "a type of another kind": (lambda b, at: struct.pack_into("=H", b.bytes, at + 40, 1), otelue.REASON_VALUE_TYPE),
}
NUMBER = {"a body": (lambda b, at: b.set(at + 44, 32), otelue.REASON_RESERVED)}
WITH_BODY = {
    "a body that is misaligned": (lambda b, at: b.set(at + 44, b.get(at + 44) + 4), otelue.REASON_REFERENCE),
    "no body": (lambda b, at: b.set(at + 44, 0), otelue.REASON_REFERENCE),
}
NOT_SUMMARY = {"exemplars outside the batch": (lambda b, at: b.set(at + 32, OUTSIDE, 1), otelue.REASON_REFERENCE)}
BODY = {
    HISTOGRAM: {
        "an unknown bit": (lambda b, at: b.set(at + 32, b.get(at + 32) | 8), otelue.REASON_RESERVED),
        "a reserved field": (lambda b, at: b.set(at + 36, 1), otelue.REASON_RESERVED),
        "another reserved field": (lambda b, at: b.set(at + 60, 1), otelue.REASON_RESERVED),
        "a count too many": (lambda b, at: b.set(at + 48, 32, b.get(at + 44) + 2), otelue.REASON_BUCKETS),
        "bounds outside the batch": (lambda b, at: b.set(at + 40, OUTSIDE, 1), otelue.REASON_REFERENCE),
    },
    EXPONENTIAL_HISTOGRAM: {
        "an unknown bit": (lambda b, at: b.set(at + 32, b.get(at + 32) | 32), otelue.REASON_RESERVED),
        "a reserved field": (lambda b, at: b.set(at + 92, 1), otelue.REASON_RESERVED),
        "counts that are misaligned": (lambda b, at: b.set(at + 64, 36, 1), otelue.REASON_REFERENCE),
        "counts outside the batch": (lambda b, at: b.set(at + 72, OUTSIDE, 1), otelue.REASON_REFERENCE),
    },
    SUMMARY: {
        "a reserved field": (lambda b, at: b.set(at + 24, 1), otelue.REASON_RESERVED),
        "quantiles outside the batch": (lambda b, at: b.set(at + 16, OUTSIDE, 1), otelue.REASON_REFERENCE),
    },
}
ATTRIBUTE = {
    "a key outside the batch": (lambda b, at: b.set(at, OUTSIDE, 9), otelue.REASON_REFERENCE),
    "an unknown type": (lambda b, at: b.set(at + 8, 8), otelue.REASON_ATTRIBUTE_TYPE),
    "a bool of 2": (lambda b, at: b.set(at + 8, 2, 0, 2, 0), otelue.REASON_ATTRIBUTE_TYPE),
    "a bool of 2^32": (lambda b, at: b.set(at + 8, 2, 0, 0, 1), otelue.REASON_ATTRIBUTE_TYPE),
    "a string outside the batch": (lambda b, at: b.set(at + 8, 1, 1, 0xFFFFFFFF, 0), otelue.REASON_REFERENCE),
    "an array that contains itself": (lambda b, at: b.set(at + 8, 5, 1, at + 8, 0), otelue.REASON_REFERENCE),
    "a list that points up": (lambda b, at: b.set(at + 8, 6, 1, at + 24, 0), otelue.REASON_REFERENCE),
}
EXEMPLAR = {
    "an unknown bit": (lambda b, at: b.set(at + 12, 1), otelue.REASON_RESERVED),
    "a type that is no number": (lambda b, at: b.set(at + 8, 1), otelue.REASON_VALUE_TYPE),
    "attributes outside the batch": (lambda b, at: b.set(at + 56, OUTSIDE, 1), otelue.REASON_REFERENCE),
}
METRIC = {
    "an unknown kind": (lambda b, at: b.set(at + 4, 8), otelue.REASON_KIND),
    "a temporality of 3": (lambda b, at: b.set(at + 40, 3), otelue.REASON_TEMPORALITY),
    "is_monotonic of 2": (lambda b, at: b.set(at + 44, 2), otelue.REASON_TEMPORALITY),
    "a reserved field": (lambda b, at: b.set(at + 52, 1), otelue.REASON_RESERVED),
    "a name outside the batch": (lambda b, at: b.set(at + 8, OUTSIDE, 9), otelue.REASON_REFERENCE),
    "metadata outside the batch": (lambda b, at: b.set(at + 32, OUTSIDE, 1), otelue.REASON_REFERENCE),
    "a scope that is misaligned": (lambda b, at: b.set(at, 36), otelue.REASON_REFERENCE),
}
SCOPE = {
    "a reserved field": (lambda b, at: b.set(at + 44, 1), otelue.REASON_RESERVED),
    "a name outside the batch": (lambda b, at: b.set(at + 8, OUTSIDE, 9), otelue.REASON_REFERENCE),
    "a schema URL in the header": (lambda b, at: b.set(at + 24, 0, 4), otelue.REASON_REFERENCE),
    "a resource that is misaligned": (lambda b, at: b.set(at, 36), otelue.REASON_REFERENCE),
}
RESOURCE = {
    "a reserved field": (lambda b, at: b.set(at + 28, 1), otelue.REASON_RESERVED),
    "another reserved field": (lambda b, at: b.set(at + 36, 1), otelue.REASON_RESERVED),
    "entity references outside the batch": (lambda b, at: b.set(at + 16, OUTSIDE, 1), otelue.REASON_REFERENCE),
    "attributes outside the batch": (lambda b, at: b.set(at, OUTSIDE, 1), otelue.REASON_REFERENCE),
}


def faults_of_point(b, i):
    """(name, what puts it in, reason, offset) of every fault that a point can have."""
    at, kind, point = b.point(i), b.kind(i), b.rows[i].point
    tables = [("point", POINT, at)]
    tables.append(("number", NUMBER, at) if kind in (GAUGE, SUM) else ("with body", WITH_BODY, at))
    if kind != SUMMARY:
        tables.append(("not a summary", NOT_SUMMARY, at))
    if kind in BODY:
        tables.append((f"body {kind}", BODY[kind], b.get(at + 44)))
    if point.attributes:
        tables.append(("attribute", ATTRIBUTE, b.get(at + 24) + 24 * (len(point.attributes) - 1)))
    if kind != SUMMARY and point.exemplars:
        tables.append(("exemplar", EXEMPLAR, b.get(at + 32) + 64 * (len(point.exemplars) - 1)))
    return [(f"{what}: {name}", put_in, reason, where) for what, table, where in tables
            for name, (put_in, reason) in table.items()]


def faults_of_heads(b, i):
    """The same for the records that a point shares, with the number of the row's field that it shares them with."""
    metric = b.get(b.point(i))
    scope = b.get(metric)
    tables = [("metric", METRIC, metric, 2)]
    if scope:
        tables.append(("scope", SCOPE, scope, 1))
        resource = b.get(scope) or b.get(24)
        if resource:
            tables.append(("resource", RESOURCE, resource, 0))
    return [(f"{what}: {name}", put_in, reason, where, level) for what, table, where, level in tables
            for name, (put_in, reason) in table.items()]


def run(seed, seen):
    r = random.Random(seed)
    rows = [row for row in Generator(r, messages).rows() if reference.whole(Request, [row]).ByteSize() < 60000]
    if not rows:
        return
    b = Batch(rows)
    refused = {}
    if r.random() < 0.6:
        for i in r.sample(range(len(rows)), min(len(rows), r.choice((1, 1, 1, 2, 5)))):
            name, put_in, refused[i], where = r.choice(faults_of_point(b, i))
            put_in(b, where)
            seen[name] += 1
    else:
        i = r.randrange(len(rows))
        name, put_in, reason, where, level = r.choice(faults_of_heads(b, i))
        put_in(b, where)
        refused = {k: reason for k, row in enumerate(rows) if row[level] is rows[i][level]}
        seen[name] += 1
    wanted = [row.bytes() for i, row in enumerate(rows) if i not in refused]
    events, result = otelue.encode(b.bytes, otelue.options(r.choice((1, 4048, 65360)), 65360, r.randrange(3)))
    assert [row for event in events for row in rows_of(Request.FromString(event))] == wanted
    assert (result.points_total, result.points_exported, result.points_invalid, result.points_too_large) == (
        len(rows), len(wanted), len(refused), 0)
    assert (result.first_bad_point, result.first_bad_reason) == (min(refused), refused[min(refused)])


def test_a_fault_costs_the_points_that_refer_to_it():
    seen = collections.Counter()
    cases = seeds(3000)
    for seed in cases:
        with named(seed):
            run(seed, seen)
    tables = (POINT, NUMBER, WITH_BODY, NOT_SUMMARY, *BODY.values(), ATTRIBUTE, EXEMPLAR, METRIC, SCOPE, RESOURCE)
    assert len(seen) == sum(map(len, tables)) or len(cases) < 3000  # every fault had its turn


def test_batches_with_random_faults_add_up_and_decode():
    r = generator()
    words = (0, 1, 2, 4, 8, 31, 32, 36, 40, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF)
    outcomes = collections.Counter()
    for number in range(200):
        good = Converter(sets=number % 2 == 0, random=r).convert(Generator(r, messages).rows())
        for _ in range(30):
            bad = bytearray(good)
            for _ in range(r.randrange(1, 6)):
                at = r.randrange(0 if r.random() < 0.1 else min(32, len(bad) - 4), len(bad) - 3)
                if r.random() < 0.5:
                    word = r.choice((*words, r.randrange(len(bad)) & ~7))
                    struct.pack_into("=I", bad, at & ~3, word)
                else:
                    bad[at] ^= 1 << r.randrange(8)
            try:
                events, result = otelue.encode(bad, otelue.options(packing=r.randrange(3)))
            except otelue.Refused as error:
                assert error.errno in (otelue.EBADMSG, otelue.EOPNOTSUPP)
                outcomes["refused"] += 1
                continue
            outcomes["invalid" if result.points_invalid else "valid"] += 1
            assert result.adds_up() and result.points_unwritten == result.points_unheard == 0
            decoded = [Request.FromString(event) for event in events]
            assert result.points_exported == sum(len(rows_of(request)) for request in decoded)
            assert (result.events, result.bytes) == (len(events), sum(map(len, events)))
            assert [request.SerializeToString(deterministic=True) for request in decoded] == events
    assert min(outcomes[name] for name in ("refused", "invalid", "valid")) > 100, outcomes
