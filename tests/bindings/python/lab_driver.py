# SPDX-License-Identifier: Apache-2.0
"""Exports every 300 ms, as lab.py asks."""

import itertools
import json
import sys

from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from otelue import UserEventsMetricExporter

numbers = itertools.count(1)


def observe(_options):
    number = next(numbers)
    return [Observation(number, {"series": i, "name": "of one of them"}) for i in range(200)]


class Reporting(UserEventsMetricExporter):
    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        result = super().export(metrics_data, timeout_millis, **kwargs)
        points = metrics_data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
        statistics = {name: n for name, n in self.statistics().items() if name.startswith("points_")}
        print(json.dumps({"interval": points[0].value, "produced": len(points), "statistics": statistics}), flush=True)
        return result


provider = MeterProvider([PeriodicExportingMetricReader(Reporting(), 300)])
provider.get_meter("lab").create_observable_gauge("interval", [observe])
sys.stdin.read()
provider.shutdown()
