// SPDX-License-Identifier: Apache-2.0
// What decoders demand of the messages that surround and make up data points.
#ifndef OTELUE_SRC_OTLP_SCHEMA_H
#define OTELUE_SRC_OTLP_SCHEMA_H

#include <cstdint>

#include "otlp/writer.h"
#include "wire/reader.h"

namespace otelue_core::otlp {

enum class MessageType : uint8_t {
  kUnknown,
  kRequest,
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
  kData,  // Gauge, Sum, Histogram, ExponentialHistogram, Summary: but for their points
  kTypes,
};

// The type of the points of a metric whose data is in `field`.
MessageType point_type(uint32_t field);

// Whether a field of a point of this type is an exemplar.
bool is_exemplar(MessageType point, const wire::Field& field);

// What mend() returns for a point in which nothing but an exemplar is malformed.
inline constexpr uint32_t kBadExemplar = UINT32_MAX - 1;

// Checks, in one pass, the bytes from `from` to the position of `out`, a message at `depth` or the rest of one, unknown
// fields included, and mends what can be mended: a string_value that is not UTF-8 becomes a bytes_value of the same
// bytes. Returns OTELUE_REASON_* or kBadExemplar.
uint32_t mend(Writer& out, size_t from, MessageType type, unsigned depth);

}  // namespace otelue_core::otlp

#endif
