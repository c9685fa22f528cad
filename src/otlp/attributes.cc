// SPDX-License-Identifier: Apache-2.0
#include "otlp/attributes.h"

#include <type_traits>

#include "otlp/fields.h"
#include "records/utf8.h"

namespace otelue_core::otlp {
namespace {

using records::Run;

// AttributeValueDepthLimit of the specification.
constexpr unsigned kDeepestContainer = 64;

class AttributeWriter {
 public:
  AttributeWriter(wire::Writer& out, const records::Batch& batch, Changes& changes)
      : out_(out), batch_(batch), changes_(changes) {}

  // A KeyValue in `field` of a message at `depth`. `offset` is where the record lies.
  uint32_t put(uint32_t field, const otelue_attribute& attribute, uint64_t offset, unsigned depth, unsigned containers);

 private:
  // A value that is no container: the text that it refers to, if any, and what its AnyValue takes.
  struct Scalar {
    std::string_view text;
    size_t size;
  };

  uint32_t measure(const otelue_value& value, Scalar* scalar) const;
  uint8_t* put_scalar(uint8_t* p, const otelue_value& value, const Scalar& scalar);
  uint32_t scalar_value(uint32_t field, const otelue_value& value);
  uint32_t scalar_attribute(uint32_t field, const otelue_attribute& attribute);
  // An AnyValue likewise.
  uint32_t put(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  template <typename Record>
  uint32_t container(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth, unsigned containers);
  uint32_t put_key(otelue_ref ref);
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

// An AnyValue at `depth` that contains values or attributes. Every element takes two bytes or more and the writer runs
// full at some point, which bounds the time even when elements are shared many times over.
template <typename Record>
uint32_t AttributeWriter::container(uint32_t field, const otelue_value& value, uint64_t offset, unsigned depth,
                                    unsigned containers) {
  constexpr bool kIsArray = std::is_same_v<Record, otelue_value>;
  const unsigned element_depth = depth + (kIsArray ? 2 : 1);
  const unsigned deepest = value.len == 0 ? depth + 1 : depth + (kIsArray ? 2 : 3);
  const auto any = out_.open(field);
  if (containers == kDeepestContainer || deepest > kDeepestMessage) {
    ++changes_.values_emptied;
    out_.close(any);
    return OTELUE_REASON_NONE;
  }

  Run<Record> elements;
  if (!below(value, offset, &elements)) return OTELUE_REASON_REFERENCE;
  uint32_t reason = OTELUE_REASON_NONE;
  const auto list = out_.open(kIsArray ? kArrayValue : kKvlistValue);
  for (uint32_t i = 0; i < elements.size() && out_.ok() && reason == OTELUE_REASON_NONE; ++i) {
    reason = put(kValues, elements[i], elements.offset(i), element_depth, containers + 1);
  }
  out_.close(list);
  out_.close(any);
  return reason;
}

[[gnu::always_inline]] inline uint32_t AttributeWriter::put(uint32_t field, const otelue_value& value, uint64_t offset,
                                                            unsigned depth, unsigned containers) {
  switch (value.type) {
    case OTELUE_ARRAY:
      return container<otelue_value>(field, value, offset, depth, containers);
    case OTELUE_KVLIST:
      return container<otelue_attribute>(field, value, offset, depth, containers);
    default:
      return scalar_value(field, value);
  }
}

[[gnu::always_inline]] inline uint32_t AttributeWriter::put(uint32_t field, const otelue_attribute& attribute,
                                                            uint64_t offset, unsigned depth, unsigned containers) {
  if (attribute.value.type != OTELUE_ARRAY && attribute.value.type != OTELUE_KVLIST) {
    return scalar_attribute(field, attribute);
  }
  const auto key_value = out_.open(field);
  if (const uint32_t reason = put_key(attribute.key); reason != OTELUE_REASON_NONE) return reason;
  const uint32_t reason = put(kValue, attribute.value, offset, depth + 2, containers);
  out_.close(key_value);
  return reason;
}

[[gnu::noinline]] uint32_t AttributeWriter::put_key(otelue_ref ref) {
  std::string_view key;
  if (!batch_.text(ref, &key)) return OTELUE_REASON_REFERENCE;
  if (key.empty() || !records::is_utf8(key)) return OTELUE_REASON_TEXT;
  out_.bytes(kKey, key);
  return OTELUE_REASON_NONE;
}

// Keys and scalars stay out of the functions that call themselves, whose frames add up.
[[gnu::noinline]] uint32_t AttributeWriter::scalar_value(uint32_t field, const otelue_value& value) {
  Scalar scalar;
  const uint32_t reason = measure(value, &scalar);
  if (reason != OTELUE_REASON_NONE) return reason;
  uint8_t* p = out_.take(wire::delimited_size(scalar.size));
  if (p == nullptr) return OTELUE_REASON_NONE;
  *p++ = wire::tag(field, wire::kBytes);
  put_scalar(p, value, scalar);
  return OTELUE_REASON_NONE;
}

[[gnu::noinline]] uint32_t AttributeWriter::scalar_attribute(uint32_t field, const otelue_attribute& attribute) {
  std::string_view key;
  Scalar scalar;
  if (!batch_.text(attribute.key, &key)) return OTELUE_REASON_REFERENCE;
  if (key.empty()) return OTELUE_REASON_TEXT;
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

}  // namespace

uint32_t put_attributes(wire::Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth,
                        Changes& changes, uint32_t* index) {
  Run<otelue_attribute> run;
  if (!batch.run(ref, &run)) return OTELUE_REASON_REFERENCE;
  AttributeWriter writer(out, batch, changes);
  const records::Batch view = batch;  // which no store through a pointer can change
  for (uint32_t i = 0; i < run.size() && out.ok(); ++i) {
    if (index != nullptr) *index = i;
    const otelue_attribute attribute = run[i];
    const uint32_t reason = is_short_string(attribute)
                                ? put_short_string(out, view, field, attribute, changes)
                                : writer.put(field, attribute, run.offset(i), depth, 0);
    if (reason != OTELUE_REASON_NONE) return reason;
  }
  return OTELUE_REASON_NONE;
}

}  // namespace otelue_core::otlp
