# SPDX-License-Identifier: Apache-2.0
"""What is shown of an event."""

import pathlib
import re
import threading

import messages
import pytest
from command import GOLDEN, SUMMARY, entry, header, payload, recording, request, run, show, start

START = "1970-01-01T00:00:00.000000000Z gauge "


def golden(name):
    return bytes.fromhex("".join((GOLDEN / name).read_text().split()))


def test_every_kind_of_point_is_shown():
    done = show(golden("all_kinds.hex"))
    assert done.status == 0 and len(done.points) == 16
    assert done.points[0].startswith(
        '1970-01-01T00:00:00.000000002Z sum sum{method="GET"} no recorded value {request} delta monotonic '
        "start=-0.000000001s exemplars=[(0 at +")
    assert '# metric sum metadata={prometheus.type="counter"}' in done.lines
    assert any("nested=[1,{k=[],e=empty},empty]" in line for line in done.lines)
    assert done.points[1].split()[3:5] == ["nan", "{request}"] and done.points[2].split()[3] == "-inf"
    assert "# resource {service.name=\"shop\"" in done.output.decode()


def test_entities_are_shown():
    done = show(golden("entity_refs.hex"))
    assert done.status == 0
    assert re.search(r"^# resource .* entities=\[\S+\(\S+;\S+ schema=\S+\)", done.output.decode(), re.MULTILINE)


def test_resource_and_scope_are_named_once():
    def event(service, scope, value):
        message = request(first=value)
        message.resource_metrics[0].resource.attributes.add(key="service.name").value.string_value = service
        message.resource_metrics[0].scope_metrics[0].scope.name = scope
        return message.SerializeToString()

    done = show(event("shop", "a", 0), event("shop", "a", 1), event("shop", "b", 2), event("bank", "b", 3))
    assert done.lines == [
        '# resource {service.name="shop"}', "# scope a", START + "m{} 0", START + "m{} 1", "# scope b", START + "m{} 2",
        '# resource {service.name="bank"}', "# scope b", START + "m{} 3"]


def test_two_processes_with_one_resource_are_told_apart():
    data = header() + b"".join(entry(payload(), pid=pid) for pid in (7, 7, 8, 7))
    done = run("watch", "-", data=data)
    assert [line for line in done.lines if line.startswith("# resource")] == [
        "# resource {} pid=7", "# resource {} pid=8", "# resource {} pid=7"]


# Every field that holds text or bytes, one at a time.
def with_text(field, text):
    message = request()
    resource = message.resource_metrics[0]
    scope = resource.scope_metrics[0]
    metric = scope.metrics[0]
    point = metric.gauge.data_points[0]
    entity = resource.resource.entity_refs.add() if field.startswith("entity") else None
    fields = {
        "resource schema": lambda: setattr(resource, "schema_url", text),
        "resource key": lambda: resource.resource.attributes.add(key=text),
        "resource value": lambda: setattr(resource.resource.attributes.add().value, "string_value", text),
        "entity schema": lambda: setattr(entity, "schema_url", text),
        "entity type": lambda: setattr(entity, "type", text),
        "entity key": lambda: entity.id_keys.append(text),
        "entity description": lambda: entity.description_keys.append(text),
        "scope schema": lambda: setattr(scope, "schema_url", text),
        "scope name": lambda: setattr(scope.scope, "name", text),
        "scope version": lambda: setattr(scope.scope, "version", text),
        "metric name": lambda: setattr(metric, "name", text),
        "metric unit": lambda: setattr(metric, "unit", text),
        "metadata": lambda: metric.metadata.add(key=text),
        "point key": lambda: point.attributes.add(key=text),
        "point value": lambda: setattr(point.attributes.add().value, "string_value", text),
        "array": lambda: setattr(point.attributes.add().value.array_value.values.add(), "string_value", text),
        "list": lambda: point.attributes.add().value.kvlist_value.values.add(key=text),
        "exemplar": lambda: point.exemplars.add().filtered_attributes.add(key=text),
    }
    fields[field]()
    return message.SerializeToString()


FIELDS = ["resource schema", "resource key", "resource value", "entity schema", "entity type", "entity key",
          "entity description", "scope schema", "scope name", "scope version", "metric name", "metric unit",
          "metadata", "point key", "point value", "array", "list", "exemplar"]
# What ends a line, steers a terminal, changes direction, or cannot be seen.
UNSAFE = [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F),
          *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)]


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_reaches_the_terminal_raw(field):
    plain = len(show(with_text(field, "x")).lines)
    for at in range(0, len(UNSAFE), 30):
        some = UNSAFE[at:at + 30]
        done = show(with_text(field, "".join(map(chr, some))))
        text = done.output.decode()
        assert done.status == 0 and len(done.lines) == plain
        assert not set(text) & set(map(chr, UNSAFE)) - {"\n"}
        for code in some:
            assert (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}") in text


def test_a_forged_line_stays_a_part_of_its_own():
    done = show(payload(unit="s\n2026-01-01T00:00:00.000000000Z sum forged{} 1"))
    assert done.points == [START + 'm{} 0 "s\\u000a2026-01-01T00:00:00.000000000Z sum forged{} 1"']


@pytest.mark.parametrize("name,shown", [
    ("http.requests", "http.requests"), ("", '""'), ("a b", '"a b"'), ('say "hi"\\', '"say \\"hi\\"\\\\"'),
    ("a=b", '"a=b"'), ("tür", '"tür"'), ("日本\U0001f600", '"日本\U0001f600"'), ("\x1b[31m", '"\\u001b[31m"'),
    ("a\u202eb", '"a\\u202eb"'), ("\u2028", '"\\u2028"'), ("\U000e0041", '"\\U000e0041"'), ("\u00a0", '"\u00a0"')])
def test_names_stand_alone_only_when_nothing_in_them_could_be_mistaken(name, shown):
    assert show(payload(name=name)).points == [START + shown + "{} 0"]


def test_bytes_are_shown_in_hexadecimal():
    message = request()
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    point.attributes.add(key="b").value.bytes_value = b"\x1b\xff\x00"
    point.exemplars.add(as_int=1, trace_id=b"\x1b" * 3, span_id=b"\xff")
    done = show(message.SerializeToString())
    assert done.points == [START + "m{b=0x1bff00} 0 exemplars=[(1 at 1970-01-01T00:00:00.000000000Z span_id=ff "
                                   "trace_id=1b1b1b)]"]


def field(number, content):
    return messages.varint(number << 3 | 2) + messages.varint(len(content)) + content


def test_what_the_schema_does_not_know_is_named_and_hides_nothing():
    point = field(1, field(13, b"x"))
    metric = field(1, b"m") + field(5, point) + field(13, b"data of a later version")
    scope = field(2, metric) + field(9, b"")
    done = show(field(1, field(2, scope) + field(77, b"")) + field(2, b""))
    assert done.lines == ["# request unknown_fields=[2]", "# resource {} unknown_fields=[77]",
                          '# scope "" unknown_fields=[9]', "# metric m unknown_fields=[13]",
                          START + "m{} none unknown_fields=[13]"]


def test_a_metric_without_data_that_is_known_is_named():
    done = show(field(1, field(2, field(2, field(1, b"later") + field(13, b"x")) + field(2, field(1, b"none")))))
    assert done.lines[2:] == ["# metric later without data unknown_fields=[13]", "# metric none without data"]


def test_unknown_fields_within_values_are_named():
    attribute = field(1, b"k") + field(2, field(99, b""))
    point = field(1, field(7, attribute + field(98, b"")))
    done = show(field(1, field(2, field(2, field(1, b"m") + field(5, point)))))
    assert done.points == [START + "m{k=empty unknown_fields=[99] unknown_fields=[98]} none"]


def test_a_temporality_of_a_later_version_is_shown_as_a_number():
    message = messages.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.sum.data_points.add(as_int=1)
    metric.sum.aggregation_temporality = 77
    assert show(message.SerializeToString()).points == [START.replace("gauge", "sum") + "m{} 1 temporality=77"]


def test_counts_and_bounds_that_do_not_match_are_shown():
    message = messages.ExportMetricsServiceRequest()
    points = message.resource_metrics.add().scope_metrics.add().metrics.add(name="m").histogram.data_points
    points.add(bucket_counts=[1, 2, 3], explicit_bounds=[0.5])
    points.add(bucket_counts=[1], explicit_bounds=[0.5, 1])
    texts = [line[line.index("count="):] for line in show(message.SerializeToString()).points]
    assert texts == ["count=0 buckets=[<=0.5:1 rest:2 rest:3] unspecified_temporality",
                     "count=0 buckets=[<=0.5:1 <=1:none] unspecified_temporality"]


def test_an_event_of_another_protocol_is_not_decoded():
    done = run("watch", "-", data=header() + entry(payload(), protocol=5, pid=9))
    assert (done.status, done.lines) == (1, ["# undecodable: protocol 5 is not protobuf pid=9"])
    assert SUMMARY.format(1, 0, len(payload()), 0, 1) in done.error


def peak_memory(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024


def hostile_events():
    point = b"\x0a\x00"
    longest = "x" * 32_000
    metric = field(1, b"m") + field(5, point * 16_700)
    yield "a long schema", field(1, field(2, field(2, metric)) + field(3, longest.encode()))
    yield "a long name", field(1, field(2, field(2, field(1, longest.encode()) + field(5, point * 16_700))))
    yield "points that are large when decoded", field(1, field(2, field(2, field(10, point * 32_700))))
    yield "attributes", field(1, field(1, b"\x0a\x00" * 32_700))
    yield "resources", b"\x0a\x00" * 32_700
    yield "a long resource for many scopes", field(1, field(1, field(1, field(1, longest.encode()))) +
                                                   field(2, field(2, field(5, point))) * 3_000)
    yield "unknown fields", b"\x78\x01" * 32_700
    yield "packed counts", field(1, field(2, field(2, field(9, field(1, field(6, b"\xff" * 65_400))))))
    deep = field(1, longest.encode())
    for _ in range(40):
        deep = field(5, field(1, deep))
    yield "a value in many arrays", field(1, field(1, field(1, field(2, deep))))


@pytest.mark.parametrize("event", [event for _, event in hostile_events()], ids=[name for name, _ in hostile_events()])
def test_an_event_costs_a_small_multiple_of_its_size(event):
    assert len(event) <= 65_535
    process = start("watch", "-")
    process.stdin.write(recording(payload(name="first")))
    output = b""
    while b"first{} 0\n" not in output:
        output += process.stdout.read(1 << 16)
    least = peak_memory(process)
    feeder = threading.Thread(target=process.stdin.write, args=[entry(event) + entry(payload(name="last"))])
    feeder.start()
    printed, tail = 0, b""
    while b"last{} 0\n" not in tail:
        block = process.stdout.read(1 << 16)
        printed, tail = printed + len(block), (tail + block)[-100:]
    most = peak_memory(process)
    feeder.join()
    process.stdin.close()
    assert process.wait() in (0, 1)
    assert most - least < 200 * len(event)
    assert printed < 100 * len(event)


@pytest.mark.parametrize("time,start,shown", [
    (60_000_000_000, 0, ""), (60_000_000_000, 1, " start=-59.999999999s"), (60_000_000_000, 30_000_000_000, " start=-30s"),
    (1, 1, " start=+0s"), (1_000_000_000, 3_500_000_000, " start=+2.5s"), (0, 5, " start=1970-01-01T00:00:00.000000005Z"),
    (1, (1 << 64) - 1, " start=+18446744073.709551614s")])
def test_a_start_is_shown_by_its_distance(time, start, shown):
    line = show(payload(time_unix_nano=time, start_time_unix_nano=start)).points[0]
    assert line.split("m{} 0")[1] == shown


def test_lines_of_a_large_export_are_short():
    message = messages.ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    for key in ("service.name", "service.instance.id", "host.name", "telemetry.sdk.name"):
        resource.resource.attributes.add(key=key).value.string_value = "a value of some length"
    metric = resource.scope_metrics.add().metrics.add(name="http.server.requests")
    for value in range(300):
        point = metric.gauge.data_points.add(as_int=value, time_unix_nano=2, start_time_unix_nano=1)
        point.attributes.add(key="http.route").value.string_value = f"/cart/{value}"
    done = show(message.SerializeToString())
    assert len(done.points) == 300 and len(done.output) < 300 * 120
