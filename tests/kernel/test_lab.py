#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lab itself, and the command in it: test_lab.py VM TOOL COUNTER OVERSIZE, or with --without as first argument
what a kernel without user_events makes of the command and of a program that exports."""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

arguments = [argument for argument in sys.argv[1:] if argument != "--without"]
VM, TOOL, COUNTER = (str(pathlib.Path(argument).resolve()) for argument in arguments[:3])
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command):
    done = subprocess.run([VM, *command], capture_output=True)
    return done.returncode, done.stdout, done.stderr


def check_status(status, message):
    """What `otelue status` returned and said."""
    assert message.endswith("\n") and message.count("\n") == 1, message
    assert status == (0 if message.startswith("otlp_metrics is registered") else 1), (status, message)


def check_without_tracepoint(option, reason):
    """Everything runs on, and says why there is nothing to hear."""
    programs = (f"{TOOL} status; echo status=$?; {COUNTER} 2>&1; echo counter=$?; {TOOL} watch 2>&1; echo watch=$?;"
                f"{TOOL} demo; echo demo=$?; {TOOL} doctor; echo doctor=$?")
    status, output, error = run(option, "sh", "-c", programs)
    assert (status, error) == (0, b""), (status, error)
    lines = output.decode().splitlines()
    assert re.fullmatch(reason, lines[0]), lines[0]
    assert lines[1:6] == ["status=1", "success: 0 points exported, 2 not heard", "counter=0", f"otelue: {lines[0]}",
                          "watch=3"], lines[:6]
    assert f"The tracepoint cannot be used here: {lines[0]}." in lines
    assert "So the events go to a recording instead." in lines
    assert any(line.startswith("Look at it again: otelue watch /tmp/otelue-demo-") for line in lines)
    assert "ok: 5 events went out, 5 came back, byte for byte the same" in lines
    demo = lines.index("demo=1")
    assert lines[demo + 1].startswith("ok       library     ")
    assert lines[-2:] == ["This process cannot write metrics to the tracepoint, and cannot read them.", "doctor=12"]
    return lines[demo + 1:-2]


if "--without" in sys.argv:
    found = check_without_tracepoint("--kernel=without", r"kernel 6\.\S+ has no user_events: it takes Linux 6\.4 or later "
                                                         r"with CONFIG_USER_EVENTS=y")
    assert re.fullmatch(r"problem  kernel      Linux 6\.\S+ has no user_events.*", found[2]), found
    assert found[3:] == [" " * 21 + "this takes another kernel: Linux 6.4 or later built with CONFIG_USER_EVENTS=y"]
    sys.exit()

# Output and exit status are passed through, byte for byte.
with tempfile.TemporaryDirectory() as directory:
    out, err = bytes(range(256)) * 4096, bytes(reversed(range(256))) * 16
    (pathlib.Path(directory) / "out").write_bytes(out)
    (pathlib.Path(directory) / "err").write_bytes(err)
    assert run("sh", "-c", f"cat {directory}/out; cat {directory}/err >&2; exit 37") == (37, out, err)

# A complaint of the kernel is a failure of the lab, and so is a command that does not end.
status, _, error = run(arguments[3])
assert status == 125 and b"panic_on_warn" in error and b"perf_trace_buf_alloc" in error, (status, error)
status, _, error = run("--timeout", "5", "sleep", "1000")
assert (status, error) == (124, b"vm: ended after 5 seconds\n"), (status, error)

# Killed while it runs, or while it builds a kernel, it leaves neither files nor processes.
def left_behind(directory):
    found = [file.name for file in pathlib.Path(directory).iterdir() if file.suffix != ".lock"]
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            command = file.read_bytes()
            if directory.encode() in command:
                found.append(command)
    return found


def wait_until(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


for command, variable, started in ((["sleep", "1000"], "TMPDIR", "*/output/status"),
                                   (["--build"], "OTELUE_CACHE", "build.*/scripts/basic/fixdep")):
    with tempfile.TemporaryDirectory() as directory:
        machine = subprocess.Popen([VM, *command], env={**os.environ, variable: directory}, stderr=subprocess.DEVNULL)
        wait_until(lambda: list(pathlib.Path(directory).glob(started)))
        machine.kill()
        machine.wait()
        wait_until(lambda: not left_behind(directory))

# Without tracefs.
check_without_tracepoint("--no-tracefs", r"no user_events_data found: tracefs is not mounted "
                                         r"\(mount -t tracefs tracefs /sys/kernel/tracing\)")

# The command of the README.
readme = re.search(r"^tests/kernel/vm (sh -c '.*counter; wait')$", (ROOT / "README.md").read_text(), re.MULTILINE)
program = shlex.split(readme[1].replace("build-tests/src/tool/otelue", TOOL)
                      .replace("build-tests/tests/ffi/counter", COUNTER))
status, output, error = run(*program)
assert status == 0, (status, error)
points = [line.split(" ", 1)[1] for line in output.decode().splitlines() if line.startswith("20")]
assert points[0].startswith('sum http.requests{method="GET"} 7 {request} delta monotonic '), points
assert points[1].startswith("gauge queue.depth{} 2.5 "), points
assert b"success: 2 points exported, 0 not heard\n" in error
assert re.search(rb"^otelue: 2 events, 2 points, \d+ bytes, 0 lost, 0 undecodable$", error, re.MULTILINE), error

# Ctrl-C reaches the command, which ends as it likes. What a shell has started in the background ignores it.
signal.signal(signal.SIGINT, signal.SIG_DFL)
heard = f"until {TOOL} status | grep -q somebody; do sleep 0.1; done; {COUNTER}"
with subprocess.Popen([VM, "sh", "-c", f"({heard}) & exec {TOOL} watch"], stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE) as machine:
    lines = [machine.stdout.readline() for _ in range(4)]
    machine.send_signal(signal.SIGINT)
    rest, error = machine.communicate()
assert lines[0].startswith(b"# resource ") and lines[1].startswith(b"# scope "), lines
assert b" http.requests{" in lines[2] and b" queue.depth{} 2.5 " in lines[3] and rest == b"", (lines, rest)
assert machine.returncode == 0, machine.returncode
assert re.search(rb"^otelue: 2 events, 2 points, \d+ bytes, 0 lost, 0 undecodable$", error, re.MULTILINE), error

# The command on this machine, whatever its kernel, and in the lab.
here = subprocess.run([TOOL, "status"], capture_output=True, text=True)
check_status(here.returncode, here.stdout)
status, output, error = run("sh", "-c", f"{TOOL} status && {TOOL} demo")
lines = output.decode().splitlines()
assert (status, error, lines[0]) == (0, b"", "otlp_metrics is registered, nobody listens"), (status, output, error)
assert "What came back from the kernel, through perf:" in lines and "recording" not in output.decode()
assert "ok: 5 events went out, 5 came back, byte for byte the same" in lines
