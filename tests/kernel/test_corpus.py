# SPDX-License-Identifier: Apache-2.0
"""What is exported on the test kernel is what perf and ftrace receive there, byte for byte, and says what went in.

The golden messages, which have every field, and random ones. OTELUE_VM is the command that runs OTELUE_EXPORT_CORPUS on
that kernel."""

import ctypes
import os
import pathlib
import random
import struct
import subprocess

import convert
import messages
import otelue
import seeds
from generate import Generator
from google.protobuf import text_format
from rows import rows

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
PACKINGS = (otelue.PACK_METRIC, otelue.PACK_POINT, otelue.PACK_REQUEST)
BATCH_BYTES = (4048, 8168)
MOST_FOR_FTRACE = 4048
SAME_FIELDS = ("points_total", "points_exported", "points_invalid", "points_too_large", "strings_as_bytes",
               "values_emptied", "exemplars_dropped", "events", "bytes", "first_bad_point", "first_bad_reason")


class Case:
    """One export, and what has to come of it."""

    def __init__(self, name, function, is_request, data, packing, target_event_bytes, wanted):
        self.name = f"{name}, {'request' if is_request else 'batch'}, packing {packing}, {target_event_bytes} bytes"
        self.bytes = struct.pack("=4I", is_request, packing, target_event_bytes, len(data)) + data
        self.events, self.result = function(data, otelue.options(target_event_bytes, 8168, packing))
        self.wanted = wanted


def requests():
    for path in sorted(GOLDEN.glob("*.textproto")):
        yield path.stem, text_format.Parse(path.read_text(), messages.ExportMetricsServiceRequest())
    for seed in seeds.seeds(300):
        yield seeds.name(seed), Generator(random.Random(seed), messages).request()


def cases():
    for number, (name, request) in enumerate(requests()):
        encoded = request.SerializeToString(deterministic=True)
        sources = [(otelue.split, True, encoded)]
        if name != "entity_refs":  # batches have none
            sources.append((otelue.encode, False, convert.to_batch(request, sets=number % 2 == 1)))
        for source in sources:
            for packing in PACKINGS:
                for target_event_bytes in BATCH_BYTES:
                    yield Case(name, *source, packing, target_event_bytes, rows(request))


def read_events(path):
    data = path.read_bytes()
    events = []
    at = 0
    while at < len(data):
        size, = struct.unpack_from("=I", data, at)
        events.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return events


def read_results(path):
    data = path.read_bytes()
    size = 4 + ctypes.sizeof(otelue.Result)
    assert len(data) % size == 0
    return [(struct.unpack_from("=i", data, at)[0], otelue.Result.from_buffer_copy(data, at + 4))
            for at in range(0, len(data), size)]


def check(case, returned, result, perf, ftrace):
    assert result.adds_up() and (result.listening, result.points_unheard, result.last_errno) == (1, 0, 0)
    assert returned == (1 if result.points_invalid + result.points_too_large else 0)
    for field in SAME_FIELDS:
        assert getattr(result, field) == getattr(case.result, field), field
    assert (result.events, result.bytes) == (len(perf), sum(map(len, perf)))
    assert perf == case.events, "what perf received"
    assert ftrace == [event for event in perf if len(event) <= MOST_FOR_FTRACE], "what ftrace received"
    found = [row for event in perf for row in rows(messages.ExportMetricsServiceRequest.FromString(event))]
    assert result.points_exported == len(found)
    if result.points_too_large == 0 and result.exemplars_dropped == 0:
        assert found == case.wanted, "rows"


def test_listeners_receive_what_was_exported(tmp_path):
    corpus = list(cases())
    (tmp_path / "corpus").write_bytes(b"".join(case.bytes for case in corpus))
    subprocess.run([os.environ["OTELUE_VM"], "--share", tmp_path, os.environ["OTELUE_EXPORT_CORPUS"],
                    tmp_path / "corpus", tmp_path], check=True)
    results = read_results(tmp_path / "results")
    perf = read_events(tmp_path / "perf")
    ftrace = read_events(tmp_path / "ftrace")
    assert len(results) == len(corpus)
    assert len(perf) == sum(result.events for _, result in results)
    checked = dict(perf=0, ftrace=0)
    for case, (returned, result) in zip(corpus, results):
        mine = perf[:result.events]
        small = ftrace[:sum(len(event) <= MOST_FOR_FTRACE for event in mine)]
        del perf[:len(mine)], ftrace[:len(small)]
        try:
            check(case, returned, result, mine, small)
        except AssertionError as error:
            raise AssertionError(f"{case.name}: {error}") from error
        checked["perf"] += len(mine)
        checked["ftrace"] += len(small)
    assert perf == ftrace == []
    # None of this was vacuous.
    assert checked["perf"] > checked["ftrace"] > len(corpus) // 2
    print(f"{len(corpus)} exports, {checked['perf']} events received by perf, {checked['ftrace']} by ftrace")
