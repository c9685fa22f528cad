# SPDX-License-Identifier: Apache-2.0
"""Generates an application that measures: what a driver of each language does with its SDK, and exports.

It is JSON, made for a seed, with these members:

    resource        {"attributes": ATTRIBUTES, "schema_url": TEXT}
    scopes          [{"name": TEXT, "version": TEXT, "schema_url": TEXT, "attributes": ATTRIBUTES}]
    instruments     [{"scope": INDEX, "kind": KIND, "number": "int" or "double", "name", "unit", "description": TEXT}]
                    KIND: counter, up_down_counter, gauge, histogram, observable_counter, observable_up_down_counter,
                    observable_gauge
    views           [{"instrument": NAME, and some of
                      "name", "description": TEXT of the stream,
                      "attribute_keys": [KEY] that stay,
                      "aggregation": "histogram", "exponential" or "drop",
                      "bounds": [NUMBER], "record_min_max": false (of histogram), "max_size": NUMBER (of exponential)}]
    attribute_sets  [ATTRIBUTES]
    spans           [{"trace_id": 32 hex digits, "span_id": 16 hex digits}], sampled
    cycles          [[[INSTRUMENT, ATTRIBUTE_SET, NUMBER, SPAN or -1], ...], ...]

ATTRIBUTES are [[KEY, VALUE], ...] and a VALUE is one of {"string": TEXT}, {"bool": true or false}, {"int": DECIMAL},
{"double": BITS}, {"bytes": HEX}, {"array": [VALUE, ...]}, {"map": ATTRIBUTES}, {"empty": true}. A NUMBER in cycles is
text: DECIMAL or BITS, as its instrument says; BITS are the 16 hex digits of IEEE 754. A TEXT of "\\udcXX" stands for
the byte XX, which makes it no UTF-8.

The measurements of a cycle are made in their order under the span that they name, those of observable instruments by
their callbacks. Then the driver collects once, and exports that collection in all ways that compare.py asks for.
"""

import argparse
import json
import random
import struct

SYNCHRONOUS = ("counter", "up_down_counter", "gauge", "histogram")
OBSERVABLE = ("observable_counter", "observable_up_down_counter", "observable_gauge")
KINDS = SYNCHRONOUS + OBSERVABLE
VALUES = ("string", "bool", "int", "double", "bytes", "array", "map", "empty")
TEXTS = (
    "",
    "GET",
    "größe",
    "日本語",
    "\0",
    "a b",
    "/api/v1/items",
    "x" * 300,
    "🙂",
    "line\nbreak",
    "https://example.com/?q=1",
)
DOUBLES = (0.0, -0.0, 0.1, -2.5, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"))
INTS = (0, 1, -1, 127, 128, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
SERIES = 420
CYCLES = 3


def bits(number):
    return struct.pack(">d", number).hex()


class Application:
    def __init__(self, seed, kinds, values):
        self.random = random.Random(seed)
        self.kinds, self.values = kinds, values

    def text(self):
        return self.random.choice(TEXTS) if self.random.random() < 0.5 else f"text {self.random.randrange(10**6)}"

    def value(self, depth=0):
        kind = self.random.choice([v for v in self.values if depth < 3 or v not in ("array", "map")])
        if kind == "string":
            return {kind: self.text()}
        if kind == "bool":
            return {kind: self.random.random() < 0.5}
        if kind == "int":
            return {kind: str(self.random.choice(INTS))}
        if kind == "double":
            return {kind: bits(self.random.choice(DOUBLES))}
        if kind == "bytes":
            return {kind: self.random.randbytes(self.random.randrange(20)).hex()}
        if kind == "map":
            return {kind: [[f"m{i}", self.value(depth + 1)] for i in range(self.random.randrange(4))]}
        if kind == "array":
            return {kind: self.array(depth)}
        return {"empty": True}

    def array(self, depth):
        """Of one scalar type, unless the language has maps: then its arrays can be mixed as well."""
        length = self.random.randrange(4)
        if "map" in self.values:
            return [self.value(depth + 1) for _ in range(length)]
        scalars = [v for v in self.values if v in ("string", "bool", "int", "double")]
        alike = Application(self.random.random(), self.kinds, [self.random.choice(scalars)])
        return [alike.value() for _ in range(length)]

    def attributes(self, prefix, most=6):
        return [
            [f"{prefix}.{self.random.choice('abcdé')}{i}", self.value()] for i in range(self.random.randrange(most))
        ]

    def number(self, instrument, kind):
        negative = kind in ("up_down_counter", "gauge", "observable_up_down_counter", "observable_gauge")
        if instrument["number"] == "int":
            return str(self.random.randrange(-(10**6) if negative else 0, 10**6))
        if negative and self.random.random() < 0.1:
            return bits(self.random.choice(DOUBLES))
        return bits(self.random.choice((0.0, 0.25, 1.5, 17.75, 3000.125, 10.0 ** self.random.randrange(-3, 6))))

    def instruments(self):
        return [
            {
                "scope": self.random.randrange(3),
                "kind": kind,
                "number": number,
                "name": f"{kind}.{number}.{i}",
                "unit": self.random.choice(("", "s", "By", "{request}")),
                "description": self.random.choice(("", "What it counts.", "größe")),
            }
            for kind in self.kinds
            for number in ("int", "double")
            for i in range(4)
        ]

    def views(self, instruments):
        of_kind = {kind: [i["name"] for i in instruments if i["kind"] == kind] for kind in self.kinds}
        views = [
            {"instrument": of_kind["counter"][0], "attribute_keys": ["series", "s.a0"]},
            {"instrument": of_kind["counter"][1], "name": "renamed", "description": "by a view"},
            {"instrument": of_kind["up_down_counter"][0], "aggregation": "drop"},
        ]
        for number in ("int", "double"):
            one, two, three, _ = [n for n in of_kind["histogram"] if f".{number}." in n]
            views += [
                {"instrument": one, "aggregation": "exponential", "max_size": 160},
                {"instrument": two, "aggregation": "histogram", "bounds": [], "record_min_max": False},
                {"instrument": three, "aggregation": "histogram", "bounds": [0, 0.5, 10, 1000.25]},
            ]
        views.append({"instrument": of_kind["histogram"][-1], "attribute_keys": []})
        return views


def generate(seed, kinds=KINDS, values=VALUES, odd_sets=()):
    """`odd_sets` are attribute sets beside the random ones, each of which some instrument has."""
    app = Application(seed, kinds, values)
    instruments = app.instruments()
    sets = [[["series", {"string": f"series {i}"}], *app.attributes("s")] for i in range(SERIES)] + [[], *odd_sets]
    spans = [
        {"trace_id": f"{app.random.getrandbits(128) | 1:032x}", "span_id": f"{app.random.getrandbits(64) | 1:016x}"}
        for _ in range(50)
    ]
    cycles = []
    for _ in range(CYCLES):
        cycle = []
        for index, instrument in enumerate(instruments):
            kind = instrument["kind"]
            chosen = app.random.sample(range(len(sets)), len(sets) * 9 // 10)
            for number in chosen + (chosen[:20] if kind in SYNCHRONOUS else []):
                traced = kind in SYNCHRONOUS and (app.random.random() < 0.1 or number > SERIES)  # all odd ones
                span = app.random.randrange(len(spans)) if traced else -1
                cycle.append([index, number, app.number(instrument, kind), span])
        cycles.append(cycle)
    return {
        "resource": {
            "attributes": [["service.name", {"string": "größe"}], *app.attributes("r")],
            "schema_url": "https://r",
        },
        "scopes": [
            {
                "name": f"scope {i}",
                "version": ("", "1.2")[i % 2],
                "schema_url": ("https://s", "")[i % 2],
                "attributes": app.attributes("scope"),
            }
            for i in range(3)
        ],
        "instruments": instruments,
        "views": app.views(instruments),
        "attribute_sets": sets,
        "spans": spans,
        "cycles": cycles,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int)
    print(json.dumps(generate(parser.parse_args().seed)))
