# SPDX-License-Identifier: Apache-2.0
"""The scripts that complete the command line, judged by the shells."""

import re
import subprocess

import pytest
from command import TOOL, run


def commands():
    return re.findall(r"^  (\w+) ", run("help").output.decode().split("Subcommands:")[1], re.MULTILINE)


def options(command):
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", run(command, "--help").output.decode(), re.MULTILINE))


def shell(*arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    directory = tmp_path_factory.mktemp("completion")
    for name in "bash", "zsh", "fish":
        done = run("completion", name)
        assert (done.status, done.error) == (0, "")
        (directory / name).write_bytes(done.output)
    return directory


def complete_bash(scripts, *words):
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _otelue; printf "%s\\n" "${COMPREPLY[@]}"'
    # compopt wants to be called by the completion itself.
    return [word for word in shell("bash", "-c", "compopt() { echo FILES; }; " + program, "bash", scripts / "bash", *words)
            if word]


def complete_fish(scripts, line):
    return [word.split("\t")[0] for word in shell("fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{line}'")
            if word]


def test_bash_knows_every_command_and_option(scripts):
    assert set(complete_bash(scripts, "otelue", "")) == {*commands(), "--help", "--version"}
    for command in commands():
        assert set(complete_bash(scripts, "otelue", command, "--")) == options(command), command
    assert complete_bash(scripts, "otelue", "watch", "--format", "") == ["text", "json", "otlp"]
    assert complete_bash(scripts, "otelue", "watch", "--record", "") == ["FILES"]
    assert complete_bash(scripts, "otelue", "decode", "") == ["FILES"]
    assert complete_bash(scripts, "otelue", "status", "") == []


def test_fish_knows_every_command_and_option(scripts):
    assert set(complete_fish(scripts, "otelue ")) == set(commands())
    for command in commands():
        assert options(command) <= set(complete_fish(scripts, f"otelue {command} --")), command
    assert set(complete_fish(scripts, "otelue watch --format ")) == {"text", "json", "otlp"}


def test_zsh_knows_every_command_and_option(scripts):
    # Without a terminal, what _arguments and _describe are handed is what counts.
    program = ('_arguments() { print -rl -- "$@"; }; _describe() { print -rl -- "${(@P)2}"; }; _files() { :; }; '
               'script=$1; shift; words=("$@"); CURRENT=$#; source $script')

    def complete(*words):
        return shell("zsh", "-f", "-c", program, "zsh", scripts / "zsh", *words)
    assert {line.split(":")[0] for line in complete("otelue", "") if line} == set(commands())
    for command in commands():
        found = {line.split("[")[0] for line in complete("otelue", command, "") if line.startswith("--")}
        assert found == options(command), command
    assert any("(text json otlp)" in line for line in complete("otelue", "watch", ""))


def test_an_unknown_shell_is_a_mistake():
    done = run("completion", "csh")
    assert done.status == 2 and "'csh' is none of bash|zsh|fish" in done.error and TOOL
