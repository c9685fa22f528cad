# SPDX-License-Identifier: Apache-2.0
"""Our .proto says what the official one says, field by field."""

import messages
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

# Of the profiles signal; receivers of metrics warn about them (opentelemetry-proto 1.10.0).
NOT_OURS = {"KeyValue.key_strindex", "AnyValue.string_value_strindex"}


def fields(root):
    """Every field of every message below one, by its name."""
    found, left, seen = {}, [root], set()
    while left:
        message = left.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        for f in message.fields:
            oneof = f.containing_oneof.name if f.containing_oneof else None
            found[f"{message.name}.{f.name}"] = (
                f.number, f.type, f.is_repeated, f.is_packed, f.has_presence, oneof,
                f.message_type.name if f.message_type else None)
            if f.message_type:
                left.append(f.message_type)
    return found


def test_fields_equal_the_official_ones():
    ours = fields(messages.ExportMetricsServiceRequest.DESCRIPTOR)
    official = fields(metrics_service_pb2.ExportMetricsServiceRequest.DESCRIPTOR)
    assert len(ours) > 80
    assert ours == {name: field for name, field in official.items() if name not in NOT_OURS}


def test_temporality_equals_the_official_one():
    from opentelemetry.proto.metrics.v1 import metrics_pb2
    ours = {v.name: v.number for v in messages.FILE.enum_types_by_name["AggregationTemporality"].values}
    assert ours == dict(metrics_pb2.AggregationTemporality.items())


def test_its_classes_in_cplusplus_are_not_in_the_namespace_of_the_library():
    assert messages.FILE.package == "otelue_proto"
