# SPDX-License-Identifier: Apache-2.0
"""A small shop whose metrics anybody on this machine can listen to: otelue watch."""

import random
import time

from opentelemetry.metrics import Observation, get_meter, set_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from otelue import UserEventsMetricExporter

reader = PeriodicExportingMetricReader(UserEventsMetricExporter(), export_interval_millis=1000)
set_meter_provider(MeterProvider([reader], Resource.create({"service.name": "shop"})))

meter = get_meter("shop", "1.0")
requests = meter.create_counter("http.server.requests", "{request}")
durations = meter.create_histogram("http.server.request.duration", "s")
meter.create_observable_gauge("queue.length", [lambda _: [Observation(random.randrange(10))]], "{item}")

for _ in range(100):
    attributes = {"http.request.method": random.choice(["GET", "POST"]), "http.route": "/items"}
    requests.add(1, attributes)
    durations.record(random.expovariate(10), attributes)
    time.sleep(0.1)
