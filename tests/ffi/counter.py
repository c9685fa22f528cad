# SPDX-License-Identifier: Apache-2.0
"""A counter and a gauge from Python, with the standard library alone. With an argument: the events in hexadecimal, at
fixed times."""

import ctypes
import struct
import sys
import time

otelue = ctypes.CDLL("libotelue.so.1")
batch = bytearray(32)  # room for the header


def put(data, align=8):
    batch.extend(bytes(-len(batch) % align))
    batch.extend(data)
    return len(batch) - len(data)


def text(s):
    return put(s.encode(), 1), len(s.encode())


def attribute(key, value):
    key, (off, length) = text(key), text(value)
    return put(struct.pack("=4IQ", *key, 1, length, off)), 1


def point(metric, attributes, value_type, as_int=0, as_double=0.0):
    return struct.pack("=2I2Q4I2HIqd", metric, 0, now - 10**9, now, *attributes, 0, 0, value_type, 0, 0, as_int, as_double)


now = 10**18 if sys.argv[1:] else time.time_ns()
resource = put(struct.pack("=8IQ", *attribute("service.name", "svc"), 0, 0, 0, 0, 0, 0, 0))
scope = put(struct.pack("=10IQ", 0, 0, *text("my.meter"), 0, 0, 0, 0, 0, 0, 0))
counter = put(struct.pack("=12IQ", scope, 7, *text("http.requests"), 0, 0, *text("{request}"), 0, 0, 1, 1, 0))
gauge = put(struct.pack("=12IQ", scope, 5, *text("queue.depth"), 0, 0, 0, 0, 0, 0, 0, 0, 0))
rows = point(counter, attribute("method", "GET"), 3, as_int=7) + point(gauge, (0, 0), 4, as_double=2.5)
points = put(rows)
struct.pack_into("=I2H6I", batch, 0, 0x4555544F, 1, 32, len(batch), 0, points, 2, resource, 0)
memory = (ctypes.c_char * len(batch)).from_buffer(batch)

if sys.argv[1:]:
    event, cursor, written = ctypes.create_string_buffer(8200), (ctypes.c_uint64 * 64)(), ctypes.c_size_t()
    while otelue.otelue_encode_next(memory, ctypes.c_size_t(len(batch)), None, cursor, event, ctypes.c_size_t(8200),
                                    ctypes.byref(written), None) == 1:
        print(event.raw[:written.value].hex())

exporter = ctypes.c_void_p()
assert otelue.otelue_open(None, None, None, ctypes.byref(exporter)) == 0
returned = otelue.otelue_export(exporter, memory, ctypes.c_size_t(len(batch)), None)
otelue.otelue_close(exporter)
sys.exit(returned)
