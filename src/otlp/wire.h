// SPDX-License-Identifier: Apache-2.0
// Writes the wire format of protobuf through nanopb's output stream. The only file that includes nanopb.
#ifndef OTELUE_SRC_OTLP_WIRE_H
#define OTELUE_SRC_OTLP_WIRE_H

#include <pb_encode.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace otelue::wire {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2 };

// Every tag on the metrics path is one byte: its field numbers end at 14.
constexpr uint8_t tag(uint32_t field, WireType type) { return static_cast<uint8_t>(field << 3 | type); }

constexpr size_t varint_size(uint64_t v) { return (static_cast<size_t>(std::bit_width(v | 1)) + 6) / 7; }
// The size of a field that is a string, bytes or a message of `size` bytes.
constexpr size_t delimited_size(size_t size) { return 1 + varint_size(size) + size; }
// Negative numbers take ten bytes in int64, and one or more in sint32, which is zigzag.
constexpr uint32_t zigzag(int32_t v) { return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31); }

inline uint8_t* put_varint(uint8_t* p, uint64_t v) {
  while (v >= 0x80) {
    *p++ = static_cast<uint8_t>(v | 0x80);
    v >>= 7;
  }
  *p++ = static_cast<uint8_t>(v);
  return p;
}

inline uint8_t* put_fixed64(uint8_t* p, uint64_t v) {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

// Appends fields to a buffer. A nanopb call costs about as much as ten fields composed in place, so small pieces
// collect in a stage and go to the stream together. Failure is sticky: check ok() once, at the end.
//
// The length of a message comes before its bytes but is known after them. open() leaves `width` bytes for it;
// close() fills them in and, when the length takes more or fewer, moves the message:
//
//     | tag | width | body ...            ^ position
class Writer {
 public:
  // The most that room() gives at once.
  static constexpr size_t kRoom = 128;

  struct Message {
    size_t body;
    size_t width;
  };

  Writer(uint8_t* out, size_t capacity) : out_(out), stream_(pb_ostream_from_buffer(out, capacity)) {}

  bool ok() const { return ok_; }
  size_t position() const { return stream_.bytes_written + staged_; }
  uint8_t* data() const { return out_; }

  // The position that can be reached. Not below the present one.
  void set_capacity(size_t capacity) { stream_.max_size = capacity; }

  // Goes back to a former position, and forgives.
  void rewind(size_t position) {
    stream_.state = out_ + position;
    stream_.bytes_written = position;
    staged_ = 0;
    ok_ = true;
  }

  // Hands the stage over to the stream, so that all bytes up to position() are in data().
  bool flush() {
    if (staged_ > 0) ok_ = ok_ && pb_write(&stream_, stage_, staged_);
    staged_ = 0;
    return ok_;
  }

  // Where `size` bytes, at most kRoom, can be composed; commit() takes the end of what was.
  uint8_t* room(size_t size) {
    if (size > kStage - staged_) flush();
    return stage_ + staged_;
  }
  void commit(const uint8_t* end) { staged_ = static_cast<size_t>(end - stage_); }

  void bytes(const void* data, size_t size) {
    if (size <= kSmall && size <= kStage - staged_) {
      copy_small(stage_ + staged_, static_cast<const uint8_t*>(data), size);
      staged_ += size;
    } else if (size <= kStage - staged_) {
      std::memcpy(stage_ + staged_, data, size);
      staged_ += size;
    } else {
      flush();
      ok_ = ok_ && pb_write(&stream_, static_cast<const pb_byte_t*>(data), size);
    }
  }

  void varint(uint32_t field, uint64_t v) {
    uint8_t* p = room(11);
    *p++ = tag(field, kVarint);
    commit(put_varint(p, v));
  }
  void fixed64(uint32_t field, uint64_t v) {
    uint8_t* p = room(9);
    *p++ = tag(field, kFixed64);
    commit(put_fixed64(p, v));
  }
  void float64(uint32_t field, double v) { fixed64(field, std::bit_cast<uint64_t>(v)); }
  // The tag and length of a field whose bytes follow.
  void delimiter(uint32_t field, size_t size) {
    uint8_t* p = room(11);
    *p++ = tag(field, kBytes);
    commit(put_varint(p, size));
  }
  void bytes(uint32_t field, std::string_view value) {
    delimiter(field, value.size());
    bytes(value.data(), value.size());
  }

  // proto3: a singular field that has its default value is left out; -0.0 does not have it.
  void varint_unless_zero(uint32_t field, uint64_t v) {
    if (v != 0) varint(field, v);
  }
  void fixed64_unless_zero(uint32_t field, uint64_t v) {
    if (v != 0) fixed64(field, v);
  }
  void bytes_unless_empty(uint32_t field, std::string_view value) {
    if (!value.empty()) bytes(field, value);
  }

  // Appends bytes that already lie in data(), further on.
  void pull(size_t from, size_t size) {
    if (!flush() || size == 0) return;
    const size_t position = stream_.bytes_written;
    std::memmove(out_ + position, out_ + from, size);
    rewind(position + size);
  }

  Message open(uint32_t field, size_t width = 1) {
    uint8_t* p = room(8);
    *p++ = tag(field, kBytes);
    commit(p + width);
    return {position(), width};
  }
  void close(Message message);

 private:
  static constexpr size_t kStage = 512;
  static constexpr size_t kSmall = 32;

  static void copy_small(uint8_t* to, const uint8_t* from, size_t size) {
    if (size >= 16) {
      copy<16>(to, from);
      copy<16>(to + size - 16, from + size - 16);
    } else if (size >= 8) {
      copy<8>(to, from);
      copy<8>(to + size - 8, from + size - 8);
    } else if (size >= 4) {
      copy<4>(to, from);
      copy<4>(to + size - 4, from + size - 4);
    } else {
      for (size_t i = 0; i < size; ++i) to[i] = from[i];
    }
  }
  template <size_t kBytes>
  static void copy(uint8_t* to, const uint8_t* from) {
    std::memcpy(to, from, kBytes);
  }

  uint8_t* out_;
  pb_ostream_t stream_;
  bool ok_ = true;
  size_t staged_ = 0;
  uint8_t stage_[kStage];
};

inline void Writer::close(Message message) {
  if (!flush()) return;
  const size_t size = position() - message.body;
  const size_t width = varint_size(size);
  if (width != message.width) {
    const size_t end = message.body - message.width + width + size;
    if (end > stream_.max_size) {
      ok_ = false;
      return;
    }
    std::memmove(out_ + message.body - message.width + width, out_ + message.body, size);
    rewind(end);
  }
  put_varint(out_ + message.body - message.width, size);
}

}  // namespace otelue::wire

#endif
