# SPDX-License-Identifier: Apache-2.0
"""Compares what an exporter sends with what its SDK's own OTLP encoder says of the same collections:

    compare.py [--values=TYPE,...] [--kinds=KIND,...] [--lacks=WHAT,...] LANGUAGE COMMAND...

TYPEs of attribute values and KINDs of instruments are those that the SDK has, of application.py's (default: all); WHAT
it lacks besides: exponential_histogram, exemplars. COMMAND is run with two more arguments: the file of a generated
application (application.py) and a directory. For each temporality preference, delta and cumulative, it runs the
application once and writes to that directory, collection by collection:

    delta.sdk                 what the SDK's encoder makes of it: uint32_t size in little-endian order, and the request
    delta.metric, .point,     what exporters with these packings record (recordings of otelue/records.h)
    .request

and likewise for cumulative. OTELUE_SEED sets the seed."""

import argparse
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time

import application
import differences
import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import metrics, split

LEAST_POINTS = 50_000  # of each temporality
TARGET, MOST = 4048, 8168


def requests_of_sdk(path):
    data = path.read_bytes()
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        at += 4 + size
        yield ExportMetricsServiceRequest.FromString(data[at - size : at])


def rows_of_sdk(language, path, shown):
    """Its rows, with the known differences, whose names go to `shown`."""
    found = []
    for request in requests_of_sdk(path):
        for row in split(request):
            for mend in differences.MENDERS:
                shown.update(mend(language, row.point))
            found.append(row)
    return found


def rows_of_ours(path, packing):
    """The rows of a recording, whose events are as the packing says."""
    found = []
    for event in recording.events(path):
        request = ExportMetricsServiceRequest.FromString(event)
        numbers = metrics(request)
        assert len(event) <= (TARGET if len(numbers) > 1 else MOST)
        assert packing != "point" or len(numbers) == 1
        assert packing == "request" or len(set(numbers)) == 1
        found += split(request)
    return found


def first_difference(ours, sdk):
    for index, (one, other) in enumerate(zip(ours, sdk)):
        if one.bytes() != other.bytes():
            return f"row {index} of {len(ours)} and {len(sdk)}:\nours\n{one}\nSDK\n{other}"
    return f"{len(ours)} rows of ours, {len(sdk)} of the SDK"


def check_coverage(rows, lacks, temporality):
    """The application was none of an easy kind."""
    kinds = {"gauge", "sum", "histogram", "exponential_histogram"} - lacks
    assert {row.metric.WhichOneof("data") for row in rows} == kinds
    assert any(row.point.exemplars for row in rows) != ("exemplars" in lacks)
    assert len({row.sm.scope.name for row in rows}) == 3 and all(row.rm.schema_url for row in rows)
    found = {getattr(getattr(row.metric, row.metric.WhichOneof("data")), "aggregation_temporality", 0) for row in rows}
    assert found == ({0, 1, 2} if temporality == "delta" else {0, 2})


def compare(language, out, lacks):
    shown = set()
    for temporality in ("delta", "cumulative"):
        sdk = rows_of_sdk(language, out / f"{temporality}.sdk", shown)
        check_coverage(sdk, lacks, temporality)
        wanted = [row.bytes() for row in sdk]
        for packing in ("metric", "point", "request"):
            ours = rows_of_ours(out / f"{temporality}.{packing}", packing)
            assert [row.bytes() for row in ours] == wanted, first_difference(ours, sdk)
            print(f"{language}, {temporality}, {packing}: {len(ours)} points are the same")
        assert len(sdk) >= LEAST_POINTS
    assert shown == differences.names(language), shown ^ differences.names(language)


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("values", application.VALUES), ("kinds", application.KINDS), ("lacks", ())):
        parser.add_argument(f"--{name}", type=lambda text: text.split(","), default=default)
    parser.add_argument("language")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    seed = int(os.environ.get("OTELUE_SEED", time.time_ns() % 2**31))
    print(f"OTELUE_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory)
        odd = differences.odd_sets(arguments.language)
        described = application.generate(seed, arguments.kinds, arguments.values, odd)
        (out / "application.json").write_text(json.dumps(described))
        subprocess.run([*arguments.command, out / "application.json", out], check=True)
        compare(arguments.language, out, set(arguments.lacks))


if __name__ == "__main__":
    main()
