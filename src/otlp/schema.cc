// SPDX-License-Identifier: Apache-2.0
#include "otlp/schema.h"

#include "otlp/fields.h"
#include "records/protobuf.h"
#include "records/utf8.h"

namespace otelue_core::otlp {
namespace {

using records::Field;
using records::Fields;
using records::WireType;

enum class Kind : uint8_t { kText, kStringValue, kMessage, kPacked64, kPackedVarints };

// A length-delimited field whose contents decoders look at.
struct Rule {
  MessageType message;
  uint32_t field;
  Kind kind;
  MessageType of = MessageType::kUnknown;
};

using M = MessageType;
constexpr Rule kRules[] = {
    {M::kResourceMetrics, otlp::kResource, Kind::kMessage, M::kResource},
    {M::kResourceMetrics, kResourceSchemaUrl, Kind::kText},
    {M::kResource, kResourceAttributes, Kind::kMessage, M::kKeyValue},
    {M::kResource, kResourceEntityRefs, Kind::kMessage, M::kEntityRef},
    {M::kEntityRef, kEntitySchemaUrl, Kind::kText},
    {M::kEntityRef, kEntityType, Kind::kText},
    {M::kEntityRef, kEntityIdKeys, Kind::kText},
    {M::kEntityRef, kEntityDescriptionKeys, Kind::kText},
    {M::kScopeMetrics, otlp::kScope, Kind::kMessage, M::kScope},
    {M::kScopeMetrics, kScopeSchemaUrl, Kind::kText},
    {M::kScope, kScopeName, Kind::kText},
    {M::kScope, kScopeVersion, Kind::kText},
    {M::kScope, kScopeAttributes, Kind::kMessage, M::kKeyValue},
    {M::kMetric, kMetricName, Kind::kText},
    {M::kMetric, kMetricDescription, Kind::kText},
    {M::kMetric, kMetricUnit, Kind::kText},
    {M::kMetric, kMetricMetadata, Kind::kMessage, M::kKeyValue},
    {M::kNumberPoint, kNumberAttributes, Kind::kMessage, M::kKeyValue},
    {M::kNumberPoint, kNumberExemplars, Kind::kMessage, M::kExemplar},
    {M::kHistogramPoint, kHistogramAttributes, Kind::kMessage, M::kKeyValue},
    {M::kHistogramPoint, kHistogramExemplars, Kind::kMessage, M::kExemplar},
    {M::kHistogramPoint, kHistogramBucketCounts, Kind::kPacked64},
    {M::kHistogramPoint, kHistogramExplicitBounds, Kind::kPacked64},
    {M::kExponentialPoint, kExponentialAttributes, Kind::kMessage, M::kKeyValue},
    {M::kExponentialPoint, kExponentialExemplars, Kind::kMessage, M::kExemplar},
    {M::kExponentialPoint, kExponentialPositive, Kind::kMessage, M::kBuckets},
    {M::kExponentialPoint, kExponentialNegative, Kind::kMessage, M::kBuckets},
    {M::kBuckets, kBucketsCounts, Kind::kPackedVarints},
    {M::kSummaryPoint, kSummaryAttributes, Kind::kMessage, M::kKeyValue},
    {M::kSummaryPoint, kSummaryQuantileValues, Kind::kMessage, M::kQuantile},
    {M::kExemplar, kExemplarFilteredAttributes, Kind::kMessage, M::kKeyValue},
    {M::kKeyValue, kKey, Kind::kText},
    {M::kKeyValue, kValue, Kind::kMessage, M::kAnyValue},
    {M::kAnyValue, kStringValue, Kind::kStringValue},
    {M::kAnyValue, kArrayValue, Kind::kMessage, M::kArrayValue},
    {M::kAnyValue, kKvlistValue, Kind::kMessage, M::kKeyValueList},
    {M::kArrayValue, kValues, Kind::kMessage, M::kAnyValue},
    {M::kKeyValueList, kValues, Kind::kMessage, M::kKeyValue},
};

const Rule* rule_of(MessageType message, uint32_t field) {
  for (const Rule& rule : kRules) {
    if (rule.message == message && rule.field == field) return &rule;
  }
  return nullptr;
}

std::string_view text_of(std::span<const uint8_t> bytes, const Field& field) {
  return {reinterpret_cast<const char*>(bytes.data()) + field.value, field.size()};
}

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

uint32_t exemplars_field(MessageType point) {
  for (const Rule& rule : kRules) {
    if (rule.message == point && rule.of == MessageType::kExemplar) return rule.field;
  }
  return 0;
}

uint32_t mend(std::span<uint8_t> bytes, MessageType type, unsigned depth, Changes& changes) {
  if (depth > kDeepestMessage) return OTELUE_REASON_MALFORMED;
  Fields fields(bytes, 0, depth);
  Field field;
  while (fields.next(&field)) {
    if (field.type != WireType::kBytes) continue;
    const Rule* rule = rule_of(type, field.number);
    if (rule == nullptr) continue;
    const auto value = bytes.subspan(field.value, field.size());
    switch (rule->kind) {
      case Kind::kText:
        if (!records::is_utf8(text_of(bytes, field))) return OTELUE_REASON_TEXT;
        break;
      case Kind::kStringValue:
        if (!records::is_utf8(text_of(bytes, field))) {
          // The number is in the low seven bits of the tag, minimal or not.
          constexpr uint8_t kOther = wire::tag(kStringValue, wire::kBytes) ^ wire::tag(kBytesValue, wire::kBytes);
          bytes.data()[field.begin] ^= kOther;
          ++changes.strings_as_bytes;
        }
        break;
      case Kind::kMessage:
        if (const uint32_t reason = mend(value, rule->of, depth + 1, changes); reason != OTELUE_REASON_NONE) {
          return reason;
        }
        break;
      case Kind::kPacked64:
        if (field.size() % 8 != 0) return OTELUE_REASON_MALFORMED;
        break;
      case Kind::kPackedVarints:
        if (!records::is_packed_varints(value)) return OTELUE_REASON_MALFORMED;
        break;
    }
  }
  return fields.ok() ? OTELUE_REASON_NONE : OTELUE_REASON_MALFORMED;
}

}  // namespace otelue_core::otlp
