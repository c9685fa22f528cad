// SPDX-License-Identifier: Apache-2.0
#include "otlp/attributes.h"

#include "otlp/fields.h"
#include "records/utf8.h"

namespace otelue::otlp {
namespace {

using records::Run;

// AttributeValueDepthLimit of the specification.
constexpr unsigned kDeepestContainer = 64;

class AttributeWriter {
 public:
  AttributeWriter(wire::Writer& out, const records::Batch& batch, Changes& changes)
      : out_(out), batch_(batch), changes_(changes) {}

  // A KeyValue in `field` of a message at `depth`. `offset` is where the record lies.
  uint32_t attribute(uint32_t field, const otelue_attribute& attribute, uint64_t offset, unsigned depth,
                     unsigned containers);

 private:
  // A value that is no container: what it takes, checked.
  struct Scalar {
    uint32_t field;
    std::string_view text;
    size_t size;
  };

  static bool is_container(const otelue_value& value) {
    return value.type == OTELUE_ARRAY || value.type == OTELUE_KVLIST;
  }
  uint32_t check(const otelue_value& value, Scalar* scalar);
  void scalar(const otelue_value& value, const Scalar& scalar);
  uint32_t value(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  uint32_t container(const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  template <typename Record>
  bool below(const otelue_value& value, uint64_t offset, Run<Record>* run) const;

  wire::Writer& out_;
  const records::Batch& batch_;
  Changes& changes_;
};

uint32_t AttributeWriter::check(const otelue_value& value, Scalar* scalar) {
  *scalar = {value.type, {}, 0};
  switch (value.type) {
    case OTELUE_EMPTY:
      return OTELUE_REASON_NONE;
    case OTELUE_BOOL:
      scalar->size = 2;
      return value.bits <= 1 ? OTELUE_REASON_NONE : OTELUE_REASON_ATTRIBUTE_TYPE;
    case OTELUE_INT:
      scalar->size = 1 + wire::varint_size(value.bits);
      return OTELUE_REASON_NONE;
    case OTELUE_DOUBLE:
      scalar->size = 9;
      return OTELUE_REASON_NONE;
    case OTELUE_STRING:
    case OTELUE_BYTES:
      if (value.bits > UINT32_MAX ||
          !batch_.text({static_cast<uint32_t>(value.bits), value.len}, &scalar->text)) {
        return OTELUE_REASON_REFERENCE;
      }
      scalar->size = wire::delimited_size(scalar->text.size());
      if (value.type == OTELUE_STRING && !records::is_utf8(scalar->text)) {
        // The specification's rule for strings that are not Unicode (attribute type mapping).
        scalar->field = kBytesValue;
        ++changes_.strings_as_bytes;
      }
      return OTELUE_REASON_NONE;
    default:
      return OTELUE_REASON_ATTRIBUTE_TYPE;
  }
}

void AttributeWriter::scalar(const otelue_value& value, const Scalar& scalar) {
  switch (value.type) {
    case OTELUE_BOOL:
    case OTELUE_INT:
      out_.varint(scalar.field, value.bits);
      break;
    case OTELUE_DOUBLE:
      out_.fixed64(kDoubleValue, value.bits);
      break;
    case OTELUE_STRING:
    case OTELUE_BYTES:
      out_.bytes(scalar.field, scalar.text);
      break;
    default:
      break;
  }
}

// Elements lie below the record that refers to them, so no value can contain itself.
template <typename Record>
bool AttributeWriter::below(const otelue_value& value, uint64_t offset, Run<Record>* run) const {
  return value.bits <= UINT32_MAX && batch_.run({static_cast<uint32_t>(value.bits), value.len}, run) &&
         run->offset(run->size()) <= offset;
}

// What an AnyValue at `depth` contains. Every element takes two bytes or more and the writer runs full at some
// point, which bounds the time even when elements are shared many times over.
uint32_t AttributeWriter::container(const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers) {
  const bool is_array = value.type == OTELUE_ARRAY;
  const unsigned element_depth = depth + (is_array ? 2 : 3);
  if (containers == kDeepestContainer || (value.len == 0 ? depth + 1 : element_depth) > kDeepestMessage) {
    ++changes_.values_emptied;
    return OTELUE_REASON_NONE;
  }

  uint32_t reason = OTELUE_REASON_NONE;
  const auto list = out_.open(is_array ? kArrayValue : kKvlistValue);
  if (is_array) {
    Run<otelue_value> elements;
    if (!below(value, offset, &elements)) return OTELUE_REASON_REFERENCE;
    for (uint32_t i = 0; i < elements.size() && out_.ok() && reason == OTELUE_REASON_NONE; ++i) {
      reason = this->value(kValues, elements[i], elements.offset(i), depth + 2, containers + 1);
    }
  } else {
    Run<otelue_attribute> elements;
    if (!below(value, offset, &elements)) return OTELUE_REASON_REFERENCE;
    for (uint32_t i = 0; i < elements.size() && out_.ok() && reason == OTELUE_REASON_NONE; ++i) {
      reason = attribute(kValues, elements[i], elements.offset(i), depth + 1, containers + 1);
    }
  }
  out_.close(list);
  return reason;
}

// An AnyValue at `depth`.
uint32_t AttributeWriter::value(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth,
                                unsigned containers) {
  if (is_container(value)) {
    const auto any = out_.open(field);
    const uint32_t reason = container(value, offset, depth, containers);
    out_.close(any);
    return reason;
  }
  Scalar checked;
  const uint32_t reason = check(value, &checked);
  if (reason != OTELUE_REASON_NONE) return reason;
  out_.delimiter(field, checked.size);
  scalar(value, checked);
  return OTELUE_REASON_NONE;
}

uint32_t AttributeWriter::attribute(uint32_t field, const otelue_attribute& attribute, uint64_t offset, unsigned depth,
                                    unsigned containers) {
  std::string_view key;
  if (!batch_.text(attribute.key, &key)) return OTELUE_REASON_REFERENCE;
  if (key.empty() || !records::is_utf8(key)) return OTELUE_REASON_TEXT;

  if (is_container(attribute.value)) {
    const auto key_value = out_.open(field);
    out_.bytes(kKey, key);
    const uint32_t reason = value(kValue, attribute.value, offset, depth + 2, containers);
    out_.close(key_value);
    return reason;
  }

  Scalar checked;
  const uint32_t reason = check(attribute.value, &checked);
  if (reason != OTELUE_REASON_NONE) return reason;
  uint8_t* p = out_.room(24);
  *p++ = wire::tag(field, wire::kBytes);
  p = wire::put_varint(p, wire::delimited_size(key.size()) + wire::delimited_size(checked.size));
  *p++ = wire::tag(kKey, wire::kBytes);
  out_.commit(wire::put_varint(p, key.size()));
  out_.bytes(key.data(), key.size());
  out_.delimiter(kValue, checked.size);
  scalar(attribute.value, checked);
  return OTELUE_REASON_NONE;
}

struct SetHeader {
  uint64_t checksum;  // of all that follows, the KeyValues included
  uint32_t magic;
  uint32_t size;  // of the set, this header included
  Changes changes;
  uint32_t reserved;
};
static_assert(sizeof(SetHeader) == 32);
constexpr uint32_t kSetMagic = 0x5345544f;  // "OTES"

// Sixteen bytes per multiplication, after wyhash: a set is checked in about the time that it takes to copy it.
__extension__ using Wide = unsigned __int128;
uint64_t checksum(const uint8_t* p, size_t size) {
  auto word = [](const uint8_t* from, size_t bytes) {
    uint64_t v = 0;
    std::memcpy(&v, from, bytes);
    return v;
  };
  auto fold = [](uint64_t a, uint64_t b) {
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  constexpr uint64_t kOdd1 = 0x9e3779b97f4a7c15;
  constexpr uint64_t kOdd2 = 0xc2b2ae3d27d4eb4f;
  uint64_t sum = size * kOdd1;
  for (; size > 16; p += 16, size -= 16) sum = fold(word(p, 8) ^ kOdd1 ^ sum, word(p + 8, 8) ^ kOdd2);
  const uint64_t low = size >= 8 ? word(p, 8) : word(p, size);
  const uint64_t high = size > 8 ? word(p + 8, size - 8) : 0;
  sum = fold(low ^ kOdd1 ^ sum, high ^ kOdd2);
  return fold(sum ^ kOdd2, kOdd1);
}

}  // namespace

uint32_t put_attributes(wire::Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth,
                        Changes& changes) {
  Run<otelue_attribute> run;
  if (!batch.run(ref, &run)) return OTELUE_REASON_REFERENCE;
  AttributeWriter writer(out, batch, changes);
  for (uint32_t i = 0; i < run.size() && out.ok(); ++i) {
    const uint32_t reason = writer.attribute(field, run[i], run.offset(i), depth, 0);
    if (reason != OTELUE_REASON_NONE) return reason;
  }
  return OTELUE_REASON_NONE;
}

uint32_t encode_set(wire::Writer& out, const records::Batch& batch, otelue_ref ref) {
  SetHeader header{0, kSetMagic, 0, {}, 0};
  out.bytes(&header, sizeof header);
  const uint32_t reason = put_attributes(out, batch, ref, kNumberAttributes, kPointDepth, header.changes);
  if (reason != OTELUE_REASON_NONE || !out.flush()) return reason;
  header.size = static_cast<uint32_t>(out.position());
  std::memcpy(out.data(), &header, sizeof header);
  header.checksum = checksum(out.data() + sizeof header.checksum, out.position() - sizeof header.checksum);
  std::memcpy(out.data(), &header, sizeof header);
  return OTELUE_REASON_NONE;
}

uint32_t put_set(wire::Writer& out, std::string_view set, uint32_t field, Changes& changes) {
  SetHeader header;
  if (set.size() < sizeof header) return OTELUE_REASON_ENCODED;
  std::memcpy(&header, set.data(), sizeof header);
  const auto* begin = reinterpret_cast<const uint8_t*>(set.data());
  const auto* end = begin + set.size();
  const auto* p = begin + sizeof header;
  if (header.magic != kSetMagic || header.size != set.size() ||
      header.checksum != checksum(begin + sizeof header.checksum, set.size() - sizeof header.checksum)) {
    return OTELUE_REASON_ENCODED;
  }
  changes += header.changes;
  if (field == kNumberAttributes) {
    out.bytes(p, static_cast<size_t>(end - p));
    return OTELUE_REASON_NONE;
  }
  while (p < end) {
    // | tag | length, at most 3 bytes in a set that fits an event | KeyValue |
    size_t length = 0;
    const uint8_t* from = p + 1;
    for (unsigned shift = 0; from < end && shift < 21; shift += 7) {
      const uint8_t byte = *from++;
      length |= size_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    if (length > static_cast<size_t>(end - from)) return OTELUE_REASON_ENCODED;
    uint8_t* tag = out.room(1);
    *tag = wire::tag(field, wire::kBytes);
    out.commit(tag + 1);
    out.bytes(p + 1, static_cast<size_t>(from - p) - 1 + length);
    p = from + length;
  }
  return OTELUE_REASON_NONE;
}

}  // namespace otelue::otlp
