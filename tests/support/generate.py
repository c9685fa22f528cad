# SPDX-License-Identifier: Apache-2.0
"""Random requests, with the values that encoders get wrong."""

import math

INTS = (0, 1, -1, 127, 128, 16383, 16384, 2**31, 2**63 - 1, -2**63)
UINTS = (0, 1, 127, 128, 16383, 16384, 2**32, 2**64 - 1)
DOUBLES = (0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308)
TEXTS = ("", "a", "http.request.method", "GET", "größe", "\0", "x\0y", "💡", "k" * 127, "v" * 128)


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

    def value(self, v, depth=0):
        r = self.random
        kind = r.randrange(8 if depth < 4 else 5)
        if kind == 0:
            v.string_value = self.text()
        elif kind == 1:
            v.bool_value = r.random() < 0.5
        elif kind == 2:
            v.int_value = r.choice(INTS)
        elif kind == 3:
            v.double_value = self.double()
        elif kind == 4:
            v.bytes_value = r.randbytes(r.randrange(20))
        elif kind == 5:
            v.array_value.SetInParent()
            for _ in range(r.randrange(4)):
                self.value(v.array_value.values.add(), depth + 1)
        elif kind == 6:
            v.kvlist_value.SetInParent()
            self.attributes(v.kvlist_value.values, 3, depth + 1)
        else:
            v.SetInParent()

    def attributes(self, field, most=6, depth=0):
        for _ in range(self.random.randrange(most)):
            kv = field.add(key=self.key())
            kv.value.SetInParent()
            self.value(kv.value, depth)

    def exemplars(self, field):
        r = self.random
        for _ in range(r.choice((0, 0, 0, 1, 3))):
            e = field.add(time_unix_nano=r.choice(UINTS))
            if r.random() < 0.5:
                e.as_int = r.choice(INTS)
            else:
                e.as_double = self.double()
            if r.random() < 0.5:
                e.trace_id, e.span_id = r.randbytes(16), r.randbytes(8)
            self.attributes(e.filtered_attributes, 3)

    def optional(self, point, *fields):
        for field in fields:
            if self.random.random() < 0.5:
                setattr(point, field, self.double())

    def buckets(self, b):
        r = self.random
        b.SetInParent()
        b.offset = r.choice((0, 1, -1, 2**31 - 1, -2**31))
        b.bucket_counts.extend(r.choice(UINTS) for _ in range(r.choice((0, 1, 5, 160))))

    def point(self, data, kind):
        r = self.random
        p = data.data_points.add(start_time_unix_nano=r.choice(UINTS), time_unix_nano=r.choice(UINTS),
                                 flags=r.choice((0, 0, 1, 2**32 - 1)))
        self.attributes(p.attributes)
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
        p.count = r.choice(UINTS)
        if kind == "summary":
            p.sum = self.double()
            for _ in range(r.randrange(4)):
                p.quantile_values.add(quantile=self.double(), value=self.double())
            return
        self.optional(p, "sum", "min", "max")
        if kind == "histogram":
            bounds = r.choice((None, 0, 1, 15))
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

    def metric(self, sm):
        r = self.random
        m = sm.metrics.add(name=self.text(), description=self.text(), unit=self.text())
        if r.random() < 0.2:
            self.attributes(m.metadata, 3)
        kind = r.choice(("gauge", "sum", "histogram", "exponential_histogram", "summary"))
        data = getattr(m, kind)
        data.SetInParent()
        if kind not in ("gauge", "summary"):
            data.aggregation_temporality = r.choice((1, 2))
        if kind == "sum":
            data.is_monotonic = r.random() < 0.5
        for _ in range(r.choice((0, 1, 1, 2, 10))):
            self.point(data, kind)

    def request(self):
        r = self.random
        request = self.pb.ExportMetricsServiceRequest()
        for _ in range(r.choice((1, 1, 2))):
            rm = request.resource_metrics.add(schema_url=self.text())
            rm.resource.SetInParent()
            self.attributes(rm.resource.attributes)
            rm.resource.dropped_attributes_count = r.choice((0, 0, 128))
            for _ in range(r.choice((0, 1, 2))):
                sm = rm.scope_metrics.add(schema_url=self.text())
                sm.scope.name, sm.scope.version = self.text(), self.text()
                self.attributes(sm.scope.attributes, 3)
                sm.scope.dropped_attributes_count = r.choice((0, 0, 1))
                for _ in range(r.choice((0, 1, 3))):
                    self.metric(sm)
        return request


def limits(random):
    """batch_bytes, max_event_bytes"""
    most = random.choice((127, 128, 129, 300, 1000, 4048, 8168, 16383, 16384, 16390, 65360))
    batch = random.choice((1, 127, 128, most // 2, most - 1, most))
    return max(1, min(batch, most)), most
