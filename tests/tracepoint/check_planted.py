#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program that has a planted race: check_planted.py COMMAND. ThreadSanitizer must report that one, and only it."""

import re
import subprocess
import sys

done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
places = set(re.findall(r"^SUMMARY: ThreadSanitizer: data race (.*?):\d+ in (\w+)", done.stderr, re.MULTILINE))
assert done.returncode == 66, (done.returncode, done.stderr)
assert {(place.split("/")[-1], function) for place, function in places} == {("races.cc", "use")}, done.stderr
