# SPDX-License-Identifier: Apache-2.0
"""Turns an ExportMetricsServiceRequest into a batch that says the same."""

import struct

import otelue

GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY = 5, 7, 9, 10, 11
KINDS = {"gauge": GAUGE, "sum": SUM, "histogram": HISTOGRAM, "exponential_histogram": EXPONENTIAL_HISTOGRAM,
         "summary": SUMMARY}
VALUE_TYPES = {None: 0, "string_value": 1, "bool_value": 2, "int_value": 3, "double_value": 4, "array_value": 5,
               "kvlist_value": 6, "bytes_value": 7}


def _value(batch, any_value):
    """The fields of an otelue_value."""
    field = any_value.WhichOneof("value")
    kind = VALUE_TYPES[field]
    value = getattr(any_value, field) if field else None
    if field in ("string_value", "bytes_value"):
        off, length = batch.text(value)
        return kind, length, off
    if field == "array_value":
        off, length = batch.run("2IQ", [_value(batch, v) for v in value.values])
        return kind, length, off
    if field == "kvlist_value":
        off, length = attributes(batch, value.values)
        return kind, length, off
    if field == "double_value":
        return kind, 0, struct.unpack("<Q", struct.pack("<d", value))[0]
    if field is None:
        return kind, 0, 0
    return kind, 0, int(value) & 0xFFFFFFFFFFFFFFFF


def attributes(batch, key_values):
    rows = []
    for kv in key_values:
        key = batch.text(kv.key)
        rows.append((*key, *_value(batch, kv.value)))
    return batch.run("4IQ", rows)


def _exemplars(batch, exemplars):
    rows = []
    for e in exemplars:
        is_int = e.WhichOneof("value") == "as_int"
        has = (32 if e.trace_id else 0) | (64 if e.span_id else 0)
        rows.append((e.time_unix_nano, 3 if is_int else 4, has, e.as_int if is_int else 0,
                     0.0 if is_int else e.as_double, e.trace_id or bytes(16), e.span_id or bytes(8),
                     *attributes(batch, e.filtered_attributes)))
    return batch.run("Q2Iqd16s8s2I", rows)


def _has(point, *fields):
    bits = {"sum": 1, "min": 2, "max": 4, "positive": 8, "negative": 16}
    return sum(bits[f] for f in fields if point.HasField(f))


def _body(batch, kind, p):
    """The offset of a point's body."""
    if kind == HISTOGRAM:
        bounds = batch.run("d", [(b,) for b in p.explicit_bounds])
        counts = batch.run("Q", [(c,) for c in p.bucket_counts])
        return batch.pack("Q3d6IQ", p.count, p.sum, p.min, p.max, _has(p, "sum", "min", "max"), 0, *bounds, *counts, 0)
    if kind == EXPONENTIAL_HISTOGRAM:
        positive = batch.run("Q", [(c,) for c in p.positive.bucket_counts])
        negative = batch.run("Q", [(c,) for c in p.negative.bucket_counts])
        return batch.pack("Q3dIiQd2i4I2Q", p.count, p.sum, p.min, p.max,
                          _has(p, "sum", "min", "max", "positive", "negative"), p.scale, p.zero_count,
                          p.zero_threshold, p.positive.offset, p.negative.offset, *positive, *negative, 0, 0)
    quantiles = batch.run("2d", [(q.quantile, q.value) for q in p.quantile_values])
    return batch.pack("Qd2IQ", p.count, p.sum, *quantiles, 0)


class EncodedSets:
    """Encodes each attribute set once, as a series would."""

    def __init__(self):
        self.sets = {}

    def reference(self, batch, key_values):
        key = b"".join(kv.SerializeToString(deterministic=True) + b"|" for kv in key_values)
        if key not in self.sets:
            aside = otelue.Batch()
            run = attributes(aside, key_values)
            self.sets[key] = otelue.encode_attributes(aside.finish(), *run)
        return batch.text(self.sets[key])


def _point(batch, kind, metric, p, sets):
    if sets is None or not p.attributes:
        attrs, form = attributes(batch, p.attributes), 0
    else:
        attrs, form = sets.reference(batch, p.attributes), 1
    common = dict(flags=p.flags, start=p.start_time_unix_nano, time=p.time_unix_nano, attributes=attrs, form=form)
    if kind != SUMMARY:
        common["exemplars"] = _exemplars(batch, p.exemplars)
    if kind in (GAUGE, SUM):
        field = p.WhichOneof("value")
        value_type = {"as_int": 3, "as_double": 4, None: 0}[field]
        batch.add_point(metric, value_type=value_type, as_int=p.as_int if field == "as_int" else 0,
                        as_double=p.as_double if field == "as_double" else 0.0, **common)
    else:
        batch.add_point(metric, value_type=kind, body=_body(batch, kind, p), **common)


def to_batch(request, sets=None):
    """`sets`, an EncodedSets, makes the points refer to encoded attribute sets."""
    batch = otelue.Batch()
    for rm in request.resource_metrics:
        resource = 0
        if rm.HasField("resource") or rm.schema_url:
            r = rm.resource
            resource = batch.add_resource(attributes(batch, r.attributes), batch.text(rm.schema_url),
                                          r.dropped_attributes_count)
        for sm in rm.scope_metrics:
            s = sm.scope
            scope = batch.add_scope(resource, s.dropped_attributes_count, batch.text(s.name), batch.text(s.version),
                                    batch.text(sm.schema_url), attributes(batch, s.attributes))
            for m in sm.metrics:
                data = m.WhichOneof("data")
                kind = KINDS[data]
                d = getattr(m, data)
                metric = batch.add_metric(scope, kind, batch.text(m.name), batch.text(m.description),
                                          batch.text(m.unit), attributes(batch, m.metadata),
                                          getattr(d, "aggregation_temporality", 0),
                                          int(getattr(d, "is_monotonic", False)))
                for p in d.data_points:
                    _point(batch, kind, metric, p, sets)
    return batch.finish()
