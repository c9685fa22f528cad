# SPDX-License-Identifier: Apache-2.0
"""What the SDKs of Python and JavaScript measure comes out as their own encoders say it, through both doors.

OTELUE_NODE is the command that runs node."""

import logging
import os
import pathlib
import subprocess

import convert
import otelue
import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter, Counter, MeterProvider, ObservableCounter, ObservableUpDownCounter, UpDownCounter)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality, ExponentialHistogram, Gauge, Histogram, InMemoryMetricReader, Sum)
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation, View)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from rows import metrics, split

ALL_OPTIONS = [otelue.options(batch, most, packing) for packing in range(3)
               for batch, most in ((1, 8168), (800, 2000), (4048, 8168), (16383, 16384), (65360, 65360))]
INSTRUMENTS = ("counter", "up_down_counter", "gauge", "histogram", "observable_counter", "observable_up_down_counter",
               "observable_gauge", "exponential", "no_buckets", "filtered")


def check(function, data, wanted):
    """What comes out, at all limits, is what is wanted, in order."""
    for options in ALL_OPTIONS:
        events, result = function(data, options)
        decoded = [ExportMetricsServiceRequest.FromString(event) for event in events]
        assert [row.bytes() for event in decoded for row in split(event)] == [row.bytes() for row in wanted]
        assert (result.points_total, result.points_exported, result.exemplars_dropped) == (len(wanted), len(wanted), 0)
        for event, request in zip(events, decoded):
            points = len(metrics(request))
            assert len(event) <= (otelue.limit_of(event, options) if points > 1 else options.max_event_bytes)
            assert points == 1 or options.packing != otelue.PACK_POINT
            assert len(set(metrics(request))) == 1 or options.packing == otelue.PACK_REQUEST


def measure(temporality, series):
    """The MetricsData of every instrument, with exemplars and views."""
    reader = InMemoryMetricReader(preferred_temporality=dict.fromkeys(
        (Counter, UpDownCounter, sdk.Histogram, ObservableCounter, ObservableUpDownCounter), temporality))
    provider = MeterProvider(
        [reader], Resource({"service.name": "größe", "on": True, "ratio": 0.5, "list": ["a", "b"], "n": 2**62}, "schema"),
        AlwaysOnExemplarFilter(), shutdown_on_exit=False, views=[
            View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation()),
            View(instrument_name="no_buckets", aggregation=ExplicitBucketHistogramAggregation([], record_min_max=False)),
            View(instrument_name="filtered", attribute_keys={"i"})])
    meter = provider.get_meter("meter", "1.2", "scope schema", {"scope": "attribute", "n": 1})
    other = provider.get_meter("other")
    counter = meter.create_counter("counter", "{request}", "a counter")
    up_down = meter.create_up_down_counter("up_down_counter")
    gauge = other.create_gauge("gauge")
    histograms = [meter.create_histogram(name, "s") for name in ("histogram", "exponential", "no_buckets", "filtered")]

    def observe(*observations):
        def callback(options):
            return [Observation(value, attributes) for value, attributes in observations]
        return [callback]
    meter.create_observable_counter("observable_counter", observe((3, {"kind": "a"}), (2**63 - 1, None)))
    meter.create_observable_up_down_counter("observable_up_down_counter", observe((-4, None)))
    other.create_observable_gauge("observable_gauge", observe((1.5, {"kind": "b"}), (-0.0, {"kind": "c"})))

    for i in range(series):
        attributes = {"i": i, "name": f"series {i}", "half": i + 0.5, "even": i % 2 == 0, "list": [1, 2], "none": []}
        context = SpanContext(2**100 + i, 2**60 + i, False, TraceFlags(1))
        with use_span(NonRecordingSpan(context)):
            counter.add(i + 0.25, attributes)
            counter.add(i, {"i": i})
            up_down.add(-i, attributes)
            gauge.set(i, attributes)
        for histogram in histograms:
            for k in range(10):
                histogram.record(0 if k == 0 else (i + 1) * 1.7**k * (-1) ** (k if histogram.name == "exponential" else 0),
                                 attributes)
    return reader.get_metrics_data()


class SdkBatch:
    """A batch from MetricsData, as a binding would make it."""

    def __init__(self, data):
        self.batch = batch = otelue.Batch()
        for rm in data.resource_metrics:
            resource = batch.add_resource(self.attributes(rm.resource.attributes), batch.text(rm.resource.schema_url))
            for sm in rm.scope_metrics:
                s = sm.scope
                scope = batch.add_scope(resource, 0, batch.text(s.name), batch.text(s.version or ""),
                                        batch.text(s.schema_url or ""), self.attributes(s.attributes or {}))
                for m in sm.metrics:
                    self.metric(scope, m)

    def value(self, value):
        if value is None:
            return 0, 0, 0
        if isinstance(value, str):
            off, length = self.batch.text(value)
            return 1, length, off
        if isinstance(value, bool):
            return 2, 0, int(value)
        if isinstance(value, int):
            return 3, 0, value & 0xFFFFFFFFFFFFFFFF
        if isinstance(value, float):
            return 4, 0, otelue.bits(value)
        off, length = self.batch.run("2IQ", [self.value(v) for v in value])
        return 5, length, off

    def attributes(self, attributes):
        return self.batch.run("4IQ", [(*self.batch.text(k), *self.value(v)) for k, v in attributes.items()])

    def exemplars(self, exemplars):
        rows = []
        for e in exemplars:
            is_int = isinstance(e.value, int)
            has = 0 if e.trace_id is None or e.span_id is None else 32 | 64
            rows.append((e.time_unix_nano, 3 if is_int else 4, has, e.value if is_int else 0, 0.0 if is_int else e.value,
                         (e.trace_id or 0).to_bytes(16, "big"), (e.span_id or 0).to_bytes(8, "big"),
                         *self.attributes(e.filtered_attributes or {})))
        return self.batch.run("Q2Iqd16s8s2I", rows)

    def metric(self, scope, m):
        batch, data = self.batch, m.data
        kind = {Gauge: 5, Sum: 7, Histogram: 9, ExponentialHistogram: 10}[type(data)]
        metric = batch.add_metric(
            scope, kind, batch.text(m.name), batch.text(m.description or ""), batch.text(m.unit or ""),
            temporality=int(getattr(data, "aggregation_temporality", 0)),
            monotonic=int(getattr(data, "is_monotonic", False)))
        for p in data.data_points:
            fields = dict(start=0 if kind == 5 else p.start_time_unix_nano, time=p.time_unix_nano,
                          attributes=self.attributes(p.attributes), exemplars=self.exemplars(p.exemplars))
            if kind in (5, 7):
                is_int = isinstance(p.value, int)
                batch.add_point(metric, value_type=3 if is_int else 4, **{"as_int" if is_int else "as_double": p.value},
                                **fields)
                continue
            if kind == 9:
                bounds = batch.run("d", [(b,) for b in p.explicit_bounds])
                counts = batch.run("Q", [(c,) for c in p.bucket_counts])
                body = batch.pack("Q3d6IQ", p.count, p.sum, p.min, p.max, 7, 0, *bounds, *counts, 0)
            else:
                halves = [b if b.bucket_counts else None for b in (p.positive, p.negative)]
                counts = [batch.run("Q", [(c,) for c in b.bucket_counts]) if b else (0, 0) for b in halves]
                body = batch.pack("Q3dIiQd2i4I2Q", p.count, p.sum, p.min, p.max, 7, p.scale, p.zero_count, 0.0,
                                  *(b.offset if b else 0 for b in halves), *counts[0], *counts[1], 0, 0)
            batch.add_point(metric, flags=getattr(p, "flags", 0), value_type=kind, body=body, **fields)


@pytest.mark.parametrize("temporality", (AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE))
@pytest.mark.parametrize("series", (1, 40))
def test_what_the_python_sdk_measures(temporality, series, caplog):
    with caplog.at_level(logging.ERROR):
        data = measure(temporality, series)
    assert not caplog.records
    request = encode_metrics(data)
    wanted = split(request)
    assert {row.metric.name for row in wanted} == set(INSTRUMENTS)
    assert sum(len(row.point.exemplars) for row in wanted) > 10 * series
    assert any(e.trace_id for row in wanted for e in row.point.exemplars)
    assert any(e.filtered_attributes for row in wanted for e in row.point.exemplars)
    assert {row.metric.WhichOneof("data") for row in wanted} == {"gauge", "sum", "histogram", "exponential_histogram"}
    check(otelue.split, request.SerializeToString(), wanted)
    check(otelue.encode, SdkBatch(data).batch.finish(), wanted)
    check(otelue.encode, convert.to_batch(request, sets=True), wanted)


@pytest.mark.parametrize("series", ("1", "40"))
def test_what_the_javascript_sdk_measures(series):
    script = pathlib.Path(__file__).parent.parent / "support" / "javascript" / "metrics.js"
    out = subprocess.run([os.environ["OTELUE_NODE"], script, series], check=True, stdout=subprocess.PIPE, text=True)
    delta, cumulative = (bytes.fromhex(line) for line in out.stdout.splitlines())
    for request, temporality in ((delta, 1), (cumulative, 2)):
        decoded = ExportMetricsServiceRequest.FromString(request)
        assert decoded.SerializeToString() != request  # it writes what others leave out
        wanted = split(decoded)
        assert len(wanted) == 9 * int(series) + 3
        assert {row.metric.histogram.aggregation_temporality for row in wanted if row.metric.HasField("histogram")} == {
            temporality}
        check(otelue.split, request, wanted)
        check(otelue.encode, convert.to_batch(decoded), wanted)
