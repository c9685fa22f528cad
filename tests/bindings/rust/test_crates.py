# SPDX-License-Identifier: Apache-2.0
"""The crates in src/bindings/rust: their tests, formatter and linter, packages, and what programs need."""

import os
import pathlib
import subprocess
import sys

import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

ROOT = pathlib.Path(__file__).parents[3]
SOURCE, TESTS = ROOT / "src/bindings/rust", ROOT / "tests/bindings/rust"


def cargo(*arguments, cwd=SOURCE, **environment):
    command = [ROOT / "tests/support/rust", *arguments]
    out = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


def executable(*arguments, cwd, **environment):
    """What cargo has built last."""
    lines = cargo("build", "--message-format=json", *arguments, cwd=cwd, **environment).splitlines()
    return [line.split('"executable":"')[1].split('"')[0] for line in lines if '"executable":"' in line][-1]


def needed(program):
    """The libraries that it is linked to."""
    out = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    return {line.split("[")[1].rstrip("]") for line in out.splitlines() if "(NEEDED)" in line}


def test_the_joined_sources_are_those_of_the_library():
    subprocess.run([sys.executable, SOURCE.parent / "sources", "--check"], check=True)


def test_their_own_tests():
    assert "test result: ok. 2 passed" in cargo("test", "--locked", "--features=self-telemetry")


def test_behaviour():
    names = ("churn", "environment", "exporter", "layout")
    out = cargo("test", "--locked", *(f"--test={name}" for name in names), "--", "--test-threads=1", cwd=TESTS)
    assert out.count("test result: ok.") == 4 and "0 passed" not in out


def test_the_example_is_built_from_the_packages_and_needs_libc_alone(tmp_path):
    """The packages are unpacked elsewhere, so that nothing of the tree is used."""
    cargo("package", "--locked", "--no-verify", "--allow-dirty", "--target-dir", tmp_path / "target")
    for crate in ("otelue", "otelue-sys"):
        archive = tmp_path / f"target/package/{crate}-0.2.0.crate"
        unpack = ["tar", "-xvzf", archive, "-C", tmp_path]
        out = subprocess.run(unpack, check=True, capture_output=True, text=True).stdout
        names = {name.split("/", 1)[1] for name in out.splitlines()}
        assert "README.md" in names if crate == "otelue" else {"otelue.h", "otelue.cc", "build.rs"} <= names
        assert not {name for name in names if name.startswith(("tests", "target"))}
    (tmp_path / "otelue-0.2.0/Cargo.lock").write_bytes((SOURCE / "Cargo.lock").read_bytes())
    patch = f"patch.crates-io.otelue-sys.path='{tmp_path / 'otelue-sys-0.2.0'}'"
    shop = executable("--example=shop", "--config", patch, cwd=tmp_path / "otelue-0.2.0")
    assert needed(shop) <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    path = tmp_path / "recording"
    environment = {**os.environ, "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path)}
    subprocess.run([shop], check=True, timeout=120, env=environment)
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    metrics = {row.metric.name for request in requests for row in split(request)}
    assert metrics == {"http.server.requests", "http.server.request.duration"}
    assert len((SOURCE / "otelue/examples/shop.rs").read_text().splitlines()) < 40


def test_the_library_of_the_system():
    shop = executable("--locked", "--example=shop", "--features=system", cwd=SOURCE)
    assert "libotelue.so.1" in needed(shop)


def test_the_source_is_in_order():
    for workspace, features in ((SOURCE, "otelue/self-telemetry"), (TESTS, "kernel")):
        cargo("fmt", "--all", "--check", cwd=workspace)
        lint = ["clippy", "--locked", "--workspace", "--all-targets", f"--features={features}", "--", "--deny=warnings"]
        cargo(*lint, cwd=workspace)
    cargo("clippy", "--locked", "--package=otelue", "--no-default-features", "--", "--deny=warnings")
    cargo("doc", "--locked", "--no-deps", "--features=self-telemetry", RUSTDOCFLAGS="--deny=warnings")
