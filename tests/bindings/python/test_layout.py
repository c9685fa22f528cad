# SPDX-License-Identifier: Apache-2.0
"""What the package believes of the ABI is what the headers say."""

import ctypes

import layout
from otelue import _library, _records


def test_records_functions_and_numbers_are_those_of_the_headers():
    records = {r.name: {"size": r.size, "fields": r.offsets} for r in _records.RECORDS}
    for name, struct in _library.STRUCTS.items():
        fields = {field: getattr(struct, field).offset for field, _ in struct._fields_}
        records[name] = {"size": ctypes.sizeof(struct), "fields": fields}
    functions = {name: len(arguments) for name, (_, arguments) in _library.FUNCTIONS.items()}
    names = {**vars(_records), **vars(_library)}
    prefixes = (
        "EMPTY STRING BOOL INT DOUBLE ARRAY KVLIST BYTES KIND_ ATTRIBUTE_RECORDS ENCODED HAS_ BATCH_ LOG_ PARTIAL STEP_"
    ).split()
    numbers = {
        "OTELUE_" + name.replace("KIND_", ""): value
        for name, value in names.items()
        if isinstance(value, int) and name.startswith(tuple(prefixes))
    }
    numbers.update({f"OTELUE_PACK_{name.upper()}": value for name, value in _library.PACKINGS.items()})
    assert len(numbers) > 25
    layout.check({"records": records, "functions": functions, "numbers": numbers})
