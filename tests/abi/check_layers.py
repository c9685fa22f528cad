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
    "user_events": {"otelue", "log.h", "user_events"},
    "log.h": {"otelue"},
    "exporter": {"otelue", "log.h", "records", "otlp", "user_events", "exporter"},
    "abi": {"otelue", "abi", "exporter", "records", "wire", "otlp", "user_events"},
    "tool": {"otelue", "tool"},
}
KERNEL = re.compile(r"<(fcntl|unistd|errno|cerrno|time|sys/(ioctl|stat|mman|uio))")

source = pathlib.Path(sys.argv[1])
files = [f for f in source.rglob("*") if f.suffix in (".h", ".cc", ".c")]
assert len(files) > 20
faults = []
for file in files:
    parts = file.relative_to(source).parts
    room = parts[0] if len(parts) > 1 or parts[0] == "log.h" else file.stem
    text = file.read_text()
    for name in re.findall(r'#include "([^"]+)"', text):
        first = name.split("/")[0] if "/" in name else name
        if room == "tool" and "/" not in name:
            continue
        if first == "exporter.h":
            first = "exporter"
        if first not in ALLOWED[room]:
            faults.append(f"{file}: {name}")
    if "<pb" in text and file.name != "writer.h":
        faults.append(f"{file}: nanopb")
    if re.search(r"<(tracefs|event-parse)\.h>", text) and room != "tool":
        faults.append(f"{file}: libtracefs")
    if room == "otlp" and KERNEL.search(text):
        faults.append(f"{file}: the encoder knows no kernel")
assert not faults, "\n".join(faults)
