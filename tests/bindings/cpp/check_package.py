# SPDX-License-Identifier: Apache-2.0
"""The example runs, built in the tree, with find_package() and with pkg-config: check_package.py EXAMPLE."""

import os
import pathlib
import subprocess
import sys
import tempfile

import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

SOURCE = pathlib.Path(__file__).parents[3] / "src/bindings/cpp/example.cc"
example = pathlib.Path(sys.argv[1])
with tempfile.TemporaryDirectory() as directory:
    programs = {}
    for name in ("example", "installed_example", "pkgconfig_example"):
        path = pathlib.Path(directory) / name
        environment = {**os.environ, "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path)}
        programs[path] = subprocess.Popen([example.with_name(f"{name}.sh")], env=environment)
    for path, program in programs.items():
        assert program.wait(timeout=120) == 0
        requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
        names = {row.metric.name for request in requests for row in split(request)}
        assert names == {"http.server.requests", "http.server.request.duration"}, names
assert len(SOURCE.read_text().splitlines()) < 40
