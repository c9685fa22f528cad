#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/README.md leads to tests that are there."""

import pathlib
import re
import sys

tests = pathlib.Path(sys.argv[1])
faults = []
promises = 0
for line in (tests / "README.md").read_text().splitlines():
    row = re.fullmatch(r"\| (.+) \| (.+) \|", line)
    if not row or row[2] == "tests":
        continue
    promises += 1
    # A file in backquotes, then names in quotes, which belong to that file.
    text = ""
    for file, name in re.findall(r'`([\w./]+)`|"([^"]+)"', row[2]):
        if file:
            text = (tests / file).read_text() if (tests / file).is_file() else ""
            if not text:
                faults.append(f"{row[1]}: there is no {file}")
        elif name not in text:
            faults.append(f'{row[1]}: no "{name}" there')
    if not re.search(r"`[\w./]+`", row[2]):
        faults.append(f"{row[1]}: no test")
assert promises > 40, promises
assert not faults, "\n".join(faults)
