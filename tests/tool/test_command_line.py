# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import subprocess

import pytest
from command import payload, recording, run, start


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["help"]])
def test_help_names_every_command(arguments):
    done = run(*arguments)
    assert (done.status, done.error) == (0, "")
    assert done.lines[0] == "OpenTelemetry metrics through the Linux user_events tracepoint otlp_metrics."
    commands = [line.split()[0] for line in done.lines[done.lines.index("Subcommands:") + 1:] if line.startswith("  ")]
    assert {"demo", "watch", "status", "doctor", "help", "version"} <= set(commands)


@pytest.mark.parametrize("command", ["demo", "watch", "decode", "status", "doctor"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_each_command_has_help(command, option):
    done = run(command, option)
    assert (done.status, done.error) == (0, "") and done.lines[1].startswith(f"Usage: otelue {command} ")


PAGES = pathlib.Path(__file__).resolve().parents[2] / "src/tool"


def options_of(*arguments):
    return set(re.findall(r"--[a-z-]+", run(*arguments).output.decode()))


def documented(page):
    return {f"-{name}" for name in re.findall(r"\bFl (-[a-z-]+)", (PAGES / page).read_text().replace("\\-", "-"))}


def test_the_manual_names_every_command():
    commands = re.findall(r"^  (\w+) ", run("help").output.decode().split("Subcommands:")[1], re.MULTILINE)
    manual = (PAGES / "otelue.1").read_text()
    assert {"demo", "watch", "decode", "status", "doctor", "help", "version"} <= set(commands)
    assert [name for name in commands if not re.search(rf"^\.It Cm .*\b{name}\b", manual, re.MULTILINE)] == []


def test_the_manual_names_every_option():
    pages = {page.stem.partition("-")[2] for page in PAGES.glob("otelue-*.1")}
    options = options_of("help").union(*(options_of(name, "--help") for name in ("demo", "watch", "status", "doctor")))
    assert {"--help", "--version", "--file", "--count", "--timeout", "--record", "--ring-pages", "--format", "--json",
            "--table", "--metric", "--attribute", "--service", "--pid", "--sort", "--reverse"} <= options
    assert options - documented("otelue.1") == set()
    for page in pages:
        found = options_of(page, "--help") - {"--help"}
        assert len(found) >= 2 and found == documented(f"otelue-{page}.1"), page


@pytest.mark.parametrize("argument", ["--version", "version"])
def test_the_version_is_that_of_the_library(argument):
    done = run(argument)
    assert (done.status, done.error) == (0, "")
    name, number = done.lines[0].split()
    assert name == "otelue" and len(number.split(".")) == 3


@pytest.mark.parametrize("arguments", [
    [], ["dance"], ["--dance"], ["status", "now"], ["demo", "file"], ["demo", "--file"], ["watch", "--count"],
    ["watch", "--count="],
    ["watch", "--dance"], ["watch", "one", "two"], ["watch", "--count", "1", "--count", "2"], ["watch", ""],
    ["watch", "--record", ""], ["demo", "--file="], ["watch", "--ring-pages", "8", "file"],
    ["decode"], ["decode", "--from", "xml", "-"], ["decode", "one", "two"],
    ["watch", "--table", "--format", "text"], ["watch", "--sort", "size"], ["watch", "--pid", "0"],
    ["watch", "--metric", "m", "--format", "json"],
    ["watch", "--sort", "age", "--format", "text"]])
def test_a_mistake_exits_with_2_and_says_what_it_is(arguments):
    done = run(*arguments)
    assert (done.status, done.output) == (2, b"")
    first, second = done.error.rstrip().split("\n")
    assert first.startswith("otelue: ") and second == "Run with --help for more information."


@pytest.mark.parametrize("option", ["--count", "--timeout", "--ring-pages"])
@pytest.mark.parametrize("value", ["0", "-1", "+1", "1.5", "1e3", "1e30", "inf", "nan", "0x10", "2k", " 2",
                                   "1000000001", "4503599627370496", "18446744073709551616"])
def test_numbers_are_whole_plain_and_bounded(option, value):
    done = run("watch", f"{option}={value}")
    assert done.status == 2 and f"'{value}' is not a " in done.error


@pytest.mark.parametrize("value", ["3", "524288"])
def test_a_ring_has_a_power_of_two_pages_and_not_too_many(value):
    assert run("watch", "--ring-pages", value).status == 2


def test_a_leading_zero_means_nothing():
    done = run("watch", "--count", "010", "-", data=recording(payload(points=9)))
    assert done.status == 0 and len(done.points) == 9


@pytest.mark.parametrize("arguments", [["--count=2", "-"], ["--count", "2", "-"], ["-", "--count=2"],
                                       ["--count=2", "--", "-"]])
def test_options_take_values_as_people_write_them(arguments):
    done = run("watch", *arguments, data=recording(payload(points=3)))
    assert (done.status, len(done.points)) == (0, 2)


def test_a_name_that_looks_like_an_option_follows_two_dashes(tmp_path):
    (tmp_path / "--count").write_bytes(recording(payload()))
    done = run("watch", "--", "--count", cwd=tmp_path)
    assert (done.status, len(done.points)) == (0, 1)


def test_a_file_may_be_called_like_a_command(tmp_path):
    (tmp_path / "demo").write_bytes(recording(payload()))
    done = run("watch", "demo", cwd=tmp_path)
    assert (done.status, len(done.points)) == (0, 1)


@pytest.mark.parametrize("name,reason", [("/", "/: Is a directory"),
                                         ("/nonexistent", "/nonexistent: No such file or directory")])
def test_a_file_that_cannot_be_read_exits_with_3(name, reason):
    done = run("watch", name)
    assert done.status == 3 and f"otelue: {reason}\n" in done.error


def test_standard_input_that_is_closed_exits_with_3():
    process = start("watch", "-", stdin=None, preexec_fn=lambda: __import__("os").close(0))
    assert process.wait() == 3 and b"standard input: Bad file descriptor" in process.stderr.read()


def test_demo_through_a_recording_names_no_trouble(tmp_path):
    done = run("demo", "--file", str(tmp_path / "demo"))
    assert done.status == 0 and "cannot be used" not in done.output.decode() and done.error == ""
    assert done.lines[-1] == "ok: 5 events went out, 5 came back, byte for byte the same"


def test_demo_says_what_went_wrong_with_its_recording():
    done = run("demo", "--file", "/dev/full")
    assert done.status == 3 and done.error == "otelue: /dev/full: No space left on device\n"


def test_status_and_demo_agree_about_the_tracepoint():
    status = run("status")
    demo = run("demo", stdout=subprocess.PIPE)
    assert len(status.lines) == 1
    if status.status == 0:
        assert status.lines[0].startswith("otlp_metrics is registered")
    else:
        assert status.status == 1 and demo.status == 1
        assert f"The tracepoint cannot be used here: {status.lines[0]}." in demo.lines
        assert "So the events go to a recording instead." in demo.lines
    assert "ok: 5 events went out, 5 came back, byte for byte the same" in demo.lines
