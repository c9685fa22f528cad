# SPDX-License-Identifier: Apache-2.0
"""Compares what a binding believes of the ABI with layout.json, which states what the headers say: $OTELUE_LAYOUT.

A binding states its beliefs in these terms, as JSON when it is not written in Python:

    {"records": {NAME: {"size": BYTES, "fields": {FIELD: OFFSET}}},  and of a record within a record OUTER.INNER
     "functions": {NAME: NUMBER_OF_PARAMETERS},
     "numbers": {NAME: VALUE}}                                       constants and values of enums

It may leave out what it does not use, but no field of a record that it uses."""

import json
import os
import sys


def load():
    with open(os.environ["OTELUE_LAYOUT"], encoding="utf-8") as file:
        return json.load(file)


def fields(records, name):
    """Offsets by name. A reference is one field."""
    found = {}
    for field in records[name]["fields"]:
        if field["type"] in records and field["type"] != "otelue_ref":
            inner = fields(records, field["type"])
            found.update({f"{field['name']}.{path}": field["offset"] + offset for path, offset in inner.items()})
        else:
            found[field["name"]] = field["offset"]
    return found


def check(believed):
    layout = load()
    records = {record["name"]: record for record in layout["records"]}
    functions = {f["name"]: len(f["parameters"]) for f in layout["functions"]}
    numbers = {number["name"]: number["value"] for number in layout["constants"]}
    numbers.update({value["name"]: value["value"] for enum in layout["enums"] for value in enum["values"]})
    assert believed["records"] and believed["functions"] and believed["numbers"]
    for name, record in believed["records"].items():
        header = {"size": records[name]["size"], "fields": fields(records, name)}
        assert record == header, f"{name}: {record}, in the header {header}"
    for kind, header in (("functions", functions), ("numbers", numbers)):
        for name, value in believed[kind].items():
            assert value == header.get(name), f"{name}: {value}, in the header {header.get(name)}"


if __name__ == "__main__":
    check(json.load(sys.stdin))
