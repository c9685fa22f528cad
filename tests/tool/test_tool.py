#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command, on any machine: demo, and watch with recordings good and bad."""

import pathlib
import subprocess
import sys
import tempfile

TOOL, GOLDEN = sys.argv[1], pathlib.Path(sys.argv[2])


def run(*arguments, data=b""):
    done = subprocess.run([TOOL, *arguments], input=data, capture_output=True)
    return done.returncode, done.stdout.decode(errors="replace").splitlines(), done.stderr.decode()


def event(payload):
    return bytes(8) + b"v0.19.00" + (len(payload) << 16).to_bytes(4, "little") + payload


with tempfile.TemporaryDirectory() as directory:
    recording = f"{directory}/demo"
    status, lines, _ = run("demo", "--file", recording)
    sent = [line[3:] for line in lines if line.startswith("-> ")]
    assert status == 0 and len(sent) == 6
    assert [line[3:] for line in lines if line.startswith("<- ")] == sent
    assert "ok: 5 events went out, 5 came back, byte for byte the same" in lines
    for kind in ("sum", "gauge", "histogram", "exponential_histogram", "summary"):
        assert any(line.split()[1] == kind for line in sent), kind

    status, lines, summary = run("watch", recording)
    assert (status, lines) == (0, sent)
    assert "5 events, 6 points" in summary and "0 undecodable" in summary
    whole = pathlib.Path(recording).read_bytes()

golden = bytes.fromhex("".join((GOLDEN / "all_kinds.hex").read_text().split()))
status, lines, _ = run("watch", "-", data=event(golden))
assert status == 0 and len(lines) == 16, len(lines)
assert lines[0].startswith('1970-01-01T00:00:00.000000002Z sum sum{method="GET"} no recorded value {request} delta '
                           'monotonic start=1970-01-01T00:00:00.000000001Z exemplars=[(0 at ')
assert 'metadata={prometheus.type="counter"}' in lines[0]
assert 'nested=[1,{k=[],e=empty},empty]' in lines[0]
assert 'blob=0x00ff,nul="a\\x00b",none=empty,"no text"="","no list"' not in lines[0]
assert lines[1].split()[3:5] == ["nan", "{request}"] and lines[2].split()[3] == "-inf"

# Every truncation and every changed byte: an answer, never a crash.
for end in range(len(whole) - 1):
    status, _, error = run("watch", "-", data=whole[:end]) if end % 50 == 0 else (0, 0, 0)
    assert status in (0, 1), (end, status)
damaged = b"".join(event(golden[:i] + bytes([golden[i] ^ flip]) + golden[i + 1:])
                   for i in range(len(golden)) for flip in (0x01, 0x80, 0xff))
status, lines, summary = run("watch", "-", data=damaged)
assert status == 1 and f"{3 * len(golden)} events" in summary

assert run()[0] == 2 and run("dance")[0] == 2 and run("watch", "--count")[0] == 2
assert run("watch", "/nonexistent")[0] == 3
assert run("--version")[1][0].startswith("otelue 0.") and run("--help")[0] == 0
