# SPDX-License-Identifier: Apache-2.0
"""Measures Python's exporter and its SDK's own encoder, as tests/bench/languages.py asks."""

import itertools
import json
import sys
import time

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk import metrics
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from otelue import UserEventsMetricExporter

COLLECTIONS = 4  # in turn: values, times, and for delta the attributes are new objects in each


def collections(kind, temporality, series):
    """What a reader hands over in some cycles."""
    reader = InMemoryMetricReader(
        {kind: AggregationTemporality[temporality.upper()] for kind in (metrics.Counter, metrics.Histogram)}
    )
    views = [View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())]
    resource = Resource({"service.name": "shop", "service.version": "1.2.3", "host.name": "web-1", "os.type": "linux"})
    meter = metrics.MeterProvider([reader], resource, views=views, shutdown_on_exit=False).get_meter("bench", "1.0")
    measure = meter.create_counter("sum").add if kind == "sum" else meter.create_histogram(kind, "s").record
    for _ in range(COLLECTIONS):
        for i in range(series):
            attributes = {
                "http.request.method": "GET",
                "url.scheme": "https",
                "http.route": f"/api/v1/items/{i}",
                "server.address": "shop.example.com",
                "error.type": f"error {i % 7}",
            }
            for k in range(1 if kind == "sum" else 5):
                measure(i + 1 if kind == "sum" else 0.001 * (i + 1) * 3**k, attributes)
        yield reader.get_metrics_data()


class Bench:
    def __init__(self):
        self.made = {}

    def collections(self, *key):
        if key not in self.made:
            self.made[key] = itertools.cycle(list(collections(*key)))
        return self.made[key]

    def export(self, who, kind, temporality, packing, series):
        """Of the next collection."""
        data = next(self.collections(kind, temporality, series))
        if who == "sdk":
            return encode_metrics(data).SerializeToString()
        if packing not in self.made:
            self.made[packing] = UserEventsMetricExporter(packing=packing)
        return self.made[packing].export(data)

    def round(self, who, kind, temporality, packing, series, exports):
        arguments = who, kind, temporality, packing, int(series)
        self.check(*arguments)
        start = time.thread_time_ns()
        for _ in range(int(exports)):
            self.export(*arguments)
        return {"ns": time.thread_time_ns() - start, "points": int(exports) * int(series)}

    def check(self, who, kind, temporality, packing, series):
        """An export that is not measured, of all points."""
        before = self.made[packing].statistics()["points_exported"] if packing in self.made else 0
        self.export(who, kind, temporality, packing, series)
        if who == "ours":
            exported = self.made[packing].statistics()["points_exported"] - before
            assert exported == series, exported


bench = Bench()
for line in sys.stdin:
    print(json.dumps(bench.round(*line.split()[1:])), flush=True)
