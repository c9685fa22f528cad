# SPDX-License-Identifier: Apache-2.0
"""`otelue doctor` on the test kernel: it tells the truth, and the command that it names mends what it found. Runs there
as root."""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

TOOL = os.path.realpath(os.environ["OTELUE_TOOL"])
LIBRARY = os.environ["OTELUE_LIBRARY"]
TRACEFS = "/sys/kernel/tracing"
EVENT = f"{TRACEFS}/events/user_events/otlp_metrics"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
CHECKS = ["library", "container", "kernel", "tracefs", "data_file", "definition", "limit", "listeners", "sizes", "perf",
          "format", "rings"]
WRITE, READ = 4, 8  # bits of the exit status
KERNEL = tuple(int(number) for number in os.uname().release.split(".")[:2])


class Diagnosis:
    def __init__(self, *before, tool=TOOL):
        done = subprocess.run([*before, tool, "doctor", "--json"], capture_output=True, text=True)
        assert done.stderr == ""
        self.status = done.returncode
        self.json = json.loads(done.stdout)
        assert self.status == (0 if self.json["can_write"] else WRITE) + (0 if self.json["can_read"] else READ)
        self.findings = {finding["check"]: finding for finding in self.json["findings"]}
        assert len(self.findings) == len(self.json["findings"])
        for finding in self.findings.values():
            # What is not well says what to do, or why there is nothing to do.
            assert bool(finding["command"]) + bool(finding["reason"]) == (finding["state"] != "ok"), finding

    def text(self, check):
        return self.findings[check]["text"]

    def bad(self):
        return {check: finding["state"] for check, finding in self.findings.items() if finding["state"] != "ok"}

    def mend(self, *before):
        """Runs every command that was named, as root."""
        for finding in self.findings.values():
            subprocess.run([*before, "sh", "-c", finding["command"]], check=True)


@contextlib.contextmanager
def mount_namespace(setup):
    """What comes before a command to run it in a mount namespace of its own, in which this has been done."""
    with subprocess.Popen(["unshare", "--mount", "sh", "-ec", setup + "\necho ready; exec sleep 10000"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield ["nsenter", f"--target={process.pid}", "--mount", "--root"]
        finally:
            process.kill()


@contextlib.contextmanager
def watching(*before):
    """Somebody who listens, and who holds the event."""
    with subprocess.Popen([*before, TOOL, "watch"], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "listening" in process.stderr.readline()
            yield
        finally:
            process.terminate()


@pytest.fixture
def settings():
    """Keeps what a test sets for the whole machine from the next one."""
    names = ["user_events_max", "perf_event_paranoid", "perf_event_mlock_kb"]
    files = [pathlib.Path("/proc/sys/kernel", name) for name in names]
    before = [file.read_text() for file in files]
    yield
    for file, text in zip(files, before):
        file.write_text(text)


@pytest.fixture
def tracefs():
    """The permissions that tracefs had."""
    yield
    os.chmod(TRACEFS, 0o700)
    os.chmod(f"{TRACEFS}/user_events_data", 0o640)
    os.chown(f"{TRACEFS}/user_events_data", 0, 0)


@pytest.fixture
def tool():
    """The command where users reach it, on a file system whose files cannot give rights."""
    directory = pathlib.Path("/dev/shm/doctor")
    directory.mkdir()
    shutil.copy(TOOL, directory / "otelue")
    shutil.copy(LIBRARY, directory / "libotelue.so.1")
    yield ["env", f"LD_LIBRARY_PATH={directory}"], str(directory / "otelue")
    shutil.rmtree(directory)


def test_all_is_well_for_root():
    diagnosis = Diagnosis()
    assert (diagnosis.status, diagnosis.bad(), list(diagnosis.findings)) == (0, {}, CHECKS)
    assert diagnosis.json["schema"] == 1
    assert diagnosis.json["kernel"] == os.uname().release
    assert diagnosis.json["command"] == diagnosis.json["library"]
    assert diagnosis.json["library_file"] == os.path.realpath(LIBRARY)
    assert diagnosis.text("container") != ""  # the lab has the files of the machine that it runs on
    assert diagnosis.text("kernel") == f"Linux {os.uname().release} has user_events"
    assert diagnosis.text("tracefs") == f"tracefs is mounted at {TRACEFS} (rw,relatime)"
    assert diagnosis.text("data_file") == f"root can write {TRACEFS}/user_events_data"
    assert diagnosis.text("definition") == "otlp_metrics is registered with the fields protocol, version and buffer"
    assert diagnosis.text("limit") == "there may be 32768 user events (kernel.user_events_max), and there are 1"
    assert diagnosis.text("listeners") == "nobody listens"
    assert diagnosis.text("sizes") == (
        "perf takes events with up to 8168 bytes of OTLP, ftrace up to 4048; an exporter fills events up to 4048, and "
        "a large point may take 8168")
    assert diagnosis.text("perf") == "root may use perf: CAP_PERFMON"
    assert diagnosis.text("format") == f"root can read {EVENT}/format"
    assert diagnosis.text("rings") == "listening works, with a ring of 8192 KiB for each of 2 processors"


def test_it_leaves_nothing_behind():
    Diagnosis()
    # The kernel takes an event away a moment after its last user.
    for _ in range(1000):
        if not os.path.exists(EVENT):
            break
        subprocess.run(["sleep", "0.01"], check=True)
    assert not os.path.exists(EVENT)


def test_people_get_sentences():
    done = subprocess.run([TOOL, "doctor"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[2] == f"ok       kernel      Linux {os.uname().release} has user_events"
    assert lines[-1] == "This process can write metrics to the tracepoint, and can read them."


def test_those_who_listen_are_named_with_what_they_take():
    instance = pathlib.Path(TRACEFS, "instances", "agent")
    with watching():
        assert Diagnosis().text("listeners") == "who listens: perf"
        instance.mkdir()
        try:
            (instance / "buffer_subbuf_size_kb").write_text("8")
            (instance / "events/user_events/otlp_metrics/enable").write_text("1")
            diagnosis = Diagnosis()
            assert diagnosis.text("listeners") == "who listens: perf, ftrace's instance agent"
            largest = 8144 if KERNEL >= (7, 3) else 4048
            assert f"ftrace up to 4048, its instance agent up to {largest}; " in diagnosis.text("sizes")
        finally:
            instance.rmdir()


def test_without_tracefs():
    with mount_namespace(f"umount --lazy {TRACEFS}") as inside:
        diagnosis = Diagnosis(*inside)
        assert diagnosis.status == WRITE | READ and diagnosis.bad() == {"tracefs": "problem"}
        assert diagnosis.text("tracefs") == "tracefs is not mounted"
        assert diagnosis.findings["tracefs"]["command"] == f"mount -t tracefs tracefs {TRACEFS}"
        diagnosis.mend(*inside)
        assert Diagnosis(*inside).bad() == {}


def test_only_the_data_file_mounted():
    setup = (f"touch /tmp/data; mount --bind {TRACEFS}/user_events_data /tmp/data; umount --lazy {TRACEFS};"
             f"mount -t tmpfs t {TRACEFS}; touch {TRACEFS}/user_events_data;"
             f"mount --bind /tmp/data {TRACEFS}/user_events_data")
    with mount_namespace(setup) as inside:
        diagnosis = Diagnosis(*inside)
        assert diagnosis.status == READ and diagnosis.bad() == {"tracefs": "warning"}
        assert diagnosis.text("tracefs").startswith("only files of tracefs are mounted: ")
        assert f"{TRACEFS}/user_events_data (rw,relatime)" in diagnosis.text("tracefs")
        diagnosis.mend(*inside)
        assert Diagnosis(*inside).bad() == {}


def test_mounted_read_only():
    with mount_namespace(f"mount -o remount,bind,ro {TRACEFS}") as inside:
        diagnosis = Diagnosis(*inside)
        assert diagnosis.status & WRITE
        assert diagnosis.text("data_file") == f"{TRACEFS} is mounted read-only, so nobody can write user_events_data"
        diagnosis.mend(*inside)
        assert Diagnosis(*inside).bad() == {}


def test_a_user_without_rights(tracefs, settings, tool):
    environment, copy = tool
    with watching():
        diagnosis = Diagnosis(*NOBODY, *environment, tool=copy)
        assert diagnosis.status == WRITE | READ
        assert diagnosis.bad() == {"data_file": "problem", "perf": "problem", "format": "problem"}
        assert diagnosis.text("data_file") == (
            f"user 65534 (group 65534) may not enter {TRACEFS}, may not write {TRACEFS}/user_events_data")
        assert diagnosis.text("listeners") == "who listens cannot be told here: it is in user_events_status of tracefs"
        assert diagnosis.text("perf").startswith(
            "user 65534 (group 65534) may not read what others write: it takes CAP_PERFMON, or "
            "kernel.perf_event_paranoid = -1, which is 2; ")
        assert diagnosis.text("format").startswith(f"user 65534 (group 65534) may not enter {TRACEFS}, may not enter ")
        diagnosis.mend()
        mended = Diagnosis(*NOBODY, *environment, tool=copy)
        assert mended.status == 0 and mended.bad() == {}
        assert mended.text("listeners").startswith("somebody listens; ")


@pytest.mark.parametrize("given_up,reason", [
    (["--bounding-set=-perfmon", "--inh-caps=-all"], r"docker run --cap-add PERFMON"),
    (["--no-new-privs"], r"AmbientCapabilities=CAP_PERFMON in a unit of systemd")])
def test_a_right_that_nothing_here_can_give(given_up, reason):
    finding = Diagnosis(*NOBODY, *given_up).findings["perf"]
    assert finding["command"] == "" and re.search(reason, finding["reason"])


def test_capabilities_count_without_root(tracefs):
    user = [*NOBODY, "--inh-caps=+perfmon,+dac_override", "--ambient-caps=+perfmon,+dac_override"]
    diagnosis = Diagnosis(*user)
    assert diagnosis.status == 0 and diagnosis.bad() == {"rings": "warning"}
    assert diagnosis.text("perf") == "user 65534 (group 65534) may use perf: CAP_PERFMON"


def test_a_user_namespace():
    # There is none for a process whose root is not that of its mount namespace, as in the lab.
    diagnosis = Diagnosis(
        "nsenter", "--target=1", "--root", "--wd=/", "/bin/busybox", "unshare", "-m", "/bin/busybox", "sh", "-c",
        'cd /root; mount --move . /; exec chroot . "$@"', "sh", "unshare", "--user", "--map-root-user")
    assert diagnosis.status == READ
    assert diagnosis.bad() == {"container": "warning", "perf": "problem"}
    assert diagnosis.text("container").endswith(" with user ids of its own, whose rights do not count")
    assert diagnosis.findings["perf"]["reason"] == (
        "rights in a user namespace do not count: listen on the host, or in a container without one")
    assert [finding["command"] for finding in diagnosis.findings.values() if finding["command"]] == []


def refuse_perf():
    """A filter that refuses perf_event_open(), as containers have."""
    code = b"".join(struct.pack("HBBI", *line) for line in [
        (0x20, 0, 0, 0), (0x15, 0, 1, 298), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)])
    program = ctypes.create_string_buffer(code)
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(22, 2, filter) == 0, ctypes.get_errno()


def test_a_filter():
    done = subprocess.run([TOOL, "doctor", "--json"], capture_output=True, text=True, preexec_fn=refuse_perf)
    assert done.returncode == READ
    finding, = (one for one in json.loads(done.stdout)["findings"] if one["check"] == "perf")
    assert finding["state"] == "problem" and finding["command"] == ""
    assert finding["text"] == (
        "perf_event_open() is refused (Operation not permitted) although this process has CAP_PERFMON")
    assert finding["reason"] == (
        "a seccomp filter is in force; whoever runs this container has to let perf_event_open() pass")


def wait_until_free():
    """An event's name is free a moment after its last user has gone."""
    while os.path.exists(EVENT):
        subprocess.run(["sleep", "0.01"], check=True)


def dynamic_event(command):
    """Python's way of appending to a file asks for its end, which this one has not."""
    events = os.open(f"{TRACEFS}/dynamic_events", os.O_WRONLY)
    os.write(events, command.encode() + b"\n")
    os.close(events)


def test_a_foreign_event_that_nobody_holds():
    wait_until_free()
    dynamic_event("u:otlp_metrics u32 other")
    diagnosis = Diagnosis()
    assert diagnosis.status == WRITE | READ and diagnosis.bad() == {"definition": "problem"}
    assert diagnosis.text("definition") == (
        "another program has registered otlp_metrics with other fields: u32 other")
    assert diagnosis.findings["definition"]["command"] == (
        rf"sed -n 's/^u:otlp_metrics\b/-:otlp_metrics/p' {TRACEFS}/dynamic_events >>{TRACEFS}/dynamic_events")
    diagnosis.mend()
    assert Diagnosis().bad() == {}


def test_a_foreign_event_that_a_process_holds():
    wait_until_free()
    word = ctypes.c_uint64()
    definition = ctypes.create_string_buffer(b"otlp_metrics u32 other")
    with open(f"{TRACEFS}/user_events_data", "wb", buffering=0) as file:
        registration = struct.pack("=IBBHQQI", 28, 0, 4, 0, ctypes.addressof(word), ctypes.addressof(definition), 0)
        fcntl.ioctl(file, 0xC0082A00, bytearray(registration))
        diagnosis = Diagnosis()
        assert diagnosis.status == WRITE | READ and diagnosis.bad() == {"definition": "problem"}
        assert f"(pid {os.getpid()})" in diagnosis.findings["definition"]["reason"]
        assert diagnosis.findings["definition"]["command"] == ""
        fcntl.ioctl(file, 0x40082A02, struct.pack("=IBBHQ", 16, 0, 0, 0, ctypes.addressof(word)))
    wait_until_free()
    assert Diagnosis().bad() == {}


def test_as_many_events_as_there_may_be(settings):
    wait_until_free()
    dynamic_event("u:one_more u32 x")
    pathlib.Path("/proc/sys/kernel/user_events_max").write_text("1")
    diagnosis = Diagnosis()
    assert diagnosis.status & WRITE
    assert diagnosis.text("definition") == "the kernel has as many user events as kernel.user_events_max allows"
    assert diagnosis.text("limit") == "there may be 1 user events (kernel.user_events_max), and there are 1"
    assert diagnosis.findings["definition"]["command"] == "sysctl -w kernel.user_events_max=1024"
    diagnosis.mend()
    assert Diagnosis().bad() == {}
    dynamic_event("-:one_more u32 x")
