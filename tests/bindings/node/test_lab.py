# SPDX-License-Identifier: Apache-2.0
"""On the test kernel: programs that --import switches on are heard, and what nobody can hear is said once."""

import json
import os
import pathlib
import subprocess

from lab import Listener

HERE = pathlib.Path(__file__).parent
PACKAGE = HERE.parents[2] / "src/bindings/node"
REGISTER = PACKAGE / "dist/register.js"
ON = {"OTEL_METRICS_EXPORTER": "user_events", "OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_LOG_LEVEL": "warn"}

SHOP = """
const { metrics } = require('@opentelemetry/api');
const counter = metrics.getMeter('shop').createCounter('requests');
const timer = setInterval(() => counter.add(1, { method: 'GET' }), 50);
process.stdin.on('end', () => clearInterval(timer)).resume();
"""

# Exports three times, and prints what the exporter warns of.
WARNED = """
const { diag } = require('@opentelemetry/api');
const { UserEventsMetricExporter } = require('./dist/index.js');
const warnings = [];
diag.setLogger({ warn: (...args) => warnings.push(args.join(' ')), error() {}, info() {}, debug() {} });
if (process.argv[1]) process.setegid(65534), process.seteuid(65534);
const exporter = new UserEventsMetricExporter();
const results = [];
const metrics = { resource: { attributes: {} }, scopeMetrics: [] };
for (let i = 0; i < 3; ++i) exporter.export(metrics, ({ code }) => results.push(code));
console.log(JSON.stringify({ warnings, results, registrations: exporter.statistics().registrations }));
"""


def warned(*arguments):
    out = subprocess.run(
        ["node", "--eval", WARNED, *arguments], cwd=PACKAGE, check=True, capture_output=True, text=True
    )
    return json.loads(out.stdout)


def test_a_program_that_import_switches_on_is_heard(tmp_path):
    command = ["node", "--import", REGISTER, "--eval", SHOP]
    program = subprocess.Popen(command, cwd=PACKAGE, env={**os.environ, **ON}, stdin=subprocess.PIPE)
    listener = Listener(tmp_path / "recording")
    listener.wait_until_it_hears()
    program.communicate()
    assert program.returncode == 0
    listener.stop()
    rows, lost = listener.received()
    assert lost == 0 and set(rows) == {program.pid}
    assert {row.metric.name for row in rows[program.pid]} == {"requests"}


def test_where_nobody_listens_there_is_nothing_to_say():
    assert warned() == {"warnings": [], "results": [0, 0, 0], "registrations": 1}


def test_without_permission_one_message_says_so():
    said = warned("unprivileged")
    (message,) = said["warnings"]
    assert message.startswith("otelue no metrics are exported: no permission to write user_events_data")
    assert said["results"] == [0, 0, 0] and said["registrations"] == 0
