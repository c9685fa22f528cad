// SPDX-License-Identifier: Apache-2.0
#include "otlp/attributes.h"

#include <type_traits>

#include "otlp/fields.h"
#include "wire/utf8.h"

namespace otelue_core::otlp {
namespace {

using records::Run;
using wire::WireType;

// AttributeValueDepthLimit of the specification.
constexpr unsigned kDeepestContainer = 64;

// How deep a value lies: its message in the event, and in how many arrays and key-value lists.
struct Depth {
  unsigned message;
  unsigned containers;
};

// Writes attributes in three ways. Most are strings so short that all their lengths take one byte: these are composed at
// once. Other scalars know their size before they are written. Containers do not, and nest.
class AttributeWriter {
 public:
  AttributeWriter(Writer& out, const records::Batch& batch) : out_(out), batch_(batch) {}

  // A KeyValue in `field` of a message at `depth`. `offset` is where the record lies.
  void put(uint32_t field, const otelue_attribute& attribute, uint64_t offset, Depth depth);

 private:
  // A value that is no container: the text that it refers to, if any, and how many bytes its AnyValue takes.
  struct Scalar {
    std::string_view text;
    uint64_t size;
  };

  bool measure(const otelue_value& value, Scalar* scalar);
  uint8_t* put_scalar(uint8_t* p, const otelue_value& value, const Scalar& scalar);
  void scalar_value(uint32_t field, const otelue_value& value);
  void scalar_attribute(uint32_t field, const otelue_attribute& attribute);
  // An AnyValue likewise.
  void put(uint32_t field, const otelue_value& value, uint64_t offset, Depth depth);
  template <typename Record>
  void container(uint32_t field, const otelue_value& value, uint64_t offset, Depth depth);
  void put_key(otelue_ref ref);
  template <typename Record>
  bool below(const otelue_value& value, uint64_t offset, Run<Record>* run) const;

  Writer& out_;
  const records::Batch& batch_;
};

// The specification's rule for strings that are not Unicode ("Mapping arbitrary data to OTLP AnyValue").
void send_as_bytes(uint8_t* tag, Changes& changes) {
  *tag = wire::tag(kBytesValue, WireType::kBytes);
  ++changes.strings_as_bytes;
}

// False, and a failure, when there is something wrong with the value.
OTELUE_INLINE bool AttributeWriter::measure(const otelue_value& value, Scalar* scalar) {
  switch (value.type) {
    case OTELUE_STRING:
    case OTELUE_BYTES:
      // The offset of empty text is not looked at.
      if (value.len != 0 &&
          (value.bits > UINT32_MAX || !batch_.text({static_cast<uint32_t>(value.bits), value.len}, &scalar->text))) {
        out_.fail(OTELUE_REASON_REFERENCE);
      }
      scalar->size = wire::delimited_size(scalar->text.size());
      break;
    case OTELUE_INT:
      scalar->size = 1 + wire::varint_size(value.bits);
      break;
    case OTELUE_DOUBLE:
      scalar->size = 9;
      break;
    case OTELUE_BOOL:
      if (value.bits > 1) out_.fail(OTELUE_REASON_ATTRIBUTE_TYPE);
      scalar->size = 2;
      break;
    case OTELUE_EMPTY:
      scalar->size = 0;
      break;
    default:
      out_.fail(OTELUE_REASON_ATTRIBUTE_TYPE);
      break;
  }
  return out_.ok();
}

// The length and the contents of an AnyValue.
OTELUE_INLINE uint8_t* AttributeWriter::put_scalar(uint8_t* p, const otelue_value& value, const Scalar& scalar) {
  p = wire::put_varint(p, scalar.size);
  switch (value.type) {
    case OTELUE_STRING:
    case OTELUE_BYTES: {
      uint8_t* const tag = p++;
      p = wire::put_varint(p, scalar.text.size());
      *tag = wire::tag(value.type, WireType::kBytes);
      if (value.type == OTELUE_BYTES) {
        if (!scalar.text.empty()) std::memcpy(p, scalar.text.data(), scalar.text.size());
      } else if (!wire::copy_utf8(p, scalar.text)) {
        send_as_bytes(tag, out_.changes);
      }
      return p + scalar.text.size();
    }
    case OTELUE_BOOL:
    case OTELUE_INT:
      *p++ = wire::tag(value.type, WireType::kVarint);
      return wire::put_varint(p, value.bits);
    case OTELUE_DOUBLE:
      *p++ = wire::tag(kDoubleValue, WireType::kFixed64);
      return wire::put_fixed64(p, value.bits);
    default:
      return p;
  }
}

// Elements lie below the record that refers to them, so no value can contain itself.
template <typename Record>
bool AttributeWriter::below(const otelue_value& value, uint64_t offset, Run<Record>* run) const {
  if (value.len == 0) return true;
  return value.bits <= UINT32_MAX && batch_.run({static_cast<uint32_t>(value.bits), value.len}, run) &&
         run->offset(run->size()) <= offset;
}

// An AnyValue that contains values or attributes. Every element takes two bytes or more and the writer runs full at some
// point, which bounds the time even when elements are shared many times over.
template <typename Record>
void AttributeWriter::container(uint32_t field, const otelue_value& value, uint64_t offset, Depth depth) {
  constexpr bool kIsArray = std::is_same_v<Record, otelue_value>;
  const Depth element{depth.message + (kIsArray ? 2 : 1), depth.containers + 1};
  const unsigned deepest = value.len == 0 ? depth.message + 1 : depth.message + (kIsArray ? 2 : 3);
  const auto any = out_.open(field);
  if (depth.containers == kDeepestContainer || deepest > kDeepestMessage) {
    ++out_.changes.values_emptied;
    out_.close(any);
    return;
  }

  Run<Record> elements;
  if (!below(value, offset, &elements)) return out_.fail(OTELUE_REASON_REFERENCE);
  const auto list = out_.open(kIsArray ? kArrayValue : kKvlistValue);
  for (uint32_t i = 0; i < elements.size() && out_.ok(); ++i) put(kValues, elements[i], elements.offset(i), element);
  out_.close(list);
  out_.close(any);
}

OTELUE_INLINE void AttributeWriter::put(uint32_t field, const otelue_value& value, uint64_t offset, Depth depth) {
  switch (value.type) {
    case OTELUE_ARRAY:
      return container<otelue_value>(field, value, offset, depth);
    case OTELUE_KVLIST:
      return container<otelue_attribute>(field, value, offset, depth);
    default:
      return scalar_value(field, value);
  }
}

OTELUE_INLINE void AttributeWriter::put(uint32_t field, const otelue_attribute& attribute, uint64_t offset,
                                        Depth depth) {
  if (attribute.value.type != OTELUE_ARRAY && attribute.value.type != OTELUE_KVLIST) {
    return scalar_attribute(field, attribute);
  }
  const auto key_value = out_.open(field);
  put_key(attribute.key);
  if (out_.ok()) put(kValue, attribute.value, offset, {depth.message + 2, depth.containers});
  out_.close(key_value);
}

// Keys and scalars stay out of the functions that call themselves, whose frames add up.
[[gnu::noinline]] void AttributeWriter::put_key(otelue_ref ref) {
  std::string_view key;
  if (!batch_.text(ref, &key)) return out_.fail(OTELUE_REASON_REFERENCE);
  if (key.empty()) return;
  put_text(out_, kKey, key);
}

[[gnu::noinline]] void AttributeWriter::scalar_value(uint32_t field, const otelue_value& value) {
  Scalar scalar;
  if (!measure(value, &scalar)) return;
  uint8_t* p = out_.take(wire::delimited_size(scalar.size));
  if (p == nullptr) return;
  *p++ = wire::tag(field, WireType::kBytes);
  put_scalar(p, value, scalar);
}

[[gnu::noinline]] void AttributeWriter::scalar_attribute(uint32_t field, const otelue_attribute& attribute) {
  std::string_view key;
  Scalar scalar;
  if (!batch_.text(attribute.key, &key)) return out_.fail(OTELUE_REASON_REFERENCE);
  if (!measure(attribute.value, &scalar)) return;
  const uint64_t key_size = key.empty() ? 0 : wire::delimited_size(key.size());
  const uint64_t size = key_size + wire::delimited_size(scalar.size);
  uint8_t* p = out_.take(wire::delimited_size(size));
  if (p == nullptr) return;
  *p++ = wire::tag(field, WireType::kBytes);
  p = wire::put_varint(p, size);
  if (!key.empty()) {
    *p++ = wire::tag(kKey, WireType::kBytes);
    p = wire::put_varint(p, key.size());
    if (!wire::copy_utf8(p, key)) return out_.fail(OTELUE_REASON_TEXT);
    p += key.size();
  }
  *p++ = wire::tag(kValue, WireType::kBytes);
  put_scalar(p, attribute.value, scalar);
}

bool is_short_string(const otelue_attribute& attribute) {
  return attribute.value.type == OTELUE_STRING && attribute.key.len - 1 < 64 && attribute.value.len - 1 < 56;
}

// The KeyValue of a short string.
//
//     | tag, size | key: tag, size, text | value: tag, size | string_value: tag, size, text |
OTELUE_INLINE void put_short_string(Writer& out, const records::Batch& batch, uint8_t tag,
                                    const otelue_attribute& attribute) {
  const otelue_ref key = attribute.key;
  const otelue_ref text{static_cast<uint32_t>(attribute.value.bits), attribute.value.len};
  if (!batch.contains(key) || attribute.value.bits > UINT32_MAX || !batch.contains(text)) {
    return out.fail(OTELUE_REASON_REFERENCE);
  }
  const size_t key_size = key.len;
  const size_t text_size = text.len;
  const size_t size = 2 + key_size + 2 + 2 + text_size;
  uint8_t* p = out.take(2 + size);
  if (p == nullptr) return;
  p = wire::put_bytes(p, tag, size, wire::tag(kKey, WireType::kBytes), key_size);
  if (!wire::copy_utf8(p, batch.text_at(key))) return out.fail(OTELUE_REASON_TEXT);
  p = wire::put_bytes(p + key_size, wire::tag(kValue, WireType::kBytes), 2 + text_size,
                      wire::tag(kStringValue, WireType::kBytes), text_size);
  if (!wire::copy_utf8(p, batch.text_at(text))) send_as_bytes(p - 2, out.changes);
}

}  // namespace

void put_text(Writer& out, uint32_t field, std::string_view text) {
  out.bytes(field, text);
  if (!out.ok()) return;
  const char* const copy = reinterpret_cast<const char*>(out.data()) + out.position() - text.size();
  if (!wire::is_utf8({copy, text.size()})) out.fail(OTELUE_REASON_TEXT);
}

uint32_t put_attributes(Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth) {
  Run<otelue_attribute> run;
  if (!batch.run(ref, &run)) {
    out.fail(OTELUE_REASON_REFERENCE);
    return 0;
  }
  AttributeWriter writer(out, batch);
  const uint8_t tag = wire::tag(field, WireType::kBytes);
  const records::Batch view = batch;  // which no store through a pointer can change
  for (uint32_t i = 0; i < run.size(); ++i) {
    const otelue_attribute attribute = run[i];
    if (is_short_string(attribute)) {
      put_short_string(out, view, tag, attribute);
    } else {
      writer.put(field, attribute, run.offset(i), {depth, 0});
    }
    if (!out.ok()) return i;
  }
  return run.size();
}

}  // namespace otelue_core::otlp
