# SPDX-License-Identifier: Apache-2.0
"""Calls libotelue through ctypes. OTELUE_LIBRARY names the library."""

import ctypes
import os
import struct
import tempfile
from ctypes import c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

import recording

E2BIG, EINVAL, EBADMSG, EMSGSIZE, EOPNOTSUPP, ENOBUFS = 7, 22, 74, 90, 95, 105
PACK_METRIC, PACK_POINT, PACK_REQUEST = 0, 1, 2
ALLOW_LARGE_EVENTS = 1
ENCODE_SLACK = 32
(REASON_NONE, REASON_REFERENCE, REASON_RESERVED, REASON_KIND, REASON_TEMPORALITY, REASON_VALUE_TYPE,
 REASON_ATTRIBUTE_TYPE, REASON_TEXT, REASON_BUCKETS, REASON_ENCODED, REASON_ENCODED_VERSION, REASON_MALFORMED,
 REASON_TOO_LARGE, REASON_HEAD_TOO_LARGE, REASON_WRITE) = range(15)


class Options(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in (
        "struct_size", "flags", "target_event_bytes", "max_event_bytes", "packing", "pacing_bytes", "pacing_microseconds",
        "reserved")]


class Result(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in (
        "struct_size", "listening", "points_total", "points_exported", "points_invalid", "points_too_large",
        "points_unwritten", "points_unheard", "strings_as_bytes", "values_emptied", "exemplars_dropped", "events")] + [
            ("bytes", c_uint64), ("first_bad_point", c_uint32), ("first_bad_reason", c_uint32),
            ("last_errno", c_int32), ("step", c_uint32)]

    def adds_up(self):
        return self.points_total == (self.points_exported + self.points_invalid + self.points_too_large +
                                     self.points_unwritten + self.points_unheard)


Cursor = c_uint64 * 64


def bits(number):
    """Of a double."""
    return struct.unpack("=Q", struct.pack("=d", number))[0]


def _load():
    library = ctypes.CDLL(os.environ["OTELUE_LIBRARY"])
    for name in ("otelue_encode_next", "otelue_split_next"):
        getattr(library, name).argtypes = [c_void_p, c_size_t, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]
    library.otelue_encode_attributes.argtypes = [c_void_p, c_size_t, c_uint32, c_uint32, c_void_p, c_size_t, c_void_p,
                                                 c_void_p, c_void_p]
    library.otelue_open.argtypes = [c_void_p, c_void_p, c_void_p, c_void_p]
    library.otelue_open_recording.argtypes = [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p]
    for name in ("otelue_export", "otelue_export_otlp"):
        getattr(library, name).argtypes = [c_void_p, c_void_p, c_size_t, c_void_p]
    for name in ("otelue_enabled", "otelue_shutdown", "otelue_close"):
        getattr(library, name).argtypes = [c_void_p]
    library.otelue_close.restype = None
    library.otelue_get_statistics.argtypes = library.otelue_get_status.argtypes = [c_void_p, c_void_p]
    return library


LIBRARY = _load()


class Refused(Exception):
    """A call that returned a negative errno, with what it said of the attributes."""

    def __init__(self, code, reason=REASON_NONE, index=0):
        super().__init__(f"returned {code}, reason {reason} of {index}")
        self.errno, self.reason, self.index = -code, reason, index


def options(target_event_bytes=0, max_event_bytes=0, packing=PACK_METRIC):
    flags = ALLOW_LARGE_EVENTS if max(target_event_bytes, max_event_bytes) > 8168 else 0
    return Options(ctypes.sizeof(Options), flags, target_event_bytes, max_event_bytes, packing)


def _next_until_done(function, data, opts):
    """All events of a batch or request, and the result."""
    limit = max(opts.max_event_bytes or 8168, opts.target_event_bytes)
    out = ctypes.create_string_buffer(limit + ENCODE_SLACK)
    source = (ctypes.c_char * len(data)).from_buffer_copy(data) if data else ctypes.create_string_buffer(1)
    cursor, written, result = Cursor(), c_size_t(), Result(ctypes.sizeof(Result))
    events = []
    while True:
        code = function(source, len(data), ctypes.byref(opts), cursor, out, len(out), ctypes.byref(written),
                        ctypes.byref(result))
        if code < 0:
            raise Refused(code)
        if code == 0:
            return events, result
        events.append(out.raw[:written.value])


def encode(batch, opts=None):
    return _next_until_done(LIBRARY.otelue_encode_next, bytes(batch), opts or options())


def split(request, opts=None):
    return _next_until_done(LIBRARY.otelue_split_next, bytes(request), opts or options())


def record(function, data, opts=None):
    """Exports by otelue_export or otelue_export_otlp to a recording: its events, and the result."""
    exporter, result, data = c_void_p(), Result(ctypes.sizeof(Result)), bytes(data)
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "recording")
        code = LIBRARY.otelue_open_recording(ctypes.byref(opts or options()), path.encode(), None, None,
                                             ctypes.byref(exporter))
        if code < 0:
            raise Refused(code)
        code = function(exporter, data, len(data), ctypes.byref(result))
        LIBRARY.otelue_close(exporter)
        if code < 0:
            raise Refused(code)
        return recording.events(path), result


def limit_of(event, opts):
    """Of an event with several points: the target, unless its first point alone goes beyond that."""
    alone = split(event, options(opts.max_event_bytes, opts.max_event_bytes, PACK_POINT))[0][0]
    return opts.target_event_bytes if len(alone) <= opts.target_event_bytes else opts.max_event_bytes


def encode_attributes(memory, off, length):
    """An encoded attribute set."""
    out, written, reason, index = ctypes.create_string_buffer(8200), c_size_t(), c_uint32(), c_uint32()
    source = (ctypes.c_char * len(memory)).from_buffer_copy(bytes(memory))
    code = LIBRARY.otelue_encode_attributes(source, len(memory), off, length, out, len(out), ctypes.byref(written),
                                            ctypes.byref(reason), ctypes.byref(index))
    if code < 0:
        raise Refused(code, reason.value, index.value)
    return out.raw[:written.value]


class Batch:
    """Appends records to a batch. Every method returns an offset, or an (offset, length) reference."""

    def __init__(self):
        self.buffer = bytearray(32)
        self.points = []
        self.resource = 0

    def put(self, data, align=8):
        self.buffer.extend(bytes(-len(self.buffer) % align))
        self.buffer.extend(data)
        return len(self.buffer) - len(data)

    def text(self, data):
        data = data.encode() if isinstance(data, str) else data
        return (self.put(data, 1), len(data)) if data else (0, 0)

    def pack(self, layout, *values):
        return self.put(struct.pack("=" + layout, *values))

    def run(self, layout, rows):
        """Records one after another."""
        if not rows:
            return 0, 0
        return self.put(b"".join(struct.pack("=" + layout, *row) for row in rows)), len(rows)

    def set_resource(self, *fields, **more):
        self.resource = self.add_resource(*fields, **more)

    def add_resource(self, attributes=(0, 0), schema_url=(0, 0), dropped=0, entity_refs=(0, 0)):
        return self.pack("8IQ", *attributes, *schema_url, *entity_refs, dropped, 0, 0)

    def add_scope(self, resource=0, dropped=0, name=(0, 0), version=(0, 0), schema_url=(0, 0), attributes=(0, 0)):
        return self.pack("10IQ", resource, dropped, *name, *version, *schema_url, *attributes, 0)

    def add_metric(self, scope, kind, name, description=(0, 0), unit=(0, 0), metadata=(0, 0), temporality=0,
                   monotonic=0):
        return self.pack("12IQ", scope, kind, *name, *description, *unit, *metadata, temporality, monotonic, 0)

    def add_point(self, metric, flags=0, start=0, time=0, attributes=(0, 0), exemplars=(0, 0), value_type=0, form=0,
                  body=0, as_int=0, as_double=0.0):
        self.points.append(struct.pack("=2I2Q4I2HIqd", metric, flags, start, time, *attributes, *exemplars,
                                       value_type, form, body, as_int, as_double))

    def finish(self):
        off = self.put(b"".join(self.points)) if self.points else 0
        struct.pack_into("=I2H6I", self.buffer, 0, 0x4555544F, 1, 32, len(self.buffer), 0, off, len(self.points),
                         self.resource, 0)
        return bytes(self.buffer)
