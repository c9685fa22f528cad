# SPDX-License-Identifier: Apache-2.0
"""What gunicorn serves in test_lab.py: each answer is one increment of a counter."""

import os

from opentelemetry.metrics import get_meter, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from otelue import UserEventsMetricExporter

served = get_meter("workers").create_counter("served")


def make_provider():
    set_meter_provider(MeterProvider([PeriodicExportingMetricReader(UserEventsMetricExporter(), 300)]))


def application(_environ, start_response):
    served.add(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


if "OTELUE_TEST_IN_PARENT" in os.environ:
    make_provider()
