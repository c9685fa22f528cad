// SPDX-License-Identifier: Apache-2.0
#include "otlp_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <otlp_metrics.pb.h>

#include <cmath>
#include <optional>
#include <vector>

#include "encoding.h"
#include "text.h"

namespace otelue::tool {
namespace {

namespace proto = otelue_proto;
namespace util = google::protobuf::util;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;

void write_message(const Message& message, std::string* out);

void write_double(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    *out += value == 0 && std::signbit(value) ? "-0.0" : number(value);  // -0 would be an integer to many readers
  }
}

// The value of a field, or one of its values.
void write_value(const Message& message, const FieldDescriptor* field, int index, std::string* out) {
  const auto* r = message.GetReflection();
  const bool is_one = index < 0;
  const auto in_quotes = [&](auto value) { *out += '"' + std::to_string(value) + '"'; };
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return write_message(is_one ? r->GetMessage(message, field) : r->GetRepeatedMessage(message, field, index), out);
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& value = is_one ? r->GetStringReference(message, field, &scratch)
                                        : r->GetRepeatedStringReference(message, field, index, &scratch);
      if (field->type() == FieldDescriptor::TYPE_STRING) {
        *out += json_quoted(value);
        return;
      }
      const bool is_id = field->name() == "trace_id" || field->name() == "span_id";
      *out += '"' + (is_id ? hex(value) : to_base64(value)) + '"';
      return;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return write_double(is_one ? r->GetDouble(message, field) : r->GetRepeatedDouble(message, field, index), out);
    case FieldDescriptor::CPPTYPE_UINT64:
      return in_quotes(is_one ? r->GetUInt64(message, field) : r->GetRepeatedUInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return in_quotes(r->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_INT32:
      *out += std::to_string(r->GetInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      *out += std::to_string(r->GetUInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      *out += std::to_string(r->GetEnumValue(message, field));
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      *out += r->GetBool(message, field) ? "true" : "false";
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:  // OTLP has none
      return write_double(r->GetFloat(message, field), out);
  }
}

void write_message(const Message& message, std::string* out) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  *out += '{';
  for (const FieldDescriptor* field : fields) {
    if (out->back() != '{') *out += ',';
    *out += '"';
    *out += field->json_name();
    *out += "\":";
    if (!field->is_repeated()) {
      write_value(message, field, -1, out);
      continue;
    }
    *out += '[';
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      if (i > 0) *out += ',';
      write_value(message, field, i, out);
    }
    *out += ']';
  }
  *out += '}';
}

// Digits of hexadecimal are digits of base64 as well: an id that was read as base64 comes out again.
bool id_from_base64(std::string* id, size_t size) {
  if (id->empty()) return true;
  std::string text = to_base64(*id);
  const std::optional<std::string> bytes = from_hex(text);
  if (!bytes || bytes->size() != size) return false;
  *id = *bytes;
  return true;
}

bool take_ids(google::protobuf::RepeatedPtrField<proto::Exemplar>* exemplars) {
  for (proto::Exemplar& exemplar : *exemplars) {
    if (!id_from_base64(exemplar.mutable_trace_id(), kTraceIdBytes)) return false;
    if (!id_from_base64(exemplar.mutable_span_id(), kSpanIdBytes)) return false;
  }
  return true;
}

template <typename Data>
bool take_ids_of_points(Data* data) {
  for (auto& point : *data->mutable_data_points()) {
    if (!take_ids(point.mutable_exemplars())) return false;
  }
  return true;
}

bool take_ids(proto::Metric* metric) {
  if (metric->has_gauge()) return take_ids_of_points(metric->mutable_gauge());
  if (metric->has_sum()) return take_ids_of_points(metric->mutable_sum());
  if (metric->has_histogram()) return take_ids_of_points(metric->mutable_histogram());
  if (metric->has_exponential_histogram()) return take_ids_of_points(metric->mutable_exponential_histogram());
  return true;
}

// With -0, which protobuf would read as an integer without a sign, as -0.0.
std::string with_signed_zeros(std::string_view text) {
  std::string out;
  bool is_in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (is_in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[++i];
    } else if (text[i] == '"') {
      is_in_string = !is_in_string;
    } else if (!is_in_string && text.substr(i, 2) == "-0") {
      const char after = i + 2 < text.size() ? text[i + 2] : ' ';
      out += text[++i];
      if (after != '.' && after != 'e' && after != 'E' && (after < '0' || after > '9')) out += ".0";
    }
  }
  return out;
}

}  // namespace

std::string to_json(const Request& request) {
  std::string json;
  write_message(request, &json);
  return json;
}

std::string from_json(std::string_view text, Request* request) {
  util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = util::JsonStringToMessage(with_signed_zeros(text), request, options);
  if (!status.ok()) return printable(std::string(status.message()));
  for (proto::ResourceMetrics& resource : *request->mutable_resource_metrics()) {
    for (proto::ScopeMetrics& scope : *resource.mutable_scope_metrics()) {
      for (proto::Metric& metric : *scope.mutable_metrics()) {
        if (take_ids(&metric)) continue;
        return "an exemplar of " + word(metric.name(), "") +
               " whose traceId is not 32 digits of hexadecimal, or its "
               "spanId not 16";
      }
    }
  }
  return "";
}

size_t json_object_size(std::string_view text) {
  size_t depth = 0;
  bool is_in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
      return i + 1;
    }
  }
  return 0;
}

}  // namespace otelue::tool
