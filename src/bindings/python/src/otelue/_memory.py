# SPDX-License-Identifier: Apache-2.0
"""Memory that grows, with texts and attributes in it."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from . import _records as r

_logger = logging.getLogger("otelue")

Ref = tuple[int, int]
NOTHING: Ref = (0, 0)

# The library sends a container inside so many others as an empty value, so its elements need not be there.
_DEPTH_LIMIT = 64
_double_bits = struct.Struct("=d").pack
_bits_of = struct.Struct("=Q").unpack
_INT64 = range(-(2**63), 2**63)


def utf8(text: str) -> bytes:
    """UTF-8, or for a text with surrogates what comes nearest: the bytes that they stand for, or their own."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogatepass")


def decimal(number: int) -> str:
    try:
        return str(number)
    except ValueError:  # Python refuses very long ones.
        return hex(number)


class Memory:
    """Bytes in use from the start of a buffer that is as large as it once had to be."""

    def __init__(self, used: int = 0) -> None:
        self.buffer = bytearray(max(4096, used))
        self.used = used

    def reserve(self, size: int, align: int = 8) -> int:
        """Offset of so many bytes behind those in use; they hold anything."""
        at = -(-self.used // align) * align
        self.used = at + size
        if self.used > len(self.buffer):
            self.buffer.extend(bytes(max(self.used, 2 * len(self.buffer)) - len(self.buffer)))
        return at

    def put(self, data: bytes | bytearray, align: int = 8) -> int:
        at = self.reserve(len(data), align)
        self.buffer[at : at + len(data)] = data
        return at

    def text(self, text: str | None) -> Ref:
        return self.bytes(utf8(text)) if text else NOTHING

    def bytes(self, data: bytes) -> Ref:
        return (self.put(data, 1), len(data)) if data else NOTHING

    def value(self, value: Any, depth: int = 0) -> tuple[int, int, int]:
        """Type, length and bits of an otelue_value."""
        if isinstance(value, str):
            off, length = self.text(value)
            return r.STRING, length, off
        if value is None:
            return r.EMPTY, 0, 0
        if isinstance(value, bool):
            return r.BOOL, 0, int(value)
        if isinstance(value, int):
            if value in _INT64:
                return r.INT, 0, value & 0xFFFFFFFFFFFFFFFF
            off, length = self.text(decimal(value))
            return r.STRING, length, off
        if isinstance(value, float):
            return r.DOUBLE, 0, _bits_of(_double_bits(value))[0]
        if isinstance(value, bytes):
            off, length = self.bytes(value)
            return r.BYTES, length, off
        if isinstance(value, Mapping):
            off, length = self.attributes(value, depth + 1) if depth < _DEPTH_LIMIT else self.placeholder(value)
            return r.KVLIST, length, off
        if isinstance(value, Sequence):
            off, length = self.array(value, depth + 1) if depth < _DEPTH_LIMIT else self.placeholder(value)
            return r.ARRAY, length, off
        off, length = self.text(str(value))
        return r.STRING, length, off

    def placeholder(self, container: Any) -> Ref:
        """Stands for elements that are too deep: one of them, empty, without a key if it has one."""
        return (self.put(bytes(r.ATTRIBUTE.size)), 1) if len(container) else NOTHING

    def array(self, values: Sequence[Any], depth: int) -> Ref:
        records = [r.VALUE.pack(*self.value(value, depth)) for value in values]
        return (self.put(b"".join(records)), len(records)) if records else NOTHING

    def attributes(self, attributes: Mapping[str, Any] | None, depth: int = 0) -> Ref:
        """Records of attributes, without those whose key is not UTF-8."""
        records = []
        for key, value in attributes.items() if attributes else ():
            try:
                name = str(key).encode()
            except UnicodeEncodeError:
                _log_bad_key(key)
                continue
            records.append(r.ATTRIBUTE.pack(*self.bytes(name), *self.value(value, depth)))
        return (self.put(b"".join(records)), len(records)) if records else NOTHING


_bad_key_logged = False


def _log_bad_key(key: str) -> None:
    global _bad_key_logged
    if not _bad_key_logged:
        _bad_key_logged = True
        _logger.warning("attributes whose key is not UTF-8 are dropped, first %r", key)


_PLAIN = frozenset({str, int, bool, bytes, type(None)})


def identity(attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal for attributes that are encoded alike: it keeps True, 1 and 1.0 apart, and both zeros."""
    types = tuple(map(type, attributes.values()))
    if _PLAIN.issuperset(types):
        return types, tuple(attributes.items())
    return tuple((key, _tagged(value, 0)) for key, value in attributes.items())


def _tagged(value: Any, depth: int) -> Any:
    if isinstance(value, float):
        return float, _double_bits(value)
    if isinstance(value, (str, bytes)):
        return type(value), value
    if isinstance(value, (Mapping, Sequence)) and depth == _DEPTH_LIMIT:
        return isinstance(value, Mapping), len(value) > 0
    if isinstance(value, Mapping):
        return Mapping, tuple((key, _tagged(element, depth + 1)) for key, element in value.items())
    if isinstance(value, Sequence):
        return Sequence, tuple(_tagged(element, depth + 1) for element in value)
    return type(value), value
