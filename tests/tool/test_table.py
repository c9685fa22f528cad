# SPDX-License-Identifier: Apache-2.0
"""The table of `otelue watch`, as a terminal shows it."""

import os
import signal

import messages
import pytest
from command import LOST, SUMMARY, entry, header, payload, recording, run
from terminal import Terminal

SECOND = 1_000_000_000


def event(service, metric, kind="gauge", points=({},), scope="shop", unit=""):
    """An event of one metric; `points` are fields of its points, `attributes` a dictionary among them."""
    message = messages.ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    resource_metrics.resource.attributes.add(key="service.name").value.string_value = service
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name = scope
    metric = scope_metrics.metrics.add(name=metric, unit=unit)
    data = getattr(metric, kind.split()[0])
    if kind != "gauge" and kind != "summary":
        data.aggregation_temporality = 1 if kind.endswith("delta") else 2
    for fields in points:
        fields = dict(fields)
        attributes = fields.pop("attributes", {})
        for side in ("positive", "negative"):
            if side in fields:
                offset, counts = fields.pop(side)
                fields[side] = {"offset": offset, "bucket_counts": counts}
        point = data.data_points.add(**fields)
        for key, value in attributes.items():
            point.attributes.add(key=key).value.string_value = value
    return message.SerializeToString()


@pytest.fixture
def table(tmp_path):
    """Shows a recording of entries in a table."""
    terminals = []

    def show(*entries, arguments=(), **more):
        (tmp_path / "recording").write_bytes(header() + b"".join(entries))
        terminals.append(Terminal("watch", "--table", str(tmp_path / "recording"), *arguments, **more))
        return terminals[-1]

    yield show
    for terminal in terminals:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def rows(lines):
    return [line for line in lines[2:-1] if line]


def shown(terminal, count):
    """The rows, once there are so many."""
    return rows(terminal.wait_for(lambda lines: "rate" in lines[1] and len(rows(lines)) == count))


def test_a_series_is_a_row(table):
    terminal = table(
        entry(event("shop", "queue.depth", points=[{"as_int": 12, "attributes": {"queue": "mail"}}]), time=100 * SECOND),
        entry(event("bank", "requests", "sum cumulative",
                    [{"as_int": 100, "time_unix_nano": 10 * SECOND}]), time=105 * SECOND),
        entry(event("bank", "requests", "sum cumulative",
                    [{"as_int": 150, "time_unix_nano": 20 * SECOND}]), time=110 * SECOND))
    found = shown(terminal, 2)
    lines = terminal.lines()
    assert lines[0] == "0 lost, 0 undecodable, 3 events, 3 points, 2 series"
    assert lines[1].split() == ["service*", "scope", "metric", "attributes", "value", "rate/s", "age"]
    assert lines[-1] == "q quits, s sorts by the next column, r reverses, / filters, arrows and pages scroll"
    assert found[0].split() == ["bank", "shop", "requests", "150", "5", "0s"]
    assert found[1].split() == ["shop", "shop", "queue.depth", "queue=mail", "12", "10s"]
    terminal.press("q")
    assert terminal.end() == 0


def test_deltas_add_up_and_a_counter_that_fell_began_anew(table):
    terminal = table(
        entry(event("a", "delta", "sum delta", [{"as_int": 30, "start_time_unix_nano": 10 * SECOND,
                                                "time_unix_nano": 20 * SECOND}])),
        entry(event("a", "delta", "sum delta", [{"as_int": 50, "start_time_unix_nano": 20 * SECOND,
                                                "time_unix_nano": 30 * SECOND}])),
        entry(event("a", "reset", "sum cumulative", [{"as_int": 500, "time_unix_nano": 10 * SECOND}])),
        entry(event("a", "reset", "sum cumulative", [{"as_int": 20, "time_unix_nano": 20 * SECOND}])))
    found = shown(terminal, 2)
    assert found[0].split() == ["a", "shop", "delta", "80", "5"]
    assert found[1].split() == ["a", "shop", "reset", "20", "2"]


@pytest.mark.parametrize("point,kind,plot", [
    # Prometheus: 0.5 is the 50th of 100, the 10th of 40 in (1, 2]; 0.9 the last in (2, 4]; above the bounds the highest.
    ({"explicit_bounds": [1, 2, 4], "bucket_counts": [40, 40, 10, 10], "count": 100}, "histogram",
     "██▂▂         p50 1.25 p90 4 p99 4 n 100 s"),
    # On a logarithmic scale: half way through (1, 4] at base 4 is 2.
    ({"scale": -1, "positive": (0, [4]), "count": 4}, "exponential_histogram",
     "█            p50 2 p90 3.482 p99 3.945 n 4 s"),
    ({"scale": 0, "positive": (0, [2, 0, 1]), "negative": (0, [1]), "zero_count": 1, "count": 5}, "exponential_histogram",
     "▄▄█ ▄        p50 1.189 p90 5.657 p99 7.727 n 5 s"),
    ({"explicit_bounds": [], "bucket_counts": [7], "count": 7}, "histogram", "█            p50 - p90 - p99 - n 7 s"),
    ({"quantile_values": [{"quantile": 0.5, "value": 2}, {"quantile": 0.99, "value": 9}], "count": 3}, "summary",
     "             p50 2 p90 - p99 9 n 3 s"),
])
def test_a_histogram_is_a_plot(table, point, kind, plot):
    terminal = table(entry(event("shop", "duration", kind, [point], unit="s")))
    row, = shown(terminal, 1)
    assert plot in row


def test_losses_are_always_to_be_seen(table):
    terminal = table(entry(payload()), entry((84).to_bytes(8, "little"), kind=LOST, cpu=1), entry(b"\xff"))
    shown(terminal, 1)
    assert terminal.lines()[0] == "84 lost, 1 undecodable, 2 events, 1 points, 1 series"
    assert terminal.screen.buffer[0][0].reverse
    terminal.press("q")
    assert terminal.end() == 1
    assert SUMMARY.format(2, 1, len(payload()) + 1, 84, 1).encode() in terminal.raw


FOUR = [entry(event(service, metric, "sum delta", [{"as_int": value, "attributes": {"method": method},
                                                    "start_time_unix_nano": 1 * SECOND, "time_unix_nano": 2 * SECOND}]),
              time=time * SECOND, pid=pid)
        for service, metric, value, method, time, pid in
        [("a", "x.one", 3, "GET", 4, 7), ("b", "x.two", 9, "PUT", 1, 8), ("c", "y.one", 1, "GET", 3, 9),
         ("d", "y.two", 5, "PUT", 2, 10)]]


@pytest.mark.parametrize("arguments,services", [
    ([], "abcd"), (["--reverse"], "dcba"), (["--sort", "value"], "bdac"), (["--sort=rate", "--reverse"], "cadb"),
    (["--sort", "metric"], "abcd"), (["--sort", "attributes"], "acbd"), (["--sort", "age"], "acdb"),
    (["--metric", "x."], "ab"), (["--attribute", "method=PUT"], "bd"), (["--service", "c"], "c"), (["--pid", "10"], "d"),
    (["--metric", "one", "--attribute", "GET", "--sort", "value"], "ac")])
def test_rows_are_sorted_and_filtered(table, arguments, services):
    terminal = table(*FOUR, arguments=arguments)
    assert [row.split()[0] for row in shown(terminal, len(services))] == list(services)


def test_keys_sort_filter_and_scroll(table):
    terminal = table(*FOUR, lines=6)
    services = lambda lines: "".join(row.split()[0] for row in rows(lines))  # noqa: E731
    terminal.wait_for(lambda lines: services(lines) == "abc" and lines[0].endswith("4 series, 1 more series not shown"))
    terminal.press("\x1bOB")
    terminal.wait_for(lambda lines: services(lines) == "bcd")
    terminal.press("\x1bOA" "r")
    terminal.wait_for(lambda lines: services(lines) == "dcb")
    terminal.press("ssss")  # scope, metric, attributes, value
    terminal.wait_for(lambda lines: services(lines) == "cad" and "value^" in lines[1])
    terminal.press("/attribute=PUT pid=8\r")
    terminal.wait_for(lambda lines: services(lines) == "b" and lines[0].endswith("only attribute=PUT pid=8"))
    terminal.press("/two\r")
    terminal.wait_for(lambda lines: services(lines) == "db")
    terminal.press("/")
    terminal.wait_for(lambda lines: lines[-1] == "filter: _")
    terminal.press("x\x1b")
    terminal.wait_for(lambda lines: lines[-1].startswith("q quits"))


HOSTILE = ["\x1b[31mred\x1b]0;title\x07", "a\nb\rc\td", "日本" * 50, "e" + "\u0301" * 100, "\u202egnp.exe", "x" * 60_000,
           "\u200b\ufe0f", "%s%n"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("columns", [20, 79, 120])
def test_no_name_breaks_the_terminal(table, text, columns):
    names = event(text[:30_000], text[:200], scope=text[:200], points=[{"attributes": {text[:100]: text[:20_000]}}],
                  unit=text[:50])
    terminal = table(entry(names), entry(payload()), columns=columns)
    terminal.wait_for(lambda lines: lines[0].startswith("0 lost") and len(rows(lines)) == 2)
    assert terminal.screen.title == ""
    assert len(rows(terminal.lines())) == 2
    terminal.press("q")
    assert terminal.end() == 0
    # Each row is within its own line: nothing before the summary has scrolled or wrapped.
    assert b"\x1b]" not in terminal.raw and "\u202e".encode() not in terminal.raw


def test_without_utf8_all_is_ascii(table):
    terminal = table(entry(event("bänk", "duration", "histogram",
                                 [{"explicit_bounds": [1], "bucket_counts": [4, 2], "count": 6}])),
                     environment={"LC_ALL": "C"})
    row, = shown(terminal, 1)
    assert row.startswith('"b?nk"') and "@=           p50 0.75 p90 1 p99 1 n 6" in row
    assert terminal.raw.isascii()


def test_it_follows_the_size_of_the_terminal(table):
    terminal = table(*FOUR)
    shown(terminal, 4)
    terminal.resize(60, 5)
    terminal.wait_for(lambda lines: len(lines) == 5 and len(rows(lines)) == 2)
    terminal.resize(200, 30)
    terminal.wait_for(lambda lines: len(lines) == 30 and len(rows(lines)) == 4)
    terminal.resize(1, 1)
    terminal.resize(80, 10)
    terminal.wait_for(lambda lines: len(rows(lines)) == 4)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_terminal_back(table, number):
    terminal = table(*FOUR)
    before = terminal.modes()
    shown(terminal, 4)
    assert terminal.modes() != before
    os.kill(terminal.pid, number)
    while not terminal.raw.endswith(b"undecodable\r\n"):
        assert terminal.read()
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.raw and b"\x1b[?25h" in terminal.raw  # the screen and the cursor are back


def test_stopped_it_gives_the_terminal_back_and_takes_it_again(table):
    terminal = table(*FOUR, is_job=True)
    shown(terminal, 4)
    during = terminal.modes()
    terminal.press("\x1a")
    while b"stopped" not in terminal.raw:
        assert terminal.read()
    assert terminal.modes() != during and b"\x1b[?1049l" in terminal.raw
    terminal.raw = b""
    terminal.press("\n")
    while b"\x1b[?1049h" not in terminal.raw:
        assert terminal.read()
    shown(terminal, 4)
    assert terminal.modes() == during
    terminal.press("q")
    assert terminal.end() == 0


def test_more_series_than_are_kept_are_counted(table):
    events = [entry(event("a", "m", points=[{"as_int": n, "attributes": {"n": str(n)}} for n in range(at, at + 500)]))
              for at in range(0, 21_000, 500)]
    terminal = table(*events)
    terminal.wait_for(lambda lines: lines[0].startswith("0 lost, 0 undecodable, 42 events, 21000 points, 20000 series, "
                                                        "19991 more series not shown, 1000 forgotten"))


def test_memory_is_bounded_by_what_is_kept(table):
    # 200 MB of names that all differ, in 64 MB.
    events = [entry(event(str(n), "m", points=[{"attributes": {"pad": str(n) + "x" * 20_000}}])) for n in range(5_000)]
    terminal = table(*events)
    terminal.wait_for(lambda lines: "5000 points" in lines[0])
    terminal.press("q")
    while terminal.read():
        pass
    _, status, used = os.wait4(terminal.pid, 0)
    assert status == 0 and used.ru_maxrss < 300 * 1024


def test_count_ends_it(table):
    terminal = table(entry(payload(points=9)), arguments=["--count", "4"])
    assert terminal.end() == 0 and b" 4 points, " in terminal.raw


def test_a_table_takes_a_terminal():
    done = run("watch", "--table", "-", data=recording(payload()))
    assert (done.status, done.output) == (3, b"")
    assert done.error == "otelue: a table takes a terminal as standard output\n"


@pytest.mark.parametrize("option", ["--metric=m", "--attribute=a", "--service=s", "--pid=7"])
def test_lines_are_not_filtered(option):
    done = run("watch", option, "-", data=recording(payload()))
    assert (done.status, done.output) == (2, b"") and "are for a table" in done.error


def test_a_terminal_that_can_show_no_table_is_named(table):
    terminal = table(entry(payload()), environment={"TERM": "no-such-terminal"})
    assert terminal.end() == 3 and b"a terminal of type no-such-terminal can show no table" in terminal.raw


def test_a_recording_is_printed_as_lines_on_a_terminal_too(tmp_path):
    (tmp_path / "recording").write_bytes(recording(payload()))
    terminal = Terminal("watch", str(tmp_path / "recording"))
    assert terminal.end() == 0 and b" gauge m{} 0\r\n" in terminal.raw
