# SPDX-License-Identifier: Apache-2.0
"""The jar of src/bindings/java: its tests on each Java, what is in it, the example, the Java agent, and its library where
there is no Java at hand."""

import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import layout
import pytest
import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

ROOT = pathlib.Path(__file__).parents[3]
SOURCE, TESTS, JAVA = ROOT / "src/bindings/java", ROOT / "tests/bindings/java", ROOT / "tests/support/java"
RELEASES = ("17", "21", "25")
ZIG = [sys.executable, "-m", "ziglang", "cc"]
# Per platform how a program for it is compiled, and run.
PLATFORMS = {
    "linux-x86_64": ([*ZIG, "-target", "x86_64-linux-gnu.2.17"], []),
    "linux-aarch64": (
        [*ZIG, "-target", "aarch64-linux-gnu.2.17"],
        ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
    ),
    "linux-x86_64-musl": (["musl-gcc"], []),
}


@pytest.fixture(scope="session")
def built():
    out = subprocess.run([TESTS / "build"], check=True, capture_output=True, text=True)
    return pathlib.Path(out.stdout.strip())


@pytest.fixture(scope="session")
def jar(built):
    (found,) = (path for path in built.rglob("repository/**/*.jar") if "sources" not in path.name)
    return found


def run(*command, **environment):
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=600
    )


def metrics(path):
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    return {row.metric.name for request in requests for row in split(request)}


@pytest.mark.parametrize("release", RELEASES)
def test_its_own_tests(built, release):
    """Checked by JNI, where that is what the library is called through."""
    flags = "--enable-native-access=ALL-UNNAMED" if release == "25" else "-Xcheck:jni"
    out = subprocess.run(
        [built / "bin/tests"],
        env={**os.environ, "OTELUE_JAVA": release, "OTELUE_JAVA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert out.returncode == 0, out.stdout + out.stderr
    assert re.search(r"\[ +0 tests failed +\]", out.stdout) and "JNI" not in out.stdout + out.stderr


def test_offsets_functions_and_numbers_are_those_of_the_headers(built):
    layout.check(json.loads(run(built / "bin/layout").stdout))


def test_what_is_in_the_jar(jar):
    version = ".".join(
        re.findall(r"#define OTELUE_VERSION_[A-Z]+ (\d+)", (ROOT / "include/otelue/version.h").read_text())
    )
    assert jar.name == f"otelue-exporter-{version}.jar"
    with zipfile.ZipFile(jar) as file:
        names = set(file.namelist())
        # Java 8's classes are those of version 52.
        assert file.read("dev/otelue/exporter/Binding.class")[6:8] == b"\0\x34"
    for platform in (*PLATFORMS, "linux-aarch64-musl"):
        assert f"META-INF/native/{platform}/libotelue-java.so" in names
    assert {"META-INF/LICENSE", "META-INF/versions/22/dev/otelue/exporter/Binding.class"} <= names


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_library_can_be_loaded(jar, platform, tmp_path):
    with zipfile.ZipFile(jar) as file:
        library = file.extract(f"META-INF/native/{platform}/libotelue-java.so", tmp_path)
    compiler, runner = PLATFORMS[platform]
    run(*compiler, "-o", tmp_path / "load", TESTS.parent / "python/load.c")
    out = run(*runner, tmp_path / "load", library)
    assert out.stdout.strip() == jar.name.removeprefix("otelue-exporter-").removesuffix(".jar")


def test_the_example_runs(built, tmp_path):
    path = tmp_path / "recording"
    example = SOURCE / "example/Shop.java"
    assert len(example.read_text().splitlines()) < 40
    run(
        JAVA, "25", "--enable-native-access=ALL-UNNAMED", "-cp", f"{built}/example:{built}/lib/*", "Shop",
        OTEL_METRICS_EXPORTER="user_events",
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_EXPORTER_USER_EVENTS_RECORDING=str(path),
    )  # fmt: skip
    assert metrics(path) == {"http.server.requests", "http.server.request.duration"}


YAML = """
file_format: "1.0"
meter_provider:
  readers:
    - periodic:
        exporter:
          user_events:
            temporality_preference: cumulative
            recording: {path}
"""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("way", ["environment", "file"])
def test_the_java_agent_takes_it_as_an_extension(built, jar, tmp_path, way, release):
    path = tmp_path / "recording"
    environment = {
        "OTEL_METRICS_EXPORTER": "user_events",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path),
    }
    if way == "file":
        (tmp_path / "otel.yaml").write_text(YAML.format(path=path))
        environment = {"OTEL_CONFIG_FILE": str(tmp_path / "otel.yaml")}
    agent = (f"-javaagent:{built}/agent.jar", f"-Dotel.javaagent.extensions={jar}")
    launcher = (f"{built}/lib/*", "org.junit.platform.console.ConsoleLauncher", "engines")  # some application
    run(JAVA, release, *agent, "-cp", *launcher, **environment)
    assert any(name.startswith("jvm.") for name in metrics(path))
