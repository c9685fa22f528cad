#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other projects find and use otelue: check.py WAY SOURCE.

installed    library, archive and command; by pkg-config, Meson and CMake, in C and C++, with gcc and clang
flags        built and used with the flags of distributions, and with those of GCC 15 at -O0
subproject   by Meson, without an installation
configured   without what only some suites need

The first `meson` in the path is a new one, that in /usr/bin the distribution's."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WAY, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
DOWNSTREAM = SOURCE / "tests" / "downstream"
NUMBERS = dict(re.findall(r"^#define OTELUE_(\w+) (\d+)$", (SOURCE / "include/otelue/version.h").read_text(), re.M))
VERSION = ".".join(NUMBERS[f"VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))
SONAME = f"libotelue.so.{NUMBERS['ABI_VERSION']}"
COMPILERS = (("gcc", "g++"), ("clang", "clang++"))
MESONS = ("/usr/bin/meson", "meson")
# pkg-config and CMake look nowhere else.
CLEAN = {name: value for name, value in os.environ.items()
         if name not in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LD_LIBRARY_PATH", "PKG_CONFIG_PATH")}

HARDENED = ("-O2 -g -pipe -Wall -Wformat -Werror=format-security -fexceptions -fstack-protector-strong "
            "-fstack-clash-protection -fcf-protection")
FEDORA = (f"{HARDENED} -flto=auto -ffat-lto-objects -Wp,-U_FORTIFY_SOURCE,-D_FORTIFY_SOURCE=3 "
          "-Wp,-D_GLIBCXX_ASSERTIONS -fasynchronous-unwind-tables -fno-omit-frame-pointer")
ARCH = f"{HARDENED} -flto=auto -Wp,-D_FORTIFY_SOURCE=3 -fno-plt -fno-omit-frame-pointer"
FLAGS = {
    "Fedora": {"CFLAGS": FEDORA, "CXXFLAGS": FEDORA,
               "LDFLAGS": "-Wl,-z,relro -Wl,--as-needed -Wl,-z,pack-relative-relocs -Wl,-z,now -Wl,--build-id=sha1"},
    "Arch": {"CFLAGS": ARCH, "CXXFLAGS": f"{ARCH} -Wp,-D_GLIBCXX_ASSERTIONS",
             "LDFLAGS": "-Wl,-O1 -Wl,--sort-common -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -flto=auto"},
    # Which GCC 15 sets by itself at -O0.
    "assertions": {"CXXFLAGS": "-O0 -D_GLIBCXX_ASSERTIONS -Wp,-D_GLIBCXX_ASSERTIONS"},
    "clang": {"CC": "clang", "CXX": "clang++", "CXXFLAGS": "-O0 -Wp,-D_GLIBCXX_ASSERTIONS"},
}


def run(*command, **more):
    done = subprocess.run(command, env={**CLEAN, **more}, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout}")
    return done.stdout


def install(work, *options, meson="/usr/bin/meson", tool="disabled", library="both", **flags):
    prefix = work / "prefix"
    run(meson, "setup", work / "build", SOURCE, f"--prefix={prefix}", "--libdir=lib", f"-Dtool={tool}",
        f"-Ddefault_library={library}", "-Dwerror=true", "--wrap-mode=nodownload", *options, **flags)
    run(meson, "install", "-C", work / "build", **flags)
    return prefix


def is_shared(program):
    """Whether a program needs the library; if not, it must not need nanopb or the C++ runtime for it either."""
    return f"[{SONAME}]" in run("readelf", "-d", program)


def check_programs(work, prefix, compilers, standards, flags=()):
    """With pkg-config, shared and static, and in a plugin."""
    found = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    assert run("pkg-config", "--modversion", "otelue", **found).strip() == VERSION
    shared = run("pkg-config", "--cflags", "--libs", "otelue", **found).split()
    static = run("pkg-config", "--cflags", "--libs", "--static", "otelue", **found).split()
    assert static == shared, static  # the archive needs nothing more
    static[static.index("-lotelue")] = "-l:libotelue.a"
    for c, cpp in compilers:
        for standard in standards:
            compiler, source = (cpp, "main.cc") if "+" in standard else (c, "main.c")
            for options in (shared, static):
                run(compiler, f"-std={standard}", *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    DOWNSTREAM / source, *options, "-o", work / "program")
                run(work / "program", LD_LIBRARY_PATH=str(prefix / "lib"))
                assert is_shared(work / "program") == (options is shared)
        run(c, *flags, "-shared", "-fPIC", "-fvisibility=hidden", DOWNSTREAM / "plugin.c", *static,
            "-Wl,-z,defs", "-o", work / "plugin.so")
        exported = run("nm", "-D", "--defined-only", work / "plugin.so").split()
        assert exported[2::3] == ["plugin_run"], exported


def check_cmake(work, prefix):
    for target in ("otelue", "otelue_static"):
        build = work / target
        run("cmake", "-S", DOWNSTREAM, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DTARGET=otelue::{target}",
            f"-DVERSION={VERSION}")
        run("cmake", "--build", build)
        for program in ("main_c", "main_cc"):
            run(build / program)
            assert is_shared(build / program) == (target == "otelue")


def check_meson(meson, project, *options, **more):
    build = project / "build"
    run(meson, "setup", build, project, "--wrap-mode=nodownload", *options, **more)
    run(meson, "test", "-C", build, **more)
    shutil.rmtree(build)


def installed_files(prefix):
    return sorted(str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir())


def check_installed(work, project):
    assert [run(meson, "--version") == run("/usr/bin/meson", "--version") for meson in MESONS] == [True, False]
    prefix = install(work, tool="enabled")
    common = [
        "include/otelue/builder.h", "include/otelue/builder.hpp", "include/otelue/otelue.h",
        "include/otelue/otelue.hpp", "include/otelue/records.h", "include/otelue/values.hpp",
        "include/otelue/version.h", "lib/cmake/otelue/otelue-config-version.cmake",
        "lib/cmake/otelue/otelue-config.cmake", "lib/pkgconfig/otelue.pc", "share/man/man3/otelue.3",
        "share/otelue/layout.json"]
    command = [
        "bin/otelue", "lib/systemd/system/otelue-forward.service", "share/bash-completion/completions/otelue.bash",
        "share/fish/vendor_completions.d/otelue.fish", "share/man/man1/otelue-decode.1", "share/man/man1/otelue-emit.1",
        "share/man/man1/otelue-forward.1", "share/man/man1/otelue.1", "share/zsh/site-functions/_otelue"]
    shared = ["lib/libotelue.so", f"lib/{SONAME}"]
    assert installed_files(prefix) == sorted([*common, *command, *shared, "lib/libotelue.a"])
    # The command finds its library, without ldconfig.
    assert run(prefix / "bin/otelue", "--version") == f"otelue {VERSION}\n"
    assert is_shared(prefix / "bin/otelue")
    layout = run("pkg-config", "--variable=layout", "otelue", PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig")).strip()
    assert layout == str(prefix / "share/otelue/layout.json")
    check_programs(work, prefix, COMPILERS, ("c99", "c11", "c++17", "c++20", "c++2b"))
    check_cmake(work, prefix)
    for meson in MESONS:
        check_meson(meson, project, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))
    # Where nothing is installed, programs see the public headers and no others.
    uninstalled = {"PKG_CONFIG_PATH": str(work / "build/meson-uninstalled")}
    directories = run("pkg-config", "--cflags-only-I", "otelue", **uninstalled).split()
    assert f"-I{SOURCE / 'include'}" in directories, directories
    headers = [header for directory in directories for header in pathlib.Path(directory[2:]).glob("**/*.h*")]
    assert headers and {header.parent for header in headers} == {SOURCE / "include/otelue"}, headers

    for meson in MESONS:
        alone = pathlib.Path(tempfile.mkdtemp(dir=work))
        prefix = install(alone, "-Dbuildtype=debug", meson=meson, library="static")
        assert installed_files(prefix) == sorted([*common, "lib/libotelue.a"])
        check_meson(meson, project, PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig"))


def check_flags(work, project):
    debian = run("dpkg-buildflags", "--export=cmdline", DEB_BUILD_MAINT_OPTIONS="hardening=+all optimize=+lto")
    debian = {name: value for name, value in re.findall(r'(\w+)="(.*?)"', debian)}
    for name, flags in {"Debian": debian, **FLAGS}.items():
        print(name, flags, flush=True)
        (work / name).mkdir()
        prefix = install(work / name, "--buildtype=plain", **flags)
        compilers = [(flags.get("CC", "gcc"), flags.get("CXX", "g++"))]
        check_programs(work / name, prefix, compilers, ("c99", "c++17"), flags.get("CFLAGS", "").split())


def check_subproject(work, project):
    (project / "subprojects").mkdir()
    (project / "subprojects" / "otelue").symlink_to(SOURCE)
    # The wrap's sources are where tests/run has put them.
    (project / "subprojects" / "packagecache").symlink_to(SOURCE / "subprojects" / "packagecache")
    for meson, *options in (("/usr/bin/meson", "-Ddefault_library=shared", "--unity=on"),
                            ("/usr/bin/meson", "-Ddefault_library=static", "--force-fallback-for=nanopb"),
                            ("/usr/bin/meson", "-Dotelue:default_library=static", "-Db_lto=true"),
                            ("meson", "-Ddefault_library=static")):
        check_meson(meson, project, *options)


def check_configured(work, project):
    """Suites without their programs are left out; tests/run is what insists on them."""
    (work / "bin").mkdir()
    for program in pathlib.Path("/usr/bin").iterdir():
        if program.name not in ("go", "protoc"):
            (work / "bin" / program.name).symlink_to(program)
    path = {"PATH": str(work / "bin")}
    options = (SOURCE, "-Dtests=true", "-Dtool=disabled", "--wrap-mode=nodownload")
    run("meson", "setup", work / "build", *options, **path)
    tests = run("meson", "test", "--list", "-C", work / "build", **path)
    suites = set(re.findall(r"otelue:(\w+)", tests))
    assert suites == {"unit", "api", "headers", "abi", "ffi", "tracepoint", "downstream"}, suites
    failed = subprocess.run(["meson", "setup", work / "whole", *options, "-Dauto_features=enabled"],
                            env={**CLEAN, **path}, capture_output=True)
    assert failed.returncode != 0 and b"'go' not found" in failed.stdout, failed.stdout
    # What they need is installed before they run: they take no network.
    for script, what in ("venv", b"Python"), ("node", b"JavaScript"):
        failed = subprocess.run([SOURCE / "tests/support" / script, "true"], capture_output=True,
                                env={**CLEAN, "OTELUE_CACHE": str(work / "cache")})
        assert failed.returncode == 1 and not (work / "cache").exists()
        assert failed.stderr.startswith(b"the %b packages of the tests are not installed: " % what), failed.stderr


with tempfile.TemporaryDirectory() as directory:
    work = pathlib.Path(directory)
    shutil.copytree(DOWNSTREAM, work / "project")
    {"installed": check_installed, "flags": check_flags, "subproject": check_subproject,
     "configured": check_configured}[WAY](work, work / "project")
