#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Library and archive offer what the headers declare and the version script lists, and need libc alone:
check_exports.py LIBRARY ARCHIVE VERSION_SCRIPT LAYOUT MANUAL"""

import json
import pathlib
import re
import subprocess
import sys

library, archive, version_script, layout, manual = sys.argv[1:]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


layout = json.loads(pathlib.Path(layout).read_text())
soname, node = layout["soname"], "otelue_" + layout["soname"].rpartition(".")[2]
declared = {function["name"] for function in layout["functions"]}
script = pathlib.Path(version_script).read_text()
assert re.findall(r"^(otelue_\d+) \{", script, re.M) == [node], script
listed = set(re.findall(r"^    (otelue_\w+);", script, re.M))
assert listed == declared and len(listed) >= 18, listed ^ declared
documented = set(re.findall(r"Fn (otelue_\w+)", pathlib.Path(manual).read_text()))
assert documented == declared, documented ^ declared

exported = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", library).splitlines()}
assert exported == listed | {node}, exported ^ listed
dynamic = output("readelf", "-d", library)
needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
assert "libc.so.6" in needed, dynamic
# The dynamic loader is named on some machines: it has the stack protector's guard.
assert all(re.fullmatch(r"libc\.so\.6|ld-linux[-.\w]*|ld64\.so\.\d", name) for name in needed), needed
assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == [soname], dynamic
assert "NODELETE" in dynamic

# It has no thread-local storage, and calls nothing that allocates or takes a lock of the C library.
assert " TLS " not in output("readelf", "-lW", library)
called = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--undefined-only", library).splitlines()}
assert "write" in called
assert not [name for name in called if re.match(r"[mc]alloc|realloc|free$|strerror|pthread_(mutex|rwlock|once)", name)]

# In the archive all else is local, nanopb included, and the functions are hidden: what it is linked into exports none.
symbols = [line.split() for line in output("readelf", "-sW", archive).splitlines() if re.match(r" *\d+: ", line)]
symbols = [fields for fields in symbols if len(fields) == 8]
seen = {fields[7]: fields[5] for fields in symbols if fields[4] != "LOCAL" and fields[6] != "UND"}
assert set(seen) == listed, set(seen) ^ listed
assert set(seen.values()) == {"HIDDEN"}, seen
undefined = {fields[7] for fields in symbols if fields[6] == "UND"}
assert undefined and not [name for name in undefined if re.match(r"_Z|pb_|__(cxa|gxx)_", name)], undefined

# Nor is a class of the library mixed up with one of otelue.hpp.
names = output("nm", "-C", archive)
assert " otelue_core::" in names and " otelue::" not in names
