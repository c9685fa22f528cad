#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes rings.txt: rings of perf as a reader may find them, and what it makes of them. The command
(tests/tool/test_perf_ring.cc) and the Collector receiver (rings_test.go) both read it.

    generate.py [--check]       with --check: fails when the file is not what it would make

    ring NAME
    size BYTES, tail N, head N      as the control page says them
    data OFFSET HEX                 bytes of the ring; all others are 0
    event PID CPU TIME HEX          what follows is expected, in this order: an event with its OTLP,
    malformed                       a sample that holds no event,
    lost N                          a record of lost events,
    record TYPE                     a record of another type,
    damaged                         what lies before the head makes no sense, and is passed over

Events have the fields of otlp_metrics at 8 (protocol), 12 (version) and 20 (buffer). Numbers are little-endian."""

import pathlib
import struct
import sys

PATH = pathlib.Path(__file__).with_name("rings.txt")
LOST, SAMPLE, THROTTLE = 2, 9, 5


def record(kind, body, size=None):
    body += bytes(-len(body) % 8)
    return struct.pack("<IHH", kind, 0, 8 + len(body) if size is None else size) + body


def event(otlp, location=None):
    """The data of an event: common fields, protocol, version, where the buffer is, and the buffer."""
    location = len(otlp) << 16 if location is None else location
    return struct.pack("<HBBiI8sI", 1514, 0, 0, 4711, 0, b"v0.19.00", location) + otlp


def sample(raw, pid=4711, cpu=1, time=1000, raw_size=None):
    raw += bytes(-(len(raw) + 4) % 8)
    return record(SAMPLE, struct.pack("<IIQIII", pid, pid + 1, time, cpu, 0, raw_size or len(raw)) + raw)


def lost(count):
    return record(LOST, struct.pack("<QQ", 77, count))


class Ring:
    def __init__(self, name, size=4096, tail=0):
        self.name, self.size, self.tail, self.head = name, size, tail, tail
        self.data, self.expected = bytearray(size), []

    def add(self, bytes_, *expected):
        for byte in bytes_:
            self.data[self.head % self.size] = byte
            self.head += 1
        self.expected += expected
        return self

    def event(self, otlp, time=1000, pid=4711, cpu=1):
        expected = f"event {pid} {cpu} {time} {otlp.hex()}".rstrip()
        return self.add(sample(event(otlp), pid, cpu, time), expected)

    def lines(self):
        yield from ("", f"ring {self.name}", f"size {self.size}", f"tail {self.tail}", f"head {self.head}")
        at = 0
        while at < self.size:  # runs of bytes, without long gaps of zeros
            if not any(self.data[at : at + 32]):
                at += 32
                continue
            yield f"data {at} {self.data[at : at + 32].hex()}"
            at += 32
        yield from self.expected


def rings():
    yield Ring("empty")
    yield Ring("empty, after a long time", tail=(1 << 40) + 8)
    yield Ring("one event").event(b"otlp")
    yield Ring("events of all paddings").event(b"").event(b"a").event(b"ab", 1001).event(b"abcdefgh", 1002, 1, 0)

    size = len(sample(event(b"x" * 64)))
    for before in (8, 16, 40, size - 8):  # the header, the sample's fields, or its data lie around the end
        ring = Ring(f"wrapped, {before} bytes before the end", tail=(5 << 12) - before)
        yield ring.event(b"x" * 64).event(b"y", 1001)
    yield Ring("the record ends with the ring", tail=4096 - size).event(b"x" * 64).event(b"y", 1001)

    full = Ring("full to the last record", tail=24)
    while full.head - full.tail + size <= full.size:
        full.event(b"z" * 64, 1000 + full.head)
    yield full

    yield Ring("the largest event", 16384, 16384 * 3 - 4000).event(bytes(range(256)) * 31 + bytes(232), 1 << 60)
    yield Ring("lost events").add(lost(3), "lost 3").event(b"next").add(lost(1 << 32), f"lost {1 << 32}").event(b"", 1001)
    yield Ring("other records").add(record(THROTTLE, bytes(24)), "record 5").event(b"a").add(record(999, b""), "record 999")

    ring = Ring("samples without an event")
    ring.add(record(SAMPLE, b""), "malformed").add(record(SAMPLE, bytes(24)), "malformed")
    ring.add(sample(b""), "malformed").add(sample(event(b"")[:16]), "malformed")
    yield ring.event(b"goes on")
    ring = Ring("buffers that end outside of the event")
    for location in (0xFFFFFFFF, 13 << 16, 5, 0xFFFF0000, 1 << 16 | 12):
        ring.add(sample(event(b"12345678" + b"1234", location)), "malformed" if location != 5 else "event 4711 1 1000")
    yield ring.event(b"goes on")
    ring = Ring("data that end outside of the sample")
    ring.add(sample(event(b"1234"), raw_size=4096), "malformed").add(sample(event(b"1234"), raw_size=0xFFFFFFF8), "malformed")
    yield ring.event(b"goes on")
    yield Ring("a buffer behind a gap").add(sample(event(b"...otlp", 4 << 16 | 3)), f"event 4711 1 1000 {b'otlp'.hex()}")

    yield Ring("a record of size 0").event(b"a").add(record(SAMPLE, b"", 0), "damaged")
    yield Ring("a record smaller than its header").event(b"a").add(record(SAMPLE, bytes(32), 7), "damaged")
    yield Ring("a record that ends behind the head").event(b"a").add(record(SAMPLE, bytes(32), 4000), "damaged")
    yield Ring("a head within a header").event(b"a").add(bytes(4), "damaged")
    ring = Ring("a head more than a ring away").add(bytes(8), "damaged")
    ring.head += ring.size
    yield ring
    ring = Ring("a head behind the tail", tail=64).add(b"", "damaged")
    ring.head = 0
    yield ring
    ring = Ring("a head at the end of numbers").event(b"a")
    ring.head, ring.expected = (1 << 64) - 1, ["damaged"]
    yield ring


def main():
    text = "# Made by generate.py.\n" + "".join(line + "\n" for ring in rings() for line in ring.lines())
    if sys.argv[1:] != ["--check"]:
        PATH.write_text(text)
    elif PATH.read_text() != text:
        sys.exit(f"{PATH} is not what {__file__} makes: run it")


if __name__ == "__main__":
    main()
