#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A caller makes the events that protoc makes of its counter and gauge, as callers in every language do."""

import subprocess
import sys

EXPECTED = [
    "0a770a170a150a0c736572766963652e6e616d6512050a03737663125c0a0a0a086d792e6d65746572124e0a0d687474702e7265717565"
    "7374731a097b726571756573747d3a320a2c110036c96bb3b6e00d19000064a7b3b6e00d3107000000000000003a0f0a066d6574686f64"
    "12050a0347455410011801",
    "0a550a170a150a0c736572766963652e6e616d6512050a03737663123a0a0a0a086d792e6d65746572122c0a0b71756575652e64657074"
    "682a1d0a1b110036c96bb3b6e00d19000064a7b3b6e00d210000000000000440",
]

lines = subprocess.run([*sys.argv[1:], "fixed"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
assert lines == EXPECTED, "\n".join(lines)
