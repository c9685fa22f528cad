# SPDX-License-Identifier: Apache-2.0
"""What `otelue doctor` says on this machine, whatever that has; tests/kernel/test_doctor.py has the cases."""

import json
import os
import pathlib
import pty
import re
import resource
import subprocess

import pytest
from command import TOOL, run

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "src/tool/otelue.1"


def examine():
    done = run("doctor", "--json")
    return done.status, json.loads(done.output)


def on_terminal(*arguments, **environment):
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([TOOL, *arguments], stdout=theirs, env={**os.environ, **environment})
    os.close(theirs)
    output = b""
    try:
        while block := os.read(ours, 65536):
            output += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    process.wait()
    return output.decode()


def test_json_has_the_documented_members():
    status, found = examine()
    assert list(found) == ["schema", "can_write", "can_read", "kernel", "command", "library", "library_file", "findings"]
    assert found["schema"] == 1
    assert status == (0 if found["can_write"] else 4) + (0 if found["can_read"] else 8)
    for finding in found["findings"]:
        assert list(finding) == ["check", "state", "text", "command", "reason"]
        assert finding["state"] in ("ok", "warning", "problem")
        assert bool(finding["command"]) + bool(finding["reason"]) == (finding["state"] != "ok")
    manual = MANUAL.read_text().replace("\\-", "-")
    assert {finding["check"] for finding in found["findings"]} <= set(re.findall(r"^\.It Cm (\w+)$", manual, re.M))
    for member in [*found, *found["findings"][0]]:
        assert re.search(rf"Ql {member}\b", manual), member


def test_it_agrees_with_status():
    _, found = examine()
    assert found["can_write"] == (run("status").status == 0)


def test_a_kernel_without_user_events_is_named():
    _, found = examine()
    findings = {finding["check"]: finding for finding in found["findings"]}
    assert found["kernel"] == os.uname().release
    has_them = os.path.exists("/proc/sys/kernel/user_events_max")
    assert findings["kernel"]["state"] == ("ok" if has_them else "problem")
    if not has_them:
        assert findings["kernel"]["text"].startswith(f"Linux {os.uname().release} has no user_events")
        assert findings["kernel"]["reason"] == (
            "this takes another kernel: Linux 6.4 or later built with CONFIG_USER_EVENTS=y")
        assert list(findings) == ["library", "container", "kernel"]


def test_the_library_is_the_one_that_is_loaded():
    _, found = examine()
    assert found["library_file"] == os.path.realpath(os.environ["OTELUE_LIBRARY"])
    assert found["command"] == found["library"] == run("--version").lines[0].split()[1]


def test_text_and_json_say_the_same():
    _, found = examine()
    lines = run("doctor").lines
    for finding in found["findings"]:
        assert f"{finding['state']:<9}{finding['check']:<12}{finding['text']}" in lines
    assert lines[-1] == (f"This process {'can' if found['can_write'] else 'cannot'} write metrics to the tracepoint, and "
                         f"{'can' if found['can_read'] else 'cannot'} read them.")


def test_colours_are_for_terminals_that_want_them():
    assert "\x1b" not in run("doctor").output.decode()
    assert "\x1b[32mok       \x1b[0mlibrary     " in on_terminal("doctor", NO_COLOR="")
    assert "\x1b" not in on_terminal("doctor", NO_COLOR="1")
    assert "\x1b" not in on_terminal("doctor", "--json", NO_COLOR="")


@pytest.mark.parametrize("name,shown", [("podman", "podman"), ("a\x1b[31m\"\\", 'a\\u001b[31m"\\')])
def test_what_the_environment_says_is_escaped(name, shown):
    done = run("doctor", "--json", env={**os.environ, "container": name})
    container, = (one for one in json.loads(done.output)["findings"] if one["check"] == "container")
    assert shown in container["text"]


def test_it_needs_few_descriptors():
    """Where it can open nothing more it still says what it can."""
    done = subprocess.run([TOOL, "doctor", "--json"], capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6)))
    assert json.loads(done.stdout)["schema"] == 1 and done.stderr == b""


def test_output_that_cannot_be_written_exits_with_3():
    with open("/dev/full", "wb") as full:
        assert run("doctor", stdout=full).status == 3
