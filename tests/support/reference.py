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
        self.first_bad_reason = otelue.REASON_NONE


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


def _with_exemplars_that_fit(request_type, row, most):
    """The row with those of its exemplars, in order, that leave its event within the limit. None: not even without."""
    bare = row.without_exemplars()
    if whole(request_type, [bare]).ByteSize() > most:
        return None
    for exemplar in getattr(row.point, "exemplars", ()):
        bare.point.exemplars.add().CopyFrom(exemplar)
        if whole(request_type, [bare]).ByteSize() > most:
            del bare.point.exemplars[-1]
    return bare


def expected_of(request_type, rows, options):
    packing, most = options.packing, options.max_event_bytes
    expected, event, last, limit = Expected(), None, None, 0
    for i, row in enumerate(rows):
        if event is not None:
            same = row.metric is last.metric
            if packing == otelue.PACK_REQUEST or (packing == otelue.PACK_METRIC and same):
                take_back = _append(event, row, last)
                if event.ByteSize() <= limit:
                    expected.rows.append(row)
                    last = row
                    continue
                take_back()
        event = whole(request_type, [row])
        if event.ByteSize() > most:
            fitting = _with_exemplars_that_fit(request_type, row, most)
            if fitting is None:
                event = None
                expected.too_large += 1
                if expected.first_bad is None:
                    expected.first_bad = i
                    head = whole(request_type, [row._replace(point=type(row.point)())])
                    expected.first_bad_reason = (otelue.REASON_HEAD_TOO_LARGE if head.ByteSize() > most else
                                                 otelue.REASON_TOO_LARGE)
                continue
            expected.exemplars_dropped += len(row.point.exemplars) - len(fitting.point.exemplars)
            row, event = fitting, whole(request_type, [fitting])
        # A point that alone goes beyond the target makes room for others up to the limit.
        limit = options.target_event_bytes if event.ByteSize() <= options.target_event_bytes else most
        expected.rows.append(row)
        expected.events.append(event)
        last = row
    return expected
