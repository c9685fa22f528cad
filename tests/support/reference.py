# SPDX-License-Identifier: Apache-2.0
"""What the library must do with rows, said with the messages of protobuf: slow, and plain."""

import otelue
from convert import was_container, was_string


class Expected:
    def __init__(self):
        self.events = []  # requests
        self.rows = []    # that are in them
        self.too_large = self.exemplars_dropped = 0
        self.first_bad = None


def _append(request, row, last):
    """Appends a row behind the row `last`. Returns what undoes that."""
    if last is None or row.rm is not last.rm:
        last = None
        request.resource_metrics.add().CopyFrom(row.rm)
        undo = request.resource_metrics
    rm = request.resource_metrics[-1]
    if last is None or row.sm is not last.sm:
        undo = undo if last is None else rm.scope_metrics
        last = None
        rm.scope_metrics.add().CopyFrom(row.sm)
    sm = rm.scope_metrics[-1]
    if last is None or row.metric is not last.metric:
        undo = undo if last is None else sm.metrics
        last = None
        sm.metrics.add().CopyFrom(row.metric)
    points = getattr(sm.metrics[-1], row.metric.WhichOneof("data")).data_points
    undo = undo if last is None else points
    points.add().CopyFrom(row.point)

    def take_back():
        del undo[-1]
    return take_back


def whole(request_type, rows):
    """All rows in one request."""
    request, last = request_type(), None
    for row in rows:
        _append(request, row, last)
        last = row
    return request


def changes(message, depth=0):
    """How many strings became bytes, and how many containers empty values, in an event."""
    strings = emptied = 0
    if message.DESCRIPTOR.name == "AnyValue":
        field = message.WhichOneof("value")
        strings += field == "bytes_value" and was_string(message.bytes_value)
        emptied += field is None and was_container(depth)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                more = changes(inner, depth + 1)
                strings, emptied = strings + more[0], emptied + more[1]
    return strings, emptied


def expected_of(request_type, rows, options):
    target_event_bytes, packing = options.target_event_bytes, options.packing
    expected, event, last = Expected(), None, None
    for i, row in enumerate(rows):
        if event is not None:
            same = row.metric is last.metric
            if packing == otelue.PACK_REQUEST or (packing == otelue.PACK_METRIC and same):
                take_back = _append(event, row, last)
                if event.ByteSize() <= target_event_bytes:
                    expected.rows.append(row)
                    last = row
                    continue
                take_back()
        event = whole(request_type, [row])
        if event.ByteSize() > options.max_event_bytes:
            with_them, row = row, row.without_exemplars()
            event = whole(request_type, [row])
            if event.ByteSize() > options.max_event_bytes:
                event = None
                expected.too_large += 1
                expected.first_bad = i if expected.first_bad is None else expected.first_bad
                continue
            expected.exemplars_dropped += len(with_them.point.exemplars)
        expected.rows.append(row)
        expected.events.append(event)
        last = row
    return expected
