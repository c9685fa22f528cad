# SPDX-License-Identifier: Apache-2.0
"""Measures, and prints the figures: see run. With `lab` for its first section it runs on the test kernel."""
import argparse
import collections
import contextlib
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import languages

HERE = pathlib.Path(__file__).resolve().parent
SERIES = 10_000
DEFAULT, LARGE = 4048, 8168  # target_event_bytes
SIZES = [1, 10, 100, 1_000, 10_000, 100_000]
SECTIONS = ["export", "shapes", "instructions", "idle", "footprint", "scale", "sizes", "languages", "lab"]


class Program:
    """A bench.cc or a reference, which answers a line with a line."""

    def __init__(self, *command, preload=None, **variables):
        environment = dict(os.environ, **variables)
        if preload:
            environment["LD_PRELOAD"] = str(preload)
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(
            self.command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{' '.join(self.command)} ended at: {line}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"{' '.join(self.command)} failed")


class Contender:
    """One kind of export by one program. `exports` are repeated in a round."""

    def __init__(self, program, line, exports=None):
        self.program, self.line, self.exports = program, line, exports

    def round(self):
        return self.program.ask(self.line.format(exports=self.exports))

    def calibrate(self, milliseconds):
        """So many exports that a round takes about so long."""
        self.exports = 1
        self.round()
        took = min(self.round()["ns"] for _ in range(3))
        self.exports = max(1, round(milliseconds * 1e6 / max(took, 1)))


def otelue(program, kind="sum", form="records", limit=DEFAULT, packing="metric", series=SERIES, writer="otelue",
           threads=1):
    return Contender(program, f"round {writer} {kind} {form} {limit} {packing} {series} {{exports}} {threads}")


def reference(program, kind="sum", series=SERIES):
    return Contender(program, f"round {kind} {series} {{exports}}")


def interleave(contenders, rounds, milliseconds=10):
    """All rounds of each contender, by its name: first one of each, then the next one of each, and so on."""
    for contender in contenders.values():
        if contender.exports is None:
            contender.calibrate(milliseconds)
    results = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            results[name].append(contender.round())
    return results


def per_point(rounds):
    return [one["ns"] / one["points"] for one in rounds]


Figure = collections.namedtuple("Figure", "name ours theirs unit peer ratio low high wanted")


class Report:
    def __init__(self):
        self.figures = []
        self.notes = []

    def title(self, words):
        print(f"\n{words}", flush=True)

    def add(self, name, ours, theirs=None, unit="ns/point", peer="", wanted="", ratio=None):
        """`ours` and `theirs` are values of rounds, or one value; the ratio is that of rounds, ours to theirs."""
        as_list = lambda x: x if isinstance(x, list) else [x]
        ratios = []
        if theirs is not None:
            ratios = sorted(ratio or [a / b for a, b in zip(as_list(ours), as_list(theirs))])
        spread = [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]] if ratios else [None, None]
        figure = Figure(
            name, statistics.median(as_list(ours)), None if theirs is None else statistics.median(as_list(theirs)),
            unit, peer, statistics.median(ratios) if ratios else None, *spread, wanted)
        self.figures.append(figure)
        number = lambda x: "" if x is None else f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
        line = f"  {name:56} {number(figure.ours):>9} {number(figure.theirs):>9} {unit:10}"
        if ratios:
            line += f" x{figure.ratio:<7.3g}"
            line += f" ({figure.low:.3g}..{figure.high:.3g})" if len(ratios) > 1 else ""
        tail = "; ".join(filter(None, [peer and "theirs: " + peer, wanted and "wanted: " + wanted]))
        print(f"{line:112} {tail}".rstrip(), flush=True)

    def note(self, words):
        self.notes.append(words)
        print("  " + words, flush=True)


class Bench:
    def __init__(self, build, rounds, report):
        self.build, self.rounds, self.report = build, rounds, report
        self.library = build / "src/library/libotelue.so.1"
        self.out = build / "figures"
        self.out.mkdir(exist_ok=True)

    @contextlib.contextmanager
    def programs(self, *names, sink="libsink.so"):
        preload = sink and self.build / "tests/bench" / sink
        commands = {
            "bench": self.build / "tests/bench/bench",
            "reference": self.build / "reference/release/reference",
        }
        started = [Program(commands[name], preload=preload) for name in names]
        yield started
        for program in started:
            program.close()

    # ---- Whole exports of sums with five string attributes into the sink

    def same_points(self):
        with tempfile.TemporaryDirectory() as scratch:
            files = {}
            for name, contender in [("bench", otelue), ("reference", reference)]:
                files[name] = f"{scratch}/{name}"
                program = Program(
                    self.build / ("tests/bench/bench" if name == "bench" else "reference/release/reference"),
                    preload=self.build / "tests/bench/libsink.so", OTELUE_SINK_RECORD=files[name])
                one = contender(program, series=100)
                one.exports = 1
                one.round()
                program.close()
            subprocess.run([self.build / "tests/bench/bench", "compare", *files.values()], check=True)
        self.report.note("the reference exports the same points (compared after decoding, but for their times)")

    def export(self):
        self.report.title(f"Whole export of {SERIES:,} sums with five string attributes into the sink")
        self.same_points()
        with self.programs("bench", "reference") as (bench, peer):
            for form in ["records", "sets"]:
                bench.ask(f"check sum {form} {DEFAULT} {SERIES}")
            self.report.note("the raw-pointer writer writes the same bytes (compared)")
            contenders = {
                "reference": reference(peer),
                "records": otelue(bench),
                "raw records": otelue(bench, writer="raw"),
                "sets": otelue(bench, form="sets"),
                "raw sets": otelue(bench, form="sets", writer="raw"),
                "protobuf": otelue(bench, writer="protobuf"),
                "copy": otelue(bench, writer="copy"),
                "write": otelue(bench, writer="write"),
            }
            results = interleave(contenders, self.rounds)
        cost = {name: per_point(rounds) for name, rounds in results.items()}
        add = self.report.add
        add("attribute records", cost["records"], cost["reference"], peer="reference", wanted="<= 0.1")
        add("encoded sets", cost["sets"], cost["reference"], peer="reference", wanted="<= 0.04")
        add("attribute records", cost["records"], cost["raw records"], peer="raw-pointer writer", wanted="<= 3")
        add("encoded sets", cost["sets"], cost["raw sets"], peer="raw-pointer writer", wanted="<= 3")
        add("attribute records", cost["records"], cost["protobuf"], peer="C++ protobuf, arena, one event")
        add("attribute records", cost["records"], cost["copy"], peer="memcpy and write() of finished events")
        add("encoded sets", cost["sets"], cost["copy"], peer="memcpy and write() of finished events")
        add("memcpy and write() of finished events", cost["copy"], cost["write"], peer="write() alone")
        one, other = results["records"][0], results["reference"][0]
        add("bytes", one["bytes"] / one["points"], other["bytes"] / other["points"], "B/point", "reference", "<= 0.5")
        add("events", one["events"] / one["points"], other["events"] / other["points"], "/point", "reference",
            "<= 1/15 = 0.067")

    def shapes(self):
        self.report.title("Whole export of other points, and of other packings, into the sink (1,000 series)")
        with self.programs("bench", "reference") as (bench, peer):
            for kind, words in [("histogram", "histograms, 15 bounds"), ("exponential", "exponential, 160 buckets")]:
                for form in ["records", "sets"]:
                    bench.ask(f"check {kind} {form} {DEFAULT} 1000")
                    cost = {name: per_point(rounds) for name, rounds in interleave({
                        "ours": otelue(bench, kind, form, series=1000),
                        "raw": otelue(bench, kind, form, series=1000, writer="raw"),
                    }, self.rounds).items()}
                    self.report.add(f"{words}, {form}", cost["ours"], cost["raw"], peer="raw-pointer writer",
                                    wanted="<= 3")
            cost = {name: per_point(rounds) for name, rounds in interleave({
                "request": otelue(bench, writer="request", series=1000), "records": otelue(bench, series=1000),
            }, self.rounds).items()}
            self.report.add("sums, as an encoded request", cost["request"], cost["records"], peer="attribute records",
                            wanted="<= 2.5")
            for packing, limit in [("request", DEFAULT), ("request", LARGE)]:
                results = interleave({
                    "ours": otelue(bench, "instruments", "records", limit, packing, 1000),
                    "reference": reference(peer, "instruments", 1000),
                }, self.rounds)
                self.report.add(f"1,000 metrics of one series, whole request, {limit}", per_point(results["ours"]),
                                per_point(results["reference"]), peer="reference")

    def instructions(self):
        self.report.title("Instructions (callgrind), 1,000 series")
        counts = {}
        for kind in ["sum", "histogram", "exponential"]:
            for form in ["records", "sets"]:
                for writer in ["otelue", "raw"]:
                    counts[writer], where = self.callgrind(writer, kind, form)
                    if writer == "otelue":
                        shares = where
                self.report.add(f"{kind}, {form}", counts["otelue"], counts["raw"], "/point", "raw-pointer writer")
                self.report.note("    of ours in " + ", ".join(f"{name} {n:.0f}" for name, n in shares))
        count, _ = self.callgrind("request", "sum", "records")
        records, _ = self.callgrind("otelue", "sum", "records")
        self.report.add("sum, as an encoded request", count, records, "/point", "attribute records", "<= 2.5")
        for form in ["records", "sets"]:
            count, shares = self.callgrind("otelue", "instruments", form, "request")
            self.report.add(f"metrics of one series, whole request, {form}", count, unit="/point")
            self.report.note("    of which in " + ", ".join(f"{name} {n:.0f}" for name, n in shares))
        self.report.note(f"profiles: {self.out}/profile-*.txt")

    def callgrind(self, writer, kind, form, packing="metric"):
        profile = self.out / f"callgrind-{writer}-{kind}-{form}.out"
        program = Program(
            "valgrind", "-q", "--tool=callgrind", "--toggle-collect=measured", f"--callgrind-out-file={profile}",
            self.build / "tests/bench/bench", preload=self.build / "tests/bench/libsink.so")
        program.ask(f"round {writer} {kind} {form} {DEFAULT} {packing} 1000 1 1")
        program.close()
        text = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=100", profile],
                              capture_output=True, text=True, check=True).stdout
        (self.out / f"profile-{writer}-{kind}-{form}.txt").write_text(text)
        shares = collections.Counter()
        for count, file, function in re.findall(r"^ *([\d,]+) +\(.*?\) +(\S+?):(.*)", text, re.M):
            # Code that was not built here has no name but that of the function.
            name = function.split(" ")[0] if file == "???" else file.split("/")[-1]
            shares[name] += int(count.replace(",", "")) / 1000
        total = int(re.search(r"^([\d,]+) .*PROGRAM TOTALS", text, re.M)[1].replace(",", "")) / 1000
        return total, [(name, n) for name, n in shares.most_common() if n >= total / 50]

    # ---- Nobody listens

    def idle(self):
        self.report.title("Nobody listens")
        with self.programs("bench") as (bench,):
            bench.ask("hear 0")
            results = interleave({n: otelue(bench, series=n) for n in [SERIES, 10 * SERIES]}, self.rounds, 2)
            calls = results[SERIES][0]
        exports = calls["points"] / SERIES
        self.report.add("export of 100,000 points", *[
            [one["ns"] / (one["points"] / n) for one in results[n]] for n in [10 * SERIES, SERIES]
        ], unit="ns/export", peer="export of 10,000 points", wanted="= 1")
        self.report.add("probes", calls["calls"] / exports, unit="/export", wanted="1")
        self.report.add("all system calls", self.system_calls(), unit="/export")
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=otelue_enabled", self.library],
                              capture_output=True, text=True, check=True).stdout
        lines = [" ".join(m[1].split()) for m in re.finditer(r"^ +[0-9a-f]+:\s+(.*)$", code, re.M)]
        self.report.add("otelue_enabled: loads", sum("(" in line and "lea" not in line for line in lines), unit="",
                        wanted="1")
        self.report.note("; ".join(lines))

    def system_calls(self):
        """Those that strace sees, and the probe, which the sink answers without one."""
        seen = []
        for exports in [100, 200]:
            with tempfile.NamedTemporaryFile("r") as log:
                program = Program("strace", "-f", "-o", log.name, "-E",
                                  f"LD_PRELOAD={self.build}/tests/bench/libsink.so", self.build / "tests/bench/bench")
                program.ask("hear 0")
                answer = program.ask(f"round otelue sum records {DEFAULT} metric {SERIES} {exports} 1")
                program.close()
                names = re.findall(r"^\d+ +(\w+)\(", log.read(), re.M)
            seen.append(collections.Counter(names, write=names.count("write") + answer["calls"]))
        per_export = {name: n / 100 for name, n in (seen[1] - seen[0]).items() if n >= 50}
        self.report.note("system calls of an export: " + ", ".join(f"{n:g} {name}" for name, n in per_export.items()))
        return sum(per_export.values())

    # ---- Memory and size

    def footprint(self):
        self.report.title("Memory and size")
        add = self.report.add
        with self.programs("bench", "reference", sink="libsink_counting.so") as (bench, peer):
            ours = otelue(bench)
            theirs = reference(peer)
            ours.exports = theirs.exports = 2
            ours.round()
            a, b = ours.round(), theirs.round()
            add("allocations and releases", a["allocations"] / a["points"], b["allocations"] / b["points"], "/point",
                "reference", "0")
        with self.programs("bench") as (bench,):
            for kind, form in [("sum", "records"), ("sum", "sets"), ("exponential", "records")]:
                add(f"stack, {kind}, {form}", bench.ask(f"stack {kind} {form}")["bytes"] / 1024, unit="KiB",
                    wanted="<= 24")
        with tempfile.TemporaryDirectory() as scratch:
            stripped, empty, first = (f"{scratch}/{name}.so" for name in ["stripped", "empty", "first"])
            subprocess.run(["strip", "-o", stripped, self.library], check=True)
            for path in [empty, first]:
                subprocess.run(["cc", "-shared", "-o", path, "-xc", "/dev/null"], check=True)
            add("library, stripped", os.path.getsize(stripped) / 1024, unit="KiB", wanted="<= 96")
            loads = {path: [] for path in [stripped, empty]}
            for _ in range(4 * self.rounds):
                for path, rounds in loads.items():
                    rounds.append(json.loads(subprocess.run(
                        [self.build / "tests/bench/load", first, path], capture_output=True, check=True).stdout))
            get = lambda path, key, by: [one[key] / by for one in loads[path]]
            add("resident memory of loading it: its mappings", get(stripped, "bytes", 1024), get(empty, "bytes", 1024),
                "KiB", "an empty library", "<= 200")
            add("resident memory of loading it: growth of the process", get(stripped, "growth", 1024),
                get(empty, "growth", 1024), "KiB", "an empty library")
            add("dlopen", get(stripped, "ns", 1000), get(empty, "ns", 1000), "us", "an empty library")
        relocations = subprocess.run(["readelf", "-rW", self.library], capture_output=True, text=True,
                                     check=True).stdout
        kinds = collections.Counter(re.findall(r"R_[A-Z0-9_]+", relocations))
        add("relocations", sum(kinds.values()), unit="", wanted="few")
        self.report.note(", ".join(f"{n} {kind}" for kind, n in kinds.items()))

    # ---- Scale

    def scale(self):
        self.report.title("Scale")
        with self.programs("bench") as (bench,):
            for form in ["records", "sets"]:
                cost = {n: per_point(rounds) for n, rounds in interleave({
                    n: otelue(bench, form=form, series=n) for n in [1000, 100_000]}, self.rounds, 30).items()}
                self.report.add(f"100,000 points, {form}", cost[100_000], cost[1000], peer="1,000 points",
                                wanted="<= 1.2")
            for form in ["records", "sets"]:
                one, two = (otelue(bench, form=form, series=1000, threads=n) for n in [1, 2])
                one.calibrate(2)
                two.exports = one.exports
                results = interleave({1: one, 2: two}, 20 * self.rounds)
                # By the clock each thread needs a processor to itself, which other programs may leave it for moments
                # only: so the best of many short rounds counts.
                rate = lambda n: [r["points"] / r["wall_ns"] * 1000 for r in results[n]]
                self.report.add(f"two threads, {form}: by the clock, best round", max(rate(2)), max(rate(1)),
                                "points/us", "one thread", ">= 1.8")
                rate = lambda n: [n * r["points"] / r["ns"] * 1000 for r in results[n]]
                self.report.add(f"two threads, {form}: by processor time", rate(2), rate(1), "points/us", "one thread",
                                ">= 1.8")

    def sizes(self):
        self.report.title("Cost by the size of the batch")
        costs = collections.defaultdict(list)
        with self.programs("bench", "reference") as (bench, peer):
            for n in SIZES:
                results = interleave({
                    "reference": reference(peer, series=n),
                    "C++ protobuf": otelue(bench, writer="protobuf", series=n),
                    "attribute records": otelue(bench, series=n),
                    "encoded sets": otelue(bench, form="sets", series=n),
                    "raw pointers, records": otelue(bench, writer="raw", series=n),
                    "raw pointers, sets": otelue(bench, writer="raw", form="sets", series=n),
                }, max(3, self.rounds // 2), 5)
                for name, rounds in results.items():
                    costs[name].append(statistics.median(per_point(rounds)))
                self.report.add(f"{n:,} points, records", per_point(results["attribute records"]),
                                per_point(results["reference"]), peer="reference")
        (self.out / "cost.svg").write_text(plot(SIZES, costs))
        self.report.note(f"plot: {self.out}/cost.svg")

    def languages(self):
        languages.measure(self, Program, Contender, interleave, per_point)

    # ---- A real listener, on the test kernel

    def lab(self):
        self.report.title(f"On the test kernel, {SERIES:,} series to a perf listener")
        output = subprocess.run(
            [HERE.parent / "kernel/vm", "--timeout", "1800", "/usr/bin/python3", __file__, "--in-lab", "--rounds",
             str(max(3, self.rounds // 2)), "--build", self.build],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        lab = json.loads(output.splitlines()[-1])
        cost = {name: per_point(rounds) for name, rounds in lab.items()}
        heard = {name: rounds[0]["heard"] for name, rounds in lab.items()}
        add = self.report.add
        for form in ["records", "sets"]:
            name = f"{form} {DEFAULT}"
            add(f"whole export, {form}", cost[name], cost["reference"], peer="reference", wanted="<= 0.1")
            add(f"whole export, {form}", cost[name], cost[f"write {DEFAULT}"], peer="bare write()s", wanted="<= 2")
            add(f"whole export, {form}, {LARGE}", cost[f"{form} {LARGE}"], cost[f"write {LARGE}"],
                peer="bare write()s", wanted="<= 2")

        add("bare write()s", cost[f"write {DEFAULT}"], cost["write each"], peer="bare write()s of one event per point")

        def share(words, name, peer, events, size=""):
            for what, wanted in [("events", events), ("bytes", size)]:
                add(f"{words}: {what}", heard[name][what], heard[peer][what], "", "reference", wanted)

        share("default limits", f"records {DEFAULT}", "reference", "<= 1/15 = 0.067", "<= 0.5")
        share(f"{LARGE}", f"records {LARGE}", "reference", "<= 1/30 = 0.033")
        share("1,000 metrics of one series, whole request", f"request {DEFAULT}", "reference instruments",
              "<= 0.1")
        share(f"1,000 metrics of one series, whole request, {LARGE}", f"request {LARGE}", "reference instruments",
              "<= 0.05")


def in_lab(build, rounds):
    """Runs there, and prints the rounds of each contender, with what a listener has received in each."""
    bench = Program(build / "tests/bench/bench")
    peer = Program(build / "reference/release/reference")
    listener = Program(build / "tests/bench/bench")
    contenders = {
        "reference": reference(peer),
        "reference instruments": reference(peer, "instruments", 1000),
        "write each": otelue(bench, packing="point", writer="write"),
    }
    for limit in [DEFAULT, LARGE]:
        for form in ["records", "sets"]:
            contenders[f"{form} {limit}"] = otelue(bench, form=form, limit=limit)
        contenders[f"write {limit}"] = otelue(bench, limit=limit, writer="write")
        contenders[f"request {limit}"] = otelue(bench, "instruments", "records", limit, "request", 1000)
    listener.ask("listen")
    results = {}
    for name, contender in contenders.items():
        contender.exports = 1 if contender.program is peer else 5
        results[name] = []
        contender.round()
        listener.ask("drain")
    for _ in range(rounds):
        for name, contender in contenders.items():
            one = contender.round()
            heard = listener.ask("drain")
            if heard["lost"]:
                sys.exit(f"{name}: {heard['lost']} events were lost")
            results[name].append(dict(one, heard={what: n / contender.exports for what, n in heard.items()}))
    print(json.dumps(results))


def plot(sizes, costs):
    """Nanoseconds per point by the number of points, both logarithmic."""
    width, height, left, bottom = 720, 420, 60, 50
    colors = ["#b22", "#d80", "#27c", "#0a5", "#9bd", "#8c8"]
    lowest = 10 ** math.floor(math.log10(min(map(min, costs.values()))))
    highest = 10 ** math.ceil(math.log10(max(map(max, costs.values()))))
    scale = lambda v, low, high: (math.log10(v) - math.log10(low)) / (math.log10(high) - math.log10(low))
    x = lambda v: left + scale(v, sizes[0], sizes[-1]) * (width - left - 190)
    y = lambda v: height - bottom - scale(v, lowest, highest) * (height - bottom - 20)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
           'font-size="12"><rect width="100%" height="100%" fill="#fff"/>']
    for n in sizes:
        svg.append(f'<path d="M{x(n):.1f} {y(lowest):.1f}V{y(highest):.1f}" stroke="#ddd"/>'
                   f'<text x="{x(n):.1f}" y="{height - 32}" text-anchor="middle">{n:,}</text>')
    value = lowest
    while value <= highest:
        svg.append(f'<path d="M{x(sizes[0]):.1f} {y(value):.1f}H{x(sizes[-1]):.1f}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
        value *= 10
    svg.append(f'<text x="{left}" y="{height - 8}">points in the batch; ns of processor time per point</text>')
    ends = []
    for color, (name, values) in zip(colors, costs.items()):
        points = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(sizes, values))
        svg.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        ends.append([y(values[-1]), color, name])
    ends.sort()
    for i, (at, color, name) in enumerate(ends):
        ends[i][0] = max(at, ends[i - 1][0] + 15 if i else 0)
        svg.append(f'<text x="{x(sizes[-1]) + 8:.1f}" y="{ends[i][0] + 4:.1f}" fill="{color}">{name}</text>')
    return "\n".join(svg) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--in-lab", action="store_true")
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("section", nargs="*", choices=[[], *SECTIONS], metavar="SECTION")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if arguments.in_lab:
        return in_lab(build, arguments.rounds)
    report = Report()
    bench = Bench(build, arguments.rounds, report)
    print(f"{'':58} {'ours':>9} {'theirs':>9} {'':10} ratio, and its middle half")
    for section in arguments.section or SECTIONS:
        getattr(bench, section)()
    (bench.out / "figures.json").write_text(json.dumps(
        {"figures": [figure._asdict() for figure in report.figures], "notes": report.notes}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
