#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The library exports what the header declares and the version script lists, needs libc alone, and has no names that
otelue.hpp has, which a program that is linked statically would mix up."""

import json
import re
import subprocess
import sys

library, version_script, layout, core = sys.argv[1:]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


exported = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines()}
assert all(name.startswith("otelue_") for name in exported), exported
exported.discard("otelue_1")  # the version itself
listed = set(re.findall(r"^    (otelue_\w+);", open(version_script).read(), re.M))
declared = {function["name"] for function in json.load(open(layout))["functions"]}
assert exported == listed == declared, f"{exported ^ listed} {listed ^ declared}"
assert len(exported) >= 18

dynamic = output("readelf", "-d", library)
assert re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic) == ["libc.so.6"], dynamic
assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == ["libotelue.so.1"], dynamic
assert "NODELETE" in dynamic

names = output("nm", "-C", core)
assert " otelue_core::" in names and " otelue::" not in names
