# SPDX-License-Identifier: Apache-2.0
"""Exports a point every few milliseconds until its standard input ends, and says of each whether it was heard."""

import json
import select
import sys

from test_lab import Exporter, numbered

exporter, number = Exporter(), 0
while not select.select([sys.stdin], [], [], 0.005)[0]:
    number += 1
    result = exporter.export(numbered(number))
    print(json.dumps({"number": number, "exported": result.points_exported}))
exporter.close()
