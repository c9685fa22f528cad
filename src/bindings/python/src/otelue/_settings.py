# SPDX-License-Identifier: Apache-2.0
"""What code, declarative configuration and the environment say. A mistake is logged, and the default holds."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
)
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

_logger = logging.getLogger("otelue")

PREFIX = "OTEL_EXPORTER_USER_EVENTS_"
_CUMULATIVE, _DELTA = AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA
_TEMPORALITIES: dict[str, dict[type, AggregationTemporality]] = {
    "cumulative": {},
    "delta": {Counter: _DELTA, Histogram: _DELTA, ObservableCounter: _DELTA},
    "lowmemory": {Counter: _DELTA, Histogram: _DELTA},
}
_AGGREGATIONS: dict[str, type[Aggregation]] = {
    "explicit_bucket_histogram": ExplicitBucketHistogramAggregation,
    "base2_exponential_bucket_histogram": ExponentialBucketHistogramAggregation,
}


def _setting(value: object, variable: str) -> str | None:
    """What was said in code, or else in the environment. Declarative configuration may say anything."""
    found = os.environ.get(variable, "") if value is None else str(value)
    return found.strip() or None


def choice(value: str | None, variable: str, choices: Mapping[str, object], default: str) -> str:
    """The one of `choices` that was named, in any case and with or without underscores."""
    found = _setting(value, variable)
    if found is None:
        return default
    names = {name.replace("_", ""): name for name in choices}
    name = names.get(found.lower().replace("_", ""))
    if name is None:
        _logger.warning("%r is none of %s: using %s (%s)", found, ", ".join(choices), default, variable)
    return name or default


def size(value: int | None, name: str) -> int:
    """A number of bytes; 0 when none was named."""
    variable = PREFIX + name.upper()
    found = _setting(value, variable)
    if found is None:
        return 0
    if found.isascii() and found.isdigit() and int(found) < 2**32:
        return int(found)
    _logger.warning("%r is not a number of bytes: using the default (%s)", found, variable)
    return 0


def path(value: str | os.PathLike[str] | None, name: str) -> str | None:
    return _setting(value, PREFIX + name.upper())


def temporality(
    preference: str | None, preferred: Mapping[type, AggregationTemporality] | None
) -> dict[type, AggregationTemporality]:
    """By kind of instrument. Unlike OTLP's exporters, this one prefers delta when nothing was said."""
    name = choice(preference, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, _TEMPORALITIES, "delta")
    instruments = (Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge)
    return {**dict.fromkeys(instruments, _CUMULATIVE), **_TEMPORALITIES[name], **(preferred or {})}


def aggregation(preference: str | None, preferred: Mapping[type, Aggregation] | None) -> dict[type, Aggregation]:
    name = choice(
        preference,
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
        _AGGREGATIONS,
        "explicit_bucket_histogram",
    )
    return {Histogram: _AGGREGATIONS[name](), **(preferred or {})}
