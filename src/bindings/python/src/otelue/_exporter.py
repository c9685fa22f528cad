# SPDX-License-Identifier: Apache-2.0
"""The exporter that the SDK calls."""

from __future__ import annotations

import collections
import ctypes
import errno
import functools
import logging
import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.metrics.view import Aggregation

from . import _library, _settings
from ._batch import Batch
from ._memory import Memory
from ._telemetry import Telemetry

_logger = logging.getLogger("otelue")

# Errors are points that were not exported, of which an export says more.
_LEVELS = {_library.LOG_WARNING: logging.WARNING, _library.LOG_INFO: logging.INFO}
_exporters: weakref.WeakSet[UserEventsMetricExporter] = weakref.WeakSet()


class UserEventsMetricExporter(MetricExporter):
    """Exports metrics to the Linux tracepoint ``user_events:otlp_metrics``.

    It never raises. Without the library, a kernel that has user_events, or permission it says so once and does
    nothing. All arguments are optional, and each can be set by an environment variable, see the README.

    Args:
        preferred_temporality: by class of instrument, above what ``temporality_preference`` says.
        preferred_aggregation: by class of instrument, above what ``default_histogram_aggregation`` says.
        temporality_preference: ``delta`` (default), ``cumulative`` or ``low_memory``.
        default_histogram_aggregation: ``explicit_bucket_histogram`` or ``base2_exponential_bucket_histogram``.
        packing: which points share an event: those of one ``metric`` (default), no ``point``, or all (``request``).
        target_event_bytes: points are added to an event while it is at most so large.
        max_event_bytes: what an event with a single point may have.
        recording: a file to write to instead of the tracepoint, which ``otelue watch FILE`` reads.
        meter_provider: of the exporter's own metrics, when ``OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED`` asks for them.
    """

    def __init__(
        self,
        preferred_temporality: Mapping[type, AggregationTemporality] | None = None,
        preferred_aggregation: Mapping[type, Aggregation] | None = None,
        *,
        temporality_preference: str | None = None,
        default_histogram_aggregation: str | None = None,
        packing: str | None = None,
        target_event_bytes: int | None = None,
        max_event_bytes: int | None = None,
        recording: str | os.PathLike[str] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        super().__init__(
            _settings.temporality(temporality_preference, preferred_temporality),
            _settings.aggregation(default_histogram_aggregation, preferred_aggregation),
        )
        self._messages: collections.deque[tuple[int, str]] = collections.deque()
        self._telemetry = Telemetry(self, meter_provider)
        self._is_shut_down = self._refused = False
        self._failure: tuple[int, int] | None = None
        self._handle = ctypes.c_void_p()
        self._library: ctypes.CDLL | None = None
        try:
            self._library = _library.load()
        except OSError as error:
            _logger.warning("no metrics are exported to user_events, because libotelue cannot be loaded: %s", error)
        self._renew()
        _exporters.add(self)
        packing_name = _settings.choice(packing, _settings.PREFIX + "PACKING", _library.PACKINGS, "metric")
        options = _library.Options(
            packing=_library.PACKINGS[packing_name],
            target_event_bytes=_settings.size(target_event_bytes, "target_event_bytes"),
            max_event_bytes=_settings.size(max_event_bytes, "max_event_bytes"),
        )
        if self._library is not None:
            self._open(options, _settings.path(recording, "recording"))

    def _renew(self) -> None:
        """What belongs to a process: a child may have been forked amid an export of another thread."""
        self._lock = threading.Lock()
        if self._library is not None:
            self._batch = Batch(functools.partial(_encode, self._library))

    def _open(self, options: _library.Options, recording: str | None) -> None:
        library, messages, handle = self._library, self._messages, self._handle
        assert library is not None

        # Logging may do anything, so it waits until the library has returned.
        def keep(_context: object, level: int, message: bytes) -> None:
            if level in _LEVELS:
                messages.append((_LEVELS[level], message.decode("utf-8", "replace")))

        log = _library.LogFunction(keep)

        def open_with(chosen: _library.Options) -> int:
            arguments = ctypes.byref(chosen), *(() if recording is None else (os.fsencode(recording),))
            function = library.otelue_open if recording is None else library.otelue_open_recording
            returned: int = function(*arguments, log, None, ctypes.byref(handle))
            return returned

        returned = open_with(options)
        if returned == -errno.EINVAL and (options.target_event_bytes or options.max_event_bytes):
            _logger.warning(
                "event limits of %d and %d bytes are refused: using the defaults",
                options.target_event_bytes,
                options.max_event_bytes,
            )
            returned = open_with(_library.Options(packing=options.packing))
        if returned == 0:
            # `log` lives for as long as the library may call it. A process that ends may be exporting still.
            weakref.finalize(self, _close, library, handle, log).atexit = False
        else:
            where = "user_events" if recording is None else recording
            _logger.warning("no metrics are exported to %s: %s", where, self._words(returned))
        self._log_messages()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Success when every point was exported, or nobody listens."""
        try:
            return self._export(metrics_data, timeout_millis)
        except Exception:
            _logger.exception("metrics could not be exported to user_events")
            return MetricExportResult.FAILURE
        finally:
            self._log_messages()

    def _export(self, metrics_data: MetricsData, timeout_millis: float) -> MetricExportResult:
        library = self._library
        listening = library is not None and self._handle and library.otelue_listening(self._handle, None)
        if self._is_shut_down:
            level = logging.DEBUG if self._refused else logging.WARNING
            _logger.log(level, "the user_events exporter was shut down: metrics are not exported")
            self._refused = True
            return MetricExportResult.FAILURE
        if library is None or not listening:
            _logger.debug("nobody listens to user_events")
            return MetricExportResult.SUCCESS
        if not self._lock.acquire(timeout=min(max(0, timeout_millis / 1000), threading.TIMEOUT_MAX)):
            _logger.warning("metrics are not exported: another export has not come back within the time limit")
            return MetricExportResult.FAILURE
        try:
            with self._telemetry.operation() as operation:
                buffer, size = self._batch.build(metrics_data)
                operation.begin(self._batch.points)
                result = _library.Result()
                data = _library.address(buffer)
                returned = library.otelue_export(self._handle, data, size, ctypes.byref(result))
                operation.result = result
                if returned != 0:
                    words = _library.describe(library, data, size, returned, result)
        finally:
            self._lock.release()
        _logger.debug(
            "%d of %d points exported in %d events", result.points_exported, result.points_total, result.events
        )
        if returned == 0:
            self._failure = None
            return MetricExportResult.SUCCESS
        failure = returned, result.first_bad_reason
        _logger.log(logging.DEBUG if failure == self._failure else logging.WARNING, "%s", words)
        self._failure = failure
        return MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Every export is complete when it returns, so there is nothing to flush."""
        return not self._is_shut_down

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Waits for an export that is under way, for one second at most."""
        if self._is_shut_down:
            _logger.warning("the user_events exporter was shut down already")
            return
        self._is_shut_down = True
        if self._library is not None and self._handle:
            returned = self._library.otelue_shutdown(self._handle)
            if returned != 0:
                _logger.warning("the user_events exporter: %s", self._words(returned))
        self._log_messages()

    def statistics(self) -> dict[str, int]:
        """Totals of all exports: those of otelue_statistics, such as ``points_exported``. Empty without the library."""
        if self._library is None or not self._handle:
            return {}
        totals = _library.Statistics()
        self._library.otelue_get_statistics(self._handle, ctypes.byref(totals))
        names = [field[0] for field in totals._fields_ if field[0] not in {"struct_size", "reserved"}]
        return {name: getattr(totals, name) for name in names}

    def set_meter_provider(self, meter_provider: MeterProvider) -> None:
        self._telemetry = Telemetry(self, meter_provider)

    def _words(self, returned: int) -> str:
        assert self._library is not None
        words: bytes = self._library.otelue_strerror(returned)
        return words.decode()

    def _log_messages(self) -> None:
        while self._messages:
            try:
                level, message = self._messages.popleft()
            except IndexError:  # another thread was faster
                return
            _logger.log(level, "%s", message)


def _encode(library: ctypes.CDLL, memory: Memory, off: int, length: int) -> bytes | None:
    """An encoded set of attribute records; None when they have to stay as they are."""
    out = ctypes.create_string_buffer(_library.ENCODED_ATTRIBUTES_MAX)
    written = ctypes.c_size_t()
    returned = library.otelue_encode_attributes(
        _library.address(memory.buffer), memory.used, off, length, out, len(out), ctypes.byref(written), None, None
    )
    return out.raw[: written.value] if returned == 0 else None


def _close(library: ctypes.CDLL, handle: ctypes.c_void_p, _log: object) -> None:
    library.otelue_close(handle)


def _after_fork_in_child() -> None:
    for exporter in list(_exporters):
        exporter._renew()


os.register_at_fork(after_in_child=_after_fork_in_child)
