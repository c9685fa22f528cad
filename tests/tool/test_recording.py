# SPDX-License-Identifier: Apache-2.0
import struct

import pytest
from command import LOST, SUMMARY, entry, header, payload, recording, run

TIME = 1_700_000_000_123_456_789


def both_orders(make):
    return [make(order) for order in "<>"]


def test_demo_writes_what_is_specified(tmp_path):
    path = tmp_path / "demo"
    done = run("demo", "--file", str(path))
    data = path.read_bytes()
    order = "<" if data[8] == 4 else ">"
    assert data[:16] == header(order)
    at, events = 16, 0
    while at < len(data):
        size, kind, reserved, time, pid, cpu, protocol, reserved1, version = struct.unpack_from(order + "IHHQIIII8s",
                                                                                               data, at)
        assert (kind, reserved, cpu, protocol, reserved1, version) == (1, 0, 0xFFFFFFFF, 0, 0, b"v0.19.00")
        assert pid > 0 and time > TIME
        at, events = at + 40 + size, events + 1
    assert (at, events) == (len(data), 5)
    shown = [[line[3:] for line in done.lines if line.startswith(prefix)] for prefix in ("-> ", "<- ")]
    assert shown[0] == shown[1] and len(shown[0]) == 8  # a resource, a scope and six points
    again = run("watch", str(path))
    assert again.status == 0 and again.points == shown[0][2:] and SUMMARY.format(5, 6, 1292, 0, 0) in again.error


def test_both_byte_orders_read_the_same():
    little, big = both_orders(lambda order: header(order) + entry(payload(), order=order, time=TIME, pid=77, cpu=3) +
                              entry(struct.pack(order + "Q", 5), kind=LOST, order=order, cpu=2))
    done = run("watch", "-", data=big)
    assert done.lines == ["# resource {} pid=77 arrived=2023-11-14T22:13:20.123456789Z", '# scope ""',
                          "1970-01-01T00:00:00.000000000Z gauge m{} 0"]
    assert done.error.splitlines() == ["otelue: lost 5 events on processor 2: the ring was full",
                                       SUMMARY.format(1, 1, len(payload()), 5, 0)]
    other = run("watch", "-", data=little)
    assert (done.status, other.status) == (1, 1) and (other.output, other.error) == (done.output, done.error)


def test_what_a_later_version_adds_is_passed_over():
    later = header(extra=bytes(24)) + entry(bytes(200_000), kind=7) + entry(payload()) + entry(b"", kind=0xFFFF)
    done = run("watch", "-", data=later)
    assert (done.status, len(done.points)) == (0, 1)


def test_a_header_alone_is_a_recording():
    done = run("watch", "-", data=header())
    assert (done.status, done.error) == (0, SUMMARY.format(0, 0, 0, 0, 0) + "\n")


@pytest.mark.parametrize("data,where,what", [
    (b"", 0, "nothing is there, not even a recording's header"),
    (header()[:15], 0, "the file ends within its header"),
    (bytes(300_000), 0, "this is no recording of otelue, which begins with \\x89OTELUE"),
    (b"\x89OTELUE\r\n" + header()[8:], 0, "this is no recording of otelue, which begins with \\x89OTELUE"),
    (b"x", 0, "this is no recording of otelue, which begins with \\x89OTELUE"),
    (header()[:8] + bytes(8), 8, "the byte order is neither little nor big"),
    (header(version=2), 12, "a recording of version 2; this otelue reads version 1"),
    (header(">", version=2), 12, "a recording of version 2; this otelue reads version 1"),
    (header()[:14] + b"\x0f\0", 14, "a header of 15 bytes is too small"),
    (recording(payload())[:-1], 16, "the file ends within an entry"),
    (header(extra=b"1234")[:-1], 19, "the file ends within an entry"),
    (recording(payload()) + entry(bytes(65536)), 56 + len(payload()),
     "an event of 65536 bytes; the largest possible has 65535"),
    (header() + b"\xff" * 4 + entry(b"")[4:], 16, "an event of 4294967295 bytes; the largest possible has 65535"),
    (header() + entry(bytes(4), kind=LOST), 16, "a count of lost events of 4 bytes; it has 8"),
])
def test_an_error_says_what_is_wrong_and_where(data, where, what):
    done = run("watch", "-", data=data)
    assert done.status == 3
    assert done.error.splitlines()[0] == f"otelue: standard input: at byte {where}: {what}"


def test_the_end_is_noticed_wherever_it_comes():
    whole = header() + entry(payload()) + entry((3).to_bytes(8, "little"), kind=LOST)
    ends = {16: 0, 16 + 40 + len(payload()): 0, len(whole): 1}  # 1: something was lost
    for size in range(len(whole) + 1):
        done = run("watch", "-", data=whole[:size])
        assert done.status == ends.get(size, 3), size


def test_what_came_before_damage_is_shown():
    done = run("watch", "-", data=recording(payload(), payload())[:-1])
    assert (done.status, len(done.points)) == (3, 1)


def test_an_event_of_the_largest_size_is_read():
    largest = payload(name="x" * 65_506)
    assert len(largest) == 65_535
    done = run("watch", "-", data=recording(largest))
    assert done.status == 0 and done.error == SUMMARY.format(1, 1, 65_535, 0, 0) + "\n"
