// SPDX-License-Identifier: Apache-2.0
// Writes the wire format of protobuf through nanopb's output stream. The only file that includes nanopb.
#ifndef OTELUE_SRC_WIRE_WRITER_H
#define OTELUE_SRC_WIRE_WRITER_H

#include <pb_encode.h>

#include <cassert>
#include <string_view>

#include "wire/wire.h"

namespace otelue_core::wire {

// nanopb's stream over a buffer, and what it lacks: going back, messages whose length is filled in afterwards, and
// composing in place. Fields are written by nanopb. But a call of nanopb costs about as much as ten fields, so what
// every point has is composed by its writer, in bytes that take() gives out of the stream.
//
// The first failure sticks, and nothing is written from then on: check ok() once, at the end.
//
// The length of a message comes before its bytes but is known after them. open() leaves `width` bytes for it; close()
// fills them in and, when the length takes more or fewer, moves the message:
//
//     | tag | width | body ...            ^ position
class Writer {
 public:
  // What error() says when there was no room. All other errors are the caller's.
  static constexpr uint32_t kFull = UINT32_MAX;

  struct Message {
    size_t body;
    size_t width;
  };

  Writer(uint8_t* out, size_t capacity) : out_(out), stream_(pb_ostream_from_buffer(out, capacity)) {}

  bool ok() const { return error_ == 0; }
  uint32_t error() const { return error_; }
  void fail(uint32_t error) {
    if (error_ == 0) error_ = error;
  }

  size_t position() const { return stream_.bytes_written; }
  uint8_t* data() const { return out_; }

  // The position that can be reached.
  void set_capacity(size_t capacity) {
    assert(capacity >= position());
    stream_.max_size = capacity;
  }
  // Goes back to a former position, and forgives.
  void rewind(size_t position) {
    seek(position);
    error_ = 0;
  }

  // Exactly `size` bytes for the caller to compose; nullptr when they do not fit, or something has failed.
  uint8_t* take(uint64_t size) {
    if (size > stream_.max_size - stream_.bytes_written) [[unlikely]] fail(kFull);
    if (!ok()) [[unlikely]] return nullptr;
    uint8_t* const at = out_ + position();
    seek(position() + static_cast<size_t>(size));
    return at;
  }

  void bytes(const void* data, size_t size) {
    wrote(ok() && pb_write(&stream_, static_cast<const pb_byte_t*>(data), size));
  }
  void varint(uint32_t field, uint64_t v) {
    wrote(ok() && pb_encode_tag(&stream_, PB_WT_VARINT, field) && pb_encode_varint(&stream_, v));
  }
  void fixed64(uint32_t field, uint64_t v) {
    wrote(ok() && pb_encode_tag(&stream_, PB_WT_64BIT, field) && pb_encode_fixed64(&stream_, &v));
  }
  void bytes(uint32_t field, std::string_view v) {
    wrote(ok() && pb_encode_tag(&stream_, PB_WT_STRING, field) &&
          pb_encode_string(&stream_, reinterpret_cast<const pb_byte_t*>(v.data()), v.size()));
  }

  // proto3: a singular field that has its default value is left out; -0.0 does not have it.
  void varint_unless_zero(uint32_t field, uint64_t v) {
    if (v != 0) varint(field, v);
  }
  void fixed64_unless_zero(uint32_t field, uint64_t v) {
    if (v != 0) fixed64(field, v);
  }

  // Appends bytes that already lie in data(), further on.
  void pull(size_t from, size_t size) {
    if (!ok() || size == 0) return;
    std::memmove(out_ + position(), out_ + from, size);
    seek(position() + size);
  }

  Message open(uint32_t field, size_t width = 1) {
    const uint64_t wide_tag = uint64_t{field} << 3 | tag(0, WireType::kBytes);  // points of later kinds: in any field
    if (uint8_t* p = take(varint_size(wide_tag) + width)) put_varint(p, wide_tag);
    return {position(), width};
  }
  // Returns the width that the length has.
  size_t close(Message message) {
    const size_t size = position() - message.body;
    const size_t width = varint_size(size);
    if (!ok()) [[unlikely]] return width;
    if (width != message.width) {
      const size_t end = message.body - message.width + width + size;
      if (end > stream_.max_size) {
        fail(kFull);
        return width;
      }
      std::memmove(out_ + message.body - message.width + width, out_ + message.body, size);
      seek(end);
    }
    put_varint(out_ + message.body - message.width, size);
    return width;
  }

 private:
  void seek(size_t position) {
    stream_.bytes_written = position;
    stream_.state = out_ + position;  // where a stream over a buffer writes next
  }
  // nanopb refuses to write beyond max_size, and nothing else.
  void wrote(bool all) {
    if (!all) [[unlikely]] fail(kFull);
  }

  uint8_t* out_;
  pb_ostream_t stream_;
  uint32_t error_ = 0;
};

}  // namespace otelue_core::wire

#endif
