# SPDX-License-Identifier: Apache-2.0
"""On the test kernel: the example, and gunicorn with several workers, are heard."""

import collections
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import otelue
import pytest
from lab import Listener
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

HERE = pathlib.Path(__file__).parent
EXAMPLE = HERE.parent.parent.parent / "src/bindings/python/example.py"


def test_the_example_is_heard(tmp_path):
    program = subprocess.Popen([sys.executable, EXAMPLE])
    listener = Listener(tmp_path / "recording")
    listener.wait_until_it_hears()
    assert program.wait(timeout=120) == 0
    listener.stop()
    rows, lost = listener.received()
    assert lost == 0 and set(rows) == {program.pid}
    assert {row.metric.name for row in rows[program.pid]} == {
        "http.server.requests",
        "http.server.request.duration",
        "queue.length",
    }


@contextlib.contextmanager
def running(*command, **arguments):
    """A process that does not outlive its test."""
    process = subprocess.Popen(command, **arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ask(server, number):
    """Answers of the workers, by their process."""
    answers = collections.Counter()
    while sum(answers.values()) < number:
        try:
            with urllib.request.urlopen("http://127.0.0.1:8000/", timeout=60) as answer:
                answers[int(answer.read())] += 1
        except OSError:
            assert server.poll() is None
            time.sleep(0.2)
    return answers


@pytest.mark.parametrize("in_parent", [False, True], ids=["post_fork", "preload"])
def test_preforked_workers_are_heard_and_end(tmp_path, in_parent):
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{os.environ['PYTHONPATH']}"}
    if in_parent:
        environment["OTELUE_TEST_IN_PARENT"] = "1"
    keeper = "import sys, otelue; exporter = otelue.UserEventsMetricExporter(); sys.stdin.read()"
    gunicorn = [sys.executable, "-m", "gunicorn", "--config", HERE / "gunicorn.conf.py", "workers:application"]
    listener = Listener(tmp_path / "recording")
    # The listener waits until somebody has registered the tracepoint, and goes on while somebody has.
    with (
        running(sys.executable, "-c", keeper, stdin=subprocess.PIPE) as holder,
        running(*gunicorn, env=environment) as server,
    ):
        listener.wait_until_it_listens()
        answers = ask(server, 60)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=120) == 0
        holder.communicate(timeout=120)
    listener.stop()
    rows, lost = listener.received()
    counted = {pid: sum(row.point.as_int for row in some) for pid, some in rows.items()}
    assert lost == 0
    assert counted == dict(answers) and len(answers) > 1


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "otelue" and r.levelname in ("WARNING", "ERROR")]


def exporting():
    """An exporter, and a function that lets it export something."""
    exporter = otelue.UserEventsMetricExporter()
    reader = PeriodicExportingMetricReader(exporter, 3_600_000)
    provider = MeterProvider([reader], Resource({}), shutdown_on_exit=False)
    counter = provider.get_meter("m").create_counter("c")

    def export():
        counter.add(1)
        assert provider.force_flush()

    return exporter, export


def test_without_permission_one_message_says_so(caplog):
    os.seteuid(65534)
    try:
        exporter, export = exporting()
        for _ in range(3):
            export()
    finally:
        os.seteuid(0)
    (message,) = warnings(caplog)
    assert message.startswith("no permission to write user_events_data")
    exporter.shutdown()


CLASH = """
import ctypes, fcntl, os, struct, sys
word, definition = ctypes.c_uint32(), ctypes.create_string_buffer(b"otlp_metrics u64 other")
data = os.open("/sys/kernel/tracing/user_events_data", os.O_RDWR)
request = struct.pack("=IBBHQQI", 28, 0, 4, 0, ctypes.addressof(word), ctypes.addressof(definition), 0)
fcntl.ioctl(data, 0xC0082A00, bytearray(request))  # DIAG_IOCSREG
print("registered", flush=True)
sys.stdin.read()
"""


def test_another_format_is_said_once_and_exports_start_when_it_has_gone(caplog):
    command = [sys.executable, "-c", CLASH]
    with running(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clash:
        assert clash.stdout.readline() == b"registered\n"
        exporter, export = exporting()
        for _ in range(3):
            export()
        assert len(warnings(caplog)) == 1
        assert exporter.statistics()["registrations"] == 0
    while exporter.statistics()["registrations"] == 0:  # it tries again at least every five seconds
        export()
        time.sleep(0.1)
    assert len(warnings(caplog)) == 1
    exporter.shutdown()
