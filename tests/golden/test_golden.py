# SPDX-License-Identifier: Apache-2.0
"""Events equal `protoc --encode` of the same message, and the bytes that are checked in."""

import pathlib

import convert
import messages
import otelue
import pytest
from google.protobuf import text_format

CASES = sorted(pathlib.Path(__file__).parent.glob("*.textproto"))
LARGE = dict(target_event_bytes=65360, max_event_bytes=65360, packing=otelue.PACK_REQUEST)


def request_of(case):
    return text_format.Parse(case.read_text(), messages.ExportMetricsServiceRequest())


def is_set(message, seen):
    for field, value in message.ListFields():
        seen.add(f"{message.DESCRIPTOR.name}.{field.name}")
        if field.message_type:
            for inner in value if field.is_repeated else [value]:
                is_set(inner, seen)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.stem)
def test_bytes(case):
    expected = messages.protoc("encode", case.read_bytes())
    assert expected.hex() == "".join(case.with_suffix(".hex").read_text().split())
    events, result = otelue.split(expected, otelue.options(**LARGE))
    assert [e.hex() for e in events] == [expected.hex()]
    for sets in (False, True):
        events, result = otelue.encode(convert.to_batch(request_of(case), sets), otelue.options(**LARGE))
        assert (result.first_bad_reason, [e.hex() for e in events]) == (0, [expected.hex()])


def test_every_field_is_covered():
    from test_schema import fields
    seen = set()
    for case in CASES:
        is_set(request_of(case), seen)
    assert seen == set(fields(messages.ExportMetricsServiceRequest.DESCRIPTOR))
