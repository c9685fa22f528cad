# SPDX-License-Identifier: Apache-2.0
"""Turns rows into a batch that says the same."""

import messages
import otelue
from rows import split

GAUGE, SUM, HISTOGRAM, EXPONENTIAL_HISTOGRAM, SUMMARY = 5, 7, 9, 10, 11
KINDS = {"gauge": GAUGE, "sum": SUM, "histogram": HISTOGRAM, "exponential_histogram": EXPONENTIAL_HISTOGRAM,
         "summary": SUMMARY}
VALUE_TYPES = {None: 0, "string_value": 1, "bool_value": 2, "int_value": 3, "double_value": 4, "array_value": 5,
               "kvlist_value": 6, "bytes_value": 7}
STRING, ARRAY, KVLIST = 1, 5, 6
EMPTY_AT = {99: ARRAY, 100: ARRAY, 98: KVLIST}


def was_string(value):
    """Whether bytes are handed in as a string, which the library then sends as bytes."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return not value.startswith(b"\xff")
    return False


def was_container(depth):
    """Whether an empty value at this depth is handed in as a container with an element, which lies too deep."""
    return depth in EMPTY_AT


class Converter:
    """`sets`: points refer to encoded attribute sets. `random`: shares records, and adds some that nothing refers to."""

    def __init__(self, sets=False, random=None):
        self.batch = otelue.Batch()
        self.encoded = {} if sets else None
        self.random = random
        self.shared = {}

    def chance(self, p):
        return self.random is not None and self.random.random() < p

    def _share(self, key, make):
        if self.chance(0.5) and key in self.shared:
            return self.shared[key]
        if self.chance(0.05):
            self.batch.put(self.random.randbytes(self.random.randrange(40)), 1)
        self.shared[key] = made = make()
        return made

    def text(self, data):
        data = data.encode() if isinstance(data, str) else data
        return self._share(data, lambda: self.batch.text(data))

    def value(self, v, depth):
        """The fields of an otelue_value."""
        field = v.WhichOneof("value")
        kind = VALUE_TYPES[field]
        value = getattr(v, field) if field else None
        if field in ("string_value", "bytes_value"):
            off, length = self.text(value)
            return STRING if field == "bytes_value" and was_string(value) else kind, length, off
        if field == "array_value":
            off, length = self.batch.run("2IQ", [self.value(e, depth + 2) for e in value.values])
            return kind, length, off
        if field == "kvlist_value":
            off, length = self.attributes(value.values, depth + 3)
            return kind, length, off
        if field == "double_value":
            return kind, 0, otelue.bits(value)
        if field is None and was_container(depth):
            element = (3, 0, 1) if EMPTY_AT[depth] == ARRAY else (*self.text("k"), 3, 0, 1)
            return EMPTY_AT[depth], 1, self.batch.run("2IQ" if len(element) == 3 else "4IQ", [element])[0]
        return kind, 0, int(value or 0) & 0xFFFFFFFFFFFFFFFF

    def attributes(self, key_values, depth):
        """`depth` is that of their values."""
        def make():
            return self.batch.run("4IQ", [(*self.text(kv.key), *self.value(kv.value, depth)) for kv in key_values])
        if not key_values:
            return 0, 0
        return self._share((depth, *(kv.SerializeToString(deterministic=True) for kv in key_values)), make)

    def encoded_set(self, key_values):
        """A reference to a set, encoded once, as a series would. None: no event of the default limits can hold it."""
        key = tuple(kv.SerializeToString(deterministic=True) for kv in key_values)
        if key not in self.encoded:
            aside = Converter()
            run = aside.attributes(key_values, 7)
            size = sum(len(kv) + len(messages.varint(len(kv))) + 1 for kv in key)
            try:
                self.encoded[key] = otelue.encode_attributes(aside.batch.finish(), *run)
                assert size <= 8168
            except otelue.Refused as refused:
                assert refused.errno == otelue.EMSGSIZE and size > 8168
                self.encoded[key] = None
        return self.encoded[key] and self.text(self.encoded[key])

    def exemplars(self, exemplars):
        rows = []
        for e in exemplars:
            is_int = e.WhichOneof("value") == "as_int"
            has = (32 if e.trace_id else 0) | (64 if e.span_id else 0)
            rows.append((e.time_unix_nano, 3 if is_int else 4, has, e.as_int if is_int else 0,
                         0.0 if is_int else e.as_double, e.trace_id or bytes(16), e.span_id or bytes(8),
                         *self.attributes(e.filtered_attributes, 8)))
        return self.batch.run("Q2Iqd16s8s2I", rows)

    def body(self, kind, p):
        """The offset of a point's body."""
        batch = self.batch

        def has(*fields):
            bits = {"sum": 1, "min": 2, "max": 4, "positive": 8, "negative": 16}
            return sum(bits[f] for f in fields if p.HasField(f))
        if kind == HISTOGRAM:
            bounds = batch.run("d", [(b,) for b in p.explicit_bounds])
            counts = batch.run("Q", [(c,) for c in p.bucket_counts])
            return batch.pack("Q3d6IQ", p.count, p.sum, p.min, p.max, has("sum", "min", "max"), 0, *bounds, *counts, 0)
        if kind == EXPONENTIAL_HISTOGRAM:
            positive = batch.run("Q", [(c,) for c in p.positive.bucket_counts])
            negative = batch.run("Q", [(c,) for c in p.negative.bucket_counts])
            bits = has("sum", "min", "max", "positive", "negative")
            if positive[1] and self.chance(0.5):
                bits &= ~8  # counts make the field present by themselves
            return batch.pack("Q3dIiQd2i4I2Q", p.count, p.sum, p.min, p.max, bits, p.scale, p.zero_count,
                              p.zero_threshold, p.positive.offset, p.negative.offset, *positive, *negative, 0, 0)
        return batch.pack("Qd2IQ", p.count, p.sum, *batch.run("2d", [(q.quantile, q.value) for q in p.quantile_values]), 0)

    def attributes_of(self, p):
        """The reference to a point's attributes, and its form."""
        if self.encoded is not None and not self.chance(0.2):
            encoded = self.encoded_set(p.attributes)
            if encoded is not None:
                return encoded, 1
        return self.attributes(p.attributes, 7), 0

    def point(self, kind, metric, p):
        attributes, form = self.attributes_of(p)
        fields = dict(flags=p.flags, start=p.start_time_unix_nano, time=p.time_unix_nano, form=form, attributes=attributes)
        if kind != SUMMARY:
            fields["exemplars"] = self.exemplars(p.exemplars)
        if kind in (GAUGE, SUM):
            field = p.WhichOneof("value")
            fields["value_type"] = {"as_int": 3, "as_double": 4, None: 0}[field]
            if field:
                fields[field] = getattr(p, field)
        else:
            bare = type(p)(flags=p.flags, start_time_unix_nano=p.start_time_unix_nano, time_unix_nano=p.time_unix_nano)
            bare.attributes.extend(p.attributes)
            if kind != SUMMARY:
                bare.exemplars.extend(p.exemplars)
            if not (p.flags & 1 and self.chance(0.7) and bare == p):
                fields.update(value_type=kind, body=self.body(kind, p))
        self.batch.add_point(metric, **fields)

    def entity_refs(self, refs):
        def texts(keys):
            return self.batch.run("2I", [self.text(key) for key in keys])
        return self.batch.run("8I", [(*self.text(e.schema_url), *self.text(e.type), *texts(e.id_keys),
                                      *texts(e.description_keys)) for e in refs])

    def resource(self, rm):
        r = rm.resource
        if not rm.HasField("resource") and not rm.schema_url:
            return 0
        return self.batch.add_resource(self.attributes(r.attributes, 4), self.text(rm.schema_url),
                                       r.dropped_attributes_count, self.entity_refs(r.entity_refs))

    def scope(self, sm, resource):
        s = sm.scope
        if not sm.HasField("scope") and not sm.schema_url:
            return 0
        return self.batch.add_scope(resource, s.dropped_attributes_count, self.text(s.name), self.text(s.version),
                                    self.text(sm.schema_url), self.attributes(s.attributes, 5))

    def metric(self, m, scope):
        data = m.WhichOneof("data")
        d = getattr(m, data)
        return self.batch.add_metric(scope, KINDS[data], self.text(m.name), self.text(m.description),
                                     self.text(m.unit), self.attributes(m.metadata, 5),
                                     getattr(d, "aggregation_temporality", 0), int(getattr(d, "is_monotonic", False)))

    def convert(self, rows):
        """The batch. A row without a scope must be of the first resource, as must one without a resource."""
        offsets = {}  # of the records that rows share
        if rows:
            resources = {id(row.rm): row.rm for row in rows}
            for key, rm in resources.items():
                offsets[key] = self.resource(rm)
            bare = [row.rm for row in rows if not row.sm.HasField("scope") and not row.sm.schema_url]
            if 0 not in offsets.values() and (bare or self.chance(0.5)):
                self.batch.resource = offsets[id((bare or list(resources.values()))[0])]
        for row in rows:
            rm, sm, m = map(id, row[:3])
            if sm not in offsets:
                resource = offsets[rm]
                if resource == self.batch.resource and self.chance(0.5):
                    resource = 0
                offsets[sm] = self.scope(row.sm, resource)
            if m not in offsets:
                if self.chance(0.1):
                    self.metric(row.metric, offsets[sm])  # no point refers to it
                offsets[m] = self.metric(row.metric, offsets[sm])
            self.point(KINDS[row.metric.WhichOneof("data")], offsets[m], row.point)
        return self.batch.finish()


def to_batch(request, sets=False):
    return Converter(sets).convert(split(request))
