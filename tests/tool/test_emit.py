# SPDX-License-Identifier: Apache-2.0
"""`otelue emit`: into recordings, since what listens to the tracepoint is in the kernel's tests."""

import os
import pty
import subprocess

import messages
import pytest
from command import GOLDEN, TOOL, join_delimited, payload, recording, request, run, split_delimited, start
from rows import rows
from test_decode import FORMS

ALL_KINDS = bytes.fromhex("".join((GOLDEN / "all_kinds.hex").read_text().split()))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


def emitted(tmp_path, *arguments, data=b"", **environment):
    """What a run wrote into a recording, as requests."""
    path = tmp_path / "recording"
    done = run("emit", "--record", str(path), *arguments, data=data, env={**ENVIRONMENT, **environment})
    events = run("decode", "--format", "otlp", str(path)).output if path.exists() else b""
    return done, [messages.ExportMetricsServiceRequest.FromString(event) for event in split_delimited(events)]


def summary(exports, events, points, size, unheard=0, refused=0):
    return (f"otelue: {exports} exports, {events} events, {points} points, {size} bytes; {unheard} exports unheard, "
            f"{refused} refused in part or whole\n")


def value_of(value):
    return getattr(value, value.WhichOneof("value"))


def attributes_of(attributes):
    return {attribute.key: value_of(attribute.value) for attribute in attributes}


def one(found):
    (message,) = found
    (resource,) = message.resource_metrics
    (scope,) = resource.scope_metrics
    (metric,) = scope.metrics
    (point,) = getattr(metric, metric.WhichOneof("data")).data_points
    return attributes_of(resource.resource.attributes), scope, metric, point


def test_a_counter_from_the_shell(tmp_path):
    done, found = emitted(tmp_path, "--counter", "jobs.done", "1", "--attribute", "queue=mail", "--unit", "{job}",
                          "--description", "Jobs that are done")
    resource, scope, metric, point = one(found)
    assert done.status == 0 and done.error == summary(1, 1, 1, found[0].ByteSize())
    assert resource == {"service.name": "unknown_service:otelue"} and scope.scope.name == "otelue.emit"
    assert (metric.name, metric.unit, metric.description) == ("jobs.done", "{job}", "Jobs that are done")
    assert metric.sum.is_monotonic and metric.sum.aggregation_temporality == 1
    assert point.as_int == 1 and point.time_unix_nano > 10**18 and attributes_of(point.attributes) == {"queue": "mail"}


@pytest.mark.parametrize("option,value,data,monotonic,expected", [
    ("--counter", "2.5", "sum", True, 2.5), ("--up-down-counter", "-3", "sum", False, -3),
    ("--up-down-counter", "0", "sum", False, 0), ("--gauge", "-1.5", "gauge", None, -1.5),
    ("--gauge", "9223372036854775807", "gauge", None, 2**63 - 1),
    ("--gauge", "9223372036854775808", "gauge", None, 2.0**63), ("--gauge", "inf", "gauge", None, float("inf"))])
def test_instruments_and_their_values(option, value, data, monotonic, expected, tmp_path):
    done, found = emitted(tmp_path, option, "m", value)
    _, _, metric, point = one(found)
    assert done.status == 0 and metric.WhichOneof("data") == data
    assert monotonic is None or metric.sum.is_monotonic == monotonic
    number = value_of(point)
    assert number == expected and isinstance(number, type(expected))


def test_a_histogram_has_the_usual_bounds(tmp_path):
    done, found = emitted(tmp_path, "--histogram", "latency", "5")
    _, _, metric, point = one(found)
    assert done.status == 0 and metric.histogram.aggregation_temporality == 1
    assert list(point.explicit_bounds) == [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000]
    assert list(point.bucket_counts) == [0, 1] + [0] * 14
    assert (point.count, point.sum, point.min, point.max) == (1, 5, 5, 5)


def test_attributes_have_types_and_the_last_of_a_key_holds(tmp_path):
    done, found = emitted(tmp_path, "--gauge", "m", "1", "--attribute", "a=1", "--attribute", "b:int=-7", "--attribute",
                          "c:double=2", "--attribute", "d:bool=true", "--attribute", "e:string=x=y", "--attribute",
                          "f:g=", "--attribute", "a=2")
    attributes = attributes_of(one(found)[3].attributes)
    assert done.status == 0
    assert attributes == {"a": "2", "b": -7, "c": 2.0, "d": True, "e": "x=y", "f:g": ""}
    assert isinstance(attributes["c"], float) and attributes["d"] is True


def test_the_resource_is_that_of_the_environment_and_the_options(tmp_path):
    done, found = emitted(tmp_path, "--gauge", "m", "1", "--resource", "host.cpu:int=4", "--resource", "a=option",
                          OTEL_RESOURCE_ATTRIBUTES="service.name=listed, a=listed ,b=x%2Cy,broken,=,c=%zz",
                          OTEL_SERVICE_NAME="cron")
    assert done.status == 0
    assert one(found)[0] == {"service.name": "cron", "a": "option", "b": "x,y", "c": "%zz", "host.cpu": 4}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_decode_reads_can_be_emitted(form, tmp_path):
    done, found = emitted(tmp_path, "-", data=FORMS[form])
    assert done.status == 0 and [message.SerializeToString() for message in found] == [payload()]


def test_all_kinds_of_points_from_json(tmp_path):
    line = run("decode", "--format", "json", "-", data=ALL_KINDS).output
    done, found = emitted(tmp_path, "-", data=line)
    expected = rows(messages.ExportMetricsServiceRequest.FromString(ALL_KINDS))
    assert done.status == 0 and [row for message in found for row in rows(message)] == expected


def test_a_batch(tmp_path):
    from convert import to_batch
    message = messages.ExportMetricsServiceRequest.FromString(ALL_KINDS)
    done, found = emitted(tmp_path, "-", data=to_batch(message))
    assert done.status == 0 and [row for one in found for row in rows(one)] == rows(message)


def test_repeat_and_rate(tmp_path):
    data = join_delimited([payload(), payload(first=1)])
    done, found = emitted(tmp_path, "--repeat", "3", "--rate", "1000", "-", data=data)
    assert done.error == summary(6, 6, 6, 6 * len(payload()))
    assert [message.SerializeToString() for message in found] == [payload(), payload(first=1)] * 3


def test_damage_is_said_and_the_rest_is_emitted(tmp_path):
    done, found = emitted(tmp_path, "-", data=recording(payload(), payload(first=1))[:-5])
    assert done.status == 1 and "otelue: standard input: at byte " in done.error and len(found) == 1


def test_points_that_are_refused_are_described(tmp_path):
    message = request()
    message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points.add().attributes.add(
        key="k").value.string_value = "x" * 9000
    done, found = emitted(tmp_path, "-", data=message.SerializeToString())
    assert done.status == 1 and len(found) == 1
    assert done.error.startswith("otelue: 1 of 2 points was not exported; first m, point 1: too large")


def test_nobody_listens():
    """Nor can anybody where there is no tracepoint."""
    done = run("emit", "--counter", "m", "1", "--wait", "1")
    assert done.status == 4 and summary(1, 0, 0, 0, unheard=1) in done.error
    assert done.error.startswith("otelue: ") and done.error.count("\n") == 2


@pytest.mark.parametrize("arguments", [
    ["emit"], ["emit", "--counter", "m"], ["emit", "--counter", "m", "x"], ["emit", "--counter", "m", "-1"],
    ["emit", "--histogram", "m", "nan"], ["emit", "--gauge", "m", "1", "--counter", "n", "1"],
    ["emit", "--gauge", "m", "1", "file"], ["emit", "file", "--attribute", "a=b"], ["emit", "file", "--unit", "s"],
    ["emit", "--gauge", "m", "1", "--attribute", "a"], ["emit", "--gauge", "m", "1", "--attribute", "=a"],
    ["emit", "--gauge", "m", "1", "--attribute", "a:int=x"], ["emit", "--gauge", "m", "1", "--repeat", "2"],
    ["emit", "--gauge", "m", "1", "--attribute", "a:bool=1"], ["emit", "--rate", "0", "file"]])
def test_mistakes(arguments):
    done = run(*arguments)
    assert (done.status, done.output) == (2, b"") and done.error.startswith("otelue: ")


def test_progress_is_for_terminals(tmp_path):
    (tmp_path / "in").write_bytes(payload())
    arguments = [TOOL, "emit", "--record", str(tmp_path / "out"), "--repeat", "40", "--rate", "40", str(tmp_path / "in")]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(arguments, stderr=theirs)
    os.close(theirs)
    text = b""
    while b"exports unheard" not in text:
        text += os.read(ours, 4096)
    assert process.wait() == 0 and b" of 40 exports\x1b[K" in text and b"%" in text and b"\r\x1b[Kotelue: 40 exports" in text
    assert b"\r" not in subprocess.run(arguments, stderr=subprocess.PIPE, check=True).stderr


def test_a_signal_ends_it(tmp_path):
    process = start("emit", "--record", str(tmp_path / "out"), "--repeat", "1000000", "--rate", "10", "-")
    process.stdin.write(payload())
    process.stdin.close()
    while not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size <= 16:
        assert process.poll() is None
    process.terminate()
    assert process.wait() == 0 and b" exports, " in process.stderr.read()
