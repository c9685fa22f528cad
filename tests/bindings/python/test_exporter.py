# SPDX-License-Identifier: Apache-2.0
"""What the exporter promises beyond what compare.py shows. Recordings stand for a listener."""

import ctypes
import logging
import math
import os
import pathlib
import resource as limits
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import otelue
import pytest
import recording
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter, UpDownCounter
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from rows import split

SUCCESS, FAILURE = sdk.MetricExportResult.SUCCESS, sdk.MetricExportResult.FAILURE
SOURCE = pathlib.Path(__file__).parents[3] / "src/bindings/python"
DELTA, CUMULATIVE = sdk.AggregationTemporality.DELTA, sdk.AggregationTemporality.CUMULATIVE


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recording"


def point(value, attributes=None):
    return sdk.NumberDataPoint(attributes or {}, 1, 2, value)


def collection(data, resource=None, name="n"):
    """What a reader hands over when there is one metric."""
    scope = InstrumentationScope("scope")
    metric = sdk.Metric(name, "", "", data)
    resource = resource or Resource({"service.name": "test"})
    return sdk.MetricsData([sdk.ResourceMetrics(resource, [sdk.ScopeMetrics(scope, [metric], "")], "")])


def gauge(*points):
    return collection(sdk.Gauge(points))


def received(path):
    """The points of all events."""
    requests = [ExportMetricsServiceRequest.FromString(event) for event in recording.events(path)]
    return [row.point for request in requests for row in split(request)]


def messages(caplog, level=logging.WARNING):
    return [r.getMessage() for r in caplog.records if r.name == "otelue" and r.levelno >= level]


# ---- Values


@pytest.mark.parametrize(
    ("value", "field", "sent"),
    [
        (True, "as_int", 1),
        (2**63 - 1, "as_int", 2**63 - 1),
        (2**63, "as_double", 2.0**63),
        (-(2**63), "as_int", -(2**63)),
        (-(2**63) - 1, "as_double", -(2.0**63)),
        (10**400, "as_double", sys.float_info.max),
        (-(10**400), "as_double", -sys.float_info.max),
    ],
)
def test_values_beyond_int64_are_sent_as_doubles(path, value, field, sent):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert exporter.export(gauge(point(value), point(1), point(0.5))) is SUCCESS
    first, second, third = received(path)
    assert (first.WhichOneof("value"), getattr(first, field)) == (field, sent)
    assert (second.as_int, third.as_double) == (1, 0.5)


def test_a_histogram_takes_integers_of_any_size(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    point = sdk.HistogramDataPoint({}, 1, 2, 1, 10**400, [0, 1], [1.0], 3, 10**400)
    assert exporter.export(collection(sdk.Histogram([point], CUMULATIVE))) is SUCCESS
    (sent,) = received(path)
    assert (sent.sum, sent.min, sent.max) == (sys.float_info.max, 3.0, sys.float_info.max)


def test_histograms_of_one_metric_may_have_different_buckets(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    points = [
        sdk.HistogramDataPoint({}, 1, 2, 3, 1.0, counts, bounds, 0.0, 1.0)
        for counts, bounds in (([1, 2], [0.5]), ([1, 1, 1], [0.5, 1.5]), ([], []))
    ]
    assert exporter.export(collection(sdk.Histogram(points, CUMULATIVE))) is SUCCESS
    assert [(list(p.bucket_counts), list(p.explicit_bounds)) for p in received(path)] == [
        ([1, 2], [0.5]),
        ([1, 1, 1], [0.5, 1.5]),
        ([], []),
    ]


def test_attributes_that_python_takes_for_equal_stay_apart(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    values = [True, 1, 1.0, False, 0, 0.0, -0.0, "1", b"1", (True,), (1,), (1.0,), {"k": 0.0}, {"k": -0.0}]
    for _ in range(2):  # dicts anew: sets are found by content
        assert exporter.export(gauge(*(point(i, {"a": value}) for i, value in enumerate(values)))) is SUCCESS
    texts = [str(p.attributes[0].value).split() for p in received(path)]
    assert texts[: len(values)] == texts[len(values) :]
    assert len(set(map(str, texts))) == len(values)
    assert texts[0] == ["bool_value:", "true"] and texts[1] == ["int_value:", "1"] and texts[6][1] == "-0"


def test_the_dict_of_a_series_that_has_gone_is_not_taken_for_a_new_one(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    for cycle in range(50):  # whose dicts are likely to have the addresses of those before
        assert exporter.export(gauge(*(point(i, {"a": f"{cycle} {i}"}) for i in range(20)))) is SUCCESS
    assert [p.attributes[0].value.string_value for p in received(path)] == [
        f"{cycle} {i}" for cycle in range(50) for i in range(20)
    ]


def test_attributes_whose_key_is_not_utf8_are_dropped_and_logged_once(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    for _ in range(2):
        assert exporter.export(gauge(point(1, {"\udcff": 1, "b": "\udcff"}))) is SUCCESS
    for sent in received(path):
        assert [(a.key, a.value.bytes_value) for a in sent.attributes] == [("b", b"\xff")]
    assert len([m for m in messages(caplog) if "not UTF-8" in m]) <= 1


def test_integers_with_too_many_digits_for_python_are_sent_as_hexadecimal(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert exporter.export(gauge(point(1, {"a": 10**30, "b": 1 << 20_000}))) is SUCCESS
    (sent,) = received(path)
    assert sent.attributes[0].value.string_value == "1" + 30 * "0"
    assert sent.attributes[1].value.string_value == "0x1" + 5000 * "0"


def test_metrics_that_say_the_same_of_themselves_are_all_sent(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    scope, resource = InstrumentationScope("scope"), Resource({})
    metrics = [sdk.Metric("n", "", "", sdk.Gauge([point(i), point(i + 10)])) for i in range(3)]
    data = sdk.MetricsData([sdk.ResourceMetrics(resource, [sdk.ScopeMetrics(scope, metrics, "")], "")])
    for _ in range(2):
        assert exporter.export(data) is SUCCESS
    assert [p.as_int for p in received(path)] == 2 * [0, 10, 1, 11, 2, 12]


# ---- Results and messages


def test_a_partial_failure_is_a_failure_in_words_once(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    data = gauge(point(1), point(2, {"a": "x" * 9000}), point(3))
    assert [exporter.export(data) for _ in range(3)] == [FAILURE] * 3
    assert [p.as_int for p in received(path)] == [1, 3] * 3
    (message,) = messages(caplog)
    assert message.startswith("1 of 3 points was not exported; first n, point 1: too large for an event")
    assert exporter.export(gauge(point(1))) is SUCCESS
    assert exporter.export(data) is FAILURE
    assert len(messages(caplog)) == 2


def test_a_bad_metric_costs_its_own_points_and_is_named_once(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    bad_time, bad_value = sdk.NumberDataPoint({}, 1, -2, 1), point("many")
    bad_sum = sdk.HistogramDataPoint({}, 1, 2, 1, None, [0, 1], [1.0], 3, 4)
    bad_exemplar = sdk.NumberDataPoint({}, 1, 2, 1, [object()])
    data = [sdk.Gauge([p]) for p in (point(1), bad_time, point(2), bad_value, bad_exemplar, point(3))]
    data.append(sdk.Histogram([bad_sum], CUMULATIVE))
    metrics = [sdk.Metric(f"metric {i}", "", "", d) for i, d in enumerate(data)]
    scope = sdk.ScopeMetrics(InstrumentationScope("scope"), metrics, "")
    collection = sdk.MetricsData([sdk.ResourceMetrics(Resource({}), [scope], "")])
    assert [exporter.export(collection) for _ in range(2)] == [FAILURE] * 2
    assert [p.as_int for p in received(path)] == [1, 2, 3] * 2
    *named, words = messages(caplog)
    assert [message.split(" cannot")[0] for message in named] == [f"metric metric {i}" for i in (1, 3, 4, 6)]
    assert words.startswith("4 of 7 points")
    assert exporter.export(gauge(point(4))) is SUCCESS


def test_what_is_no_collection_is_refused(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert exporter.export(None) is FAILURE
    assert messages(caplog) == ["metrics could not be exported to user_events"]
    assert exporter.export(gauge(point(1))) is SUCCESS
    assert [p.as_int for p in received(path)] == [1]


def test_without_the_library_one_message_says_so(monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("OTELUE_LIBRARY", str(tmp_path / "nowhere.so"))
    exporter = otelue.UserEventsMetricExporter()
    assert [exporter.export(gauge(point(1))) for _ in range(3)] == [SUCCESS] * 3
    assert exporter.force_flush()
    exporter.shutdown()
    (message,) = messages(caplog)
    assert "nowhere.so" in message
    assert exporter.export(gauge(point(1))) is FAILURE


def test_a_library_without_our_functions_is_like_none(monkeypatch, caplog):
    monkeypatch.setenv("OTELUE_LIBRARY", "libc.so.6")
    exporter = otelue.UserEventsMetricExporter()
    assert exporter.export(gauge(point(1))) is SUCCESS
    (message,) = messages(caplog)
    assert "otelue_open" in message


def test_without_user_events_one_message_says_so(caplog):
    """This machine's kernel, or this container, has none; with them nobody listens here."""
    exporter = otelue.UserEventsMetricExporter()
    assert [exporter.export(gauge(point(1))) for _ in range(3)] == [SUCCESS] * 3
    assert len(messages(caplog)) <= 1
    assert exporter._batch._streams == {}  # nothing was built


def test_a_recording_that_cannot_be_written_is_like_no_listener(caplog, tmp_path):
    exporter = otelue.UserEventsMetricExporter(recording=tmp_path)
    assert exporter.export(gauge(point(1))) is SUCCESS
    (message,) = messages(caplog)
    assert str(tmp_path) in message


def test_after_shutdown_exports_fail_and_nothing_else_happens(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert exporter.force_flush()
    exporter.shutdown(timeout=1)
    exporter.shutdown()
    assert [exporter.export(gauge(point(1))) for _ in range(3)] == [FAILURE] * 3
    assert not exporter.force_flush()
    assert received(path) == []
    assert len(messages(caplog)) == 2


def test_an_export_waits_no_longer_than_its_timeout(path, caplog):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    with exporter._lock:
        assert exporter.export(gauge(point(1)), timeout_millis=1) is FAILURE
    for timeout in (0, -1, math.inf):
        assert exporter.export(gauge(point(1)), timeout_millis=timeout) is SUCCESS
    assert len(messages(caplog)) == 1


# ---- Settings


def test_delta_is_preferred_and_up_down_counters_are_cumulative():
    preferred = otelue.UserEventsMetricExporter()._preferred_temporality
    assert (preferred[Counter], preferred[Histogram], preferred[ObservableCounter]) == (DELTA, DELTA, DELTA)
    assert preferred[UpDownCounter] is CUMULATIVE


@pytest.mark.parametrize("said", ["cumulative", "CUMULATIVE", " Cumulative "])
def test_the_environment_sets_the_temporality(monkeypatch, said):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", said)
    assert set(otelue.UserEventsMetricExporter()._preferred_temporality.values()) == {CUMULATIVE}
    assert otelue.UserEventsMetricExporter({Counter: DELTA})._preferred_temporality[Counter] is DELTA


@pytest.mark.parametrize("said", ["lowmemory", "low_memory", "LOWMEMORY"])
def test_low_memory_is_delta_for_synchronous_instruments(said):
    preferred = otelue.UserEventsMetricExporter(temporality_preference=said)._preferred_temporality
    assert (preferred[Counter], preferred[ObservableCounter]) == (DELTA, CUMULATIVE)


def test_the_environment_sets_the_histogram_aggregation(monkeypatch):
    variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    aggregation = otelue.UserEventsMetricExporter()._preferred_aggregation[Histogram]
    assert isinstance(aggregation, ExplicitBucketHistogramAggregation)
    monkeypatch.setenv(variable, "base2_exponential_bucket_histogram")
    aggregation = otelue.UserEventsMetricExporter()._preferred_aggregation[Histogram]
    assert isinstance(aggregation, ExponentialBucketHistogramAggregation)


@pytest.mark.parametrize(("packing", "events"), [("metric", 1), ("point", 3), ("request", 1)])
def test_the_environment_sets_packing_and_recording(monkeypatch, path, packing, events):
    monkeypatch.setenv("OTEL_EXPORTER_USER_EVENTS_PACKING", packing)
    monkeypatch.setenv("OTEL_EXPORTER_USER_EVENTS_RECORDING", str(path))
    assert otelue.UserEventsMetricExporter().export(gauge(point(1), point(2), point(3))) is SUCCESS
    assert len(recording.events(path)) == events


def test_the_environment_sets_the_event_limits(monkeypatch, path):
    monkeypatch.setenv("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "200")
    monkeypatch.setenv("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "400")
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert exporter.export(gauge(*(point(i) for i in range(20)), point(1, {"a": "x" * 400}))) is FAILURE
    events = recording.events(path)
    assert len(events) > 1 and max(map(len, events)) <= 200
    assert len(received(path)) == 20


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_USER_EVENTS_PACKING", "tight"),
        ("OTEL_EXPORTER_USER_EVENTS_TARGET_EVENT_BYTES", "-1"),
        ("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "4k"),
        ("OTEL_EXPORTER_USER_EVENTS_MAX_EVENT_BYTES", "100000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sometimes"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "none"),
    ],
)
def test_a_mistake_in_the_environment_is_logged_and_the_default_holds(monkeypatch, caplog, path, variable, value):
    monkeypatch.setenv(variable, value)
    exporter = otelue.UserEventsMetricExporter(recording=path)
    assert len(messages(caplog)) == 1
    assert exporter.export(gauge(point(1))) is SUCCESS
    assert len(received(path)) == 1


@pytest.mark.parametrize(
    "name", ["packing", "temporality_preference", "default_histogram_aggregation", "max_event_bytes"]
)
def test_a_setting_of_another_type_is_a_mistake_like_others(caplog, path, name):
    exporter = otelue.UserEventsMetricExporter(recording=path, **{name: [True]})
    assert len(messages(caplog)) == 1
    assert exporter.export(gauge(point(1))) is SUCCESS


# ---- Self-telemetry


def test_the_exporter_counts_its_own_points(monkeypatch, path):
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    reader = sdk.InMemoryMetricReader()
    exporter = otelue.UserEventsMetricExporter(
        recording=path, meter_provider=MeterProvider([reader], shutdown_on_exit=False)
    )
    exporter.export(gauge(point(1), point(2), point(3, {"a": "x" * 9000})))
    found = {}
    for rm in reader.get_metrics_data().resource_metrics:
        for metric in [m for sm in rm.scope_metrics for m in sm.metrics]:
            for p in metric.data.data_points:
                assert p.attributes["otel.component.type"] == "UserEventsMetricExporter"
                found[metric.name, p.attributes.get("error.type")] = p.value if hasattr(p, "value") else p.count
    assert found == {
        ("otel.sdk.exporter.metric_data_point.exported", None): 2,
        ("otel.sdk.exporter.metric_data_point.exported", "too_large"): 1,
        ("otel.sdk.exporter.metric_data_point.inflight", None): 0,
        ("otel.sdk.exporter.operation.duration", "too_large"): 1,
    }


# ---- Memory, threads, processes


def test_series_that_come_and_go_take_constant_memory(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    sizes, peaks = [], []
    for cycle in range(300):
        points = [point(i, {"cycle": str(cycle), "series": f"{i}"}) for i in range(1000)]
        assert exporter.export(gauge(*points)) is SUCCESS
        sizes.append(len(exporter._batch._memory.buffer))
        peaks.append(limits.getrusage(limits.RUSAGE_SELF).ru_maxrss)
        os.truncate(path, 16)
    assert max(sizes[20:]) <= max(sizes[:20])
    assert peaks[-1] - peaks[20] < 4096  # KiB; what one cycle makes is some hundred


def test_metrics_that_come_and_go_take_constant_memory(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    for cycle in range(3000):
        assert exporter.export(collection(sdk.Gauge([point(1)]), name=f"metric {cycle}")) is SUCCESS
    assert len(exporter._batch._streams) <= 1100
    assert len(received(path)) == 3000


def test_exports_of_several_threads_are_whole(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    results = []

    def work(number):
        for _ in range(50):
            results.append(exporter.export(gauge(*(point(number, {"t": number, "i": i}) for i in range(20)))))

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [SUCCESS] * 200
    points = received(path)
    assert len(points) == 4000
    for p in points:
        assert {a.key: a.value.int_value for a in p.attributes}["t"] == p.as_int


def test_a_shutdown_amid_exports_of_other_threads(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    results = []

    def work():
        while not results or results[-1] is SUCCESS:
            results.append(exporter.export(gauge(*(point(i) for i in range(100)))))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(results) < 20:
        time.sleep(0.01)
    exporter.shutdown()
    for thread in threads:
        thread.join()
    assert set(results) == {SUCCESS, FAILURE}
    assert len(received(path)) == 100 * results.count(SUCCESS)


def test_an_exporter_without_references_is_closed(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    exporter.export(gauge(point(1)))
    gone = weakref.ref(exporter)
    del exporter
    assert gone() is None
    assert otelue.UserEventsMetricExporter(recording=path).export(gauge(point(2))) is SUCCESS
    assert [p.as_int for p in received(path)] == [1, 2]


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_process_that_ends_without_a_word_exports_its_last_metrics(path):
    run(
        """
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from otelue import UserEventsMetricExporter
        provider = MeterProvider([PeriodicExportingMetricReader(UserEventsMetricExporter())])
        provider.get_meter("m").create_counter("c").add(7)
        """,
        OTEL_EXPORTER_USER_EVENTS_RECORDING=str(path),
    )
    assert [p.as_int for p in received(path)] == [7]


def test_a_child_forked_amid_an_export_goes_on():
    out = run(
        """
        import os, otelue, logging
        from opentelemetry.sdk.metrics import export as sdk
        exporter = otelue.UserEventsMetricExporter()
        exporter._lock.acquire()  # another thread is exporting
        child = os.fork()
        if child == 0:
            os._exit(42 if exporter._lock.acquire(timeout=5) else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert out.stdout.split() == ["42"]


def test_the_sdk_that_hangs_in_forked_children_is_the_one_that_the_readme_names():
    out = run(
        """
        import math, os
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.version import __version__
        from otelue import UserEventsMetricExporter
        reader = PeriodicExportingMetricReader(UserEventsMetricExporter(), math.inf)
        reader._export_lock.acquire()  # it is exporting
        child = os.fork()
        if child == 0:
            os._exit(reader._export_lock.acquire(timeout=1))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), __version__)
        """
    )
    renewed, version = out.stdout.split()
    assert renewed == "0"
    assert f"opentelemetry-sdk {version}" in (SOURCE / "README.md").read_text()


def test_nothing_is_built_while_nobody_listens():
    """And what is measured once somebody does is exported: into the sink of the benchmarks."""
    out = run(
        """
        import ctypes, os, otelue
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        sink = ctypes.CDLL(os.environ["OTELUE_SINK"])
        exporter = otelue.UserEventsMetricExporter()
        provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3600000)])
        counter = provider.get_meter("m").create_counter("c")
        for listening in (0, 1, 0):
            sink.sink_listen(listening)
            counter.add(1)
            provider.force_flush()
            print(len(exporter._batch._streams), exporter.statistics()["points_exported"])
        """,
        LD_PRELOAD=os.environ["OTELUE_SINK"],
    )
    assert out.stdout.split() == ["0", "0", "1", "1", "1", "1"]
    assert out.stderr == ""


def test_observable_instruments_and_views_come_out_through_the_periodic_reader(path):
    exporter = otelue.UserEventsMetricExporter(recording=path)
    provider = MeterProvider([sdk.PeriodicExportingMetricReader(exporter, 3_600_000)], shutdown_on_exit=False)
    provider.get_meter("m").create_observable_counter("o", [lambda _: [Observation(5, {"a": 1})]])
    assert provider.force_flush()
    provider.shutdown()
    assert [p.as_int for p in received(path)] == [5, 0]  # the second one is the delta at shutdown


def test_structs_are_as_large_as_the_library_expects():
    assert ctypes.sizeof(otelue._library.Options) == 32 and ctypes.sizeof(otelue._library.Result) == 72
