# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry metrics through Linux user_events."""

from ._exporter import UserEventsMetricExporter

__all__ = ["UserEventsMetricExporter"]
