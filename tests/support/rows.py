# SPDX-License-Identifier: Apache-2.0
"""What a request says, point by point."""


def rows(request):
    """(resource, scope, metric, point) as bytes, in order. Unknown fields take part, NaN equals itself."""
    found = []
    for rm in request.resource_metrics:
        resource = type(rm).FromString(rm.SerializeToString())
        resource.ClearField("scope_metrics")
        for sm in rm.scope_metrics:
            scope = type(sm).FromString(sm.SerializeToString())
            scope.ClearField("metrics")
            for m in sm.metrics:
                data = m.WhichOneof("data")
                if data is None:
                    continue
                metric = type(m).FromString(m.SerializeToString())
                getattr(metric, data).ClearField("data_points")
                head = [part.SerializeToString(deterministic=True) for part in (resource, scope, metric)]
                found += [(*head, p.SerializeToString(deterministic=True)) for p in getattr(m, data).data_points]
    return found


def metrics(request):
    """The metric that each row belongs to, as a number."""
    found = []
    number = 0
    for rm in request.resource_metrics:
        for sm in rm.scope_metrics:
            for m in sm.metrics:
                data = m.WhichOneof("data")
                found += [number] * (len(getattr(m, data).data_points) if data else 0)
                number += 1
    return found
