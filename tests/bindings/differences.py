# SPDX-License-Identifier: Apache-2.0
"""The known differences between what an SDK's own encoder says and what its exporter here says: all of them.

Those with an attribute set are shown by a series with that set. Its attribute `odd` comes out of the SDK's encoder as
`sdk` (None: not at all), and out of ours as `ours`."""

import math
import typing

# How many arrays fit inside each other: an event nests 100 messages at most, of which the value of a point's attribute is
# the 7th, that of an exemplar's the 8th, and each array takes 2.
DEEPEST = (100 - 8) // 2


class Odd(typing.NamedTuple):
    name: str
    languages: tuple
    key: str
    value: dict  # a VALUE of application.py
    sdk: dict | None
    ours: dict | None


def nested(depth, inside):
    value = inside
    for _ in range(depth):
        value = {"array": [value]}
    return value


PYTHON = ("python",)
ODD = (
    Odd("int beyond int64", PYTHON, "odd", {"int": str(2**63)}, None, {"string": "9223372036854775808"}),
    Odd("unsigned beyond int64", ("cpp",), "odd", {"int": str(2**63)}, {"int": str(-(2**63))}, {"string": str(2**63)}),
    Odd("string that is not UTF-8", PYTHON, "odd", {"string": "a\udcff"}, None, {"bytes": "61ff"}),
    Odd("key that is not UTF-8", PYTHON, "o\udcff", {"int": "1"}, None, None),
    Odd("70-deep value", PYTHON, "odd", nested(70, {"int": "1"}), None, nested(DEEPEST, {"empty": True})),
)


def odd_sets(language):
    """Their attribute sets, for an application."""
    return [[["difference", {"string": odd.name}], [odd.key, odd.value]] for odd in ODD if language in odd.languages]


def write(message, value):
    """A VALUE into an AnyValue."""
    ((kind, content),) = value.items()
    if kind == "empty":
        return
    if kind == "array":
        message.array_value.SetInParent()
        for element in content:
            write(message.array_value.values.add(), element)
    elif kind == "bytes":
        message.bytes_value = bytes.fromhex(content)
    elif kind == "int":
        message.int_value = int(content)
    else:
        message.string_value = content


def mend_odd(language, point):
    """Makes the SDK's point ours where it has an odd attribute, and returns the names of the differences."""
    shown = mend_attributes(language, point.attributes)
    for exemplar in point.exemplars:
        shown += mend_attributes(language, exemplar.filtered_attributes)
    return shown


def mend_attributes(language, attributes):
    names = [a.value.string_value for a in attributes if a.key == "difference"]
    for odd in ODD:
        if odd.name in names:
            assert language in odd.languages
            found = [a.value for a in attributes if a.key != "difference"]
            wanted = []
            if odd.sdk is not None:
                wanted.append(type(attributes[0].value)())
                write(wanted[0], odd.sdk)
            assert found == wanted, f"{odd.name}: the SDK's encoder sends {found}"
            del attributes[1:]
            if odd.ours is not None:
                write(attributes.add(key=odd.key).value, odd.ours)
    return names


def mend_unrecorded_extrema(language, point):
    """Python's SDK sends min and max as they began when a view says not to record them."""
    if language == "python" and point.DESCRIPTOR.name.endswith("HistogramDataPoint"):
        if point.min == math.inf and point.max == -math.inf:
            point.ClearField("min")
            point.ClearField("max")
            return ["min and max that are not recorded"]
    return []


MENDERS = (mend_odd, mend_unrecorded_extrema)


def names(language):
    """The differences that an application must have shown."""
    extrema = ["min and max that are not recorded"] if language == "python" else []
    return {odd.name for odd in ODD if language in odd.languages} | set(extrema)
