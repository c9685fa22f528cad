# SPDX-License-Identifier: Apache-2.0
"""Encoded requests of any make come out as they went in, row by row, whatever the limits."""

import concurrent.futures
import pathlib
import random

import lenient
import messages
import otelue
import pytest
from generate import Generator, limits
from google.protobuf import message_factory, text_format
from google.protobuf.message import DecodeError
from lenient import END_GROUP, START_GROUP, VARINT, delimited, tag
from messages import varint
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Official
from rows import metrics, rows, split
from seeds import generator, named, seeds

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
AMPLE = otelue.options(65360, 65360, otelue.PACK_REQUEST)
ALL_OPTIONS = [otelue.options(batch, most, packing) for packing in range(3)
               for batch, most in ((1, 8168), (300, 600), (4048, 8168), (16383, 16384), (65360, 65360))]


def check(request, wanted, options, message=Official):
    """Splits a request, and finds its rows again in the events, apart from those that are too large."""
    events, result = otelue.split(request, options)
    decoded = [message.FromString(event) for event in events]
    found = [row for event in decoded for row in rows(event)]
    for event, request_of_event in zip(events, decoded):
        points = len(metrics(request_of_event))
        assert len(event) <= (otelue.limit_of(event, options) if points > 1 else options.max_event_bytes)
        assert points == 1 or options.packing != otelue.PACK_POINT
        assert len(set(metrics(request_of_event))) == 1 or options.packing == otelue.PACK_REQUEST
    assert result.adds_up() and result.points_invalid == 0
    assert (result.points_total, result.points_exported) == (len(wanted), len(found))
    assert (result.events, result.bytes) == (len(events), sum(map(len, events)))
    if result.points_too_large == 0 and result.exemplars_dropped == 0:
        assert found == [row.bytes() for row in wanted]
    else:
        assert len(request) > options.max_event_bytes
        left = iter(wanted)  # in order, some missing, some without all of their exemplars
        for row in (row for event in decoded for row in split(event)):
            assert any(row.has_some_exemplars_of(other) for other in left)
    return result


def run(seed):
    r = random.Random(seed)
    request = Generator(r, messages).request()
    canonical = Official.FromString(request.SerializeToString())
    odd = lenient.Writer(r, unknown=r.random() < 0.5).message(canonical)
    wanted = split(Official.FromString(odd))
    assert len(wanted) == len(split(canonical))
    check(odd, wanted, AMPLE)
    check(odd, wanted, otelue.options(*limits(r, [len(odd)]), packing=r.randrange(3)))

    bad = lenient.Writer(r, unknown=False, bad_strings=True).message(canonical)
    result = check(bad, split(canonical), AMPLE)
    try:
        Official.FromString(bad)
        assert result.strings_as_bytes == 0
    except DecodeError:
        assert result.strings_as_bytes > 0 or not wanted


def run_or_say_which(seed):
    with named(seed):
        run(seed)


def test_requests_that_no_canonical_encoder_writes():
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for _ in pool.map(run_or_say_which, seeds(2000), chunksize=25):
            pass


def check_all(request, message=Official):
    """For all packings and limits. Returns the rows that were found."""
    wanted = split(message.FromString(request))
    for options in ALL_OPTIONS:
        check(request, wanted, options, message)
    return wanted


def test_requests_as_dotnet_writes_them():
    golden = text_format.Parse((GOLDEN / "all_kinds.textproto").read_text(), Official())
    written = lenient.dotnet(golden)
    assert b"\x12\x84\x80\x80\x00shop" not in written and b"\x0a\x84\x80\x80\x00shop" in written
    assert len(check_all(written)) == len(rows(golden))
    r = generator()
    for _ in range(200):
        canonical = Official.FromString(Generator(r, messages).request().SerializeToString())
        check_all(lenient.dotnet(canonical))


def test_all_that_only_requests_have():
    for case in ("all_kinds", "entity_refs"):
        golden = text_format.Parse((GOLDEN / f"{case}.textproto").read_text(), Official())
        found = check_all(golden.SerializeToString())
        assert len(found) == len(rows(golden)) > 0
    assert found[0].rm.resource.entity_refs[0].id_keys == ["host.id"]


def point(value):
    return b"\x31" + value.to_bytes(8, "little")


def metric(*fields):
    return delimited(1, delimited(2, delimited(2, delimited(1, b"m") + b"".join(fields))))


def values(request, options=AMPLE):
    """The as_int of all points that come out, and the result."""
    events, result = otelue.split(request, options)
    found = [row for event in events for row in split(Official.FromString(event))]
    return [row.point.as_int for row in found], result


GAUGE, SUM = 5, 7
UNKNOWN = tag(20, START_GROUP) + tag(21, VARINT) + b"\x05" + tag(20, END_GROUP) + delimited(99, b"kept")


def test_singular_messages_that_occur_several_times_are_merged():
    request = delimited(1, b"".join((
        delimited(1, delimited(1, delimited(1, b"a") + delimited(2, b""))),
        delimited(2, b"".join((
            delimited(2, b"".join((delimited(1, b"old"), delimited(SUM, delimited(1, point(1)) + b"\x10\x01"),
                                   delimited(1, b"m"), delimited(SUM, delimited(1, point(2)) + b"\x10\x02")))),
            delimited(1, delimited(1, b"scope")), delimited(1, delimited(2, b"version"))))),
        delimited(3, b"old"), delimited(1, b"\x10\x07"), delimited(3, b"schema"))))
    for row, value in zip(check_all(request), (1, 2), strict=True):
        assert (row.point.as_int, row.metric.name, row.metric.sum.aggregation_temporality) == (value, "m", 2)
        assert (row.sm.scope.name, row.sm.scope.version) == ("scope", "version")
        assert (row.rm.schema_url, row.rm.resource.dropped_attributes_count) == ("schema", 7)
        assert row.rm.resource.attributes[0].key == "a"


def test_the_last_member_of_a_oneof_is_the_one():
    request = metric(delimited(GAUGE, delimited(1, point(1))), delimited(SUM, delimited(1, point(2))),
                     delimited(GAUGE, delimited(1, point(3))), delimited(GAUGE, delimited(1, point(4))))
    found = check_all(request)
    assert [(row.point.as_int, row.metric.WhichOneof("data")) for row in found] == [(3, "gauge"), (4, "gauge")]


def test_unknown_fields_are_kept_at_every_level():
    """The point's, data's, metric's, scope's, resource's and request's, in front of the points and behind them."""
    inside = delimited(1, UNKNOWN + point(1)) + delimited(1, point(2) + UNKNOWN)
    for _, number in ((3, GAUGE), (2, 2), (1, 2), (0, 1)):
        inside = UNKNOWN + delimited(number, UNKNOWN + inside + UNKNOWN) + UNKNOWN
    events, result = otelue.split(inside, otelue.options(packing=otelue.PACK_POINT))
    assert (len(events), result.points_exported) == (2, 2)
    for event in events:
        assert event.count(b"kept") == 4 * 4 + 1
    assert len(check_all(inside)) == 2


@pytest.fixture(scope="module", params=(13, 16, 2048, 536870911))
def future(request, tmp_path_factory):
    """A later version of OTLP, with another kind of points and another field."""
    proto = tmp_path_factory.mktemp("future") / "future.proto"
    text = messages.PROTO.read_text().replace(
        "    Summary summary = 11;\n", f"    Summary summary = 11;\n    Future future = {request.param};\n", 1).replace(
        "message Metric {", "message Future { repeated FuturePoint data_points = 1; string text = 2; int32 n = 3; }\n"
        "message FuturePoint { fixed64 time_unix_nano = 3; double x = 4; repeated string many = 5; }\n"
        "message Metric {\n  string title = 14;\n  repeated string words = 15;\n", 1)
    proto.write_text(text)
    file = messages.compile(proto)
    return message_factory.GetMessageClass(file.message_types_by_name["ExportMetricsServiceRequest"])


def test_points_of_future_kinds_are_split_too(future):
    request = future()
    metrics = request.resource_metrics.add(schema_url="s").scope_metrics.add().metrics
    for _ in range(2):
        m = metrics.add(name="m", title="a title", words=["one", "\n\0", "two"])
        m.future.text, m.future.n = "text", 7
        for i in range(50):
            m.future.data_points.add(time_unix_nano=i, x=i / 2, many=["a", "b" * i])
    metrics.add(name="no points").future.n = 1
    metrics.add(name="known").gauge.data_points.add(as_int=1)
    found = check_all(request.SerializeToString(), future)
    assert len(found) == 101
    assert [row.point.x for row in found[:50]] == [i / 2 for i in range(50)]
    assert found[0].metric.title == "a title" and found[0].metric.future.n == 7


def test_a_metric_without_points_is_not_exported():
    for fields in (b"", delimited(GAUGE, b""), delimited(SUM, b"\x10\x01"), delimited(13, b"text"), delimited(13, b"\x08\x01")):
        events, result = otelue.split(metric(fields))
        assert (events, result.points_total) == ([], 0)
    assert otelue.split(b"")[0] == []


BAD_POINTS = {
    "cut short": point(2)[:-1],
    "a field of number 0": point(2) + b"\x00\x00",
    "the end of a group that did not begin": point(2) + tag(9, END_GROUP),
    "a group that does not end": point(2) + tag(9, START_GROUP),
    "a length beyond the end": point(2) + b"\x3a\x05abc",
    "a length in six bytes": point(2) + b"\x3a" + varint(0, 6),
    "a tag in six bytes": point(2) + varint(8 << 3, 6) + b"\x01",
    "a number of eleven bytes": point(2) + b"\x40" + b"\x80" * 10 + b"\x00",
    "an unknown wire type": point(2) + b"\x46",
    "groups too deep": point(2) + tag(20, START_GROUP) * 96 + tag(20, END_GROUP) * 96,
    "an attribute cut short": point(2) + delimited(7, b"\x0a\x05abc"),
}
BAD_HISTOGRAMS = {
    "packed counts that are no multiple of 8": delimited(6, bytes(12)),
    "packed bounds that are no multiple of 8": delimited(7, bytes(4)),
}
BAD_EXPONENTIALS = {
    "packed counts cut short": delimited(8, delimited(2, b"\x01\x80")),
    "a packed count of eleven bytes": delimited(9, delimited(2, b"\x80" * 10 + b"\x01")),
}


@pytest.mark.parametrize("bad", BAD_POINTS.values(), ids=BAD_POINTS)
def test_a_malformed_point_costs_itself_alone(bad):
    request = metric(delimited(GAUGE, delimited(1, point(1)) + delimited(1, bad) + delimited(1, point(3))))
    with pytest.raises(DecodeError):
        Official.FromString(request)
    for options in ALL_OPTIONS:
        found, result = values(request, options)
        assert (found, result.points_total, result.points_exported, result.points_invalid) == ([1, 3], 3, 2, 1)
        assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_MALFORMED)


@pytest.mark.parametrize("kind, bad", [(9, bad) for bad in BAD_HISTOGRAMS.values()] +
                         [(10, bad) for bad in BAD_EXPONENTIALS.values()], ids=[*BAD_HISTOGRAMS, *BAD_EXPONENTIALS])
def test_malformed_buckets_cost_their_point_alone(kind, bad):
    request = metric(delimited(kind, delimited(1, bad) + delimited(1, b"\x21" + bytes(7) + b"\x01")))
    with pytest.raises(DecodeError):
        Official.FromString(request)
    events, result = otelue.split(request)
    assert (result.points_invalid, result.first_bad_point, result.first_bad_reason) == (1, 0, otelue.REASON_MALFORMED)
    assert [row.point.count for event in events for row in split(Official.FromString(event))] == [1 << 56]


def test_text_that_is_not_utf8_costs_the_points_below_it():
    """A key its point, a name the points of its metric, scope or resource."""
    key = delimited(7, delimited(1, b"\xff"))
    request = metric(delimited(GAUGE, delimited(1, point(1)) + delimited(1, point(2) + key)))
    found, result = values(request)
    assert (found, result.first_bad_point, result.first_bad_reason) == ([1], 1, otelue.REASON_TEXT)

    def data(*numbers):
        return delimited(GAUGE, b"".join(delimited(1, point(n)) for n in numbers))
    metrics = [delimited(2, delimited(1, name) + data(n, n)) for name, n in ((b"a", 1), (b"\xff", 2), (b"c", 3))]
    found, result = values(delimited(1, delimited(2, b"".join(metrics))))
    assert (found, result.points_invalid) == ([1, 1, 3, 3], 2)
    assert (result.first_bad_point, result.first_bad_reason) == (2, otelue.REASON_TEXT)

    scopes = [delimited(2, delimited(1, delimited(1, name)) + delimited(2, data(n))) for name, n in ((b"a", 1), (b"\xff", 2))]
    found, result = values(delimited(1, b"".join(scopes)))
    assert (found, result.points_invalid, result.first_bad_reason) == ([1], 1, otelue.REASON_TEXT)

    resources = [delimited(1, delimited(2, delimited(2, data(n))) + delimited(3, url)) for url, n in ((b"\xff", 1), (b"b", 2))]
    found, result = values(b"".join(resources))
    assert (found, result.points_invalid, result.first_bad_reason) == ([2], 1, otelue.REASON_TEXT)


def test_a_malformed_resource_or_scope_costs_the_points_below_it():
    def with_head(number, head, n):
        inside = delimited(2, delimited(GAUGE, delimited(1, point(n))))
        return delimited(1, delimited(number, head) + delimited(2, inside)) if number == 1 else \
            delimited(1, delimited(2, delimited(1, head) + inside))
    for number in (1, 2):
        found, result = values(with_head(number, b"", 1) + with_head(number, b"\x0a\x05", 2) + with_head(number, b"", 3))
        assert (found, result.points_invalid) == ([1, 3], 1)
        assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_MALFORMED)


def test_what_leads_to_the_points_must_be_well_formed():
    """A request that is cut short anywhere above its points is refused whole."""
    good = metric(delimited(GAUGE, delimited(1, point(1))))
    for length in range(1, len(good)):
        with pytest.raises(otelue.Refused) as refused:
            otelue.split(good[:length])
        assert refused.value.errno == otelue.EBADMSG
    for bad in (b"\x00\x01", b"\x0c", b"\x0a\x80", good + b"\x0b", delimited(1, b"\x12\x01"),
                delimited(1, delimited(2, b"\x12\x01")), metric(b"\x2a\x01"), metric(delimited(GAUGE, b"\x0a\x01"))):
        with pytest.raises(otelue.Refused) as refused:
            otelue.split(bad)
        assert refused.value.errno == otelue.EBADMSG


def test_a_point_that_is_too_large_costs_itself_alone():
    large = point(2) + delimited(7, delimited(1, b"k") + delimited(2, delimited(1, b"x" * 9000)))
    exemplars = b"".join(delimited(5, b"\x31" + bytes(8)) for _ in range(900))
    request = metric(delimited(GAUGE, b"".join(delimited(1, p) for p in (point(1), large, point(3), point(4) + exemplars))))
    for packing in range(3):
        found, result = values(request, otelue.options(packing=packing))
        assert (found, result.points_too_large) == ([1, 3, 4], 1)
        assert 0 < result.exemplars_dropped < 900
        assert (result.first_bad_point, result.first_bad_reason) == (1, otelue.REASON_TOO_LARGE)


def test_damaged_requests_never_crash_and_always_add_up():
    r = generator()
    refused = 0
    for _ in range(200):
        good = lenient.Writer(r).message(Generator(r, messages).request())
        for _ in range(20 if good else 0):
            bad = bytearray(good)
            for _ in range(r.randrange(1, 5)):
                bad[r.randrange(len(bad))] = r.choice((0, 1, 0x0A, 0x12, 0x7F, 0x80, 0xFF, r.randrange(256)))
            del bad[len(bad) if r.random() < 0.9 else r.randrange(len(bad)):]
            try:
                events, result = otelue.split(bytes(bad), otelue.options(packing=r.randrange(3)))
            except otelue.Refused as error:
                assert error.errno == otelue.EBADMSG
                refused += 1
                continue
            assert result.adds_up()
            decoded = [Official.FromString(event) for event in events]
            found = sum(len(rows(d)) for d in decoded)
            # Damage can make the kind one that is not known yet, whose points are exported all the same.
            unknown_kinds = any(m.WhichOneof("data") is None
                                for d in decoded for rm in d.resource_metrics for sm in rm.scope_metrics for m in sm.metrics)
            assert result.points_exported == found or (unknown_kinds and result.points_exported > found)
    assert 0 < refused < 4000
