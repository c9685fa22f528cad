# SPDX-License-Identifier: Apache-2.0
"""What a request says, point by point."""

import typing


class Row(typing.NamedTuple):
    """A point and the messages around it, these without their children. Rows share them: `is` tells them apart."""
    rm: typing.Any
    sm: typing.Any
    metric: typing.Any
    point: typing.Any

    def bytes(self):
        """Equal when the rows are: unknown fields take part, and NaN equals itself."""
        return tuple(part.SerializeToString(deterministic=True) for part in self)

    def without_exemplars(self):
        point = type(self.point).FromString(self.point.SerializeToString())
        if "exemplars" in point.DESCRIPTOR.fields_by_name:
            point.ClearField("exemplars")
        return self._replace(point=point)

    def has_some_exemplars_of(self, other):
        """Whether the rows are equal, but for exemplars of the other one that this one lacks."""
        left = iter(getattr(other.point, "exemplars", ()))
        return self.without_exemplars().bytes() == other.without_exemplars().bytes() and all(
            any(mine.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
                for theirs in left) for mine in getattr(self.point, "exemplars", ()))


def children(metric):
    """The points of a metric."""
    return getattr(metric, metric.WhichOneof("data")).data_points


def _alone(message, *fields):
    copy = type(message).FromString(message.SerializeToString())
    for field in fields:
        copy.ClearField(field)
    return copy


def split(request):
    """The Rows of a request, in order."""
    found = []
    for rm in request.resource_metrics:
        resource = _alone(rm, "scope_metrics")
        for sm in rm.scope_metrics:
            scope = _alone(sm, "metrics")
            for m in sm.metrics:
                if m.WhichOneof("data") is None:
                    continue
                metric = _alone(m)
                del children(metric)[:]
                found += [Row(resource, scope, metric, p) for p in children(m)]
    return found


def rows(request):
    """The rows of a request as bytes, in order."""
    return [row.bytes() for row in split(request)]


def metrics(request):
    """The metric that each row belongs to, as a number."""
    found = []
    number = 0
    for rm in request.resource_metrics:
        for sm in rm.scope_metrics:
            for m in sm.metrics:
                found += [number] * (len(children(m)) if m.WhichOneof("data") else 0)
                number += 1
    return found
