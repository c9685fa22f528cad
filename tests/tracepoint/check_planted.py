#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program in which a fault was planted: check_planted.py REPORT COMMAND... It must fail, and report that fault
(a regular expression) and no other."""

import re
import subprocess
import sys

report, *command = sys.argv[1:]
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
reports = re.findall(r"^.*(?:FAILED|SUMMARY:).*$", done.stdout, re.MULTILINE)
assert done.returncode != 0, done.stdout
assert reports and all(re.search(report, line) for line in reports), done.stdout
