// SPDX-License-Identifier: Apache-2.0
#include "describe.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/unknown_field_set.h>
#include <otlp_metrics.pb.h>

#include <set>

#include "request.h"
#include "text.h"

namespace otelue::tool {
namespace {

namespace proto = otelue_proto;
using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;

constexpr uint32_t kNoRecordedValue = 1;

std::string name_text(std::string_view name) { return word(name, "{}=,[]()"); }
std::string optional_text(const char* label, std::string_view name) {
  return name.empty() ? "" : label + name_text(name);
}
std::string count_text(const char* label, uint64_t count) { return count == 0 ? "" : label + std::to_string(count); }

// Elements with commas between them.
template <typename Elements, typename Text>
std::string list(const Elements& elements, Text&& text_of) {
  std::string text;
  for (const auto& element : elements) {
    if (!text.empty()) text += ',';
    text += text_of(element);
  }
  return text;
}

// The fields of a message that the schema does not know.
std::string unknown(const google::protobuf::Message& message) {
  const auto& fields = message.GetReflection()->GetUnknownFields(message);
  if (fields.empty()) return "";
  std::set<int> numbers;
  for (int i = 0; i < fields.field_count(); ++i) numbers.insert(fields.field(i).number());
  return " unknown_fields=[" + list(numbers, [](int number) { return std::to_string(number); }) + ']';
}

std::string attribute_text(const proto::KeyValue& attribute);

}  // namespace

std::string value_text(const proto::AnyValue& value) {
  switch (value.value_case()) {
    case proto::AnyValue::kStringValue:
      return quoted(value.string_value());
    case proto::AnyValue::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case proto::AnyValue::kIntValue:
      return std::to_string(value.int_value());
    case proto::AnyValue::kDoubleValue: {
      const std::string text = number(value.double_value());
      return text.find_first_of(".enf") == std::string::npos ? text + ".0" : text;
    }
    case proto::AnyValue::kArrayValue:
      return '[' + list(value.array_value().values(), value_text) + ']' + unknown(value.array_value());
    case proto::AnyValue::kKvlistValue:
      return '{' + list(value.kvlist_value().values(), attribute_text) + '}' + unknown(value.kvlist_value());
    case proto::AnyValue::kBytesValue:
      return "0x" + hex(value.bytes_value());
    case proto::AnyValue::VALUE_NOT_SET:
      break;
  }
  return "empty";
}

namespace {

std::string attribute_text(const proto::KeyValue& attribute) {
  return name_text(attribute.key()) + '=' + value_text(attribute.value()) + unknown(attribute.value()) +
         unknown(attribute);
}

std::string attributes_text(const RepeatedPtrField<proto::KeyValue>& attributes) {
  return '{' + list(attributes, attribute_text) + '}';
}

std::string exemplar_text(const proto::Exemplar& exemplar, uint64_t near) {
  std::string text = "(none";
  if (exemplar.has_as_double()) text = '(' + number(exemplar.as_double());
  if (exemplar.has_as_int()) text = '(' + std::to_string(exemplar.as_int());
  text += " at " + time_text(exemplar.time_unix_nano(), near);
  if (!exemplar.span_id().empty()) text += " span_id=" + hex(exemplar.span_id());
  if (!exemplar.trace_id().empty()) text += " trace_id=" + hex(exemplar.trace_id());
  if (exemplar.filtered_attributes_size() > 0) text += " filtered=" + attributes_text(exemplar.filtered_attributes());
  return text + unknown(exemplar) + ')';
}

std::string exemplars_text(const proto::SummaryDataPoint&) { return ""; }
template <typename Point>
std::string exemplars_text(const Point& point) {
  std::string text;
  for (const auto& exemplar : point.exemplars()) {
    text += (text.empty() ? "" : " ") + exemplar_text(exemplar, point.time_unix_nano());
  }
  return text.empty() ? "" : " exemplars=[" + text + ']';
}

template <typename Point>
std::string sum_min_max(const Point& point) {
  std::string text;
  if (point.has_sum()) text += " sum=" + number(point.sum());
  if (point.has_min()) text += " min=" + number(point.min());
  if (point.has_max()) text += " max=" + number(point.max());
  return text;
}

std::string point_value(const proto::NumberDataPoint& point) {
  if (point.has_as_double()) return number(point.as_double());
  return point.has_as_int() ? std::to_string(point.as_int()) : "none";
}

std::string point_value(const proto::HistogramDataPoint& point) {
  std::string text = "count=" + std::to_string(point.count()) + sum_min_max(point);
  const int counts = point.bucket_counts_size();
  const int bounds = point.explicit_bounds_size();
  if (counts == 0 && bounds == 0) return text;
  text += " buckets=[";
  // One more count than bounds is right, but anything may come.
  for (int i = 0; i < counts || i < bounds; ++i) {
    if (i > 0) text += ' ';
    text += i < bounds ? "<=" + number(point.explicit_bounds(i)) : "rest";
    text += ':' + (i < counts ? std::to_string(point.bucket_counts(i)) : "none");
  }
  return text + ']';
}

std::string buckets_text(const char* label, const proto::ExponentialHistogramDataPoint_Buckets& buckets) {
  std::string text = label + ("=[offset " + std::to_string(buckets.offset())) + ':';
  for (const uint64_t count : buckets.bucket_counts()) text += ' ' + std::to_string(count);
  return text + ']' + unknown(buckets);
}

std::string point_value(const proto::ExponentialHistogramDataPoint& point) {
  std::string text = "count=" + std::to_string(point.count()) + " scale=" + std::to_string(point.scale());
  text += sum_min_max(point) + count_text(" zero_count=", point.zero_count());
  if (point.zero_threshold() != 0) text += " zero_threshold=" + number(point.zero_threshold());
  if (point.has_positive()) text += buckets_text(" positive", point.positive());
  if (point.has_negative()) text += buckets_text(" negative", point.negative());
  return text;
}

std::string point_value(const proto::SummaryDataPoint& point) {
  std::string quantiles;
  for (const auto& quantile : point.quantile_values()) {
    quantiles += (quantiles.empty() ? "q" : " q") + number(quantile.quantile()) + ':' + number(quantile.value()) +
                 unknown(quantile);
  }
  return "count=" + std::to_string(point.count()) + " sum=" + number(point.sum()) + " quantiles=[" + quantiles + ']';
}

std::string temporality_text(int temporality) {
  switch (temporality) {
    case proto::AGGREGATION_TEMPORALITY_UNSPECIFIED:
      return " unspecified_temporality";
    case proto::AGGREGATION_TEMPORALITY_DELTA:
      return " delta";
    case proto::AGGREGATION_TEMPORALITY_CUMULATIVE:
      return " cumulative";
    default:
      return " temporality=" + std::to_string(temporality);
  }
}

std::string traits(const proto::Gauge&) { return ""; }
std::string traits(const proto::Summary&) { return ""; }
std::string traits(const proto::Sum& sum) {
  return temporality_text(sum.aggregation_temporality()) + (sum.is_monotonic() ? " monotonic" : "");
}
template <typename Histogram>
std::string traits(const Histogram& histogram) {
  return temporality_text(histogram.aggregation_temporality());
}

std::string about(const proto::Metric& metric, const std::string& unknown_of_data) {
  std::string text;
  if (metric.metadata_size() > 0) text += " metadata=" + attributes_text(metric.metadata());
  return text + unknown_of_data + unknown(metric);
}

// One of the five kinds of data, and its points.
template <typename Data>
bool describe_data(const char* kind, const proto::Metric& metric, const Data& data, const Take& take) {
  const std::string name = name_text(metric.name());
  const std::string more = about(metric, unknown(data));
  if (!more.empty() && !take(Level::kMetric, name + more)) return false;

  std::string after = metric.unit().empty() ? "" : ' ' + word(metric.unit(), "");
  after += traits(data);
  for (const auto& point : data.data_points()) {
    std::string line = time_text(point.time_unix_nano()) + ' ' + kind + ' ' + name;
    line += attributes_text(point.attributes()) + ' ';
    line += (point.flags() & kNoRecordedValue) != 0 ? "no recorded value" : point_value(point);
    line += after;
    if (point.start_time_unix_nano() != 0) {
      line += " start=" + time_text(point.start_time_unix_nano(), point.time_unix_nano());
    }
    line += count_text(" flags=", point.flags() & ~kNoRecordedValue) + exemplars_text(point) + unknown(point);
    if (!take(Level::kPoint, line)) return false;
  }
  return true;
}

bool describe_metric(const proto::Metric& metric, const Take& take) {
  switch (metric.data_case()) {
    case proto::Metric::kGauge:
      return describe_data("gauge", metric, metric.gauge(), take);
    case proto::Metric::kSum:
      return describe_data("sum", metric, metric.sum(), take);
    case proto::Metric::kHistogram:
      return describe_data("histogram", metric, metric.histogram(), take);
    case proto::Metric::kExponentialHistogram:
      return describe_data("exponential_histogram", metric, metric.exponential_histogram(), take);
    case proto::Metric::kSummary:
      return describe_data("summary", metric, metric.summary(), take);
    case proto::Metric::DATA_NOT_SET:
      break;
  }
  return take(Level::kMetric, name_text(metric.name()) + " without data" + about(metric, ""));
}

std::string resource_text(const proto::ResourceMetrics& resource_metrics) {
  const proto::Resource& resource = resource_metrics.resource();
  std::string text = attributes_text(resource.attributes());
  text += count_text(" dropped_attributes=", resource.dropped_attributes_count());
  if (resource.entity_refs_size() > 0) {
    text += " entities=[" +
            list(resource.entity_refs(),
                 [](const proto::EntityRef& entity) {
                   return name_text(entity.type()) + '(' + list(entity.id_keys(), name_text) +
                          (entity.description_keys_size() > 0 ? ";" : "") + list(entity.description_keys(), name_text) +
                          optional_text(" schema=", entity.schema_url()) + unknown(entity) + ')';
                 }) +
            ']';
  }
  return text + optional_text(" schema=", resource_metrics.schema_url()) + unknown(resource) +
         unknown(resource_metrics);
}

std::string scope_text(const proto::ScopeMetrics& scope_metrics) {
  const proto::InstrumentationScope& scope = scope_metrics.scope();
  std::string text = name_text(scope.name()) + optional_text("@", scope.version());
  if (scope.attributes_size() > 0) text += attributes_text(scope.attributes());
  return text + count_text(" dropped_attributes=", scope.dropped_attributes_count()) +
         optional_text(" schema=", scope_metrics.schema_url()) + unknown(scope) + unknown(scope_metrics);
}

}  // namespace

bool describe(std::string_view request, const Take& take) {
  google::protobuf::Arena arena;
  auto& decoded = *google::protobuf::Arena::CreateMessage<proto::ExportMetricsServiceRequest>(&arena);
  if (!parse_request(request, &decoded)) return false;

  const std::string more = unknown(decoded);
  if (!more.empty() && !take(Level::kRequest, more.substr(1))) return true;
  for (const auto& resource : decoded.resource_metrics()) {
    if (!take(Level::kResource, resource_text(resource))) return true;
    for (const auto& scope : resource.scope_metrics()) {
      if (!take(Level::kScope, scope_text(scope))) return true;
      for (const auto& metric : scope.metrics()) {
        if (!describe_metric(metric, take)) return true;
      }
    }
  }
  return true;
}

}  // namespace otelue::tool
