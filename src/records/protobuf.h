// SPDX-License-Identifier: Apache-2.0
// Reads the wire format of protobuf (protobuf.dev, "Encoding"), as leniently as decoders do: varints need not be
// minimal, fields may come in any order, and unknown ones are passed over.
#ifndef OTELUE_SRC_RECORDS_PROTOBUF_H
#define OTELUE_SRC_RECORDS_PROTOBUF_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace otelue_core::records {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kStartGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// How deep messages and groups may lie below the outermost message. Decoders refuse more (the recursion limit of C++,
// Java, Python and Rust alike).
inline constexpr unsigned kDeepestMessage = 100;

struct Field {
  uint32_t number;
  WireType type;
  size_t begin;   // of the tag
  size_t value;   // of the value: behind the tag, and behind the length where there is one
  size_t end;

  size_t size() const { return end - value; }
};

// The fields of one message, in the order of its bytes. Offsets count from the first byte of the span.
class Fields {
 public:
  // `depth` is that of the message, so that groups in it are refused where decoders refuse them.
  explicit Fields(std::span<const uint8_t> bytes, size_t from = 0, unsigned depth = 0)
      : bytes_(bytes), next_(from), depth_(depth) {}

  // False at the end, and at a field that is malformed: then ok() is false too.
  bool next(Field* out);
  bool ok() const { return ok_; }

 private:
  bool varint(uint64_t* out, size_t longest);
  bool tag(uint32_t* number, WireType* type);
  bool skip_group(uint32_t number);
  bool skip_value(WireType type, size_t* value);

  std::span<const uint8_t> bytes_;
  size_t next_;
  unsigned depth_;
  bool ok_ = true;
};

// Whether bytes are nothing but whole varints.
bool is_packed_varints(std::span<const uint8_t> bytes);

}  // namespace otelue_core::records

#endif
