# SPDX-License-Identifier: Apache-2.0
"""`watch` calls undecodable just what the official decoder refuses."""

import random

import messages
import pytest
from command import GOLDEN, SUMMARY, entry, header, recording, run
from google.protobuf.message import DecodeError
from seeds import seeds

CASES = [bytes.fromhex("".join(path.read_text().split())) for path in sorted(GOLDEN.glob("*.hex"))]


def field(number, content):
    return messages.varint(number << 3 | 2) + messages.varint(len(content)) + content


def decode(event):
    """The number of points, or None."""
    try:
        request = messages.ExportMetricsServiceRequest.FromString(event)
    except DecodeError:
        return None
    return sum(len(getattr(metric, metric.WhichOneof("data")).data_points)
               for resource in request.resource_metrics for scope in resource.scope_metrics
               for metric in scope.metrics if metric.WhichOneof("data"))


def assert_agreement(events):
    expected = [decode(event) for event in events]
    done = run("watch", "-", data=recording(*events))
    refused = expected.count(None)
    points = sum(count for count in expected if count is not None)
    summary = SUMMARY.format(len(events), points, sum(map(len, events)), 0, refused)
    if done.error != summary + "\n" and len(events) > 1:
        for event in events:
            assert_agreement([event])
    assert done.error == summary + "\n", (events[0].hex(), expected)
    assert done.status == (1 if refused else 0)
    assert sum(line.startswith("# undecodable: ") for line in done.lines) == refused
    assert len(done.points) == points


def damaged(seed):
    chance = random.Random(seed)
    event = bytearray(chance.choice(CASES))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(event))
        how = chance.randrange(5)
        if how == 0:
            event[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            event[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, 0x0B, 0x0C, 0x0A, 0x78])
        elif how == 2:
            del event[at:at + chance.randint(1, 8)]
        elif how == 3:
            event[at:at] = chance.randbytes(chance.randint(1, 8))
        else:
            other = chance.choice(CASES)
            begin = chance.randrange(len(other))
            event[at:at] = other[begin:begin + chance.randint(1, 40)]
        if not event:
            break
    return bytes(event or b"\xff")


def test_damaged_events():
    events = [damaged(seed) for seed in seeds(3000)]
    verdicts = [decode(event) for event in events]
    assert len(events) < 100 or 0.05 < verdicts.count(None) / len(events) < 0.95
    assert_agreement(events)


def test_every_byte_changed_and_every_end():
    event = CASES[0]
    assert_agreement([event[:i] + bytes([event[i] ^ flip]) + event[i + 1:]
                      for i in range(len(event)) for flip in (0x01, 0x80, 0xFF)])
    assert_agreement([event[:size] for size in range(len(event))])


STRINGS = {
    "resource schema": lambda text: field(1, field(3, text)),
    "entity type": lambda text: field(1, field(1, field(3, field(2, text)))),
    "scope schema": lambda text: field(1, field(2, field(3, text))),
    "scope name": lambda text: field(1, field(2, field(1, field(1, text)))),
    "scope version": lambda text: field(1, field(2, field(1, field(2, text)))),
    "metric name": lambda text: field(1, field(2, field(2, field(1, text)))),
    "metric description": lambda text: field(1, field(2, field(2, field(2, text)))),
    "metric unit": lambda text: field(1, field(2, field(2, field(3, text)))),
    "key": lambda text: field(1, field(1, field(1, field(1, text)))),
    "value": lambda text: field(1, field(1, field(1, field(2, field(1, text))))),
    "point key": lambda text: field(1, field(2, field(2, field(5, field(1, field(7, field(1, text))))))),
}


@pytest.mark.parametrize("where", STRINGS)
def test_text_that_is_not_utf8_is_refused_in_every_field(where):
    texts = [b"\xff", b"a\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf8\x88\x80\x80\x80"]
    events = [STRINGS[where](text) for text in texts]
    assert [decode(event) for event in events] == [None] * len(texts)
    assert_agreement(events)
    assert_agreement([STRINGS[where](text) for text in (b"", b"plain", "tür\U0001f600\ufffe".encode())])


def test_nesting_is_refused_at_the_same_depth():
    events = []
    value = field(1, b"x")
    for _ in range(60):
        value = field(5, field(1, value))
        events.append(field(1, field(1, field(1, field(2, value)))))
    verdicts = [decode(event) is None for event in events]
    assert True in verdicts and False in verdicts
    assert_agreement(events)
    groups = [b"\x0b" * depth + b"\x0c" * depth for depth in range(1, 130)]
    assert_agreement(groups)


def test_an_empty_event_is_an_empty_request():
    done = run("watch", "-", data=header() + entry(b""))
    assert (done.status, done.output) == (0, b"") and SUMMARY.format(1, 0, 0, 0, 0) in done.error
