# SPDX-License-Identifier: Apache-2.0
"""The module in src/bindings/go: its tests in all ways of building it, formatter and linters, and what programs need."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

ROOT = pathlib.Path(__file__).parents[3]
SOURCE, TESTS = ROOT / "src/bindings/go", ROOT / "tests/bindings/go"
MODULES = (SOURCE, SOURCE / "autoexport", TESTS)
# Modules, environments and flags of go. With cgo the memory that is handed to C is checked, and so are races.
WAYS = {
    "module, cgo": (SOURCE, {"GOEXPERIMENT": "cgocheck2"}, ["-race"]),
    "module, no cgo": (SOURCE, {"CGO_ENABLED": "0"}, []),
    "behaviour, cgo": (TESTS, {"GOEXPERIMENT": "cgocheck2"}, ["-race"]),
    "behaviour, no cgo": (TESTS, {"CGO_ENABLED": "0"}, []),
}


def go(*arguments, cwd=TESTS, **environment):
    command = [ROOT / "tests/support/go", *arguments]
    out = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


def needed(program):
    """The libraries that it is linked to."""
    out = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    return {line.split("[")[1].rstrip("]") for line in out.splitlines() if "(NEEDED)" in line}


@pytest.mark.parametrize("way", WAYS)
def test_its_own_tests(way):
    module, environment, flags = WAYS[way]
    assert go("test", "-count=1", *flags, ".", cwd=module, **environment).startswith("ok ")


def test_the_joined_sources_are_those_of_the_library():
    subprocess.run([sys.executable, SOURCE.parent / "sources", "--check"], check=True)


def test_the_example_runs_and_needs_libc_alone(tmp_path):
    """Built from a copy of what a release has, so that nothing of the tree is used."""
    copy = shutil.copytree(SOURCE, tmp_path / "module")
    go("build", "-o", tmp_path / "shop", "./example", cwd=copy)
    assert needed(tmp_path / "shop") == {"libc.so.6"}
    path = tmp_path / "recording"
    subprocess.run(
        [tmp_path / "shop"],
        check=True,
        timeout=120,
        env={**os.environ, "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path)},
    )
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    metrics = {row.metric.name for request in requests for row in split(request)}
    assert metrics == {"http.server.requests", "http.server.request.duration"}
    assert len((SOURCE / "example/main.go").read_text().splitlines()) < 40


def test_a_static_program(tmp_path):
    go("build", "-o", tmp_path / "shop", "-ldflags=-linkmode external -extldflags -static", "./example", cwd=SOURCE)
    assert needed(tmp_path / "shop") == set()


def test_the_library_of_the_system(tmp_path):
    go("build", "-tags=otelue_system", "-o", tmp_path / "shop", "./example", cwd=SOURCE, CGO_LDFLAGS_ALLOW=".*")
    assert "libotelue.so.1" in needed(tmp_path / "shop")


def test_it_compiles_where_there_are_no_user_events():
    go("vet", ".", cwd=SOURCE, GOOS="darwin", CGO_ENABLED="0")


@pytest.mark.parametrize("module", MODULES, ids=["module", "autoexport", "tests"])
def test_the_source_is_in_order(module):
    assert go("--exec", "gofmt", "-l", ".", cwd=module) == ""
    for cgo in ("0", "1"):
        go("vet", "./...", cwd=module, CGO_ENABLED=cgo)
    go("--exec", go("tool", "-n", "staticcheck").strip(), "./...", cwd=module)
