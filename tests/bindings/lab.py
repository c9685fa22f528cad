# SPDX-License-Identifier: Apache-2.0
"""On the test kernel: what a binding exports is what a listener receives, point for point, while listeners come and go:

    lab.py DRIVER...

DRIVER measures an observable gauge `interval` with 200 series, whose value is the number of the collection from 1 on,
and exports every 300 ms until its standard input ends; then it shuts down. After each export it prints a line of JSON:

    {"interval": NUMBER, "produced": POINTS, "statistics": {those of otelue_statistics that begin with points_}}

Listeners are `otelue watch`: $OTELUE_TOOL. What hangs is ended by the time limit of the machine."""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import recording
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from rows import split

POINTS = 200
ACCOUNTED = ("points_exported", "points_unheard", "points_unwritten", "points_invalid", "points_too_large")


class Listener:
    """Listens until it is stopped."""

    def __init__(self, path):
        self.path = path
        self.messages = path.with_suffix(".messages")
        with self.messages.open("w") as messages:
            self.process = subprocess.Popen(
                [os.environ["OTELUE_TOOL"], "watch", "--record", path], stdout=subprocess.DEVNULL, stderr=messages
            )

    def wait_until(self, what):
        while not what():
            assert self.process.poll() is None, "otelue watch has ended"
            time.sleep(0.1)

    def wait_until_it_listens(self):
        self.wait_until(lambda: "listening" in self.messages.read_text())

    def wait_until_it_hears(self):
        self.wait_until(lambda: self.path.exists() and self.path.stat().st_size > recording.HEADER_SIZE)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait() == 0

    def received(self):
        """Rows by the process that wrote them, and the number of lost events."""
        rows, lost = collections.defaultdict(list), 0
        for entry in recording.read(self.path):
            if entry.type == recording.LOST:
                lost += int.from_bytes(entry.data, sys.byteorder)
            elif entry.type == recording.EVENT:
                rows[entry.pid] += split(ExportMetricsServiceRequest.FromString(entry.data))
        return rows, lost


class Driver:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.exports = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.exports.append(json.loads(line))

    def wait_for(self, more):
        """So many exports from now on."""
        wanted = len(self.exports) + more
        while len(self.exports) < wanted:
            assert self.process.poll() is None, "the driver has ended"
            time.sleep(0.05)

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0
        self.reader.join()


def account(exports, listeners, changed):
    """Each export's points: received, unheard, unwritten, refused or lost. `changed` are the indexes of exports during
    which a listener came or went: what these write can be lost in a ring that is not open yet, or not any more."""
    received, lost = collections.Counter(), 0
    for listener in listeners:
        rows, lost_here = listener.received()
        lost += lost_here
        received.update(row.point.as_int for some in rows.values() for row in some if row.metric.name == "interval")
    assert lost == 0
    totals, before = collections.Counter(), dict.fromkeys(ACCOUNTED, 0)
    for index, export in enumerate(exports):
        assert export["produced"] == POINTS
        now = {name: export["statistics"][name] for name in ACCOUNTED}
        counted = {name: now[name] - before[name] for name in ACCOUNTED}
        before = now
        # When nobody listens nothing is built, so that the library does not see the points.
        unseen = POINTS - sum(counted.values())
        assert unseen in (0, POINTS), export
        heard = received[export["interval"]]
        in_the_ring = counted["points_exported"] - heard
        assert in_the_ring == 0 or (index in changed and in_the_ring > 0), (export, heard)
        totals.update(
            received=heard,
            unheard=counted["points_unheard"] + unseen,
            unwritten=counted["points_unwritten"],
            lost=in_the_ring,
            refused=counted["points_invalid"] + counted["points_too_large"],
        )
    produced = POINTS * len(exports)
    assert sum(totals.values()) == produced and totals["received"] == sum(received.values())
    assert totals["refused"] == totals["unwritten"] == 0
    print(f"{len(exports)} exports of {POINTS} points: {dict(totals)}")
    return totals


def main(command):
    with tempfile.TemporaryDirectory() as directory:
        driver = Driver(command)
        changed, listeners = set(), []
        driver.wait_for(3)
        for number in range(2):
            first = len(driver.exports)
            listeners.append(Listener(pathlib.Path(directory) / f"recording{number}"))
            listeners[-1].wait_until_it_hears()
            changed.update(range(first, len(driver.exports) + 1))
            driver.wait_for(5)
            first = len(driver.exports)
            listeners[-1].stop()
            changed.update(range(first, len(driver.exports) + 1))
            driver.wait_for(3)
        driver.end()
        totals = account(driver.exports, listeners, changed)
        # Most of what was exported while somebody listened was heard, and all of the time before and between was not.
        assert totals["received"] >= 10 * POINTS and totals["unheard"] >= 5 * POINTS


if __name__ == "__main__":
    main(sys.argv[1:])
