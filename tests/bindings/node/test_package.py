# SPDX-License-Identifier: Apache-2.0
"""The package in src/bindings/node: what its own tools say of it, the ABI that it believes in, and its tarball, installed
into programs of all kinds."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import layout
import pytest
import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
SOURCE = ROOT / "src/bindings/node"
MODULES = SOURCE / "node_modules"
ZIG = [sys.executable, "-m", "ziglang", "cc"]
# Per platform how a program for it is compiled, and run.
PLATFORMS = {
    "linux-x64-gnu": ([*ZIG, "-target", "x86_64-linux-gnu.2.28"], []),
    "linux-arm64-gnu": ([*ZIG, "-target", "aarch64-linux-gnu.2.28"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]),
    "linux-x64-musl": (["musl-gcc"], []),
}
FUNCTIONS = ["open", "listening", "export", "describe", "status", "statistics", "shutdown"]


def run(*command, **arguments):
    out = subprocess.run(command, capture_output=True, text=True, timeout=600, **arguments)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    out = tmp_path_factory.mktemp("package")
    subprocess.run([SOURCE / "package", out], check=True)
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def project(tarball, tmp_path_factory):
    """A program's directory, in which npm has installed the tarball beside the SDK, without network and scripts."""
    directory = tmp_path_factory.mktemp("project")
    dependencies = {}
    for name in ("api", "core", "resources", "sdk-metrics", "semantic-conventions"):
        modules = directory / "node_modules/@opentelemetry"
        shutil.copytree(MODULES / "@opentelemetry" / name, modules / name)
        dependencies[f"@opentelemetry/{name}"] = json.loads((modules / name / "package.json").read_text())["version"]
    (directory / "package.json").write_text(json.dumps({"private": True, "dependencies": dependencies}))
    run("npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball, cwd=directory)
    assert not (directory / "node_modules/otelue").is_symlink()
    return directory


def program(project, name, text, *arguments, **environment):
    """Runs a program, and returns the metrics that it records."""
    (project / name).write_text(text)
    path = project / f"{name}.recording"
    path.unlink(missing_ok=True)
    environment = {**os.environ, "OTEL_EXPORTER_USER_EVENTS_RECORDING": str(path), **environment}
    assert run("node", *arguments, name, cwd=project, env=environment) == ""
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    return [row for request in requests for row in split(request)]


def test_formatter_linter_and_types():
    run("node", MODULES / "@biomejs/biome/bin/biome", "ci", "--error-on-warnings", ".", HERE, cwd=SOURCE)
    run("node", MODULES / "typescript/bin/tsc", "--project", SOURCE, "--noEmit")
    run("clang-format", "--dry-run", "-Werror", SOURCE / "addon/addon.cc", HERE / "load.c")


def test_records_functions_and_numbers_are_those_of_the_headers():
    said = json.loads(run("node", "-p", f"JSON.stringify(require({json.dumps(str(SOURCE / 'dist/records.js'))}))"))
    packings = said.pop("PACKINGS")
    records, numbers = {}, {f"OTELUE_PACK_{name.upper()}": value for name, value in packings.items()}
    for name, value in said.items():
        if isinstance(value, dict):
            records[f"otelue_{name.lower()}"] = {"size": value.pop("size"), "fields": value}
        else:
            numbers["OTELUE_" + name.removesuffix("_KIND")] = value
    assert len(records) == 11 and len(numbers) > 20
    # The compiler has the header, and layout.json is of the same one.
    calls = re.findall(r"\b(otelue_\w+)\(((?:[^()]|\([^()]*\))*)\)", (SOURCE / "addon/addon.cc").read_text())
    functions = {name: re.sub(r"\([^()]*\)", "", arguments).count(",") + 1 for name, arguments in calls}
    assert len(functions) == 9
    layout.check({"records": records, "functions": functions, "numbers": numbers})


def test_names_and_versions(tarball):
    version = "".join((ROOT / "include/otelue/version.h").read_text())
    numbers = [re.search(rf"VERSION_{part} (\d+)", version)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert tarball.name == f"otelue-{'.'.join(numbers)}.tgz"
    lock = (SOURCE / "package-lock.json").read_text()
    assert set(re.findall(r'"resolved": "(https?://[^/]+)/', lock)) <= {"https://registry.npmjs.org"}
    package = json.loads((SOURCE / "package.json").read_text())
    assert not {"install", "preinstall", "postinstall", "prepare"} & set(package["scripts"])


def test_the_tarball_holds_what_it_takes_and_no_more(tarball):
    with tarfile.open(tarball) as file:
        names = {name.removeprefix("package/") for name in file.getnames()}
        addons = {name: file.extractfile(f"package/{name}").read() for name in names if name.endswith(".node")}
    modules = ["addon", "attributes", "batch", "exporter", "index", "memory", "records", "register", "settings"]
    compiled = {f"dist/{name}{suffix}" for name in [*modules, "telemetry"] for suffix in (".js", ".d.ts")}
    expected = {"LICENSE", "README.md", "package.json", "dist/index.mjs", "dist/index.d.mts", *compiled}
    assert names == expected | {f"prebuilds/{platform}.node" for platform in PLATFORMS}
    for addon in addons.values():
        assert len(addon) < 250_000 and b".debug_info" not in addon


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_addon_of_a_platform_can_be_loaded(platform, project, tmp_path):
    compiler, runner = PLATFORMS[platform]
    addon = project / f"node_modules/otelue/prebuilds/{platform}.node"
    headers = ["-isystem", MODULES / "node-api-headers/include"]
    run(*compiler, *headers, "-rdynamic", "-w", "-o", tmp_path / "load", HERE / "load.c", "-ldl")
    assert run(*runner, tmp_path / "load", addon).split() == FUNCTIONS
    dynamic = run("readelf", "-d", addon)
    libraries = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    assert libraries <= {"libc.so.6", "libc.so", "libpthread.so.0", "libdl.so.2"}, libraries
    glibc = [int(minor) for minor in re.findall(r"GLIBC_2\.(\d+)", run("readelf", "-V", addon))]
    assert ("gnu" in platform) == bool(glibc) and max(glibc, default=0) <= 28


MEASURE = """
const exporter = new UserEventsMetricExporter({ temporalityPreference: 'cumulative' });
const reader = new PeriodicExportingMetricReader({ exporter });
const provider = new MeterProvider({ readers: [reader] });
provider.getMeter('m').createCounter('requests').add(7, { kind: 'NAME' });
void provider.shutdown();
"""
NAMES = "MeterProvider, PeriodicExportingMetricReader"
IMPORT = f"""import {{ {NAMES} }} from '@opentelemetry/sdk-metrics';
import {{ UserEventsMetricExporter }} from 'otelue';
"""
REQUIRE = f"""const {{ {NAMES} }} = require('@opentelemetry/sdk-metrics');
const {{ UserEventsMetricExporter }} = require('otelue');
"""


def check_measured(rows, kind):
    (row,) = rows
    assert row.metric.name == "requests" and row.metric.sum.aggregation_temporality == 2
    assert row.point.as_double == 7 and row.point.attributes[0].value.string_value == kind


def test_an_es_module_uses_it(project):
    check_measured(program(project, "program.mjs", IMPORT + MEASURE.replace("NAME", "esm")), "esm")


def test_a_commonjs_module_uses_it(project):
    check_measured(program(project, "program.cjs", REQUIRE + MEASURE.replace("NAME", "cjs")), "cjs")


@pytest.mark.parametrize("suffix", ["mts", "cts"])
def test_typescript_uses_it(project, suffix):
    typed = MEASURE.replace("const exporter", "const exporter: PushMetricExporter").replace("NAME", suffix)
    imports = IMPORT.replace("MeterProvider,", "MeterProvider, type PushMetricExporter,", 1)
    wrong = "// @ts-expect-error: no such packing\nnew UserEventsMetricExporter({ packing: 'box' }).statistics();\n"
    checked = f"if (process.env.NEVER) {{\n{wrong}}}\n"
    (project / f"program.{suffix}").write_text(imports + typed + checked)
    types = ["--types", "node", "--typeRoots", MODULES / "@types"]
    options = ["--strict", "--module", "node16", "--target", "es2022", "--exactOptionalPropertyTypes", *types]
    run("node", MODULES / "typescript/bin/tsc", *options, f"program.{suffix}", cwd=project)
    compiled = f"program.{suffix[0]}js"
    check_measured(program(project, compiled, (project / compiled).read_text()), suffix)


def test_the_environment_alone_switches_it_on(project):
    text = "import { metrics } from '@opentelemetry/api';\nmetrics.getMeter('m').createCounter('requests').add(7);\n"
    on = {"OTEL_METRICS_EXPORTER": "user_events", "OTEL_SERVICE_NAME": "shop"}
    for how in (["--import", "otelue/register"], ["--require", "otelue/register"]):
        (row,) = program(project, "registered.mjs", text, *how, **on)
        assert row.metric.name == "requests" and row.point.as_double == 7
        attributes = {a.key: a.value.string_value for a in row.rm.resource.attributes}
        assert attributes["service.name"] == "shop" and "process.runtime.name" in attributes


def test_the_example_is_short_and_runs(project):
    text = (SOURCE / "example/shop.mjs").read_text()
    assert len(text.splitlines()) < 40
    rows = program(project, "shop.mjs", text)
    assert {row.metric.name for row in rows} == {
        "http.server.requests",
        "http.server.request.duration",
        "queue.length",
    }
    assert sum(row.point.as_double for row in rows if row.metric.name == "http.server.requests") == 20


def test_without_an_addon_it_says_so_once_and_leaves_the_program_alone(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "project")
    shutil.rmtree(copy / "node_modules/otelue/prebuilds")
    said = """
import { diag } from '@opentelemetry/api';
const messages = [];
diag.setLogger({ warn: (...args) => messages.push(args.join(' ')), error: console.log, info() {}, debug() {} });
"""
    rest = """
await provider.forceFlush();
await exporter.shutdown();
console.log(messages.length, messages[0], exporter.statistics().pointsTotal);
"""
    (copy / "bare.mjs").write_text(IMPORT + said + MEASURE.replace("void provider.shutdown();", "") + rest)
    out = run("node", "bare.mjs", cwd=copy)
    addon = r"'/.*/node_modules/otelue/prebuilds/linux-\w+-gnu.node'"
    assert re.fullmatch(rf"1 otelue no metrics are exported: Cannot find module {addon} 0\n", out), out


def test_its_own_tests():
    run("node", "--test", *sorted((SOURCE / "test").glob("*.test.mjs")), cwd=SOURCE)


def test_its_own_tests_under_address_sanitizer(tmp_path):
    """With the addon as the compiler instruments it, in a copy of the package."""
    copy = tmp_path / "node"
    copy.mkdir()
    for name in ("dist", "test", "prebuilds"):
        shutil.copytree(SOURCE / name, copy / name)
    (copy / "node_modules").symlink_to(MODULES.resolve())
    shutil.copy(SOURCE / "package.json", copy)
    (addon,) = (copy / "prebuilds").glob("*.node")
    headers = ["-isystem", MODULES / "node-api-headers/include"]
    sources = [SOURCE / f"addon/{name}.cc" for name in ("addon", "otelue")]
    flags = ["-std=c++20", "-O1", "-g", "-DNDEBUG", "-D_GNU_SOURCE", "-fno-exceptions", "-fno-rtti", "-fPIC", "-shared"]
    run("g++", *flags, "-fsanitize=address,undefined", "-fno-sanitize-recover", *headers, "-o", addon, *sources)
    runtime = run("g++", "-print-file-name=libasan.so").strip()
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1"}
    run("node", "--test", "test/exporter.test.mjs", cwd=copy, env=environment)
