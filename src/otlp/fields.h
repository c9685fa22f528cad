// SPDX-License-Identifier: Apache-2.0
// Field numbers of opentelemetry-proto's metrics path. Each name is message_field of the .proto files.
#ifndef OTELUE_SRC_OTLP_FIELDS_H
#define OTELUE_SRC_OTLP_FIELDS_H

#include <cstdint>

#include "wire/wire.h"

namespace otelue_core::otlp {

enum RequestField : uint32_t { kResourceMetrics = 1 };
enum ResourceMetricsField : uint32_t { kResource = 1, kScopeMetrics = 2, kResourceSchemaUrl = 3 };
enum ResourceField : uint32_t { kResourceAttributes = 1, kResourceDroppedAttributesCount = 2, kResourceEntityRefs = 3 };
enum EntityRefField : uint32_t { kEntitySchemaUrl = 1, kEntityType = 2, kEntityIdKeys = 3, kEntityDescriptionKeys = 4 };
enum ScopeMetricsField : uint32_t { kScope = 1, kMetrics = 2, kScopeSchemaUrl = 3 };
enum ScopeField : uint32_t { kScopeName = 1, kScopeVersion = 2, kScopeAttributes = 3, kScopeDroppedAttributesCount = 4 };
enum MetricField : uint32_t {
  kMetricName = 1,
  kMetricDescription = 2,
  kMetricUnit = 3,
  kGauge = 5,
  kSum = 7,
  kHistogram = 9,
  kExponentialHistogram = 10,
  kSummary = 11,
  kMetricMetadata = 12,
};
// Gauge, Sum, Histogram, ExponentialHistogram and Summary agree in these.
enum DataField : uint32_t { kDataPoints = 1, kTemporality = 2, kIsMonotonic = 3 };

// All kinds of data points agree in the times, and those that have them in count and sum; other fields that several
// kinds have differ in their numbers.
enum PointField : uint32_t { kStartTime = 2, kTime = 3, kCount = 4, kSumOfValues = 5 };
enum NumberField : uint32_t {
  kNumberAsDouble = 4,
  kNumberExemplars = 5,
  kNumberAsInt = 6,
  kNumberAttributes = 7,
  kNumberFlags = 8,
};
enum HistogramField : uint32_t {
  kHistogramBucketCounts = 6,
  kHistogramExplicitBounds = 7,
  kHistogramExemplars = 8,
  kHistogramAttributes = 9,
  kHistogramFlags = 10,
  kHistogramMin = 11,
  kHistogramMax = 12,
};
enum ExponentialHistogramField : uint32_t {
  kExponentialAttributes = 1,
  kExponentialScale = 6,
  kExponentialZeroCount = 7,
  kExponentialPositive = 8,
  kExponentialNegative = 9,
  kExponentialFlags = 10,
  kExponentialExemplars = 11,
  kExponentialMin = 12,
  kExponentialMax = 13,
  kExponentialZeroThreshold = 14,
};
enum BucketsField : uint32_t { kBucketsOffset = 1, kBucketsCounts = 2 };
enum SummaryField : uint32_t {
  kSummaryQuantileValues = 6,
  kSummaryAttributes = 7,
  kSummaryFlags = 8,
};
enum QuantileField : uint32_t { kQuantile = 1, kQuantileValue = 2 };
enum ExemplarField : uint32_t {
  kExemplarTime = 2,
  kExemplarAsDouble = 3,
  kExemplarSpanId = 4,
  kExemplarTraceId = 5,
  kExemplarAsInt = 6,
  kExemplarFilteredAttributes = 7,
};
enum KeyValueField : uint32_t { kKey = 1, kValue = 2 };
// ArrayValue and KeyValueList have one field: values = 1.
enum AnyValueField : uint32_t {
  kStringValue = 1,
  kBoolValue = 2,
  kIntValue = 3,
  kDoubleValue = 4,
  kArrayValue = 5,
  kKvlistValue = 6,
  kBytesValue = 7,
};
enum ListField : uint32_t { kValues = 1 };

// How deep messages lie below the request.
using wire::kDeepestMessage;
inline constexpr unsigned kResourceDepth = 2;
inline constexpr unsigned kScopeDepth = 3;
inline constexpr unsigned kMetricDepth = 3;
inline constexpr unsigned kPointDepth = 5;
inline constexpr unsigned kExemplarDepth = 6;

}  // namespace otelue_core::otlp

#endif
