# SPDX-License-Identifier: Apache-2.0
"""Writes messages as no canonical encoder does, but as every decoder must accept them (protobuf.dev, "Encoding")."""

import itertools
import struct

from convert import was_string
from google.protobuf.descriptor import FieldDescriptor as F
from messages import varint

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)


def tag(number, wire_type, size=1):
    return varint(number << 3 | wire_type, size)


def delimited(number, data, width=1):
    return tag(number, BYTES) + varint(len(data), width) + data


def scalar(field, value):
    """Wire type and bytes of a value that is no message."""
    kind = field.type
    if kind in (F.TYPE_FIXED64, F.TYPE_SFIXED64, F.TYPE_DOUBLE):
        return FIXED64, struct.pack({F.TYPE_FIXED64: "<Q", F.TYPE_SFIXED64: "<q", F.TYPE_DOUBLE: "<d"}[kind], value)
    if kind in (F.TYPE_STRING, F.TYPE_BYTES):
        return BYTES, value.encode() if isinstance(value, str) else value
    if kind == F.TYPE_SINT32:
        value = value << 1 ^ value >> 31
    return VARINT, int(value) & 0xFFFFFFFFFFFFFFFF


class Writer:
    """Lengths and numbers wider than need be, packed fields in pieces or unpacked, fields in any order, values that later
    ones override, messages in several pieces, members of a oneof that another one replaces, and unknown fields."""

    def __init__(self, random, unknown=True, bad_strings=False):
        """`bad_strings`: bytes that are no text become strings, which decoders then refuse."""
        self.random = random
        self.unknown = unknown
        self.bad_strings = bad_strings

    def chance(self, p):
        return self.random.random() < p

    def number(self, n, most):
        return varint(n, self.random.randrange(1, most + 1) if self.chance(0.3) else 1)

    def tag(self, number, wire_type):
        return self.number(number << 3 | wire_type, 5)

    def delimited(self, number, data):
        return self.tag(number, BYTES) + self.number(len(data), 5) + data

    def value(self, number, wire_type, data):
        if wire_type == VARINT:
            return self.tag(number, VARINT) + self.number(data, 10)
        return self.delimited(number, data) if wire_type == BYTES else self.tag(number, wire_type) + data

    def unknown_field(self, deepest_group):
        r = self.random
        number = r.choice((20, 21, 536870911))
        kind = r.randrange(5)
        if kind == 4 and deepest_group > 0:
            inner = b"".join(self.unknown_field(deepest_group - 1) for _ in range(r.randrange(3)))
            return self.tag(number, START_GROUP) + inner + self.tag(number, END_GROUP)
        wire_type, data = ((VARINT, 2**64 - 1), (FIXED64, r.randbytes(8)), (FIXED32, r.randbytes(4)),
                           (BYTES, r.randbytes(r.randrange(6))), (VARINT, 0))[kind]
        return self.value(number, wire_type, data)

    def packed(self, field, values):
        chunks = []
        while values:
            n = self.random.randrange(len(values) + 1)
            if self.chance(0.5):
                body = b""
                for v in values[:n]:
                    wire_type, data = scalar(field, v)
                    body += self.number(data, 10) if wire_type == VARINT else data
                chunks.append(self.delimited(field.number, body))
            else:
                chunks += [self.value(field.number, *scalar(field, v)) for v in values[:n]]
            values = values[n:]
        return chunks

    def pieces(self, message):
        """A message as several, which merge into it."""
        pieces = [type(message)() for _ in range(self.random.choice((1, 1, 2, 3)))]
        for field, value in message.ListFields():
            if not field.is_repeated:
                piece = self.random.choice(pieces)
                if field.message_type is None:
                    setattr(piece, field.name, value)
                else:
                    getattr(piece, field.name).CopyFrom(value)
                continue
            begin = 0
            for i, piece in enumerate(pieces):
                end = len(value) if i + 1 == len(pieces) else self.random.randrange(begin, len(value) + 1)
                getattr(piece, field.name).extend(value[begin:end])
                begin = end
        return pieces

    def replaced(self, field):
        """Members of a oneof that a later one replaces."""
        others = [f for f in field.containing_oneof.fields if f.number != field.number]
        other = self.random.choice(others)
        if other.message_type is None:
            default = b"old" if other.type in (F.TYPE_BYTES, F.TYPE_STRING) else 1
            return self.value(other.number, *scalar(other, default))
        inner = b""
        if other.message_type.fields_by_name.get("data_points"):
            inner = b"".join(self.delimited(1, b"\x11old data") for _ in range(self.random.randrange(3)))
        return self.delimited(other.number, inner)

    def field(self, field, value, depth):
        """What a field is written as, in order."""
        chunks = []
        if field.is_repeated and field.message_type is not None:
            return [self.delimited(field.number, self.message(v, depth + 1)) for v in value]
        if field.is_repeated and field.type != F.TYPE_STRING:
            return self.packed(field, list(value))
        if field.is_repeated:
            return [self.value(field.number, *scalar(field, v)) for v in value]
        if field.containing_oneof and len(field.containing_oneof.fields) > 1 and self.chance(0.1):
            chunks.append(self.replaced(field))
        if field.message_type is not None:
            return chunks + [self.delimited(field.number, self.message(piece, depth + 1)) for piece in self.pieces(value)]
        if self.chance(0.1):
            old = b"old" if field.type in (F.TYPE_BYTES, F.TYPE_STRING) else 1
            if field.name in ("trace_id", "span_id"):  # the Collector refuses ids of another length wherever they are
                old = bytes(len(value))
            chunks.append(self.value(field.number, *scalar(field, old)))
        number = field.number
        if self.bad_strings and field.full_name.endswith("AnyValue.bytes_value") and was_string(value):
            number = field.containing_type.fields_by_name["string_value"].number
        return chunks + [self.value(number, *scalar(field, value))]

    def message(self, message, depth=0):
        fields = [self.field(field, value, depth) for field, value in message.ListFields()]
        if self.unknown and self.chance(0.2):
            deepest_group = min(3, 100 - depth)
            fields += [[self.unknown_field(deepest_group)] for _ in range(self.random.randrange(1, 3))]
        fields = [chunks for chunks in fields if chunks]
        out = b""
        while fields:
            chunks = self.random.choice(fields) if self.chance(0.7) else fields[0]
            out += chunks.pop(0)
            fields = [c for c in fields if c]
        return out


def dotnet(message):
    """As the exporter of .NET writes: lengths in four bytes, the fields of a metric's data before its points, counts
    unpacked, here between the bounds, no negative buckets; and the fields of points from last to first."""
    name = message.DESCRIPTOR.name
    fields = {field.name: (field, value) for field, value in message.ListFields()}

    def write(field, value):
        if field.message_type is not None:
            return delimited(field.number, dotnet(value), 4)
        wire_type, data = scalar(field, value)
        if wire_type == BYTES:
            return delimited(field.number, data, 4)
        return tag(field.number, wire_type) + (varint(data) if wire_type == VARINT else data)

    def one_by_one(name):
        field, values = fields.pop(name, (None, ()))
        return [write(field, value) for value in values]

    out = b""
    if name == "HistogramDataPoint":
        for pair in itertools.zip_longest(one_by_one("bucket_counts"), one_by_one("explicit_bounds"), fillvalue=b""):
            out += b"".join(pair)
    if name == "ExponentialHistogramDataPoint":
        fields.pop("negative", None)
    if name in ("Sum", "Histogram", "ExponentialHistogram") or name.endswith("DataPoint"):
        fields = dict(reversed(fields.items()))
    for field, value in fields.values():
        out += b"".join(write(field, v) for v in (value if field.is_repeated else [value]))
    return out
