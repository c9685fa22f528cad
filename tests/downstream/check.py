#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other projects find and use otelue: check.py WAY SOURCE, in a directory of its own.

installed   both libraries, by pkg-config and by Meson
subproject  by Meson, without an installation"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

way, source = sys.argv[1], pathlib.Path(sys.argv[2])
downstream = source / "tests" / "downstream"
environment = dict(os.environ)
for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH"):
    environment.pop(name, None)


def run(*command, **more):
    return subprocess.run(command, check=True, env={**environment, **more}, stdout=subprocess.PIPE, text=True).stdout


def build_with_meson(project, **more):
    run("meson", "setup", project / "build", project, "--wrap-mode=nodownload", **more)
    run("meson", "test", "-C", project / "build", **more)


def build_with_pkg_config(work, prefix):
    libraries = prefix / "lib"
    found = {"PKG_CONFIG_PATH": libraries / "pkgconfig"}
    assert run("pkg-config", "--modversion", "otelue", **found).startswith("0.2.")
    layout = pathlib.Path(run("pkg-config", "--variable=layout", "otelue", **found).strip())
    assert layout == prefix / "share" / "otelue" / "layout.json" and layout.is_file(), layout
    shared = run("pkg-config", "--cflags", "--libs", "otelue", **found).split()
    static = run("pkg-config", "--cflags", "--libs", "--static", "otelue", **found).split()
    static[static.index("-lotelue")] = "-l:libotelue.a"
    for options in (shared, static):
        for compiler, program in (("cc", "main.c"), ("c++", "main.cc")):
            run(compiler, "-Wall", "-Wextra", "-Werror", downstream / program, *options, "-o", work / "program")
            run(work / "program", LD_LIBRARY_PATH=libraries)
            needed = run("readelf", "-d", work / "program")
            assert ("libotelue.so.1" in needed) == (options is shared), needed


with tempfile.TemporaryDirectory() as directory:
    work = pathlib.Path(directory)
    project = work / "project"
    shutil.copytree(downstream, project)
    if way == "subproject":
        (project / "subprojects").mkdir()
        (project / "subprojects" / "otelue").symlink_to(source)
        build_with_meson(project)
    else:
        prefix = work / "prefix"
        run("meson", "setup", work / "build", source, f"--prefix={prefix}", "--libdir=lib", "-Dtool=disabled",
            "-Ddefault_library=both", "--wrap-mode=nodownload")
        run("meson", "install", "-C", work / "build")
        installed = sorted(str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir())
        assert installed == [
            "include/otelue/builder.h", "include/otelue/builder.hpp", "include/otelue/otelue.h",
            "include/otelue/otelue.hpp", "include/otelue/records.h", "include/otelue/values.hpp",
            "include/otelue/version.h", "lib/libotelue.a", "lib/libotelue.so", "lib/libotelue.so.1",
            "lib/libotelue.so.1.2.0", "lib/pkgconfig/otelue.pc", "share/otelue/layout.json"], installed
        build_with_pkg_config(work, prefix)
        build_with_meson(project, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
