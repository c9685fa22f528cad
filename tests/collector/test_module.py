# SPDX-License-Identifier: Apache-2.0
"""The module in src/collector: its tests, fuzzers, formatter and linters, what is generated, and the examples."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCE, TOOLS = ROOT / "src/collector/usereventsreceiver", ROOT / "tests/collector"
FUZZERS = {"FuzzRing": "./internal/perf", "FuzzFormatAndPayload": "./internal/tracepoint", "FuzzCheck": "./internal/otlp"}


def go(*arguments, cwd=SOURCE, **environment):
    command = [ROOT / "tests/support/go", *arguments]
    out = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


def tool(name):
    return go("tool", "-n", name, cwd=TOOLS).strip()


def test_its_own_tests():
    out = go("test", "-race", "-count=1", "./...")
    assert len(re.findall("^ok ", out, re.MULTILINE)) >= 6, out


@pytest.mark.parametrize("name", FUZZERS)
def test_fuzzers_find_nothing(name):
    go("test", f"-fuzz=^{name}$", "-fuzztime=20000x", "-run=^$", FUZZERS[name])


def test_what_is_generated_is_up_to_date(tmp_path):
    copy = shutil.copytree(SOURCE, tmp_path / SOURCE.name)  # the package is named after it
    generated = [path for path in copy.rglob("generated_*")] + [copy / "documentation.md"]
    assert len(generated) >= 12
    for path in generated:
        path.unlink()
    go("--exec", tool("mdatagen"), "metadata.yaml", cwd=copy)
    subprocess.run(["diff", "-r", SOURCE, copy], check=True)


@pytest.mark.parametrize("system", ["darwin", "windows", "freebsd"])
def test_it_compiles_where_there_are_no_user_events(system):
    go("vet", ".", GOOS=system, CGO_ENABLED="0")


def test_the_source_is_in_order():
    assert go("--exec", "gofmt", "-l", ".") == ""
    go("vet", "./...")
    go("--exec", tool("staticcheck"), "./...")
    before = (SOURCE / "go.mod").read_text()
    go("mod", "tidy", "-diff")
    assert (SOURCE / "go.mod").read_text() == before


@pytest.mark.parametrize("example", ["host", "gateway", "backend"])
def test_the_examples_are_valid(example):
    collector = subprocess.run([TOOLS / "build"], check=True, capture_output=True, text=True).stdout.strip()
    path = ROOT / f"src/collector/example/{example}.yaml"
    subprocess.run([collector, "validate", "--config", path], check=True)
