# SPDX-License-Identifier: Apache-2.0
"""Random rows of metrics, with the values that encoders get wrong."""

import math

import reference
from rows import Row

INTS = (0, 1, -1, 127, 128, 16383, 16384, 2**31, 2**63 - 1, -2**63)
UINTS = (0, 1, 127, 128, 16383, 16384, 2**32, 2**64 - 1)
DOUBLES = (0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308)
TEXTS = ("", "a", "http.request.method", "GET", "größe", "\0", "x\0y", "💡", "k" * 127, "v" * 128)
NOT_TEXTS = (b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80\0", b"\xf4\x90\x80\x80", b"v" * 127 + b"\x80")
POINTS = {"gauge": "NumberDataPoint", "sum": "NumberDataPoint", "histogram": "HistogramDataPoint",
          "exponential_histogram": "ExponentialHistogramDataPoint", "summary": "SummaryDataPoint"}

# How deep messages may lie (otelue.h), and where the AnyValue of an attribute lies.
DEEPEST = 100
RESOURCE_VALUE, SCOPE_VALUE, METADATA_VALUE, POINT_VALUE, EXEMPLAR_VALUE = 4, 5, 5, 7, 8


class Generator:
    def __init__(self, random, messages):
        self.random = random
        self.pb = messages

    def text(self):
        r = self.random
        return r.choice(TEXTS) if r.random() < 0.7 else "t" * r.randrange(40)

    def key(self):
        return self.text() or "key"

    def double(self):
        return self.random.choice(DOUBLES) if self.random.random() < 0.5 else self.random.gauss(0, 1000)

    def value(self, v, nested=0):
        r = self.random
        kind = r.randrange(9 if nested < 4 else 6)
        if kind == 0:
            v.string_value = self.text() if r.random() < 0.97 else "t" * r.choice((3000, 5000, 9000, 17000))
        elif kind == 1:
            v.bool_value = r.random() < 0.5
        elif kind == 2:
            v.int_value = r.choice(INTS)
        elif kind == 3:
            v.double_value = self.double()
        elif kind == 4:
            v.bytes_value = r.randbytes(r.randrange(20))
        elif kind == 5:
            v.bytes_value = r.choice(NOT_TEXTS)
        elif kind == 6:
            v.array_value.SetInParent()
            for _ in range(r.randrange(4)):
                self.value(v.array_value.values.add(), nested + 1)
        elif kind == 7:
            v.kvlist_value.SetInParent()
            self.attributes(v.kvlist_value.values, None, 3, nested + 1)
        else:
            v.SetInParent()

    def deep_value(self, v, depth):
        """Containers down to where decoders end, or not quite."""
        r = self.random
        leave = r.choice((0, 0, 1, 2))
        while True:
            step = r.choice((2, 2, 3))
            if depth + step > DEEPEST - leave:
                v.SetInParent()
                return
            depth += step
            if step == 2:
                v = v.array_value.values.add()
            else:
                kv = v.kvlist_value.values.add(key="k")
                kv.value.SetInParent()
                v = kv.value

    def attributes(self, field, depth, most=6, nested=0):
        """`depth` is that of their values; None: none of them is deep."""
        r = self.random
        for _ in range(r.randrange(most)):
            kv = field.add(key=self.key())
            kv.value.SetInParent()
            if depth is not None and r.random() < 0.01:
                self.deep_value(kv.value, depth)
            else:
                self.value(kv.value, nested)

    def exemplars(self, field):
        r = self.random
        for _ in range(r.choice((0, 0, 0, 0, 1, 3)) if r.random() < 0.98 else r.choice((40, 200))):
            e = field.add(time_unix_nano=r.choice(UINTS))
            if r.random() < 0.5:
                e.as_int = r.choice(INTS)
            else:
                e.as_double = self.double()
            if r.random() < 0.5:
                e.trace_id = r.randbytes(16)
            if r.random() < 0.5:
                e.span_id = r.randbytes(8)
            self.attributes(e.filtered_attributes, EXEMPLAR_VALUE, 3)

    def optional(self, point, *fields):
        for field in fields:
            if self.random.random() < 0.5:
                setattr(point, field, self.double())

    def buckets(self, b):
        r = self.random
        b.SetInParent()
        b.offset = r.choice((0, 1, -1, 2**31 - 1, -2**31))
        b.bucket_counts.extend(r.choice(UINTS) for _ in range(r.choice((0, 1, 5, 20, 160))))

    def point(self, kind):
        p = getattr(self.pb, POINTS[kind])()
        self.fill(p, kind)
        return p

    def fill(self, p, kind):
        r = self.random
        p.start_time_unix_nano, p.time_unix_nano = r.choice(UINTS), r.choice(UINTS)
        p.flags = r.choice((0, 0, 1, 2**32 - 1))
        self.attributes(p.attributes, POINT_VALUE)
        if kind != "summary":
            self.exemplars(p.exemplars)
        if kind in ("gauge", "sum"):
            if r.random() < 0.5:
                p.as_int = r.choice(INTS)
            elif r.random() < 0.9:
                p.as_double = self.double()
            else:
                p.flags |= 1
            return
        if r.random() < 0.05:
            p.flags |= 1
            return
        p.count = r.choice(UINTS)
        if kind == "summary":
            p.sum = self.double()
            for _ in range(r.choice((0, 1, 3, 9))):
                p.quantile_values.add(quantile=self.double(), value=self.double())
            return
        self.optional(p, "sum", "min", "max")
        if kind == "histogram":
            bounds = r.choice((None, 0, 1, 15, 40))
            if bounds is not None:
                p.explicit_bounds.extend(self.double() for _ in range(bounds))
                p.bucket_counts.extend(r.choice(UINTS) for _ in range(bounds + 1))
            return
        p.scale = r.choice((-10, -1, 0, 1, 20, 2**31 - 1, -2**31))
        p.zero_count = r.choice(UINTS)
        p.zero_threshold = self.double()
        for b in (p.positive, p.negative):
            if r.random() < 0.6:
                self.buckets(b)

    def metric(self):
        r = self.random
        m = self.pb.Metric(name=self.text(), description=self.text(), unit=self.text())
        if r.random() < 0.2:
            self.attributes(m.metadata, METADATA_VALUE, 3)
        kind = r.choice(tuple(POINTS))
        data = getattr(m, kind)
        data.SetInParent()
        if kind not in ("gauge", "summary"):
            data.aggregation_temporality = r.choice((1, 2))
        if kind == "sum":
            data.is_monotonic = r.random() < 0.5
        return m, kind

    def scope(self):
        sm = self.pb.ScopeMetrics(schema_url=self.text())
        sm.scope.name, sm.scope.version = self.text(), self.text()
        self.attributes(sm.scope.attributes, SCOPE_VALUE, 3)
        sm.scope.dropped_attributes_count = self.random.choice((0, 0, 1, 2**32 - 1))
        return sm

    def resource(self):
        rm = self.pb.ResourceMetrics(schema_url=self.text())
        rm.resource.SetInParent()
        self.attributes(rm.resource.attributes, RESOURCE_VALUE)
        rm.resource.dropped_attributes_count = self.random.choice((0, 0, 128))
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            entity = rm.resource.entity_refs.add(schema_url=self.text(), type=self.text())
            for keys in (entity.id_keys, entity.description_keys):
                keys.extend(self.key() for _ in range(self.random.randrange(3)))
        return rm

    def rows(self):
        """Rows that share resources, scopes and metrics, in any order. At most one resource and one scope say
        nothing at all, the latter in the first resource."""
        r = self.random
        rows = []
        for i in range(r.choice((1, 1, 2, 3))):
            rm = self.resource() if i > 0 or r.random() < 0.8 else self.pb.ResourceMetrics()
            for j in range(r.choice((0, 1, 1, 2))):
                sm = self.scope() if i + j > 0 or r.random() < 0.8 else self.pb.ScopeMetrics()
                for _ in range(r.choice((0, 1, 1, 3))):
                    m, kind = self.metric()
                    for _ in range(r.choice((0, 1, 1, 2, 10)) if r.random() < 0.97 else 60):
                        rows.append(Row(rm, sm, m, self.point(kind)))
        order = r.randrange(4)
        if order == 0:
            r.shuffle(rows)
        elif order == 1:  # A B A B ...
            rows = rows[::2] + rows[1::2]
        return rows

    def request(self):
        return reference.whole(self.pb.ExportMetricsServiceRequest, self.rows())


def limits(random, sizes):
    """target_event_bytes, max_event_bytes. `sizes` are such that it matters on which side of them a limit lies."""
    most = random.choice((127, 128, 129, 300, 1000, 4048, 8168, 16383, 16384, 16390, 65360))
    if sizes and random.random() < 0.5:
        most = min(65360, max(1, random.choice(sizes) + random.choice((-1, 0, 1))))
    batch = random.choice((1, 127, 128, most // 2, most - 1, most))
    return max(1, min(batch, most)), most
