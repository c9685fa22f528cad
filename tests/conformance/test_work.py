# SPDX-License-Identifier: Apache-2.0
"""However a batch or request is made, the work that it takes is bounded by a small multiple of what a plain one of as
many bytes, in and out, points and events takes: instructions, as valgrind counts them."""

import os
import re
import subprocess

import otelue
import pytest
from convert import Converter
from lenient import delimited
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

MOST = 15
SUM, GAUGE = 7, 5
NOTHING = delimited(1, b"")  # a point without fields


def measure(tmp_path, door, packing, data):
    """Instructions, bytes in and out, points, and events."""
    (tmp_path / "data").write_bytes(data)
    profile = tmp_path / "profile"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=measured", f"--callgrind-out-file={profile}",
         os.environ["OTELUE_WORK"], door, str(packing), tmp_path / "data"], capture_output=True, text=True, check=True)
    count = int(re.search(r"^(?:summary|totals): (\d+)$", profile.read_text(), re.M)[1])
    out, points, events = map(int, done.stdout.split())
    return count, len(data) + out, points, events


class Plain:
    """What a byte, a point and an event cost when points are like those of any application."""

    def __init__(self, tmp_path, door, large, small):
        together = measure(tmp_path, door, otelue.PACK_METRIC, large)
        apart = measure(tmp_path, door, otelue.PACK_POINT, large)
        bare = measure(tmp_path, door, otelue.PACK_METRIC, small)
        assert together[2] == apart[2] == apart[3] == bare[2] == 1000 and together[3] < 100 and bare[3] < 10
        self.byte = (together[0] - bare[0]) / (together[1] - bare[1])
        self.point = (bare[0] - bare[1] * self.byte) / 1000
        self.event = (apart[0] - together[0]) / (apart[3] - together[3])

    def check(self, count, size, points, events):
        ratio = count / (size * self.byte + points * self.point + events * self.event)
        print(f"{count} instructions, {size} bytes, {points} points, {events} events: {ratio:.2f} times")
        assert ratio <= MOST


def plain_request(attributes=5):
    request = ExportMetricsServiceRequest()
    rm = request.resource_metrics.add()
    rm.resource.attributes.add(key="service.name").value.string_value = "shop"
    sm = rm.scope_metrics.add()
    sm.scope.name = "meter"
    metric = sm.metrics.add(name="http.requests", unit="{request}")
    metric.sum.aggregation_temporality = 1
    for i in range(1000):
        point = metric.sum.data_points.add(start_time_unix_nano=1, time_unix_nano=2, as_int=i)
        for n in range(attributes):
            point.attributes.add(key=f"http.attribute.{n}").value.string_value = f"value {i}"
    return request


def scope_of(*inside):
    return delimited(1, delimited(2, b"".join(inside)))


def metric(*fields, name=b"m"):
    return delimited(2, delimited(1, name) + b"".join(fields))


N = 20000
REQUESTS = {
    "the temporality lies between the points, which are events of their own": (
        otelue.PACK_POINT, scope_of(metric(delimited(SUM, NOTHING * N + b"\x10\x01" + NOTHING)))),
    "temporality between all points": (
        otelue.PACK_POINT, scope_of(metric(delimited(SUM, (NOTHING + b"\x10\x01") * 1000 + NOTHING)))),
    "resource fields that leave no room for points": (
        otelue.PACK_METRIC, delimited(1, b"\x78\x01" * N + delimited(2, metric(delimited(GAUGE, NOTHING * N))))),
    "the schema URL behind nearly all metrics": (
        otelue.PACK_METRIC, scope_of(delimited(2, delimited(GAUGE, NOTHING)) * 5000, delimited(3, b""), metric(
            delimited(GAUGE, NOTHING)))),
    "a resource that is found out to be bad": (
        otelue.PACK_METRIC, delimited(1, delimited(15, b"") * 4000 + delimited(3, b"\xff") +
                                      delimited(2, metric(delimited(GAUGE, NOTHING * N))))),
    "metrics with a schema URL in front of the last": (
        otelue.PACK_METRIC, scope_of(metric(delimited(GAUGE, NOTHING)) * 5000, delimited(3, b"schema"),
                                    metric(delimited(GAUGE, NOTHING)))),
    "fields that could be data": (
        otelue.PACK_METRIC, scope_of(b"".join(metric(b"".join(delimited(n, b"\x0a\x00" * 30) for n in range(13, 45)))
                                             for _ in range(20)))),
    "exemplars that do not fit": (
        otelue.PACK_METRIC, scope_of(metric(delimited(GAUGE, delimited(1, delimited(5, b"\x31" + bytes(8)) * N))))),
}


@pytest.fixture(scope="module", params=["export_otlp", "split_next"])
def plain(request, tmp_path_factory):
    found = Plain(tmp_path_factory.mktemp("plain"), request.param, plain_request().SerializeToString(),
                  plain_request(0).SerializeToString())
    return request.param, found


@pytest.mark.parametrize("packing, data", REQUESTS.values(), ids=REQUESTS)
def test_no_request_takes_more_than_a_small_multiple(tmp_path, plain, packing, data):
    door, cost = plain
    cost.check(*measure(tmp_path, door, packing, data))


def long_texts():
    """Two metrics whose name, description and unit are one long text take turns."""
    batch = otelue.Batch()
    text = batch.text("ü" * 500_000)
    metrics = [batch.add_metric(0, GAUGE, text, text, text) for _ in range(2)]
    for i in range(2000):
        batch.add_point(metrics[i % 2], value_type=3, as_int=i)
    return batch.finish()


def long_key():
    """Points share an array whose element has a long key."""
    batch = otelue.Batch()
    key = batch.text("ü" * 500_000)
    entry = batch.run("4IQ", [(*key, 3, 0, 1)])
    attributes = batch.run("4IQ", [(*batch.text("k"), 6, entry[1], entry[0])])
    m = batch.add_metric(0, GAUGE, batch.text("m"))
    for i in range(2000):
        batch.add_point(m, value_type=3, as_int=i, attributes=attributes)
    return batch.finish()


@pytest.mark.parametrize("door", ["export", "encode_next"])
@pytest.mark.parametrize("batch", [long_texts, long_key], ids=["long texts", "a long key"])
def test_no_batch_takes_more_than_a_small_multiple(tmp_path, door, batch):
    cost = Plain(tmp_path, door, *(Converter().convert(split(plain_request(n))) for n in (5, 0)))
    cost.check(*measure(tmp_path, door, otelue.PACK_METRIC, batch()))
