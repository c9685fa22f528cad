// SPDX-License-Identifier: Apache-2.0
// What decoders demand of the messages that surround and make up data points.
#ifndef OTELUE_SRC_OTLP_SCHEMA_H
#define OTELUE_SRC_OTLP_SCHEMA_H

#include <cstdint>
#include <span>

#include "otlp/attributes.h"

namespace otelue_core::otlp {

enum class MessageType : uint8_t {
  kUnknown,
  kResourceMetrics,
  kResource,
  kEntityRef,
  kScopeMetrics,
  kScope,
  kMetric,
  kNumberPoint,
  kHistogramPoint,
  kExponentialPoint,
  kBuckets,
  kSummaryPoint,
  kQuantile,
  kExemplar,
  kKeyValue,
  kAnyValue,
  kArrayValue,
  kKeyValueList,
};

// The type of the points of a metric whose data is in `field`.
MessageType point_type(uint32_t field);
// The field of the exemplars of such a point; 0: it has none.
uint32_t exemplars_field(MessageType point);

// Checks the fields of an encoded message at `depth`, unknown ones included, and mends what can be mended: a
// string_value that is not UTF-8 becomes a bytes_value of the same bytes. Returns OTELUE_REASON_*.
uint32_t mend(std::span<uint8_t> bytes, MessageType type, unsigned depth, Changes& changes);

}  // namespace otelue_core::otlp

#endif
