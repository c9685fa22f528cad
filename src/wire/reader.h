// SPDX-License-Identifier: Apache-2.0
// Reads the wire format of protobuf as leniently as decoders do: varints need not be minimal, fields may come in any
// order, and unknown ones are passed over. What any of the decoders of C++, Go, Java, JavaScript, Python or Rust refuses
// is malformed.
#ifndef OTELUE_SRC_WIRE_READER_H
#define OTELUE_SRC_WIRE_READER_H

#include "wire/wire.h"

namespace otelue_core::wire {

// Bytes of somebody else's.
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

struct Field {
  uint32_t number;
  WireType type;
  size_t begin;  // of the tag
  size_t value;  // of the value: behind the tag, and behind the length where there is one
  size_t end;

  size_t size() const { return end - value; }
};

// The fields of one message, in the order of its bytes. Offsets count from `bytes.data`.
class Fields {
 public:
  // `depth` is that of the message, so that groups in it are refused where decoders refuse them.
  explicit Fields(Bytes bytes, size_t from = 0, unsigned depth = 0)
      : data_(bytes.data), next_(from), end_(bytes.size), depth_(depth) {}

  // False at the end, and at a field that is malformed: then ok() is false too.
  bool next(Field* out);
  bool ok() const { return ok_; }

  // Goes on with the fields of a message that next() has found, and at their end with those behind it; `end` is that
  // of the message around.
  void enter(const Field& message) {
    next_ = message.value;
    end_ = message.end;
    ++depth_;
  }
  void leave(size_t end) {
    end_ = end;
    --depth_;
  }

 private:
  bool varint(uint64_t* out, size_t longest);
  bool tag(uint32_t* number, WireType* type);
  bool skip_group(uint32_t number);
  bool skip_value(WireType type, size_t* value);

  const uint8_t* data_;
  size_t next_;
  size_t end_;
  unsigned depth_;
  bool ok_ = true;
};

// Whether bytes are nothing but whole varints.
bool is_packed_varints(Bytes bytes);

}  // namespace otelue_core::wire

#endif
