# SPDX-License-Identifier: Apache-2.0
"""The section `languages` of figures.py: exporters of the SDKs beside the encoders of the same SDKs.

A program per language answers lines `round ours|sdk KIND TEMPORALITY PACKING SERIES EXPORTS` with the processor time
and the points of so many exports, as JSON: {"ns", "points"}. KIND is sum, histogram (15 bounds) or exponential, with
five string attributes. `ours` exports into the sink, end to end; `sdk` encodes into one request. Rust's is an exporter of
the same kind, opentelemetry-user-events-metrics, which writes an event for each point whatever the packing."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERIES = 1900  # opentelemetry-cpp 1.19 puts what goes beyond 2,000 into one series
# The cases, and what is wanted of those that have a bound.
CUMULATIVE = [("sum", "cumulative", "metric"), ("histogram", "cumulative", "metric")]
OTHERS = [
    ("sum", "cumulative", "point"),
    ("sum", "cumulative", "request"),
    ("exponential", "cumulative", "metric"),
    ("sum", "delta", "metric"),
    ("histogram", "delta", "metric"),
]


class Language:
    """BUILD in its command stands for the directory in which Meson has built the library."""

    def __init__(self, name, command, wanted, lacks="", peer="the SDK's encoder", **environment):
        self.name, self.command, self.wanted, self.lacks, self.environment = name, command, wanted, lacks, environment
        self.peer = peer


LANGUAGES = [
    Language(
        "Python",
        [ROOT / "tests/support/venv", "python", ROOT / "tests/bindings/python/measure.py"],
        {"sum": "<= 1/30 = 0.033", "histogram": "<= 1/9 = 0.11"},
        PYTHONPATH=str(ROOT / "src/bindings/python/src"),
    ),
    Language(
        "Go",
        [ROOT / "tests/bindings/go/program", "measure"],
        {"sum": "<= 1/15 = 0.067", "histogram": "<= 1/15 = 0.067"},
    ),
    Language(
        "C++",
        [ROOT / "tests/bindings/cpp/program", "BUILD", "measure"],
        {"sum": "<= 1/8 = 0.125"},
        lacks="exponential",
    ),
    Language(
        "Node.js",
        [ROOT / "tests/bindings/node/program", "measure.mjs"],
        {"sum": "<= 1/4 = 0.25", "histogram": "<= 1/3 = 0.33"},
    ),
    Language(
        "Rust",
        [ROOT / "tests/bindings/rust/program", "measure"],
        {"sum": "<= 1/8 = 0.125", "histogram": "<= 1/6 = 0.17"},
        peer="the reference's export",
    ),
    Language(
        "Java",
        [ROOT / "tests/bindings/java/program", "measure"],
        {"sum": "<= 1/4 = 0.25", "histogram": "<= 1/2.5 = 0.4"},
    ),
]


def measure(bench, start, contender, interleave, per_point):
    bench.report.title(f"SDK exporters into the sink beside their SDK's own encoder ({SERIES:,} series)")
    for language in LANGUAGES:
        program = start(
            *(bench.build if word == "BUILD" else word for word in language.command),
            preload=bench.build / "tests/bench/libsink.so",
            OTELUE_LIBRARY=str(bench.library),
            **language.environment,
        )
        for kind, temporality, packing in CUMULATIVE + OTHERS:
            if kind == language.lacks:
                continue
            rounds = interleave(
                {
                    who: contender(program, f"round {who} {kind} {temporality} {packing} {SERIES} {{exports}}")
                    for who in ("ours", "sdk")
                },
                max(3, bench.rounds // 2),
                100,
            )
            cost = {who: per_point(some) for who, some in rounds.items()}
            wanted = language.wanted.get(kind, "") if (kind, temporality, packing) in CUMULATIVE else ""
            bench.report.add(
                f"{language.name}, {kind}, {temporality}, packing {packing}",
                cost["ours"],
                cost["sdk"],
                peer=language.peer,
                wanted=wanted,
            )
        program.close()
