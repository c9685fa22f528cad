# SPDX-License-Identifier: Apache-2.0
"""The wheels of all platforms are built by one command, and the library in each can be loaded there."""

import pathlib
import subprocess
import sys
import zipfile

import pytest

HERE = pathlib.Path(__file__).parent
ZIG = [sys.executable, "-m", "ziglang", "cc"]
# Per platform how a program for it is compiled, and run.
PLATFORMS = {
    "manylinux_2_17_x86_64": ([*ZIG, "-target", "x86_64-linux-gnu.2.17"], []),
    "manylinux_2_17_aarch64": (
        [*ZIG, "-target", "aarch64-linux-gnu.2.17"],
        ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
    ),
    "musllinux_1_2_x86_64": (["musl-gcc"], []),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    out = tmp_path_factory.mktemp("packages")
    subprocess.run([HERE.parents[2] / "src/bindings/python/package", out], check=True)
    return {path.name: path for path in out.iterdir() if path.is_file()}


def test_there_is_an_sdist_and_a_wheel_for_each_platform(packages):
    (sdist,) = [name for name in packages if name.endswith(".tar.gz")]
    release = sdist.removesuffix(".tar.gz")
    assert set(packages) == {sdist, *(f"{release}-py3-none-{platform}.whl" for platform in PLATFORMS)}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_library_of_a_wheel_can_be_loaded(packages, platform, tmp_path):
    compiler, runner = PLATFORMS[platform]
    (wheel,) = [path for name, path in packages.items() if name.endswith(f"-{platform}.whl")]
    with zipfile.ZipFile(wheel) as file:
        file.extract("otelue/libotelue.so.1", tmp_path)
    library = tmp_path / "otelue/libotelue.so.1"
    assert b".debug_info" not in library.read_bytes()
    subprocess.run([*compiler, "-o", tmp_path / "load", HERE / "load.c"], check=True)
    out = subprocess.run([*runner, tmp_path / "load", library], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == wheel.name.split("-")[1]
