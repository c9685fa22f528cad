# SPDX-License-Identifier: Apache-2.0
"""libotelue.so.1, called through ctypes. What its functions do is said in otelue/otelue.h."""

from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import POINTER, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

SONAME = "libotelue.so.1"

PARTIAL = 1
# otelue_log_level
LOG_ERROR, LOG_WARNING, LOG_INFO = 1, 2, 3
# otelue_packing
PACKINGS = {"metric": 0, "point": 1, "request": 2}
# otelue_step
STEP_REGISTERED = 0
ENCODED_ATTRIBUTES_MAX = 8200

LogFunction: Any = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields: int) -> None:
        super().__init__(struct_size=ctypes.sizeof(self), **fields)


class Options(Sized):
    _fields_ = [
        (name, c_uint32)
        for name in (
            "struct_size",
            "flags",
            "target_event_bytes",
            "max_event_bytes",
            "packing",
            "pacing_bytes",
            "pacing_microseconds",
            "reserved",
        )
    ]


class Result(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("listening", c_uint32),
        ("points_total", c_uint32),
        ("points_exported", c_uint32),
        ("points_invalid", c_uint32),
        ("points_too_large", c_uint32),
        ("points_unwritten", c_uint32),
        ("points_unheard", c_uint32),
        ("strings_as_bytes", c_uint32),
        ("values_emptied", c_uint32),
        ("exemplars_dropped", c_uint32),
        ("events", c_uint32),
        ("bytes", c_uint64),
        ("first_bad_point", c_uint32),
        ("first_bad_reason", c_uint32),
        ("last_errno", c_int32),
        ("step", c_uint32),
    ]


class Statistics(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        *(
            (name, c_uint64)
            for name in (
                "exports",
                "exports_refused",
                "exports_unheard",
                "points_total",
                "points_exported",
                "points_invalid",
                "points_too_large",
                "points_unwritten",
                "points_unheard",
                "strings_as_bytes",
                "values_emptied",
                "exemplars_dropped",
                "events",
                "bytes",
                "registrations",
            )
        ),
    ]


STRUCTS = {"otelue_options": Options, "otelue_result": Result, "otelue_statistics": Statistics}

_exporter = c_void_p
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "otelue_open": (c_int, (POINTER(Options), LogFunction, c_void_p, POINTER(_exporter))),
    "otelue_open_recording": (c_int, (POINTER(Options), c_char_p, LogFunction, c_void_p, POINTER(_exporter))),
    "otelue_listening": (c_int, (_exporter, POINTER(c_uint32))),
    "otelue_export": (c_int, (_exporter, c_void_p, c_size_t, POINTER(Result))),
    "otelue_get_statistics": (c_int, (_exporter, POINTER(Statistics))),
    "otelue_shutdown": (c_int, (_exporter,)),
    "otelue_close": (None, (_exporter,)),
    "otelue_strerror": (c_char_p, (c_int,)),
    "otelue_describe": (c_int, (c_void_p, c_size_t, c_int, POINTER(Result), c_char_p, c_size_t)),
    "otelue_encode_attributes": (
        c_int,
        (
            c_void_p,
            c_size_t,
            c_uint32,
            c_uint32,
            c_void_p,
            c_size_t,
            POINTER(c_size_t),
            POINTER(c_uint32),
            POINTER(c_uint32),
        ),
    ),
}


def candidates() -> list[str]:
    """Where the library may be, best first."""
    named = os.environ.get("OTELUE_LIBRARY")
    if named:
        return [named]
    beside = pathlib.Path(__file__).with_name(SONAME)
    return [str(beside), SONAME] if beside.exists() else [SONAME]


def load() -> ctypes.CDLL:
    """The library. Raises OSError, which says what was tried."""
    reasons = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
            for name, (result, arguments) in FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
            return library
        except (OSError, AttributeError) as error:
            reasons.append(str(error) if path in str(error) else f"{path}: {error}")
    raise OSError("; ".join(reasons))


def address(buffer: bytearray) -> int:
    """Of its first byte, for as long as it is not resized."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def describe(library: ctypes.CDLL, data: int | None, size: int, returned: int, result: Result) -> str:
    """What became of an export, in words."""
    text = ctypes.create_string_buffer(1024)
    library.otelue_describe(data, size, returned, ctypes.byref(result), text, len(text))
    return text.value.decode("utf-8", "replace")
