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
// composing in place. Values are written by nanopb. But each of its calls costs as much as five fields (50 instructions
// for a byte), so tags, which are one byte, and what every point has are composed in bytes that take() gives out of the
// stream.
//
// The first failure sticks, and ends the stream where it is: nothing is written from then on, so check ok() once, at
// the end.
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

  Writer(uint8_t* out, size_t capacity) : capacity_(capacity) {
    stream_.callback = append;
    stream_.state = out;
    stream_.max_size = capacity;
  }

  bool ok() const { return error_ == 0; }
  uint32_t error() const { return error_; }
  void fail(uint32_t error) {
    if (error_ == 0) error_ = error;
    stream_.max_size = position();
  }

  size_t position() const { return stream_.bytes_written; }
  uint8_t* data() const { return static_cast<uint8_t*>(stream_.state); }

  // The position that can be reached.
  void set_capacity(size_t capacity) {
    assert(ok() && capacity >= position());
    stream_.max_size = capacity_ = capacity;
  }
  // Goes back to a former position, and forgives.
  void rewind(size_t position) {
    stream_.bytes_written = position;
    stream_.max_size = capacity_;
    error_ = 0;
  }

  // Exactly `size` bytes for the caller to compose; nullptr when they do not fit, or something has failed.
  uint8_t* take(uint64_t size) {
    const size_t at = position();
    if (size > stream_.max_size - at) [[unlikely]] {
      fail(kFull);
      return nullptr;
    }
    stream_.bytes_written = at + static_cast<size_t>(size);
    return data() + at;
  }

  void bytes(const void* data, size_t size) { wrote(pb_write(&stream_, static_cast<const pb_byte_t*>(data), size)); }
  // Fields up to number 15.
  void fixed64(uint32_t field, uint64_t v) {
    put_tag(field, WireType::kFixed64);
    wrote(pb_encode_fixed64(&stream_, &v));
  }
  void bytes(uint32_t field, std::string_view v) {
    put_tag(field, WireType::kBytes);
    wrote(pb_encode_string(&stream_, reinterpret_cast<const pb_byte_t*>(v.data()), v.size()));
  }
  // proto3: a singular field that has its default value is left out; -0.0 does not have it.
  void varint_unless_zero(uint32_t field, uint64_t v) {
    if (v == 0) return;
    if (uint8_t* p = take(1 + varint_size(v))) put_varint(put_varint(p, tag(field, WireType::kVarint)), v);
  }
  void fixed64_unless_zero(uint32_t field, uint64_t v) {
    if (v != 0) fixed64(field, v);
  }

  // Appends bytes that already lie in data(), further on.
  void pull(size_t from, size_t size) {
    if (uint8_t* p = take(size)) std::memmove(p, data() + from, size);
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
      std::memmove(data() + message.body - message.width + width, data() + message.body, size);
      stream_.bytes_written = end;
    }
    put_varint(data() + message.body - message.width, size);
    return width;
  }

 private:
  // What nanopb writes with, in place of a call of memcpy for every byte of a tag or length.
  static bool append(pb_ostream_t* stream, const pb_byte_t* from, size_t size) {
    uint8_t* const to = static_cast<uint8_t*>(stream->state) + stream->bytes_written;
    if (size == 1) {
      *to = *from;
    } else {
      std::memcpy(to, from, size);
    }
    return true;
  }
  void put_tag(uint32_t field, WireType type) {
    if (uint8_t* p = take(1)) *p = tag(field, type);
  }
  // nanopb refuses to write beyond max_size, and nothing else.
  void wrote(bool all) {
    if (!all) [[unlikely]] fail(kFull);
  }

  pb_ostream_t stream_{};  // its state is the first byte
  size_t capacity_;
  uint32_t error_ = 0;
};

}  // namespace otelue_core::wire

#endif
