# SPDX-License-Identifier: Apache-2.0
"""The messages of src/tool/otlp_metrics.proto, and protoc, the oracle that knows nothing of us."""

import pathlib
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

# The one in pure Python changes NaNs, takes some requests that other decoders refuse, and refuses some that are good.
assert api_implementation.Type() == "upb", "the tests take protobuf with its decoder in C"
PROTO = pathlib.Path(__file__).resolve().parents[2] / "src" / "tool" / "otlp_metrics.proto"


def compile(proto):
    """The descriptor of a .proto file."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", f"--proto_path={proto.parent}", f"--descriptor_set_out={out.name}", proto.name],
                       check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool.FindFileByName(proto.name)


FILE = compile(PROTO)


def __getattr__(name):
    if name not in FILE.message_types_by_name:
        raise AttributeError(name)
    return message_factory.GetMessageClass(FILE.message_types_by_name[name])


def varint(n, size=1):
    """In so many bytes or more."""
    out = bytearray()
    while n > 0x7F or len(out) < size - 1:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def protoc(direction, data):
    """`protoc --encode` or `--decode` of a request."""
    return subprocess.run(["protoc", f"--proto_path={PROTO.parent}",
                           f"--{direction}={FILE.package}.ExportMetricsServiceRequest", PROTO.name],
                          input=data, stdout=subprocess.PIPE, check=True).stdout
