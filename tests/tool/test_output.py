# SPDX-License-Identifier: Apache-2.0
"""How the command ends: by itself, by its options, by a signal, when its reader goes, when nothing can be written."""

import os
import resource
import signal
import subprocess
import threading

import pytest
from command import LOST, SUMMARY, TOOL, entry, header, payload, recording, run, start


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["help"], ["version"], ["status"], ["watch", "-"],
                                       ["watch", "--help"], ["demo", "--file", "demo"]])
def test_output_that_cannot_be_written_exits_with_3(arguments, tmp_path):
    with open("/dev/full", "wb") as full:
        done = run(*arguments, data=recording(payload()), stdout=full, cwd=tmp_path)
    assert done.status == 3 and "otelue: standard output: No space left on device\n" in done.error


def test_closed_output_is_noticed_and_never_another_file(tmp_path):
    process = start("watch", "-", "--record", str(tmp_path / "copy"), stdout=None, preexec_fn=lambda: os.close(1))
    _, error = process.communicate(recording(payload()))
    assert process.returncode == 3 and b"otelue: standard output: Bad file descriptor" in error
    assert (tmp_path / "copy").read_bytes() == recording(payload())


def feed_for_ever(process):
    """A thread that ends when the process does."""
    def feed():
        try:
            process.stdin.write(header())
            while True:
                process.stdin.write(entry(payload(points=100)))
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=feed)
    thread.start()
    return thread


def test_a_reader_that_has_enough_ends_it():
    process = start("watch", "-")

    feeder = feed_for_ever(process)
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait() == 0 and b"standard output" not in error
    feeder.join()


def test_a_reader_that_goes_ends_it_although_nothing_comes():
    process = start("watch", "-")
    process.stdin.write(recording(payload()))
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_it_waits_for_input(number):
    process = start("watch", "-")
    process.stdin.write(recording(payload()))
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(number)
    error = process.stderr.read().decode()
    assert process.wait() == 0 and lines[2].endswith(b" gauge m{} 0\n")
    assert error == SUMMARY.format(1, 1, len(payload()), 0, 0) + "\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_nobody_reads_its_output(number):
    process = start("watch", "-")
    feeder = feed_for_ever(process)
    process.stdout.read(1)
    process.send_signal(number)
    assert process.wait() == 0
    feeder.join()


def test_a_signal_ends_it_while_a_fifo_has_no_writer(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    process = start("watch", str(tmp_path / "fifo"), "--record", str(tmp_path / "copy"))
    while not (tmp_path / "copy").exists() or not (tmp_path / "copy").stat().st_size:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0 and process.stderr.read().decode() == SUMMARY.format(0, 0, 0, 0, 0) + "\n"


def test_a_fifo_is_read_like_a_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    process = start("watch", str(tmp_path / "fifo"))
    with open(tmp_path / "fifo", "wb") as fifo:
        fifo.write(recording(payload()))
    assert process.wait() == 0 and process.stdout.read().endswith(b" gauge m{} 0\n")


def test_a_fifo_without_a_reader_takes_no_recording(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    done = run("watch", "-", "--record", str(tmp_path / "fifo"), data=recording(payload()))
    assert done.status == 3 and "fifo: No such device or address" in done.error


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom"])
def test_endless_nonsense_ends_it(path):
    done = run("watch", path)
    assert done.status == 3 and "at byte 0: this is no recording of otelue" in done.error


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_count_is_exact_within_an_event_and_across_events(count):
    done = run("watch", "-", f"--count={count}", data=recording(payload(points=3), payload(points=5, first=3)))
    assert done.status == 0 and [line.split()[-1] for line in done.points] == [str(n) for n in range(count)]


def test_count_ends_it_although_there_could_be_more():
    process = start("watch", "-", "--count", "1")
    process.stdin.write(recording(payload()))
    assert process.wait() == 0


def test_timeout_ends_it_although_nothing_came():
    process = start("watch", "-", "--timeout", "1")
    process.stdin.write(recording(payload()))
    assert process.wait() == 0 and process.stdout.read().endswith(b" gauge m{} 0\n")


def test_a_recording_of_a_recording_is_the_same(tmp_path):
    first = header() + entry(payload(), time=5, pid=7, cpu=1) + entry(b"\xff", pid=8) + entry(b"", protocol=3)
    done = run("watch", "-", "--record", str(tmp_path / "copy"), data=first)
    assert done.status == 1 and (tmp_path / "copy").read_bytes() == first


def test_losses_are_recorded_shown_and_in_the_exit_status(tmp_path):
    lost = entry((84).to_bytes(8, "little"), kind=LOST, cpu=1)
    done = run("watch", "-", "--record", str(tmp_path / "copy"), data=recording(payload()) + lost)
    assert done.status == 1
    assert done.error.splitlines() == ["otelue: lost 84 events on processor 1: the ring was full",
                                       SUMMARY.format(1, 1, len(payload()), 84, 0)]
    again = run("watch", str(tmp_path / "copy"))
    assert (again.status, again.error) == (1, done.error)


def test_count_holds_for_the_recording_as_well(tmp_path):
    run("watch", "-", "--count=1", "--record", str(tmp_path / "copy"), data=recording(payload(), payload()))
    assert (tmp_path / "copy").read_bytes() == recording(payload())


def test_a_recording_that_cannot_be_written_exits_with_3():
    done = run("watch", "-", "--record", "/dev/full", data=recording(payload()))
    assert done.status == 3 and "otelue: /dev/full: No space left on device\n" in done.error


def test_a_recording_that_may_grow_no_more_keeps_whole_events(tmp_path):
    limit = len(recording(payload(), payload())) + 3
    done = subprocess.run([TOOL, "watch", "-", "--record", tmp_path / "copy"],
                          input=recording(payload(), payload(), payload()), capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 3 and b"copy: File too large" in done.stderr
    assert (tmp_path / "copy").read_bytes() == recording(payload(), payload())


def test_the_recording_that_is_read_is_not_overwritten(tmp_path):
    (tmp_path / "recording").write_bytes(recording(payload()))
    os.link(tmp_path / "recording", tmp_path / "link")
    done = run("watch", str(tmp_path / "recording"), "--record", str(tmp_path / "link"))
    assert done.status == 3 and "this is the recording that is to be read" in done.error
    assert (tmp_path / "recording").read_bytes() == recording(payload())


def test_an_event_that_is_shown_is_whole_in_the_recording_even_when_killed(tmp_path):
    process = start("watch", "-", "--record", str(tmp_path / "copy"))
    process.stdin.write(recording(payload()))
    for _ in range(3):
        process.stdout.readline()
    process.kill()
    process.wait()
    assert (tmp_path / "copy").read_bytes() == recording(payload())
