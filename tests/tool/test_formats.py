# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON and encoded requests, judged by what is not ours: Google's json_format with the official descriptors, and
the Collector's own package."""

import base64
import json
import math
import pathlib
import random
import struct
import subprocess

import messages
import pytest
from command import GOLDEN, SUMMARY, entry, header, join_delimited, payload, recording, request, run, split_delimited
from generate import Generator
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from seeds import seeds

LARGEST = 65535  # of an event
SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"


@pytest.fixture(scope="module")
def pdata(tmp_path_factory):
    program = tmp_path_factory.mktemp("pdata") / "pdata"
    subprocess.run([SUPPORT / "go", "build", "-o", program, "."], cwd=pathlib.Path(__file__).parent / "pdata", check=True)

    def translate(direction, data):
        return subprocess.run([program, direction], input=data, stdout=subprocess.PIPE, check=True).stdout
    return translate


def requests():
    golden = [bytes.fromhex("".join(path.read_text().split())) for path in sorted(GOLDEN.glob("*.hex"))]
    made = [Generator(random.Random(seed), messages).request().SerializeToString() for seed in seeds(200)]
    return golden + [data for data in made if len(data) <= LARGEST]


def canonical(data):
    """Equal when the requests are, NaN included."""
    return ExportMetricsServiceRequest.FromString(data).SerializeToString(deterministic=True)


def with_base64_ids(value):
    if isinstance(value, list):
        return [with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64encode(bytes.fromhex(item)).decode() if key in ("traceId", "spanId")
            else with_base64_ids(item) for key, item in value.items()}


def from_json(line):
    """By Google's reader, whose numbers keep the sign of a zero."""
    whole = json.loads(line, parse_int=lambda text: -0.0 if text == "-0" else int(text))
    return json_format.ParseDict(with_base64_ids(whole), ExportMetricsServiceRequest(),
                                 max_recursion_depth=1000).SerializeToString(
        deterministic=True)


def watch(how, *payloads):
    return run("watch", "-", "--format", how, data=recording(*payloads))


def test_json_is_what_the_specification_says():
    message = request(name="m", unit="1")
    sum_ = message.resource_metrics[0].scope_metrics[0].metrics.add(name="s").sum
    sum_.aggregation_temporality, sum_.is_monotonic = 2, True
    point = sum_.data_points.add(time_unix_nano=2**64 - 1, as_double=float("nan"))
    point.attributes.add(key='"traceId":"AA"').value.bytes_value = b"\x00\xff"
    point.exemplars.add(as_int=-2**63, trace_id=bytes(range(16)), span_id=bytes(range(0xf8, 0x100)))
    done = watch("json", message.SerializeToString())
    assert done.status == 0
    assert done.output.decode() == (
        '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","unit":"1","gauge":{"dataPoints":[{"asInt":"0"}]}},'
        '{"name":"s","sum":{"dataPoints":[{"timeUnixNano":"18446744073709551615","asDouble":"NaN","exemplars":['
        '{"spanId":"f8f9fafbfcfdfeff","traceId":"000102030405060708090a0b0c0d0e0f","asInt":"-9223372036854775808"}],'
        '"attributes":[{"key":"\\"traceId\\":\\"AA\\"","value":{"bytesValue":"AP8="}}]}],'
        '"aggregationTemporality":2,"isMonotonic":true}}]}]}]}\n')


def test_google_reads_the_same():
    expected = requests()
    done = watch("json", *expected)
    assert done.status == 0 and done.output.count(b"\n") == len(expected)
    lines = done.output.decode().rstrip("\n").split("\n")
    assert [from_json(line) for line in lines] == [canonical(data) for data in expected]


def test_the_collector_reads_the_same(pdata):
    expected = requests()
    done = watch("json", *expected)
    assert done.status == 0
    # Go's own NaN has a lowest bit.
    found = pdata("from-json", done.output).replace(struct.pack("<Q", 0x7FF8000000000001), struct.pack("<d", math.nan))
    assert found == pdata("copy", join_delimited(expected))


def test_requests_stand_behind_their_lengths():
    expected = requests()
    done = watch("otlp", *expected)
    assert done.status == 0 and done.output == join_delimited(expected)


def test_text_is_what_there_is_without_the_option():
    data = recording(*requests()[:20])
    assert run("watch", "-", "--format", "text", data=data).output == run("watch", "-", data=data).output


@pytest.mark.parametrize("how", ["json", "otlp"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_request_that_goes_beyond_the_count_is_cut(how, count):
    done = run("watch", "-", "--format", how, "--count", str(count),
               data=recording(payload(points=3), payload(points=5, first=3)))
    found = (split_delimited(done.output) if how == "otlp" else list(map(from_json, done.output.decode().splitlines())))
    points = [point.as_int for data in found
              for point in messages.ExportMetricsServiceRequest.FromString(data)
              .resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points]
    assert done.status == 0 and points == list(range(count))


@pytest.mark.parametrize("how", ["json", "otlp"])
def test_what_goes_wrong_is_said_elsewhere(how):
    data = recording(payload(), b"\x0a\x05damaged", payload()) + entry(payload(), protocol=1) + entry(
        (7).to_bytes(8, "little"), kind=2)
    done = run("watch", "-", "--format", how, data=data)
    clean = run("watch", "-", "--format", how, data=recording(payload(), payload()))
    assert (done.status, clean.status, done.output) == (1, 0, clean.output)
    assert done.error == (
        "otelue: undecodable: 9 bytes that are no ExportMetricsServiceRequest\n"
        "otelue: undecodable: protocol 1 is not protobuf\notelue: lost 7 events\n"
        + SUMMARY.format(4, 2, 3 * len(payload()) + 9, 7, 2) + "\n")


def test_an_unknown_format_is_a_mistake():
    done = run("watch", "-", "--format", "xml", data=header())
    assert (done.status, done.output) == (2, b"") and "'xml' is none of text|json|otlp\n" in done.error
