#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Data flows one way: which directory of src may include which."""

import pathlib
import re
import sys

ALLOWED = {
    "wire": {"wire"},
    "records": {"otelue", "records"},
    "otlp": {"otelue", "records", "wire", "otlp"},
    "log": {"otelue"},
    "target": {"otelue"},
    "totals": {"otelue"},
    "process": {"process"},
    "recording": {"otelue", "log", "target", "process", "recording"},
    "user_events": {"otelue", "log", "target", "process", "user_events"},
    "exporter": {"otelue", "log", "target", "totals", "records", "otlp", "process", "recording", "user_events",
                 "exporter"},
    "abi": {"otelue", "exporter", "records", "wire", "otlp", "process", "abi"},
    "tool": {"otelue", "tool"},
}
KERNEL = re.compile(r"<(fcntl|unistd|errno|cerrno|time|sys/(ioctl|stat|mman|uio))")

source = pathlib.Path(sys.argv[1])
# Each package in bindings stands on the installed library, and is checked by its own suite.
files = [f for f in source.rglob("*")
         if f.suffix in (".h", ".cc", ".c") and f.relative_to(source).parts[0] != "bindings"]
assert len(files) > 20
faults = []
for file in files:
    parts = file.relative_to(source).parts
    room = parts[0] if len(parts) > 1 else file.stem
    text = file.read_text()
    for name in re.findall(r'#include "([^"]+)"', text):
        if room == "tool" and "/" not in name:
            continue
        first = name.split("/")[0].removesuffix(".h")
        if first not in ALLOWED[room]:
            faults.append(f"{file}: {name}")
    if "<pb" in text and file.name != "writer.h":
        faults.append(f"{file}: nanopb")
    if re.search(r"<(tracefs|event-parse|CLI|google/protobuf|otlp_metrics\.pb\.h)\b", text) and room != "tool":
        faults.append(f"{file}: a library of the command")
    if room == "otlp" and KERNEL.search(text):
        faults.append(f"{file}: the encoder knows no kernel")
rows = re.findall(r"^\| (`.*?) \|", (source / "README.md").read_text(), re.MULTILINE)
rooms = {room for row in rows for room in re.findall(r"`(\w+)`", row)}
assert rooms == set(ALLOWED), rooms ^ set(ALLOWED)
assert not faults, "\n".join(faults)
