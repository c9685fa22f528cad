# SPDX-License-Identifier: Apache-2.0
"""On the test kernel: what is emitted is what `otelue forward` posts and what `perf record` keeps."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tool"))

from collector import Collector  # noqa: E402
from command import TOOL, join_delimited, payload, run, start  # noqa: E402

ROUNDS = 40


def wait_until(what, process):
    while not what():
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.1)


def said(process, what):
    """The line of standard error that has it."""
    for line in process.stderr:
        if what in line:
            return line.decode()
    raise AssertionError(f"it ended without {what}")


def emit(first, count):
    done = run("emit", "-", data=join_delimited([payload(first=n) for n in range(first, first + count)]))
    assert done.status == 0, done.error


def check_forward():
    server = Collector()
    process = start("forward", "--to", server.url, "--flush", "100", "--process")
    assert "rings of" in said(process, b"forwarding from")

    # The first writer, which is gone at once, is heard: forward holds the tracepoint.
    assert run("emit", "--gauge", "once", "1000000").status == 0
    wait_until(lambda: server.points() == [1000000], process)
    resource = {one.key: one.value for one in server.accepted[0].resource_metrics[0].resource.attributes}
    assert resource["service.name"].string_value == "unknown_service:otelue" and resource["process.pid"].int_value > 1

    # The server goes and comes back, refuses, and breaks connections, while events come.
    received = list(server.accepted)
    for round_ in range(ROUNDS):
        emit(round_ * 25, 25)
        if round_ == 10:
            port = server.port
            server.close()
            received = server.accepted
            server = None
        if round_ == 20:
            server = Collector([(503, {"Retry-After": "1"}, b""), "reset", (429, {}, b"")], port=port)
    process.send_signal(signal.SIGTERM)
    summary = said(process, b"events received")
    assert process.wait() == 0, summary
    points = [point.as_int for request in [*received, *server.accepted] for resource in request.resource_metrics
              for scope in resource.scope_metrics for metric in scope.metrics for point in metric.gauge.data_points]
    assert points == [1000000, *range(ROUNDS * 25)], (len(points), summary)
    found = re.match(r"otelue: (\d+) events received, 0 lost; (\d+) sent in", summary)
    assert found and found[1] == found[2] == str(1 + ROUNDS * 25), summary
    server.close()


def check_lost_events_are_counted():
    """A ring that is too small: what was received and what was lost is what was produced."""
    server = Collector()
    process = start("forward", "--to", server.url, "--ring-pages", "1")
    said(process, b"forwarding from")
    process.send_signal(signal.SIGSTOP)
    emit(0, 500)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    summary = said(process, b"events received")
    assert process.wait() == 1, summary
    received, lost = map(int, re.match(r"otelue: (\d+) events received, (\d+) lost;", summary).groups())
    assert lost > 0 and received + lost == 500 and len(server.points()) == received, summary
    server.close()


def check_perf(directory):
    # Somebody holds the event, so that perf finds it.
    holder = start("watch")
    said(holder, b"listening")
    file = directory / "perf.data"
    for how in [file], ["-"]:
        with (directory / "pipe.data").open("wb") as pipe:
            perf = subprocess.Popen(["perf", "record", "-q", "-a", "-e", "user_events:otlp_metrics", "-o", *how, "--",
                                     TOOL, "emit", "-"], stdin=subprocess.PIPE, stdout=pipe, stderr=subprocess.PIPE)
            _, error = perf.communicate(join_delimited([payload(first=n) for n in range(50)]))
        assert perf.returncode == 0, error
    for data in file, directory / "pipe.data":
        done = run("decode", str(data))
        assert done.status == 0, (data, done.error, done.lines[:5])
        assert [line.split()[-1] for line in done.points] == [str(n) for n in range(50)], data
    size = file.stat().st_size
    cut = directory / "cut.data"
    cut.write_bytes(file.read_bytes()[:size // 2])
    done = run("decode", str(cut))
    assert done.status == 1 and "# undecodable: at byte " in done.output.decode()
    holder.send_signal(signal.SIGINT)
    assert holder.wait() == 0


check_forward()
check_lost_events_are_counted()
with tempfile.TemporaryDirectory() as name:
    check_perf(pathlib.Path(name))
print("forward and perf: passed", flush=True)
os._exit(0)
