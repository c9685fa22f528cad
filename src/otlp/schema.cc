// SPDX-License-Identifier: Apache-2.0
#include "otlp/schema.h"

#include "otlp/fields.h"
#include "wire/utf8.h"

namespace otelue_core::otlp {
namespace {

using wire::Field;
using wire::WireType;

// What a field is, and what decoders look at in it.
enum class Kind : uint8_t {
  kUnknown,
  kVarint,
  kFixed64,
  kText,
  kStringValue,
  kBytes,
  kSpanId,
  kTraceId,
  kMessage,
  kPacked64,
  kPackedVarints,
};

// All zeros for a field that is not known.
struct Rule {
  Kind kind;
  MessageType of;
  uint8_t refused_wire_types;  // bit n: WireType n
};

struct Entry {
  MessageType message;
  uint32_t field;
  Kind kind;
  MessageType of = MessageType::kUnknown;
};

using M = MessageType;
using K = Kind;
// What leads to points is in here for its wire type: what is of that type is looked at by whoever walks there.
constexpr Entry kEntries[] = {
    {M::kRequest, otlp::kResourceMetrics, K::kMessage, M::kResourceMetrics},
    {M::kResourceMetrics, otlp::kResource, K::kMessage, M::kResource},
    {M::kResourceMetrics, otlp::kScopeMetrics, K::kMessage, M::kScopeMetrics},
    {M::kResourceMetrics, kResourceSchemaUrl, K::kText},
    {M::kResource, kResourceAttributes, K::kMessage, M::kKeyValue},
    {M::kResource, kResourceDroppedAttributesCount, K::kVarint},
    {M::kResource, kResourceEntityRefs, K::kMessage, M::kEntityRef},
    {M::kEntityRef, kEntitySchemaUrl, K::kText},
    {M::kEntityRef, kEntityType, K::kText},
    {M::kEntityRef, kEntityIdKeys, K::kText},
    {M::kEntityRef, kEntityDescriptionKeys, K::kText},
    {M::kScopeMetrics, otlp::kScope, K::kMessage, M::kScope},
    {M::kScopeMetrics, kMetrics, K::kMessage, M::kMetric},
    {M::kScopeMetrics, kScopeSchemaUrl, K::kText},
    {M::kScope, kScopeName, K::kText},
    {M::kScope, kScopeVersion, K::kText},
    {M::kScope, kScopeAttributes, K::kMessage, M::kKeyValue},
    {M::kScope, kScopeDroppedAttributesCount, K::kVarint},
    {M::kMetric, kMetricName, K::kText},
    {M::kMetric, kMetricDescription, K::kText},
    {M::kMetric, kMetricUnit, K::kText},
    {M::kMetric, kGauge, K::kMessage, M::kData},
    {M::kMetric, kSum, K::kMessage, M::kData},
    {M::kMetric, kHistogram, K::kMessage, M::kData},
    {M::kMetric, kExponentialHistogram, K::kMessage, M::kData},
    {M::kMetric, kSummary, K::kMessage, M::kData},
    {M::kMetric, kMetricMetadata, K::kMessage, M::kKeyValue},
    {M::kData, kDataPoints, K::kMessage},
    {M::kData, kTemporality, K::kVarint},
    {M::kData, kIsMonotonic, K::kVarint},
    {M::kNumberPoint, kStartTime, K::kFixed64},
    {M::kNumberPoint, kTime, K::kFixed64},
    {M::kNumberPoint, kNumberAsDouble, K::kFixed64},
    {M::kNumberPoint, kNumberExemplars, K::kMessage, M::kExemplar},
    {M::kNumberPoint, kNumberAsInt, K::kFixed64},
    {M::kNumberPoint, kNumberAttributes, K::kMessage, M::kKeyValue},
    {M::kNumberPoint, kNumberFlags, K::kVarint},
    {M::kHistogramPoint, kStartTime, K::kFixed64},
    {M::kHistogramPoint, kTime, K::kFixed64},
    {M::kHistogramPoint, kCount, K::kFixed64},
    {M::kHistogramPoint, kSumOfValues, K::kFixed64},
    {M::kHistogramPoint, kHistogramBucketCounts, K::kPacked64},
    {M::kHistogramPoint, kHistogramExplicitBounds, K::kPacked64},
    {M::kHistogramPoint, kHistogramExemplars, K::kMessage, M::kExemplar},
    {M::kHistogramPoint, kHistogramAttributes, K::kMessage, M::kKeyValue},
    {M::kHistogramPoint, kHistogramFlags, K::kVarint},
    {M::kHistogramPoint, kHistogramMin, K::kFixed64},
    {M::kHistogramPoint, kHistogramMax, K::kFixed64},
    {M::kExponentialPoint, kExponentialAttributes, K::kMessage, M::kKeyValue},
    {M::kExponentialPoint, kStartTime, K::kFixed64},
    {M::kExponentialPoint, kTime, K::kFixed64},
    {M::kExponentialPoint, kCount, K::kFixed64},
    {M::kExponentialPoint, kSumOfValues, K::kFixed64},
    {M::kExponentialPoint, kExponentialScale, K::kVarint},
    {M::kExponentialPoint, kExponentialZeroCount, K::kFixed64},
    {M::kExponentialPoint, kExponentialPositive, K::kMessage, M::kBuckets},
    {M::kExponentialPoint, kExponentialNegative, K::kMessage, M::kBuckets},
    {M::kExponentialPoint, kExponentialFlags, K::kVarint},
    {M::kExponentialPoint, kExponentialExemplars, K::kMessage, M::kExemplar},
    {M::kExponentialPoint, kExponentialMin, K::kFixed64},
    {M::kExponentialPoint, kExponentialMax, K::kFixed64},
    {M::kExponentialPoint, kExponentialZeroThreshold, K::kFixed64},
    {M::kBuckets, kBucketsOffset, K::kVarint},
    {M::kBuckets, kBucketsCounts, K::kPackedVarints},
    {M::kSummaryPoint, kStartTime, K::kFixed64},
    {M::kSummaryPoint, kTime, K::kFixed64},
    {M::kSummaryPoint, kCount, K::kFixed64},
    {M::kSummaryPoint, kSumOfValues, K::kFixed64},
    {M::kSummaryPoint, kSummaryQuantileValues, K::kMessage, M::kQuantile},
    {M::kSummaryPoint, kSummaryAttributes, K::kMessage, M::kKeyValue},
    {M::kSummaryPoint, kSummaryFlags, K::kVarint},
    {M::kQuantile, otlp::kQuantile, K::kFixed64},
    {M::kQuantile, kQuantileValue, K::kFixed64},
    {M::kExemplar, kExemplarTime, K::kFixed64},
    {M::kExemplar, kExemplarAsDouble, K::kFixed64},
    {M::kExemplar, kExemplarSpanId, K::kSpanId},
    {M::kExemplar, kExemplarTraceId, K::kTraceId},
    {M::kExemplar, kExemplarAsInt, K::kFixed64},
    {M::kExemplar, kExemplarFilteredAttributes, K::kMessage, M::kKeyValue},
    {M::kKeyValue, kKey, K::kText},
    {M::kKeyValue, kValue, K::kMessage, M::kAnyValue},
    {M::kAnyValue, otlp::kStringValue, K::kStringValue},
    {M::kAnyValue, kBoolValue, K::kVarint},
    {M::kAnyValue, kIntValue, K::kVarint},
    {M::kAnyValue, kDoubleValue, K::kFixed64},
    {M::kAnyValue, otlp::kArrayValue, K::kMessage, M::kArrayValue},
    {M::kAnyValue, kKvlistValue, K::kMessage, M::kKeyValueList},
    {M::kAnyValue, kBytesValue, K::kBytes},
    {M::kArrayValue, kValues, K::kMessage, M::kAnyValue},
    {M::kKeyValueList, kValues, K::kMessage, M::kKeyValue},
};

// The wire types that decoders accept. C++, Go and Python take a known field of another one for an unknown field; Rust
// and the Collector refuse the message.
constexpr uint8_t all_but(WireType type, WireType other) {
  return static_cast<uint8_t>(~(1u << static_cast<unsigned>(type) | 1u << static_cast<unsigned>(other)));
}
constexpr uint8_t refused_wire_types_of(Kind kind) {
  switch (kind) {
    case Kind::kUnknown:
      return 0;
    case Kind::kVarint:
      return all_but(WireType::kVarint, WireType::kVarint);
    case Kind::kFixed64:
      return all_but(WireType::kFixed64, WireType::kFixed64);
    case Kind::kPacked64:
      return all_but(WireType::kBytes, WireType::kFixed64);
    case Kind::kPackedVarints:
      return all_but(WireType::kBytes, WireType::kVarint);
    default:
      return all_but(WireType::kBytes, WireType::kBytes);
  }
}

constexpr uint32_t kFields = 16;

struct Rules {
  Rule of[static_cast<size_t>(MessageType::kTypes)][kFields];

  constexpr Rules() : of{} {
    for (const Entry& e : kEntries) {
      of[static_cast<size_t>(e.message)][e.field] = {e.kind, e.of, refused_wire_types_of(e.kind)};
    }
  }
};
constexpr Rules kRules;

OTELUE_INLINE Rule rule_of(MessageType message, uint32_t field) {
  return field < kFields ? kRules.of[static_cast<size_t>(message)][field] : Rule{};
}

constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;

}  // namespace

MessageType point_type(uint32_t field) {
  switch (field) {
    case kGauge:
    case kSum:
      return MessageType::kNumberPoint;
    case kHistogram:
      return MessageType::kHistogramPoint;
    case kExponentialHistogram:
      return MessageType::kExponentialPoint;
    case kSummary:
      return MessageType::kSummaryPoint;
    default:
      return MessageType::kUnknown;
  }
}

bool is_exemplar(MessageType point, const Field& field) {
  return field.type == WireType::kBytes && rule_of(point, field.number).of == MessageType::kExemplar;
}

uint32_t mend(Writer& out, size_t from, MessageType type, unsigned depth) {
  // The messages around the one at hand. Decoders limit their number, so this takes no recursion.
  struct Outer {
    size_t end;
    MessageType type;
  };
  Outer outer[wire::kDeepestMessage];
  constexpr unsigned kNone = wire::kDeepestMessage + 1;
  unsigned exemplar = kNone;  // the depth of the exemplar at hand
  const unsigned outermost = depth;
  auto refuse = [&](uint32_t reason) { return exemplar != kNone ? kBadExemplar : reason; };

  uint8_t* const data = out.data();
  size_t next = from;
  size_t end = out.position();
  while (true) {
    while (next == end) {
      if (depth == outermost) return OTELUE_REASON_NONE;
      if (depth == exemplar) exemplar = kNone;
      --depth;
      end = outer[depth].end;
      type = outer[depth].type;
    }
    Field field;
    if (!wire::read_field(data, next, end, depth, &field)) return refuse(OTELUE_REASON_MALFORMED);
    next = field.end;
    const Rule rule = rule_of(type, field.number);
    if ((rule.refused_wire_types >> static_cast<unsigned>(field.type) & 1) != 0) return refuse(OTELUE_REASON_MALFORMED);
    if (field.type != WireType::kBytes) continue;
    const std::string_view text(reinterpret_cast<const char*>(data) + field.value, field.size());
    switch (rule.kind) {
      case Kind::kText:
        if (!wire::is_utf8(text)) return refuse(OTELUE_REASON_TEXT);
        break;
      case Kind::kStringValue:
        if (!wire::is_utf8(text)) {
          // The number is in the low seven bits of the tag, minimal or not.
          constexpr auto kOther = wire::tag(otlp::kStringValue, WireType::kBytes) ^ wire::tag(kBytesValue, WireType::kBytes);
          data[field.begin] ^= kOther;
          ++out.changes.strings_as_bytes;
        }
        break;
      case Kind::kSpanId:
        if (field.size() != kSpanIdBytes && field.size() != 0) return refuse(OTELUE_REASON_MALFORMED);
        break;
      case Kind::kTraceId:
        if (field.size() != kTraceIdBytes && field.size() != 0) return refuse(OTELUE_REASON_MALFORMED);
        break;
      case Kind::kPacked64:
        if (field.size() % 8 != 0) return refuse(OTELUE_REASON_MALFORMED);
        break;
      case Kind::kPackedVarints:
        if (!wire::is_packed_varints({data + field.value, field.size()})) return refuse(OTELUE_REASON_MALFORMED);
        break;
      case Kind::kMessage:
        if (depth == wire::kDeepestMessage) return refuse(OTELUE_REASON_MALFORMED);
        outer[depth] = {end, type};
        ++depth;
        if (rule.of == MessageType::kExemplar) exemplar = depth;
        next = field.value;
        end = field.end;
        type = rule.of;
        break;
      default:
        break;
    }
  }
}

}  // namespace otelue_core::otlp
