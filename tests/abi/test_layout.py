# SPDX-License-Identifier: Apache-2.0
"""layout.json says what the headers say and what compilers make of them, and that does not change. (What the library
exports is compared with it in check_exports.py.)"""

import ctypes
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

import cffi
import pytest

HERE = pathlib.Path(__file__).parent
INCLUDE = HERE.parents[1] / "include"
GENERATOR = INCLUDE / "layout.py"
LAYOUT = json.loads(pathlib.Path(os.environ["OTELUE_LAYOUT"]).read_text())
# What one processor can be told to be. gcc's own headers are enough for the records, without those of a libc.
MACHINES = {"x86_64": ["-m64", "-m32", "-mx32"], "aarch64": ["-mlittle-endian", "-mbig-endian"]}


def generate(*arguments):
    return subprocess.run([sys.executable, GENERATOR, *arguments], capture_output=True, text=True)


def in_lines():
    """The layout as a person reads it."""
    yield f"{LAYOUT['soname']} batch {LAYOUT['batch_version']} recording {LAYOUT['recording_version']}"
    yield ""
    for constant in LAYOUT["constants"]:
        if not constant["name"].startswith("OTELUE_VERSION_"):
            yield f"{constant['name']} {constant['type']} {constant['value']}"
    for enum in LAYOUT["enums"]:
        yield f"\n{enum['name']}"
        yield from (f"  {value['name']} {value['value']}" for value in enum["values"])
    for record in LAYOUT["records"]:
        yield f"\n{record['name']} {record['size']}"
        for field in record["fields"]:
            count = f"[{field['count']}]" if field["count"] > 1 else ""
            yield f"  {field['offset']} {field['name']} {field['type']}{count}"
    yield ""
    for function in LAYOUT["callbacks"] + LAYOUT["functions"]:
        parameters = ", ".join(f"{p['type']} {p['name']}" for p in function["parameters"])
        yield f"{function['name']}({parameters}): {function['returns']}"


def test_the_abi_of_this_soname_is_what_it_was():
    """abi.txt is changed by hand, together with what else such a change asks for (see version.h)."""
    assert "\n".join(in_lines()).splitlines() == (HERE / "abi.txt").read_text().splitlines()


def test_literal_figures():
    """A few that were written down by hand, so that the rest can be trusted."""
    records = {record["name"]: record for record in LAYOUT["records"]}
    assert re.fullmatch(r"\d+\.\d+\.\d+", LAYOUT["release"])
    assert (LAYOUT["soname"], LAYOUT["batch_version"], LAYOUT["recording_version"]) == ("libotelue.so.1", 1, 1)
    assert records["otelue_point"]["size"] == 64
    assert records["otelue_point"]["fields"][8] == {
        "name": "body", "type": "uint32_t", "offset": 44, "size": 4, "count": 1,
        "comment": "offset of an otelue_histogram, otelue_exponential_histogram or otelue_summary; others: 0"}
    assert records["otelue_exemplar"]["fields"][5]["count"] == 16
    assert records["otelue_ref"]["comment"].startswith("Where something is: the offset from the first byte of the batch")
    [kind] = [enum for enum in LAYOUT["enums"] if enum["name"] == "otelue_metric_kind"]
    assert [value["value"] for value in kind["values"]] == [5, 7, 9, 10, 11]
    constants = {constant["name"]: constant["value"] for constant in LAYOUT["constants"]}
    assert constants["OTELUE_BATCH_MAGIC"] == int.from_bytes(b"OTUE", "little")
    assert bytes.fromhex(constants["OTELUE_RECORDING_MAGIC"]) == b"\x89OTELUE\n"
    [enabled] = [function for function in LAYOUT["functions"] if function["name"] == "otelue_enabled"]
    assert enabled == {
        "name": "otelue_enabled", "returns": "int",
        "parameters": [{"name": "exporter", "type": "const otelue_exporter *"}],
        "comment": "The kernel's enable word, 1 or 0, by one load: for a guard in front of each measurement."}


@pytest.mark.parametrize("machine", MACHINES.get(platform.machine(), [""]))
def test_the_compiler_agrees(machine, tmp_path):
    claims = []
    for constant in LAYOUT["constants"]:
        if constant["type"] == "bytes":
            size = len(constant["value"]) // 2
            claims.append(f"sizeof({constant['name']}) == {size} + 1")
            claims += [f"(unsigned char){constant['name']}[{i}] == 0x{constant['value'][2 * i:2 * i + 2]}"
                       for i in range(size)]
        else:
            claims.append(f"{constant['name']} == {constant['value']}")
            claims.append(f"__builtin_types_compatible_p(__typeof__({constant['name']}), {constant['type']})")
    for enum in LAYOUT["enums"]:
        claims += [f"(enum {enum['name']}){value['name']} == {value['value']}" for value in enum["values"]]
    for record in LAYOUT["records"]:
        name = record["name"]
        claims.append(f"sizeof({name}) == {record['size']}")
        for field in record["fields"]:
            member = f"(({name} *)0)->{field['name']}"
            kind = field["type"] + (f"[{field['count']}]" if field["count"] > 1 else "")
            claims.append(f"offsetof({name}, {field['name']}) == {field['offset']}")
            claims.append(f"sizeof({member}) == {field['size']}")
            claims.append(f"__builtin_types_compatible_p(__typeof__({member}), {kind})")
    for kind in LAYOUT["callbacks"]:
        parameters = ", ".join(p["type"] for p in kind["parameters"])
        claims.append(f"__builtin_types_compatible_p({kind['name']}, {kind['returns']} (*)({parameters}))")
    for function in LAYOUT["functions"]:
        parameters = ", ".join(p["type"] for p in function["parameters"]) or "void"
        claims.append(f"__builtin_types_compatible_p(__typeof__({function['name']}), {function['returns']}({parameters}))")
    program = tmp_path / "claims.c"
    body = "".join(f"  if (!({claim})) wrong({i});\n" for i, claim in enumerate(claims))
    # A call that the compiler can drop from a program that is right.
    program.write_text('#include "otelue/otelue.h"\n'
                       '__attribute__((error("a claim of layout.json"))) void wrong(int);\n'
                       f"void check(void);\nvoid check(void) {{\n{body}}}\n")

    command = ["gcc", "-O2", "-std=gnu11", "-Werror", "-ffreestanding", "-S", "-o", "/dev/null", f"-I{INCLUDE}"]
    compiled = subprocess.run(command + ([machine] if machine else []) + [program], capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    assert len(claims) > 500

    program.write_text(program.read_text().replace("offsetof(otelue_point, body) == 44", "offsetof(otelue_point, body) == 40"))
    assert "a claim of layout.json" in subprocess.run(command + [program], capture_output=True, text=True).stderr


def test_cffi_reads_the_definition(tmp_path):
    definition = generate("--cdef", INCLUDE / "otelue")
    assert (definition.returncode, definition.stderr) == (0, "")
    ffi = cffi.FFI()
    ffi.cdef(definition.stdout)
    for record in LAYOUT["records"]:
        assert ffi.sizeof(record["name"]) == record["size"]
        for field in record["fields"]:
            assert ffi.offsetof(record["name"], field["name"]) == field["offset"]
    library = ffi.dlopen(os.environ["OTELUE_LIBRARY"])
    for function in LAYOUT["functions"]:
        assert ffi.typeof(getattr(library, function["name"])).kind == "function"
    release = library.otelue_version()
    assert f"{release >> 16}.{release >> 8 & 255}.{release & 255}" == LAYOUT["release"]
    assert library.OTELUE_EXPONENTIAL_HISTOGRAM == 10 and library.OTELUE_BATCH_MAGIC == 0x4555544F
    assert ffi.string(library.otelue_strerror(0)) == b"success"
    options = ffi.new("otelue_options *", {"struct_size": ffi.sizeof("otelue_options"), "packing": 3})
    assert library.otelue_open(options, ffi.NULL, ffi.NULL, ffi.new("otelue_exporter **")) == -22


# What the generator has to stumble over: a text of a header, what it becomes, and a word of the complaint.
ODD = {
    "a bit-field": ("uint32_t off;", "uint32_t off : 4;", "field of a fixed size"),
    "a pointer": ("uint32_t off;", "char *off;", "field of a fixed size"),
    "an unknown type": ("uint32_t off;", "long off;", "unknown type long"),
    "a union": ("typedef struct otelue_ref {", "typedef union otelue_ref {", "not understood"),
    "padding between fields": ("  uint32_t off;\n", "  uint16_t off;\n", "padding in front of otelue_ref.len"),
    "padding at the end": ("  double quantile;\n", "  uint32_t quantile;\n", "padding"),
    "a wrong assertion": ("OTELUE_AT(len, 4)", "OTELUE_AT(len, 8)", "about otelue_ref is wrong or incomplete"),
    "a missing assertion": ("  OTELUE_LAYOUT(otelue_ref, 8, OTELUE_AT(off, 0) OTELUE_AT(len, 4));\n", "",
                            "nothing is asserted about otelue_ref"),
    "an enumerator without a value": ("OTELUE_EMPTY = 0", "OTELUE_EMPTY", "enumerator with a value"),
    "a constant that is computed": ("#define OTELUE_BATCH_VERSION 1u", "#define OTELUE_BATCH_VERSION (0 + 1)",
                                    "no number or text"),
    "a declaration of another kind": ("extern \"C\" {\n#endif\n", "extern \"C\" {\n#endif\nextern int otelue_x;\n",
                                      "not understood: 'extern int otelue_x;'"),
}


@pytest.mark.parametrize("name", ODD)
def test_nothing_odd_is_passed_over(name, tmp_path):
    before, after, complaint = ODD[name]
    shutil.copytree(INCLUDE / "otelue", tmp_path / "otelue")
    header = tmp_path / "otelue" / "records.h"
    text = header.read_text()
    assert text.count(before) >= 1
    header.write_text(text.replace(before, after, 1))
    done = generate(tmp_path / "otelue")
    assert done.returncode == 1 and done.stdout == ""
    assert re.match(rf"{re.escape(str(header))}: line \d+: .*{re.escape(complaint)}", done.stderr), done.stderr


@pytest.mark.parametrize("before, after, complaint", [
    ("/** The release as major << 16 | minor << 8 | patch. */\n", "", "otelue_version has no comment"),
    ("int otelue_enabled(const otelue_exporter *exporter);", "int otelue_enabled(const void *);", "parameter"),
    ("int otelue_enabled(const otelue_exporter *exporter);", "long otelue_enabled(const otelue_exporter *exporter);",
     "unknown type long"),
    ("typedef void (*otelue_log_function)(", "typedef void (otelue_log_function)(", "not understood"),
])
def test_no_odd_function_is_passed_over(before, after, complaint, tmp_path):
    shutil.copytree(INCLUDE / "otelue", tmp_path / "otelue")
    header = tmp_path / "otelue" / "otelue.h"
    text = header.read_text()
    assert text.count(before) == 1
    header.write_text(text.replace(before, after))
    done = generate(tmp_path / "otelue")
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_options_results_and_enums_of_ctypes_bindings_follow_from_the_layout():
    """As a binding makes its structs: from layout.json, none by hand."""
    scalars = {"char": ctypes.c_char, "double": ctypes.c_double}
    scalars.update({f"{u}int{n}_t": getattr(ctypes, f"c_{u}int{n}") for u in ("", "u") for n in (8, 16, 32, 64)})
    kinds = dict(scalars)
    for record in LAYOUT["records"]:
        fields = [(f["name"], kinds[f["type"]] * f["count"] if f["count"] > 1 else kinds[f["type"]])
                  for f in record["fields"]]
        kinds[record["name"]] = type(record["name"], (ctypes.Structure,), {"_fields_": fields})
        assert ctypes.sizeof(kinds[record["name"]]) == record["size"]
    result = kinds["otelue_statistics"]
    assert (result.registrations.offset, result.registrations.size) == (120, 8)
