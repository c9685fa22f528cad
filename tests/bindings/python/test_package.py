# SPDX-License-Identifier: Apache-2.0
"""The packages: what is in them, and that an application switches the exporter on by its environment alone."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

SOURCE = pathlib.Path(__file__).parents[3] / "src/bindings/python"
APPLICATION = """
from opentelemetry.metrics import get_meter
get_meter("m").create_counter("c").add(3)
get_meter("m").create_histogram("h").record(1)
"""
FILES = {f"otelue/{name}" for name in [*(p.name for p in (SOURCE / "src/otelue").glob("*.py")), "py.typed", "LICENSE"]}


def build(out, *arguments, source=SOURCE, **environment):
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *arguments, source]
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE)
    (package,) = out.iterdir()
    return package


def names_in(wheel):
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    library = os.path.realpath(os.environ["OTELUE_LIBRARY"])
    return build(
        tmp_path_factory.mktemp("wheel"), "--wheel", OTELUE_WHEEL_LIBRARY=library, OTELUE_WHEEL_PLATFORM="linux_x86_64"
    )


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment for programs that have the installed package, and nothing of the tree."""
    target = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel],
        check=True,
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL", "PYTHONPATH"))}
    return {**clean, "PYTHONPATH": str(target), "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def metrics_in(path):
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    return {row.metric.name: row.metric.WhichOneof("data") for request in requests for row in split(request)}


def instrumented(environment, *command):
    bin = pathlib.Path(sys.executable).parent
    command = [bin / "opentelemetry-instrument", sys.executable, *command]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120)


def test_a_wheel_has_the_library_and_runs_on_any_python_3(wheel):
    assert wheel.name.endswith("-py3-none-linux_x86_64.whl")
    assert names_in(wheel) == FILES | {"otelue/libotelue.so.1"}


def test_an_sdist_builds_a_wheel_without_the_library(tmp_path):
    sdist = build(tmp_path / "sdist", "--sdist")
    with tarfile.open(sdist) as file:
        assert not [name for name in file.getnames() if ".so" in name]
        file.extractall(tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    wheel = build(tmp_path / "wheel", "--wheel", source=unpacked)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert names_in(wheel) == FILES


def test_one_environment_variable_switches_it_on(installed, tmp_path):
    path = tmp_path / "recording"
    environment = {
        **installed,
        "OTEL_METRICS_EXPORTER": "user_events",
        "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path),
    }
    out = instrumented(environment, "-c", APPLICATION)
    assert out.stderr == ""
    assert metrics_in(path) == {"c": "sum", "h": "histogram"}


def test_without_user_events_or_library_the_application_runs_with_one_message(installed):
    environment = {**installed, "OTEL_METRICS_EXPORTER": "user_events", "OTELUE_LIBRARY": "/nowhere/libotelue.so"}
    out = instrumented(environment, "-c", APPLICATION)
    assert len(out.stderr.splitlines()) == 1 and "/nowhere/libotelue.so" in out.stderr


def test_declarative_configuration_takes_plain_keywords(installed, tmp_path):
    path = tmp_path / "recording"
    (tmp_path / "otel.yaml").write_text(f"""
file_format: "1.0"
meter_provider:
  readers:
    - periodic:
        exporter:
          user_events:
            temporality_preference: cumulative
            default_histogram_aggregation: base2_exponential_bucket_histogram
            packing: request
            target_event_bytes: 2000
            max_event_bytes: 8000
            recording: {path}
""")
    instrumented({**installed, "OTEL_CONFIG_FILE": str(tmp_path / "otel.yaml")}, "-c", APPLICATION)
    assert metrics_in(path) == {"c": "sum", "h": "exponential_histogram"}
    assert len(recording.events(path)) == 1


def test_the_example_runs(installed, tmp_path):
    path = tmp_path / "recording"
    subprocess.run(
        [sys.executable, SOURCE / "example.py"],
        check=True,
        timeout=120,
        env={**installed, "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path)},
    )
    assert metrics_in(path) == {
        "http.server.requests": "sum",
        "http.server.request.duration": "histogram",
        "queue.length": "gauge",
    }
    assert len((SOURCE / "example.py").read_text().splitlines()) < 40


@pytest.mark.parametrize("tool", [["ruff", "format", "--check"], ["ruff", "check"], ["mypy"]], ids=" ".join)
def test_the_source_is_in_order(tool, tmp_path):
    shutil.copytree(SOURCE, tmp_path / "source")
    command = [sys.executable, "-m", *tool, *([] if tool == ["mypy"] else ["."])]
    out = subprocess.run(command, cwd=tmp_path / "source", capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
