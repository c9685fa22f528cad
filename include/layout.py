#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""States the ABI that the headers declare, for authors of bindings: layout.py [--cdef] DIRECTORY

DIRECTORY holds otelue's C headers, in the source or installed. Prints JSON, or with --cdef the declarations as cffi
reads them. The headers keep to a narrow grammar; whatever is outside it is an error, so that nothing is left out."""

import json
import pathlib
import re
import sys

SCALARS = {"char": 1, "uint8_t": 1, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "uint64_t": 8, "double": 8}
OTHER_TYPES = {"void", "int", "size_t"}  # of parameters and results only

NAME = r"otelue_\w+"
DOC = r"/\*\*(?!<)(?P<doc>(?:[^*]|\*(?!/))*)\*/\s*"
GRAMMAR = [(kind, re.compile(text, re.S)) for kind, text in [
    ("space", r"\s+"),
    ("file", r"/\*\* @file.*?\*/|/\*\*\n \* @file.*?\*/"),
    ("assertions", r"static __inline void otelue_assert_layout\(void\) \{\n(?P<body>.*?)\n\}"),
    ("constant", rf"(?:{DOC})?#define (?P<name>OTELUE_\w+) (?P<value>[^\n]+)\n"),
    ("record", rf"(?:{DOC})?typedef struct (?P<name>{NAME}) \{{(?P<body>[^{{}}]*)\}} (?P=name);"),
    ("opaque", rf"(?:{DOC})?typedef struct (?P<name>{NAME}) (?P=name);"),
    ("enum", rf"(?:{DOC})?enum (?P<name>{NAME}) \{{(?P<body>[^{{}}]*)\}};"),
    ("callback", rf"(?:{DOC})?typedef (?P<result>[\w *]+)\(\*(?P<name>{NAME})\)\((?P<parameters>[^()]*)\);"),
    ("function", rf"(?:{DOC})?OTELUE_API (?P<result>[\w *]+?)(?P<name>{NAME})\((?P<parameters>[^()]*)\);"),
    # All that compilers need and bindings do not.
    ("guard", r"#ifndef (?P<guard>OTELUE_\w+_H)\n#define (?P=guard)\n"),
    ("include", r'#include (<std(def|int)\.h>|"\w+\.h")\n'),
    ("linkage", r'#ifdef __cplusplus\n(extern "C" \{|\})\n#endif\n'),
    ("visibility", r'#ifndef OTELUE_API\n#define OTELUE_API __attribute__\(\(visibility\("default"\)\)\)\n#endif\n'),
    ("macro", r"#define OTELUE_\w+\([^)]*\)([^\n]*\\\n)*[^\n]*\n|#undef OTELUE_\w+\n"),
    ("end", r"#endif\n?"),
    ("comment", r"/\*(?!\*).*?\*/"),
]]
MEMBER = re.compile(r"\s*(?:/\*\*(?!<)(?P<before>.*?)\*/\s*)?(?P<text>\w[^/;,]*?)\s*(?:[;,]|(?=/\*\*<)|$)"
                    r"(?:\s*/\*\*<(?P<after>.*?)\*/)?|\s+$", re.S)
FIELD = re.compile(r"(?P<type>\w+) (?P<name>\w+)(?:\[(?P<count>\d+)\])?")
VALUE = re.compile(r"(?P<name>OTELUE_\w+) = (?P<value>\d+)")
PARAMETER = re.compile(r"(?P<type>(?:const )?(?P<base>\w+) \**)(?P<name>\w+)")
ASSERTION = re.compile(rf"\s*OTELUE_LAYOUT\((?P<name>{NAME}), (?P<size>\d+),(?P<fields>(?:\s*OTELUE_AT\(\w+, \d+\))+)\);")


class Fault(Exception):
    pass


def prose(comment):
    """A comment as one line."""
    return " ".join(line.strip().lstrip("*").strip() for line in (comment or "").splitlines()).strip()


def first_sentence(comment):
    return re.match(r"(.*?\.)(\s|$)|.*", prose(re.split(r"\n \*\n|@", comment)[0] or comment)).group(0).strip()


def members(body, pattern, what):
    """The fields of a struct or the values of an enum, with their comments."""
    at = 0
    while at < len(body):
        found = MEMBER.match(body, at)
        if not found:
            raise Fault(f"no {what}: {body[at:].strip()[:60]!r}")
        at = found.end()
        if found["text"] is None:
            continue
        member = pattern.fullmatch(found["text"].strip())
        if not member:
            raise Fault(f"no {what}: {found['text'].strip()!r}")
        yield member, prose(found["before"] or found["after"])


class Layout:
    def __init__(self):
        self.constants, self.enums, self.records, self.opaque, self.callbacks, self.functions = [], [], [], [], [], []
        self.sizes = dict(SCALARS)
        self.alignments = dict(SCALARS)
        self.others = set(OTHER_TYPES)
        self.asserted = set()

    def read(self, text):
        at = 0
        while at < len(text):
            for kind, pattern in GRAMMAR:
                found = pattern.match(text, at)
                if found:
                    break
            else:
                raise Fault(f"line {text.count(chr(10), 0, at) + 1}: not understood: {text[at:].splitlines()[0]!r}")
            try:
                getattr(self, "add_" + kind, lambda _: None)(found)
            except Fault as fault:
                raise Fault(f"line {text.count(chr(10), 0, found.end()) + 1}: {fault}") from None
            at = found.end()

    def add_constant(self, found):
        constant = {"name": found["name"]}
        value = found["value"]
        if re.fullmatch(r"(0x[0-9A-Fa-f]+|\d+)u?", value):
            constant.update(type="uint32_t" if value.endswith("u") else "int", value=int(value.rstrip("u"), 0))
        elif re.fullmatch(r'"[^"]*"', value):  # bytes, in hexadecimal
            constant.update(type="bytes", value=value[1:-1].encode().decode("unicode_escape").encode("latin-1").hex())
        else:
            raise Fault(f"the constant {found['name']} is no number or text: {value}")
        self.constants.append({**constant, "comment": prose(found["doc"])})

    def add_enum(self, found):
        values = [{"name": value["name"], "value": int(value["value"]), "comment": comment}
                  for value, comment in members(found["body"], VALUE, "enumerator with a value")]
        self.enums.append({"name": found["name"], "comment": prose(found["doc"]), "values": values})

    def add_record(self, found):
        fields, offset, alignment = [], 0, 1
        for field, comment in members(found["body"], FIELD, "field of a fixed size"):
            kind, count = field["type"], int(field["count"] or 1)
            if kind not in self.sizes:
                raise Fault(f"{found['name']}.{field['name']} has the unknown type {kind}")
            if offset % self.alignments[kind] != 0:
                raise Fault(f"there is padding in front of {found['name']}.{field['name']}")
            size = self.sizes[kind] * count
            fields.append({"name": field["name"], "type": kind, "offset": offset, "size": size, "count": count,
                           "comment": comment})
            offset += size
            alignment = max(alignment, self.alignments[kind])
        if offset % alignment != 0:
            raise Fault(f"there is padding at the end of {found['name']}")
        self.sizes[found["name"]], self.alignments[found["name"]] = offset, alignment
        self.records.append({"name": found["name"], "size": offset, "comment": prose(found["doc"]), "fields": fields})

    def add_opaque(self, found):
        self.others.add(found["name"])
        self.opaque.append(found["name"])

    def signature(self, found):
        def known(base):
            if base not in self.sizes and base not in self.others:
                raise Fault(f"{found['name']} has a parameter or result of the unknown type {base}")

        if not found["doc"]:
            raise Fault(f"{found['name']} has no comment")
        result = " ".join(found["result"].split())
        known(re.sub(r"^const |[ *]+$", "", result))
        parameters = []
        for text in [] if found["parameters"] == "void" else found["parameters"].split(","):
            parameter = PARAMETER.fullmatch(" ".join(text.split()))
            if not parameter:
                raise Fault(f"{found['name']} has a parameter that is not understood: {text.strip()!r}")
            known(parameter["base"])
            parameters.append({"name": parameter["name"], "type": parameter["type"].strip()})
        return {"name": found["name"], "returns": result, "parameters": parameters,
                "comment": first_sentence(found["doc"])}

    def add_callback(self, found):
        self.callbacks.append(self.signature(found))
        self.others.add(found["name"])

    def add_function(self, found):
        self.functions.append(self.signature(found))

    def add_assertions(self, found):
        """What the compiler is told to check is what was read."""
        at, body = 0, found["body"]
        records = {record["name"]: record for record in self.records}
        while at < len(body):
            assertion = ASSERTION.match(body, at)
            if not assertion:
                raise Fault(f"no assertion of a layout: {body[at:].strip().splitlines()[0]!r}")
            record = records[assertion["name"]]
            offsets = [(name, int(offset)) for name, offset in re.findall(r"\((\w+), (\d+)\)", assertion["fields"])]
            if int(assertion["size"]) != record["size"] or offsets != [(f["name"], f["offset"]) for f in record["fields"]]:
                raise Fault(f"the assertion about {record['name']} is wrong or incomplete")
            self.asserted.add(record["name"])
            at = assertion.end()
        if missing := records.keys() - self.asserted:
            raise Fault(f"nothing is asserted about {', '.join(sorted(missing))}")

    def as_dict(self):
        constant = {c["name"]: c["value"] for c in self.constants}
        return {
            "release": ".".join(str(constant[f"OTELUE_VERSION_{part}"]) for part in ("MAJOR", "MINOR", "PATCH")),
            "soname": f"libotelue.so.{constant['OTELUE_ABI_VERSION']}",
            "batch_version": constant["OTELUE_BATCH_VERSION"],
            "recording_version": constant["OTELUE_RECORDING_VERSION"],
            "constants": self.constants, "enums": self.enums, "records": self.records, "opaque": self.opaque,
            "callbacks": self.callbacks, "functions": self.functions,
        }


def cdef(layout):
    def signature(of, name):
        parameters = ", ".join(f"{p['type']} {p['name']}" for p in of["parameters"])
        return f"{of['returns']} {name}({parameters or 'void'});"

    for constant in layout["constants"]:
        if constant["type"] != "bytes":
            yield f"#define {constant['name']} {constant['value']}"
    for enum in layout["enums"]:
        yield f"enum {enum['name']} {{ " + ", ".join(f"{v['name']} = {v['value']}" for v in enum["values"]) + " };"
    for record in layout["records"]:
        yield f"typedef struct {record['name']} {{"
        for field in record["fields"]:
            yield f"  {field['type']} {field['name']}" + (f"[{field['count']}];" if field["count"] > 1 else ";")
        yield f"}} {record['name']};"
    for name in layout["opaque"]:
        yield f"typedef struct {name} {name};"
    for callback in layout["callbacks"]:
        yield "typedef " + signature(callback, f"(*{callback['name']})")
    for function in layout["functions"]:
        yield signature(function, function["name"])


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[:-1] not in ([], ["--cdef"]):
        sys.exit(__doc__)
    layout = Layout()
    for header in ("version.h", "records.h", "otelue.h"):
        path = pathlib.Path(arguments[-1], header)
        try:
            layout.read(path.read_text(encoding="utf-8"))
        except Fault as fault:
            sys.exit(f"{path}: {fault}")
    stated = layout.as_dict()
    print("\n".join(cdef(stated)) if len(arguments) == 2 else json.dumps(stated, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
