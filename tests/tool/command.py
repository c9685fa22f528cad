# SPDX-License-Identifier: Apache-2.0
"""The command under test, and recordings to feed it with."""

import os
import pathlib
import struct
import subprocess

import messages

TOOL = os.environ["OTELUE_TOOL"]
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
SUMMARY = "otelue: {} events, {} points, {} bytes, {} lost, {} undecodable"
EVENT, LOST = 1, 2
UNKNOWN_CPU = 0xFFFFFFFF


class Done:
    """What a run of the command left behind."""

    def __init__(self, status, output, error):
        self.status, self.output, self.error = status, output, error.decode()
        self.lines = output.decode(errors="replace").splitlines()
        self.points = [line for line in self.lines if not line.startswith("#")]


def run(*arguments, data=b"", **more):
    done = subprocess.run([TOOL, *arguments], input=data, stderr=subprocess.PIPE, **{"stdout": subprocess.PIPE, **more})
    return Done(done.returncode, done.stdout or b"", done.stderr)


def start(*arguments, **more):
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return subprocess.Popen([TOOL, *arguments], bufsize=0, **{**pipes, **more})


def header(order="<", version=1, extra=b""):
    return b"\x89OTELUE\n" + struct.pack(order + "IHH", 0x01020304, version, 16 + len(extra)) + extra


def entry(content, kind=EVENT, order="<", time=0, pid=0, cpu=UNKNOWN_CPU, protocol=0):
    return struct.pack(order + "IHHQIIII8s", len(content), kind, 0, time, pid, cpu, protocol, 0, b"v0.19.00") + content


def recording(*payloads):
    return header() + b"".join(entry(payload) for payload in payloads)


def show(*payloads):
    """What `watch` makes of a recording of these events."""
    return run("watch", "-", data=recording(*payloads))


def split_delimited(data):
    """The requests of `--format otlp`, each behind its length in four bytes."""
    found = []
    while data:
        (size,) = struct.unpack(">I", data[:4])
        assert len(data) >= 4 + size
        found.append(data[4:4 + size])
        data = data[4 + size:]
    return found


def join_delimited(requests):
    return b"".join(struct.pack(">I", len(request)) + request for request in requests)


def request(points=1, name="m", unit="", first=0, **point):
    """A request with so many points of one gauge."""
    message = messages.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit=unit)
    for value in range(first, first + points):
        metric.gauge.data_points.add(as_int=value, **point)
    return message


def payload(*arguments, **more):
    return request(*arguments, **more).SerializeToString()
