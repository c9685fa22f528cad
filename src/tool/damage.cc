// SPDX-License-Identifier: Apache-2.0
#include "damage.h"

#include <google/protobuf/descriptor.h>
#include <otlp_metrics.pb.h>

#include <climits>
#include <map>
#include <set>

#include "text.h"

namespace otelue::tool {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kDeepest = 100;  // protobuf's limit
enum WireType { kVarint, kFixed64, kBytes, kStartGroup, kEndGroup, kFixed32 };

bool is_container(const Descriptor* type) {
  static const std::set<std::string> names = {
      "ResourceMetrics", "ScopeMetrics", "Metric", "Gauge", "Sum", "Histogram", "Summary", "ExponentialHistogram"};
  return names.contains(std::string(type->name()));
}

std::string bytes_text(uint64_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

struct Field {
  const FieldDescriptor* descriptor;  // nullptr: the schema does not know it, or not with this wire type
  WireType wire_type;
  std::string_view bytes;    // all of it
  std::string_view content;  // of kBytes
  bool is_cut;               // the content ends before its length says
  uint64_t length;
};

class Surgeon {
 public:
  explicit Surgeon(std::string_view request) : request_(request) {}

  std::vector<Damage> damages;

  // What is whole of a message that contains points.
  std::string keep(std::string_view message, const Descriptor* type, const std::string& path, int depth) {
    std::string kept;
    std::map<int, int> indices;
    std::string_view rest = message;
    Field field{};
    while (!rest.empty()) {
      if (!next(&rest, type, path, depth, &field)) return kept;
      const std::string inner = field.descriptor != nullptr ? path_of(path, field.descriptor, &indices) : path;
      const Descriptor* sub =
          field.descriptor != nullptr && field.wire_type == kBytes ? field.descriptor->message_type() : nullptr;
      if (sub != nullptr && is_container(sub)) {
        const size_t before = damages.size();
        append(&kept, field, keep(field.content, sub, inner, depth + 1));
        if (!field.is_cut) continue;
        if (damages.size() == before) cut(field, inner);
        return kept;
      }
      if (field.is_cut) {
        cut(field, inner);
        return kept;
      }
      if (is_whole(field, inner, depth)) {
        kept += field.bytes;
      } else if (sub == nullptr || field.descriptor->name() != "data_points") {
        return "";
      }
    }
    return kept;
  }

 private:
  uint64_t at(std::string_view part) const { return static_cast<uint64_t>(part.data() - request_.data()); }

  bool damaged(std::string_view from, const std::string& path, const std::string& why) {
    damages.push_back({at(from), path, why});
    return false;
  }

  void cut(const Field& field, const std::string& path) {
    damaged(field.bytes, path,
            "its length is " + std::to_string(field.length) + ", and " + bytes_text(field.content.size()) +
                (field.content.size() == 1 ? " follows" : " follow"));
  }

  static std::string path_of(const std::string& path, const FieldDescriptor* field, std::map<int, int>* indices) {
    std::string inner = path.empty() ? std::string(field->name()) : path + '.' + std::string(field->name());
    if (field->is_repeated()) inner += '[' + std::to_string((*indices)[field->number()]++) + ']';
    return inner;
  }

  static void append(std::string* out, const Field& field, const std::string& content) {
    for (uint64_t number :
         {static_cast<uint64_t>(field.descriptor->number()) << 3 | kBytes, static_cast<uint64_t>(content.size())}) {
      for (; number > 0x7f; number >>= 7) *out += static_cast<char>((number & 0x7f) | 0x80);
      *out += static_cast<char>(number);
    }
    *out += content;
  }

  bool varint(std::string_view* rest, const std::string& path, uint64_t* value) {
    const std::string_view begin = *rest;
    *value = 0;
    for (size_t i = 0; i < 10; ++i) {
      if (i == begin.size()) return damaged(begin, path, "it ends within a number");
      const auto byte = static_cast<uint8_t>(begin[i]);
      *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        *rest = begin.substr(i + 1);
        return true;
      }
    }
    return damaged(begin, path, "a number of more than 10 bytes");
  }

  // The next field of a message. False: there is none that makes sense.
  bool next(std::string_view* rest, const Descriptor* type, const std::string& path, int depth, Field* field) {
    const std::string_view begin = *rest;
    uint64_t tag = 0;
    if (!varint(rest, path, &tag)) return false;
    const uint64_t number = tag >> 3;
    if (tag > UINT32_MAX || number == 0) {
      return damaged(begin, path, "there is no field number " + std::to_string(number));
    }
    const std::string name = "field " + std::to_string(number) + ": ";
    *field = {type == nullptr ? nullptr : type->FindFieldByNumber(static_cast<int>(number)),
              static_cast<WireType>(tag & 7),
              {},
              {},
              false,
              0};
    uint64_t ignored = 0;
    switch (tag & 7) {
      case kVarint:
        if (!varint(rest, path, &ignored)) return false;
        break;
      case kFixed64:
      case kFixed32: {
        const size_t size = (tag & 7) == kFixed64 ? 8 : 4;
        if (rest->size() < size) {
          return damaged(begin, path,
                         name + "it has " + bytes_text(size) + ", and " + std::to_string(rest->size()) + " follow");
        }
        rest->remove_prefix(size);
        break;
      }
      case kBytes:
        if (!varint(rest, path, &field->length)) return false;
        field->is_cut = field->length > rest->size();
        field->content = rest->substr(0, field->length);
        rest->remove_prefix(field->content.size());
        break;
      case kStartGroup:
        if (!group(rest, number, path, depth + 1, begin)) return false;
        field->descriptor = nullptr;
        break;
      case kEndGroup:
        return damaged(begin, path, name + "the end of a group that has not begun");
      default:
        return damaged(begin, path, name + "wire type " + std::to_string(tag & 7) + " does not exist");
    }
    field->bytes = begin.substr(0, begin.size() - rest->size());
    if (field->is_cut && field->descriptor == nullptr) {
      cut(*field, path);
      return false;
    }
    return true;
  }

  bool group(std::string_view* rest, uint64_t number, const std::string& path, int depth, std::string_view begin) {
    if (depth > kDeepest) return damaged(begin, path, "messages nested more than 100 deep");
    Field field{};
    while (!rest->empty()) {
      std::string_view after = *rest;
      uint64_t tag = 0;
      if (!varint(&after, path, &tag)) return false;
      if (tag == (number << 3 | kEndGroup)) {
        *rest = after;
        return true;
      }
      if (!next(rest, nullptr, path, depth, &field)) return false;
    }
    return damaged(begin, path, "a group that does not end");
  }

  bool is_whole(const Field& field, const std::string& path, int depth) {
    if (field.descriptor == nullptr || field.wire_type != kBytes) return true;
    if (field.descriptor->message_type() != nullptr) {
      return is_whole(field.content, field.descriptor->message_type(), path, depth + 1);
    }
    if (field.descriptor->type() == FieldDescriptor::TYPE_STRING) {
      const size_t valid = valid_utf8(field.content);
      return valid == field.content.size() || damaged(field.content.substr(valid), path, "text that is not UTF-8");
    }
    return !field.descriptor->is_packable() || is_whole_packed(field, path);
  }

  bool is_whole_packed(const Field& field, const std::string& path) {
    size_t size = 0;
    switch (field.descriptor->cpp_type()) {
      case FieldDescriptor::CPPTYPE_DOUBLE:
        size = 8;
        break;
      default:
        size = field.descriptor->type() == FieldDescriptor::TYPE_FIXED64 ? 8 : 0;
    }
    if (size != 0) {
      return field.content.size() % size == 0 ||
             damaged(field.content, path, bytes_text(field.content.size()) + " for numbers of 8 each");
    }
    uint64_t value = 0;
    std::string_view rest = field.content;
    while (!rest.empty()) {
      if (!varint(&rest, path, &value)) return false;
    }
    return true;
  }

  bool is_whole(std::string_view message, const Descriptor* type, const std::string& path, int depth) {
    if (depth > kDeepest) return damaged(message, path, "messages nested more than 100 deep");
    std::map<int, int> indices;
    std::string_view rest = message;
    Field field{};
    while (!rest.empty()) {
      if (!next(&rest, type, path, depth, &field)) return false;
      const std::string inner = field.descriptor != nullptr ? path_of(path, field.descriptor, &indices) : path;
      if (field.is_cut) {
        cut(field, inner);
        return false;
      }
      if (!is_whole(field, inner, depth)) return false;
    }
    return true;
  }

  const std::string_view request_;
};

}  // namespace

Salvage salvage(std::string_view request) {
  Surgeon surgeon(request);
  std::string whole = surgeon.keep(request, otelue_proto::ExportMetricsServiceRequest::descriptor(), "", 0);
  return {std::move(surgeon.damages), std::move(whole)};
}

}  // namespace otelue::tool
