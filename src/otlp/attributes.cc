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
  // A value that is no container: the text that it refers to, if any, and what its AnyValue takes.
  struct Scalar {
    std::string_view text;
    size_t size;
  };

  static bool is_container(const otelue_value& value) {
    return value.type == OTELUE_ARRAY || value.type == OTELUE_KVLIST;
  }
  uint32_t measure(const otelue_value& value, Scalar* scalar) const;
  uint8_t* put_scalar(uint8_t* p, const otelue_value& value, const Scalar& scalar);
  uint32_t value(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  uint32_t nested(uint32_t field, std::string_view key, const otelue_value& list, uint64_t offset, unsigned depth,
                  unsigned containers);
  uint32_t container(const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  template <typename Record>
  bool below(const otelue_value& value, uint64_t offset, Run<Record>* run) const;

  wire::Writer& out_;
  const records::Batch& batch_;
  Changes& changes_;
};

// The specification's rule for strings that are not Unicode (attribute type mapping).
void send_as_bytes(uint8_t* tag, Changes& changes) {
  *tag = wire::tag(kBytesValue, wire::kBytes);
  ++changes.strings_as_bytes;
}

// Copies text and says whether it is UTF-8. What is checked is the copy, which nobody else can change.
[[gnu::always_inline]] inline bool copy_utf8(uint8_t* to, std::string_view text) {
  return wire::copy_text(to, text) ||
         records::is_well_formed_utf8({reinterpret_cast<const char*>(to), text.size()});
}

[[gnu::always_inline]] inline uint32_t AttributeWriter::measure(const otelue_value& value, Scalar* scalar) const {
  switch (value.type) {
    case OTELUE_STRING:
    case OTELUE_BYTES:
      if (value.bits > UINT32_MAX || !batch_.text({static_cast<uint32_t>(value.bits), value.len}, &scalar->text)) {
        return OTELUE_REASON_REFERENCE;
      }
      scalar->size = wire::delimited_size(scalar->text.size());
      return OTELUE_REASON_NONE;
    case OTELUE_INT:
      scalar->size = 1 + wire::varint_size(value.bits);
      return OTELUE_REASON_NONE;
    case OTELUE_DOUBLE:
      scalar->size = 9;
      return OTELUE_REASON_NONE;
    case OTELUE_BOOL:
      scalar->size = 2;
      return value.bits <= 1 ? OTELUE_REASON_NONE : OTELUE_REASON_ATTRIBUTE_TYPE;
    case OTELUE_EMPTY:
      scalar->size = 0;
      return OTELUE_REASON_NONE;
    default:
      return OTELUE_REASON_ATTRIBUTE_TYPE;
  }
}

// The length and the contents of an AnyValue.
[[gnu::always_inline]] inline uint8_t* AttributeWriter::put_scalar(uint8_t* p, const otelue_value& value,
                                                                   const Scalar& scalar) {
  p = wire::put_varint(p, scalar.size);
  switch (value.type) {
    case OTELUE_STRING:
    case OTELUE_BYTES: {
      uint8_t* const tag = p++;
      p = wire::put_varint(p, scalar.text.size());
      *tag = wire::tag(value.type, wire::kBytes);
      if (!copy_utf8(p, scalar.text) && value.type == OTELUE_STRING) send_as_bytes(tag, changes_);
      return p + scalar.text.size();
    }
    case OTELUE_BOOL:
    case OTELUE_INT:
      *p++ = wire::tag(value.type, wire::kVarint);
      return wire::put_varint(p, value.bits);
    case OTELUE_DOUBLE:
      *p++ = wire::tag(kDoubleValue, wire::kFixed64);
      return wire::put_fixed64(p, value.bits);
    default:
      return p;
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
  Scalar scalar;
  const uint32_t reason = measure(value, &scalar);
  if (reason != OTELUE_REASON_NONE) return reason;
  uint8_t* p = out_.take(wire::delimited_size(scalar.size));
  if (p == nullptr) return OTELUE_REASON_NONE;
  *p++ = wire::tag(field, wire::kBytes);
  put_scalar(p, value, scalar);
  return OTELUE_REASON_NONE;
}

// A KeyValue whose value is a container.
uint32_t AttributeWriter::nested(uint32_t field, std::string_view key, const otelue_value& list, uint64_t offset,
                                 unsigned depth, unsigned containers) {
  if (!records::is_utf8(key)) return OTELUE_REASON_TEXT;
  const auto key_value = out_.open(field);
  out_.bytes(kKey, key);
  const uint32_t reason = value(kValue, list, offset, depth + 2, containers);
  out_.close(key_value);
  return reason;
}

uint32_t AttributeWriter::attribute(uint32_t field, const otelue_attribute& attribute, uint64_t offset, unsigned depth,
                                    unsigned containers) {
  std::string_view key;
  if (!batch_.text(attribute.key, &key)) return OTELUE_REASON_REFERENCE;
  if (key.empty()) return OTELUE_REASON_TEXT;
  if (is_container(attribute.value)) return nested(field, key, attribute.value, offset, depth, containers);

  Scalar scalar;
  const uint32_t reason = measure(attribute.value, &scalar);
  if (reason != OTELUE_REASON_NONE) return reason;
  const size_t size = wire::delimited_size(key.size()) + wire::delimited_size(scalar.size);
  uint8_t* p = out_.take(wire::delimited_size(size));
  if (p == nullptr) return OTELUE_REASON_NONE;
  *p++ = wire::tag(field, wire::kBytes);
  p = wire::put_varint(p, size);
  *p++ = wire::tag(kKey, wire::kBytes);
  p = wire::put_varint(p, key.size());
  if (!copy_utf8(p, key)) return OTELUE_REASON_TEXT;
  p += key.size();
  *p++ = wire::tag(kValue, wire::kBytes);
  put_scalar(p, attribute.value, scalar);
  return OTELUE_REASON_NONE;
}

// What most attributes are: a string that is so short that all lengths take one byte.
bool is_short_string(const otelue_attribute& attribute) {
  return attribute.value.type == OTELUE_STRING && attribute.key.len - 1 < 64 && attribute.value.len - 1 < 56;
}

// The KeyValue of a short string.
//
//     | tag, size | key: tag, size, text | value: tag, size | string_value: tag, size, text |
[[gnu::always_inline]] inline uint32_t put_short_string(wire::Writer& out, const records::Batch& batch, uint32_t field,
                                                        const otelue_attribute& attribute, Changes& changes) {
  const size_t key_size = attribute.key.len;
  const size_t text_size = attribute.value.len;
  const char* key = batch.text_at(attribute.key.off, attribute.key.len);
  const char* text = batch.text_at(attribute.value.bits, attribute.value.len);
  if (key == nullptr || text == nullptr) return OTELUE_REASON_REFERENCE;
  const size_t size = 2 + key_size + 2 + 2 + text_size;
  uint8_t* p = out.take(2 + size);
  if (p == nullptr) return OTELUE_REASON_NONE;
  p = wire::put_bytes(p, wire::tag(field, wire::kBytes), size, wire::tag(kKey, wire::kBytes), key_size);
  if (!copy_utf8(p, {key, key_size})) return OTELUE_REASON_TEXT;
  p = wire::put_bytes(p + key_size, wire::tag(kValue, wire::kBytes), 2 + text_size,
                      wire::tag(kStringValue, wire::kBytes), text_size);
  if (!copy_utf8(p, {text, text_size})) send_as_bytes(p - 2, changes);
  return OTELUE_REASON_NONE;
}

// Fletcher's checksum, over words of 64 bits: every changed word changes `sum`, and words that changed in a way that
// leaves it alone change `sum_of_sums`.
struct Checksum {
  uint64_t sum = 0x5345544f;  // "OTES"
  uint64_t sum_of_sums = 0;

  bool operator==(const Checksum&) const = default;
  void add(uint64_t word) {
    sum += word;
    sum_of_sums += sum;
  }
};

// The header of an encoded set; its KeyValues follow.
struct SetHeader {
  Checksum checksum;  // of all that follows
  uint32_t size;      // of the set, this header included
  Changes changes;
};
static_assert(sizeof(SetHeader) == kSetHeaderBytes);

// Copies the KeyValues of a set and returns the checksum that its header should have.
Checksum copy_set(uint8_t* to, const SetHeader& header, const uint8_t* from, size_t size) {
  Checksum checksum;
  uint64_t word = 0;
  for (size_t at = sizeof checksum; at < sizeof header; at += sizeof word) {
    std::memcpy(&word, reinterpret_cast<const uint8_t*>(&header) + at, sizeof word);
    checksum.add(word);
  }
  auto copy = [&](size_t at) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
    checksum.add(word);
  };
  if (size < sizeof word) {
    word = 0;
    std::memcpy(&word, from, size);
    std::memcpy(to, &word, size);
    checksum.add(word);
    return checksum;
  }
  size_t at = 0;
  for (; size - at >= 4 * sizeof word; at += 4 * sizeof word) {
    copy(at);
    copy(at + 8);
    copy(at + 16);
    copy(at + 24);
  }
  for (; size - at >= sizeof word; at += sizeof word) copy(at);
  copy(size - sizeof word);  // overlaps the one before
  return checksum;
}

// Gives the KeyValues in [p, end) another field. False when they are none.
bool retag(uint8_t* p, const uint8_t* end, uint32_t field) {
  while (p < end) {
    // | tag | length, at most 3 bytes in a set that fits an event | KeyValue |
    *p++ = wire::tag(field, wire::kBytes);
    size_t length = 0;
    for (unsigned shift = 0; p < end && shift < 21; shift += 7) {
      const uint8_t byte = *p++;
      length |= size_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    if (length > static_cast<size_t>(end - p)) return false;
    p += length;
  }
  return true;
}

}  // namespace

uint32_t put_attributes(wire::Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth,
                        Changes& changes) {
  Run<otelue_attribute> run;
  if (!batch.run(ref, &run)) return OTELUE_REASON_REFERENCE;
  AttributeWriter writer(out, batch, changes);
  const records::Batch view = batch;  // which no store through a pointer can change
  for (uint32_t i = 0; i < run.size() && out.ok(); ++i) {
    const otelue_attribute attribute = run[i];
    const uint32_t reason = is_short_string(attribute)
                                ? put_short_string(out, view, field, attribute, changes)
                                : writer.attribute(field, attribute, run.offset(i), depth, 0);
    if (reason != OTELUE_REASON_NONE) return reason;
  }
  return OTELUE_REASON_NONE;
}

uint32_t encode_set(wire::Writer& out, const records::Batch& batch, otelue_ref ref) {
  SetHeader header{{}, 0, {}};
  out.bytes(&header, sizeof header);
  const uint32_t reason = put_attributes(out, batch, ref, kNumberAttributes, kPointDepth, header.changes);
  if (reason != OTELUE_REASON_NONE || !out.ok()) return reason;
  header.size = static_cast<uint32_t>(out.position());
  uint8_t* key_values = out.data() + sizeof header;
  header.checksum = copy_set(key_values, header, key_values, header.size - sizeof header);
  std::memcpy(out.data(), &header, sizeof header);
  return OTELUE_REASON_NONE;
}

uint32_t put_set(wire::Writer& out, std::string_view set, uint32_t field, Changes& changes) {
  SetHeader header;
  if (set.size() < sizeof header) return OTELUE_REASON_ENCODED;
  std::memcpy(&header, set.data(), sizeof header);
  if (header.size != set.size()) return OTELUE_REASON_ENCODED;
  const size_t size = set.size() - sizeof header;
  uint8_t* p = out.take(size);
  if (p == nullptr) return OTELUE_REASON_NONE;
  const auto* key_values = reinterpret_cast<const uint8_t*>(set.data()) + sizeof header;
  if (copy_set(p, header, key_values, size) != header.checksum) return OTELUE_REASON_ENCODED;
  if (field != kNumberAttributes && !retag(p, p + size, field)) return OTELUE_REASON_ENCODED;
  changes += header.changes;
  return OTELUE_REASON_NONE;
}

}  // namespace otelue::otlp
