# SPDX-License-Identifier: Apache-2.0
"""The exporter's own metrics, as the semantic conventions name them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import time
from collections.abc import Iterator

from opentelemetry.metrics import MeterProvider, get_meter_provider

from ._library import Result

_numbers = itertools.count()


class Operation:
    """An export. Without a result it failed."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._started = time.perf_counter()
        self._points = 0
        self.result: Result | None = None

    def begin(self, points: int) -> None:
        """They are on their way until the operation ends."""
        self._points = points
        self._telemetry.count_inflight(points)

    def end(self) -> None:
        self._telemetry.count_inflight(-self._points)
        self._telemetry.record(self._outcomes(), time.perf_counter() - self._started)

    def _outcomes(self) -> dict[str, int]:
        """Points by error.type, and under "" those that were exported."""
        result = self.result
        if result is None:
            return {"_OTHER": self._points}
        return {
            "": result.points_exported,
            "invalid": result.points_invalid,
            "too_large": result.points_too_large,
            errno.errorcode.get(result.last_errno, "_OTHER"): result.points_unwritten,
        }


class Telemetry:
    """Counts when OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED is true."""

    def __init__(self, exporter: object, meter_provider: MeterProvider | None) -> None:
        wanted = os.environ.get("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "")
        self._enabled = wanted.strip().lower() == "true"
        if not self._enabled:
            return
        component = type(exporter).__qualname__
        self._attributes = {
            "otel.component.type": component,
            "otel.component.name": f"{component}/{next(_numbers)}",
        }
        meter = (meter_provider or get_meter_provider()).get_meter("opentelemetry-sdk")
        self._exported = meter.create_counter(
            "otel.sdk.exporter.metric_data_point.exported",
            "{data_point}",
            "The number of metric data points for which the export has finished, either successful or failed.",
        )
        self._inflight = meter.create_up_down_counter(
            "otel.sdk.exporter.metric_data_point.inflight",
            "{data_point}",
            "The number of metric data points which were passed to the exporter, but that have not been exported yet.",
        )
        self._duration = meter.create_histogram(
            "otel.sdk.exporter.operation.duration", "s", "The duration of exporting a batch of telemetry records."
        )

    @contextlib.contextmanager
    def operation(self) -> Iterator[Operation]:
        operation = Operation(self)
        try:
            yield operation
        finally:
            operation.end()

    def count_inflight(self, points: int) -> None:
        if self._enabled:
            self._inflight.add(points, self._attributes)

    def record(self, outcomes: dict[str, int], duration: float) -> None:
        """`outcomes` are numbers of points by error.type."""
        if not self._enabled:
            return
        failed: dict[str, str] = {}
        for error, points in outcomes.items():
            if points:
                attributes = {**self._attributes, "error.type": error} if error else self._attributes
                self._exported.add(points, attributes)
                failed = failed or (attributes if error else {})
        self._duration.record(duration, failed or self._attributes)
