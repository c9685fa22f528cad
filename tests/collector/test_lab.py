# SPDX-License-Identifier: Apache-2.0
"""On the test kernel: what programs write to the tracepoint comes out of a real Collector, point for point.

$OTELUE_COLLECTOR is what `build` made; $OTELUE_LIBRARY exports."""

import ctypes
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import messages
import otelue
import pytest
from google.protobuf import text_format
from rows import rows, split

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]

RECEIVER = {"batching": {"max_duration": "50ms"}, "retry_on_failure": {"max_interval": "500ms"}}
FILE = {"path": None, "format": "proto"}


def wait_until(what):
    while not what():
        time.sleep(0.05)


class Collector:
    """Runs until it is stopped. What hangs is ended by the time limit of the machine."""

    def __init__(self, directory, receiver, exporters):
        config = {
            "receivers": {"user_events": receiver},
            "exporters": exporters,
            "service": {"pipelines": {"metrics": {"receivers": ["user_events"], "exporters": list(exporters)}}},
        }
        path = directory / "config.json"
        path.write_text(json.dumps(config))
        self.log = directory / "log"
        with self.log.open("a") as log:
            self.start = log.tell()
            self.process = subprocess.Popen([os.environ["OTELUE_COLLECTOR"], "--config", path], stderr=log)
        self.wait_until(lambda: "\tlistening\t" in self.said())

    def said(self):
        return self.log.read_text()[self.start :]

    def wait_until(self, what):
        def is_so():
            assert self.process.poll() is None, self.said()
            return what()

        wait_until(is_so)

    def counter(self, name):
        with urllib.request.urlopen("http://127.0.0.1:8888/metrics", timeout=60) as answer:
            found = re.findall(rf"^otelcol_receiver_{name}(?:_total)?{{.*}} (\S+)$", answer.read().decode(), re.MULTILINE)
        return sum(int(float(value)) for value in found)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait() == 0, self.said()


class Exporter:
    def __init__(self):
        self.handle = ctypes.c_void_p()
        assert otelue.LIBRARY.otelue_open(None, None, None, ctypes.byref(self.handle)) == 0

    def export(self, request):
        data, result = request.SerializeToString(), otelue.Result(ctypes.sizeof(otelue.Result))
        assert otelue.LIBRARY.otelue_export_otlp(self.handle, data, len(data), ctypes.byref(result)) == 0
        return result

    def close(self):
        otelue.LIBRARY.otelue_close(self.handle)


def numbered(number, more=0):
    """A request with one point, which is one event, of so many bytes more."""
    request = messages.ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="number", description="x" * more)
    metric.gauge.data_points.add(as_int=number)
    return request


def of_file(path):
    """What the file exporter wrote: each request behind its size."""
    data, requests = path.read_bytes(), []
    while data:
        size = int.from_bytes(data[:4], "big")
        requests.append(messages.ExportMetricsServiceRequest.FromString(data[4 : 4 + size]))
        assert len(data) >= 4 + size
        data = data[4 + size :]
    return requests


def numbers(requests):
    return [row.point.as_int for request in requests for row in split(request)]


class Backend(http.server.ThreadingHTTPServer):
    """Takes OTLP/HTTP, or refuses it for now."""

    def __init__(self):
        backend = self
        self.status, self.refused, self.taken = 200, 0, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = backend.status
                if status == 200:
                    backend.taken.append(messages.ExportMetricsServiceRequest.FromString(body))
                else:
                    backend.refused += 1
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def exporter(self):
        return {
            "otlp_http": {
                "metrics_endpoint": f"http://127.0.0.1:{self.server_port}/v1/metrics",
                "compression": "none",
                "sending_queue": {"enabled": False},
                "retry_on_failure": {"enabled": False},
            }
        }


def test_rows_of_all_kinds_come_out_as_they_went_in(tmp_path):
    """The first and only export of a process, too: nobody else has the tracepoint registered."""
    path = tmp_path / "out"
    collector = Collector(tmp_path, RECEIVER, {"file": {**FILE, "path": str(path)}})
    case = ROOT / "tests/golden/all_kinds.textproto"
    request = text_format.Parse(case.read_text(), messages.ExportMetricsServiceRequest())
    exporter = Exporter()
    result = exporter.export(request)
    exporter.close()
    expected = rows(request)
    assert result.points_exported == len(expected) >= 5
    collector.wait_until(lambda: collector.counter("accepted_metric_points") == len(expected))
    assert collector.counter("user_events_received_events") == result.events
    collector.stop()
    assert [row for request in of_file(path) for row in rows(request)] == expected


def test_what_the_receiver_has_verified_of_a_writer(tmp_path):
    path = tmp_path / "out"
    names = ("process.pid", "process.executable.path", "process.executable.name")
    wanted = {name: {"enabled": True} for name in names}
    collector = Collector(tmp_path, {**RECEIVER, "resource_attributes": wanted}, {"file": {**FILE, "path": str(path)}})
    exporter = Exporter()
    exporter.export(numbered(1))
    collector.wait_until(lambda: collector.counter("accepted_metric_points") == 1)
    collector.stop()
    exporter.close()
    (request,) = of_file(path)
    attributes = {a.key: a.value for a in request.resource_metrics[0].resource.attributes}
    executable = os.readlink("/proc/self/exe")
    assert attributes["process.pid"].int_value == os.getpid()
    assert attributes["process.executable.path"].string_value == executable
    assert attributes["process.executable.name"].string_value == os.path.basename(executable)


def test_a_consumer_that_refuses_costs_what_the_ring_has_no_room_for(tmp_path):
    backend, exporter = Backend(), Exporter()
    collector = Collector(tmp_path, {**RECEIVER, "per_cpu_buffer_size": 16384}, backend.exporter())
    exported = 0

    def export(count):
        nonlocal exported
        for _ in range(count):
            exported += 1
            result = exporter.export(numbered(exported, 500))
            assert (result.points_exported, result.events) == (1, 1)

    def is_complete():
        return len(numbers(backend.taken)) + collector.counter("user_events_lost_events") == exported

    export(5)
    collector.wait_until(is_complete)
    assert numbers(backend.taken) == [1, 2, 3, 4, 5] and collector.counter("user_events_lost_events") == 0

    # A few events fit while it refuses: nothing is lost.
    backend.status = 503
    export(5)
    collector.wait_until(lambda: backend.refused >= 3)
    backend.status = 200
    collector.wait_until(is_complete)
    assert sorted(numbers(backend.taken)) == list(range(1, 11)) and collector.counter("user_events_lost_events") == 0

    # Two rings of 16 KiB, and the batch that is being sent, are all that there is room for.
    backend.status = 503
    export(500)
    collector.wait_until(lambda: backend.refused >= 6)
    collector.wait_until(lambda: collector.counter("user_events_lost_events") > 0)
    backend.status = 200
    collector.wait_until(is_complete)
    lost = collector.counter("user_events_lost_events")
    assert lost >= 300
    export(1)
    collector.wait_until(is_complete)
    received = numbers(backend.taken)
    assert len(set(received)) == len(received) == exported - lost and received[-1] == exported
    assert collector.counter("user_events_lost_events") == lost
    assert collector.counter("user_events_dropped_data_points") == 0
    collector.stop()
    exporter.close()
    print(f"{exported} exported, {len(received)} received, {lost} lost")


def test_across_a_restart_each_point_is_received_or_unheard(tmp_path):
    said = tmp_path / "exported"
    with said.open("w") as file:
        driver = subprocess.Popen([sys.executable, HERE / "write_numbers.py"], stdin=subprocess.PIPE, stdout=file)
    received = []
    for number in range(2):
        path = tmp_path / f"out{number}"
        collector = Collector(tmp_path, RECEIVER, {"file": {**FILE, "path": str(path)}})
        collector.wait_until(lambda: collector.counter("accepted_metric_points") > 200)
        assert collector.counter("user_events_lost_events") == 0
        collector.stop()
        received.append(numbers(of_file(path)))
        time.sleep(1)
    driver.communicate()
    assert driver.returncode == 0
    exported = [json.loads(line) for line in said.read_text().splitlines()]
    heard = {each["number"] for each in exported if each["exported"]}
    unheard = {each["number"] for each in exported if not each["exported"]}
    assert len(heard) + len(unheard) == len(exported)
    for some in received:
        # In order, each once, none missing in between.
        assert len(some) > 200 and some == list(range(some[0], some[-1] + 1))
    both = received[0] + received[1]
    assert set(both) <= heard
    # What is exported while rings are opened or closed is heard by one that nobody reads any more.
    missing = heard - set(both)
    for number in missing:
        assert min(abs(number - edge) for some in received for edge in (some[0], some[-1])) <= 50, sorted(missing)
    assert len(unheard) > 0
    print(f"{len(exported)} produced, {len(both)} received, {len(unheard)} unheard, {len(missing)} lost at the edges")


@pytest.mark.parametrize("right", ["register", "listen"])
def test_without_permission_it_says_so_and_runs(tmp_path, right):
    """As a user without rights, and with the tracepoint closed to it: the Collector starts, and ends."""
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "receivers": {"user_events": {"register": right == "register"}},
                "exporters": {"debug": {}},
                "service": {"pipelines": {"metrics": {"receivers": ["user_events"], "exporters": ["debug"]}}},
            }
        )
    )
    tmp_path.chmod(0o755)
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [os.environ["OTELUE_COLLECTOR"], "--config", config], stderr=file, user=65534, group=65534
        )
    wait_until(lambda: process.poll() is not None or "not listening, and trying on" in log.read_text())
    assert process.poll() is None, log.read_text()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    text = log.read_text()
    assert text.count("not listening, and trying on") == 1
    assert text.count("cannot register the tracepoint") == (1 if right == "register" else 0)
