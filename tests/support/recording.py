# SPDX-License-Identifier: Apache-2.0
"""Reads recordings, which otelue/records.h describes."""

import struct
import typing

MAGIC = b"\x89OTELUE\n"
HEADER_SIZE = 16
EVENT, LOST = 1, 2


class Entry(typing.NamedTuple):
    type: int
    time_unix_nano: int
    pid: int
    cpu: int
    protocol: int
    version: bytes
    data: bytes


def read(path):
    """The entries of a recording of this machine."""
    with open(path, "rb") as file:
        data = file.read()
    magic, byte_order, version, header_size = struct.unpack_from("=8sIHH", data)
    assert (magic, byte_order, version) == (MAGIC, 0x01020304, 1)
    at, found = header_size, []
    while at < len(data):
        size, kind, _, time, pid, cpu, protocol, _, name = struct.unpack_from("=IHHQIIII8s", data, at)
        at += 40 + size
        assert at <= len(data), "the last entry is cut short"
        found.append(Entry(kind, time, pid, cpu, protocol, name, data[at - size : at]))
    return found


def events(path):
    """The OTLP bytes of each event."""
    return [entry.data for entry in read(path) if entry.type == EVENT]
