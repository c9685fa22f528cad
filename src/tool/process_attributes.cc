// SPDX-License-Identifier: Apache-2.0
#include "process_attributes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>

#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kMostKnown = 4096;
constexpr auto kKnowFor = std::chrono::seconds(5);  // a number goes to another process, and a process runs another file
constexpr std::string_view kKeys[] = {"process.pid", "process.executable.path", "process.executable.name",
                                      "container.id"};
constexpr size_t kContainerIdSize = 64;

// Fields of ExportMetricsServiceRequest, ResourceMetrics, Resource and KeyValue.
constexpr uint64_t kResourceMetrics = 1, kResource = 1, kAttributes = 1, kKey = 1;
constexpr uint64_t kBytes = 2;

bool read_varint(std::string_view* rest, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < 10 && i < rest->size(); ++i) {
    const auto byte = static_cast<uint8_t>((*rest)[i]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      rest->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

void append_varint(uint64_t value, std::string* out) {
  for (; value > 0x7f; value >>= 7) *out += static_cast<char>((value & 0x7f) | 0x80);
  *out += static_cast<char>(value);
}

void append_field(uint64_t number, std::string_view content, std::string* out) {
  append_varint(number << 3 | kBytes, out);
  append_varint(content.size(), out);
  *out += content;
}

struct Field {
  uint64_t number;
  bool has_content;
  std::string_view bytes, content;
};

// The next field; groups, which OTLP has none of, make no sense.
bool next(std::string_view* rest, Field* field) {
  const std::string_view begin = *rest;
  uint64_t tag = 0;
  uint64_t value = 0;
  if (!read_varint(rest, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
  *field = {tag >> 3, (tag & 7) == kBytes, {}, {}};
  size_t size = 0;
  switch (tag & 7) {
    case 0:
      if (!read_varint(rest, &value)) return false;
      break;
    case 1:
      size = 8;
      break;
    case kBytes:
      if (!read_varint(rest, &value) || value > rest->size()) return false;
      size = value;
      break;
    case 5:
      size = 4;
      break;
    default:
      return false;
  }
  if (size > rest->size()) return false;
  field->content = rest->substr(0, size);
  rest->remove_prefix(size);
  field->bytes = begin.substr(0, begin.size() - rest->size());
  return true;
}

bool is_ours(std::string_view attribute) {
  Field field{};
  while (!attribute.empty()) {
    if (!next(&attribute, &field)) return false;
    if (field.has_content && field.number == kKey) {
      return std::find(std::begin(kKeys), std::end(kKeys), field.content) != std::end(kKeys);
    }
  }
  return false;
}

void append_attribute(std::string_view key, std::string_view value, std::string* out) {
  std::string attribute;
  append_field(kKey, key, &attribute);
  append_field(2, value, &attribute);
  append_field(kAttributes, attribute, out);
}

void append_text(std::string_view key, std::string_view text, std::string* out) {
  std::string value;
  append_field(1, text, &value);  // AnyValue.string_value
  append_attribute(key, value, out);
}

// The 64 digits that a path of the cgroup ends in, which container runtimes put there: /docker/ID, /crio-ID.scope.
std::string container_id(const std::string& directory) {
  std::ifstream file(directory + "/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.ends_with(".scope")) line.resize(line.size() - 6);
    if (line.size() <= kContainerIdSize) continue;
    const std::string id = line.substr(line.size() - kContainerIdSize);
    const char before = line[line.size() - kContainerIdSize - 1];
    if (id.find_first_not_of("0123456789abcdef") == std::string::npos && (before == '/' || before == '-')) return id;
  }
  return "";
}

std::string look_up(uint32_t pid) {
  std::string attributes;
  std::string number(1, '\x18');  // AnyValue.int_value
  append_varint(pid, &number);
  append_attribute("process.pid", number, &attributes);
  const std::string directory = "/proc/" + std::to_string(pid);
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink((directory + "/exe").c_str(), path.data(), path.size());
  const std::string_view executable(path.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  if (!executable.empty() && valid_utf8(executable) == executable.size()) {
    append_text("process.executable.path", executable, &attributes);
    append_text("process.executable.name", executable.substr(executable.rfind('/') + 1), &attributes);
  }
  if (const std::string id = container_id(directory); !id.empty()) append_text("container.id", id, &attributes);
  return attributes;
}

}  // namespace

bool is_request_outside(std::string_view event) {
  Field field{};
  while (!event.empty()) {
    if (!next(&event, &field)) return false;
  }
  return true;
}

const std::string& ProcessAttributes::attributes_of(uint32_t pid) {
  const auto now = Clock::now();
  if (known_.size() > kMostKnown) known_.clear();
  Known& known = known_[pid];
  if (known.attributes.empty() || now - known.since > kKnowFor) known = {look_up(pid), now};
  return known.attributes;
}

bool ProcessAttributes::append(std::string_view request, uint32_t pid, std::string* out) {
  const size_t before = out->size();
  const std::string& attributes = attributes_of(pid);
  Field outer{};
  while (!request.empty()) {
    if (!next(&request, &outer)) {
      out->resize(before);
      return false;
    }
    if (!outer.has_content || outer.number != kResourceMetrics) {
      *out += outer.bytes;
      continue;
    }
    // Decoders merge a resource that comes in parts, so all of them count.
    resource_.clear();
    size_t others = 0;
    Field field{};
    Field attribute{};
    for (std::string_view rest = outer.content; !rest.empty();) {
      bool is_fine = next(&rest, &field);
      if (is_fine && field.has_content && field.number == kResource) {
        for (std::string_view inner = field.content; is_fine && !inner.empty();) {
          is_fine = next(&inner, &attribute);
          const bool is_claim = attribute.has_content && attribute.number == kAttributes && is_ours(attribute.content);
          if (is_fine && !is_claim) resource_ += attribute.bytes;
        }
      } else if (is_fine) {
        others += field.bytes.size();
      }
      if (!is_fine) {
        out->resize(before);
        return false;
      }
    }
    resource_ += attributes;
    std::string head;
    append_field(kResource, resource_, &head);
    append_varint(kResourceMetrics << 3 | kBytes, out);
    append_varint(head.size() + others, out);
    *out += head;
    for (std::string_view rest = outer.content; !rest.empty();) {
      next(&rest, &field);
      if (!field.has_content || field.number != kResource) *out += field.bytes;
    }
  }
  return true;
}

}  // namespace otelue::tool
