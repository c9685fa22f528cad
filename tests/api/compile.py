#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public headers compile in strict programs, in every language version, with gcc and clang, on both C++ libraries:

compile.py headers INCLUDE              each header alone
compile.py programs INCLUDE LIBRARY     this directory's programs, which are then run"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]
C = [[compiler, f"-std={standard}", *STRICT, "-Wstrict-prototypes"]
     for compiler in ("gcc", "clang") for standard in ("gnu89", "c99", "c11", "gnu17", "c2x")]
CPP = [[*compiler, f"-std={standard}", *STRICT, "-Wsign-conversion", "-fno-exceptions", "-fno-rtti"]
       for compiler in (["g++"], ["clang++"], ["clang++", "-stdlib=libc++"])
       for standard in ("c++11", "c++14", "c++17", "c++20", "c++2b")]
CPP17 = [command for command in CPP if command[-len(STRICT) - 4] not in ("-std=c++11", "-std=c++14")]


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}")


def check_headers(include):
    headers = sorted(include.glob("otelue/*.h")) + sorted(include.glob("otelue/*.hpp"))
    assert len(headers) == 7, headers
    for header in headers:
        languages = [("c++", CPP17)] if header.suffix == ".hpp" else [("c", C), ("c++", CPP)]
        program = f'#include "otelue/{header.name}"\nint main(void) {{ return 0; }}\n'
        for language, commands in languages:
            for command in commands:
                # gcc's only: every struct of the ABI is without padding.
                padded = ["-Wpadded"] if command[0] == "gcc" else []
                run(*command, *padded, "-x", language, f"-I{include}", "-fsyntax-only", "-", input=program)


def check_programs(include, library):
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory, "program")
        environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
        for source, commands in (("test_api.c", C), ("test_cplusplus.cc", CPP17)):
            for command in commands:
                run(*command, f"-I{include}", HERE / source, library, "-pthread", "-o", program)
                run(program, env=environment)


if __name__ == "__main__":
    assert len(C) == 10 and len(CPP) == 15 and len(CPP17) == 9
    if sys.argv[1] == "headers":
        check_headers(pathlib.Path(sys.argv[2]))
    else:
        check_programs(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
