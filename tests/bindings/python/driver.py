# SPDX-License-Identifier: Apache-2.0
"""Runs an application of application.py on Python's SDK: driver.py APPLICATION OUT. See compare.py."""

import json
import logging
import pathlib
import struct
import sys

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Observation
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags, use_span
from otelue import UserEventsMetricExporter


def double(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def value_of(value):
    ((kind, content),) = value.items()
    convert = {
        "string": str,
        "bool": bool,
        "int": int,
        "double": double,
        "bytes": bytes.fromhex,
        "array": lambda elements: [value_of(e) for e in elements],
        "map": attributes_of,
        "empty": lambda _: None,
    }
    return convert[kind](content)


def attributes_of(attributes):
    return {key: value_of(value) for key, value in attributes}


def view_of(view):
    aggregation = {
        None: lambda: None,
        "drop": DropAggregation,
        "exponential": lambda: ExponentialBucketHistogramAggregation(max_size=view["max_size"]),
        "histogram": lambda: ExplicitBucketHistogramAggregation(view["bounds"], view.get("record_min_max", True)),
    }[view.get("aggregation")]()
    return View(
        instrument_name=view["instrument"],
        name=view.get("name"),
        description=view.get("description"),
        attribute_keys=set(view["attribute_keys"]) if "attribute_keys" in view else None,
        aggregation=aggregation,
    )


class Program:
    """The application with a reader."""

    def __init__(self, application, temporalities):
        self.application = application
        self.reader = InMemoryMetricReader(preferred_temporality=temporalities)
        resource = application["resource"]
        self.provider = sdk.MeterProvider(
            [self.reader],
            Resource(attributes_of(resource["attributes"]), resource["schema_url"]),
            views=[view_of(view) for view in application["views"]],
            shutdown_on_exit=False,
        )
        self.sets = [attributes_of(attributes) for attributes in application["attribute_sets"]]
        self.spans = [
            NonRecordingSpan(SpanContext(int(s["trace_id"], 16), int(s["span_id"], 16), False, TraceFlags(1)))
            for s in application["spans"]
        ]
        self.observations = {}
        meters = [
            self.provider.get_meter(s["name"], s["version"], s["schema_url"], attributes_of(s["attributes"]))
            for s in application["scopes"]
        ]
        self.numbers, self.records = [], []
        for index, instrument in enumerate(application["instruments"]):
            self.numbers.append(int if instrument["number"] == "int" else double)
            self.records.append(self.create(meters[instrument["scope"]], index, instrument))

    def create(self, meter, index, instrument):
        """What measures."""
        kind = instrument["kind"]
        names = instrument["name"], instrument["unit"], instrument["description"]
        create = getattr(meter, f"create_{kind}")
        if not kind.startswith("observable"):
            return getattr(create(*names), {"gauge": "set", "histogram": "record"}.get(kind, "add"))

        def observe(_options):
            return [Observation(number, attributes) for number, attributes in self.observations.pop(index, ())]

        create(names[0], [observe], *names[1:])
        return lambda number, attributes: self.observations.setdefault(index, []).append((number, attributes))

    def run(self, cycle):
        """The collection of a cycle."""
        for instrument, attributes, number, span in cycle:
            with use_span(self.spans[span] if span >= 0 else INVALID_SPAN):
                self.records[instrument](self.numbers[instrument](number), self.sets[attributes])
        return self.reader.get_metrics_data()


def main(application, out):
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it logs each attribute that it drops
    for name in ("delta", "cumulative"):
        exporters = [
            UserEventsMetricExporter(temporality_preference=name, packing=packing, recording=out / f"{name}.{packing}")
            for packing in ("metric", "point", "request")
        ]
        program = Program(application, exporters[0]._preferred_temporality)
        with open(out / f"{name}.sdk", "wb") as file:
            for cycle in application["cycles"]:
                data = program.run(cycle)
                request = encode_metrics(data).SerializeToString()
                file.write(struct.pack("<I", len(request)) + request)
                for exporter in exporters:
                    exporter.export(data)
        for exporter in exporters:
            exporter.shutdown()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as description:
        main(json.load(description), pathlib.Path(sys.argv[2]))
