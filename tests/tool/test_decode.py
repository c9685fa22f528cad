# SPDX-License-Identifier: Apache-2.0
"""`otelue decode`: whatever form metrics are in, and what of damaged ones is said and shown."""

import base64
import random
import struct

import messages
import pytest
from command import (GOLDEN, SUMMARY, entry, header, join_delimited, payload, recording, request, run, split_delimited)
from perf_data import perf_file, perf_pipe
from rows import rows
from seeds import seeds
from test_agreement import CASES, damaged, decode
from test_formats import canonical, pdata, requests  # noqa: F401 (pdata is a fixture)

POINT = "1970-01-01T00:00:00.000000000Z gauge m{} "
ONE = payload()


def frame(content, front=b""):
    """An event as programs write it and the kernel hands it out."""
    return front + struct.pack("=I8sI", 0, b"v0.19.00", len(content) << 16) + content


FORMS = {
    "recording": recording(ONE),
    "recording of the other byte order": header(">") + entry(ONE, order=">"),
    "otlp": ONE,
    "delimited": join_delimited([ONE]),
    "json": b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"0"}]}}]}]}]}',
    "pretty json": b' {\n "resourceMetrics": [{"scopeMetrics":[{"metrics":\n[{"name":"m","gauge":{"dataPoints":[{"asInt":0}]}}'
                   b']}]}]}\n\n',
    "event": frame(ONE),
    "event with its index": frame(ONE, b"\1\0\0\0"),
    "event of the kernel": frame(ONE, b"\xd2\x04\0\0\x07\0\0\0"),
    "padded event": frame(ONE, b"\xd2\x04\0\0\x07\0\0\0") + bytes(-(24 + len(ONE)) % 8),
    "hex": ONE.hex().encode(),
    "hex with more around": b"0x" + ONE.hex(" ", 4).upper().encode() + b"\n",
    "hex of an event": frame(ONE).hex().encode(),
    "base64": base64.b64encode(ONE),
    "base64 in lines": base64.encodebytes(frame(ONE)),
    "base64 for URLs without padding": base64.urlsafe_b64encode(ONE).rstrip(b"="),
    "perf": perf_file([ONE]),
    "perf of the other byte order": perf_file([ONE], order=">"),
    "perf among other events": perf_file([ONE], others=3),
    "perf in a pipe": perf_pipe([ONE]),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_known_by_its_content(form, tmp_path):
    (tmp_path / "file").write_bytes(FORMS[form])
    for done in run("decode", "-", data=FORMS[form]), run("decode", str(tmp_path / "file")):
        assert (done.status, done.points) == (0, [POINT + "0"])
        assert done.error == SUMMARY.format(1, 1, len(ONE), 0, 0) + "\n"


@pytest.mark.parametrize("form", ["recording", "otlp", "delimited", "json", "event", "hex", "base64", "perf"])
def test_a_form_can_be_named(form):
    assert run("decode", "--from", form, "-", data=FORMS[form]).points == [POINT + "0"]


def test_several_of_each():
    two = payload(first=1)
    for data in (recording(ONE, two), join_delimited([ONE, two]), FORMS["json"] + FORMS["json"].replace(b'"0"', b"1"),
                 frame(ONE) + frame(two), base64.b64encode(ONE) + b"\n" + base64.b64encode(two) + b"\n",
                 frame(ONE).hex().encode() + b"\n" + frame(two).hex().encode(), ONE + two, perf_file([ONE, two]),
                 perf_pipe([ONE, two])):
        done = run("decode", "-", data=data)
        assert (done.status, done.points) == (0, [POINT + "0", POINT + "1"]), data


def test_perf_events_come_in_the_order_of_their_times_with_what_was_lost():
    events = [payload(first=n) for n in range(5)]
    done = run("decode", "-", data=perf_file(events, times=[50, 10, 30, 20, 40], lost=7))
    assert done.status == 1 and [line.split()[-1] for line in done.points] == ["1", "3", "2", "4", "0"]
    assert "otelue: lost 7 events\n" in done.error and "pid=77" in done.lines[0]


@pytest.mark.parametrize("data,offset,why", [
    (perf_file([ONE])[:20], 0, "the file ends within its header"),
    (perf_file([ONE], features=False)[:-9], None, "a record of "),
    (perf_file([ONE], finished=False), None, "perf record has not come to its end"),
    (perf_file([ONE], compressed=True), None, "compressed records, which perf record -z writes"),
])
def test_damaged_perf_data_says_where_and_why(data, offset, why):
    done = run("decode", "-", data=data)
    assert done.status == 1
    where = "" if offset is None else str(offset)
    assert any(line.startswith("# undecodable: at byte " + where) and why in line for line in done.lines)


@pytest.mark.parametrize("data,where,why", [
    (ONE[:-1], "resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]", "its length is 9, and 8 bytes follow"),
    (payload(name="m" * 9)[:-19], "resource_metrics[0].scope_metrics[0].metrics[0].name", "its length is 9, and "),
    (ONE.replace(b"\n\x01m", b"\n\x01\xff"), "resource_metrics[0].scope_metrics[0].metrics[0].name", "text that is not UTF-8"),
    (ONE + b"\x0a", "", "it ends within a number"),
    (ONE + b"\x07", "", "there is no field number 0"),
    (ONE + b"\x0f", "", "field 1: wire type 7 does not exist"),
    (ONE + b"\x0c", "", "field 1: the end of a group that has not begun"),
    (ONE + b"\x0b", "", "a group that does not end"),
    (ONE + b"\x49abc", "", "field 9: it has 8 bytes, and 3 follow"),
    (ONE + b"\x08" + b"\xff" * 10 + b"\1", "", "a number of more than 10 bytes"),
])
def test_a_damaged_request_says_where_and_why(data, where, why):
    done = run("decode", "--from", "otlp", "-", data=data)
    assert done.status == 1
    (line,) = [line for line in done.lines if line.startswith("# undecodable: ")]
    assert (f", in {where}: {why}" if where else f", {why}") in line


def test_the_offset_is_that_of_the_file():
    first, broken = payload(), payload().replace(b"\n\x01m", b"\n\x01\xff")
    done = run("decode", "-", data=recording(first, broken, first))
    at = recording(first, broken).index(b"\x01\xff") + 1
    assert done.status == 1 and done.points == [POINT + "0"] * 2
    assert f"# undecodable: at byte {at}, in resource_metrics[0].scope_metrics[0].metrics[0].name: " in done.output.decode()


def test_what_is_whole_is_shown_around_the_damage():
    message = request(points=3)
    message.resource_metrics[0].scope_metrics[0].metrics.add(name="n").gauge.data_points.add(as_int=9)
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[1]
    point.attributes.add(key="key!").value.string_value = "x"
    data = message.SerializeToString().replace(b"key!", b"key\xff")
    done = run("decode", "-", data=data)
    assert done.status == 1 and done.points == [POINT + "0", POINT + "2", POINT.replace("m{}", "n{}") + "9"]
    assert "data_points[1].attributes[0].key: text that is not UTF-8" in done.output.decode()


def test_a_file_that_was_cut_shows_all_points_before_the_end():
    data = payload(points=100)
    for size in range(1, len(data)):
        done = run("decode", "--from", "otlp", "-", data=data[:size]) if size % 37 == 0 else None
        if done is not None:
            whole = [line.split()[-1] for line in done.points]
            assert done.status == 1 and whole == [str(n) for n in range(len(whole))]
            assert (len(whole) + 1) * 11 + 30 >= size, "a point was whole and is not shown"


def test_it_agrees_with_protobuf_about_what_is_damaged():
    for seed in seeds(150):
        data = damaged(seed)
        done = run("decode", "--from", "otlp", "-", data=data)
        assert done.status == (0 if decode(data) is not None else 1), data.hex()
        assert "protobuf refuses it" not in done.output.decode(), data.hex()


def test_what_is_shown_of_damaged_requests_was_in_them():
    expected = [set(rows(messages.ExportMetricsServiceRequest.FromString(case))) for case in CASES]
    case, was = CASES[0], expected[0]
    for at in range(0, len(case), 13):
        data = case[:at]
        done = run("decode", "--from", "otlp", "--format", "otlp", "-", data=data)
        for found in split_delimited(done.output):
            points = {row[3] for row in rows(messages.ExportMetricsServiceRequest.FromString(found))}
            assert points <= {row[3] for row in was}


def test_json_is_read_as_the_collector_writes_it(pdata):  # noqa: F811
    expected = [data for data in requests() if b"deep" not in data and len(data) < 3000]
    lines = pdata("to-json", join_delimited(expected))
    done = run("decode", "-", "--format", "otlp", data=lines)
    shallow = done.error.count("too deep")
    assert done.error.count("undecodable") == shallow + 1 and shallow < len(expected) / 2
    found = [canonical(data) for data in split_delimited(pdata("copy", done.output))]
    normal = [canonical(data) for data in split_delimited(pdata("copy", join_delimited(expected)))]
    left = iter(normal)
    assert len(found) == len(expected) - shallow and all(any(one == other for other in left) for one in found)


def test_json_and_back_again():
    data = CASES[0]
    line = run("decode", "-", "--format", "json", data=data)
    back = run("decode", "-", "--format", "otlp", data=line.output)
    assert (line.status, back.status) == (0, 0)
    assert [canonical(found) for found in split_delimited(back.output)] == [canonical(data)]


@pytest.mark.parametrize("text,why", [
    ('{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"exemplars":[{"traceId":"xy"}]}]}}]}]}]}',
     "no OTLP/JSON: "),
    ('{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"exemplars":[{"traceId":'
     '"AAECAwQFBgcICQoLDA0ODw=="}]}]}}]}]}]}', "no OTLP/JSON: an exemplar of m whose traceId is not 32 digits"),
    ('{"resourceMetrics":7}', "no OTLP/JSON: "), ('{"resourceMetrics":[', "a JSON object that does not end"),
])
def test_json_that_is_wrong_says_why_and_what_follows_is_read(text, why):
    done = run("decode", "-", data=text.encode() + b"\n" + FORMS["json"])
    assert done.status == 1 and f"# undecodable: at byte 0: {why}" in done.output.decode()
    assert done.points == ([] if "does not end" in why else [POINT + "0"])


@pytest.mark.parametrize("data,why", [(b"", "nothing is there"), (b"\x7fELF", "neither metrics in any form"),
                                      (b"hello, world", "neither metrics in any form")])
def test_what_is_unknown_exits_with_3(data, why):
    done = run("decode", "-", data=data)
    assert (done.status, done.output) == (3, b"") and why in done.error


def test_text_from_a_file_cannot_steer_the_terminal():
    for how in "text", "json":
        done = run("decode", "-", "--format", how, data=payload(name="\x1b[31m\u202e\U000e0041"))
        assert done.status == 0 and not set(done.output.decode()) & set("\x1b\u202e\U000e0041")


def test_a_batch_is_encoded_and_what_is_wrong_with_it_is_said():
    from convert import to_batch
    message = messages.ExportMetricsServiceRequest.FromString(CASES[0])
    done = run("decode", "-", "--format", "otlp", data=to_batch(message))
    assert done.status == 0
    assert [rows(messages.ExportMetricsServiceRequest.FromString(found)) for found in split_delimited(done.output)] == [
        rows(message)]


def test_random_bytes_end_it_cleanly():
    for seed in seeds(60):
        chance = random.Random(seed)
        for start in (b"", b"PERFILE2", header(), b"\x0a", b"{", frame(b"")[:12]):
            data = start + chance.randbytes(chance.randrange(300))
            assert run("decode", "-", data=data).status in (0, 1, 3), data.hex()
