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

namespace otelue_core::wire {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2 };

// Every tag on the metrics path is one byte: its field numbers end at 14. (Later ones matter to Writer::open() alone.)
constexpr uint8_t tag(uint32_t field, WireType type) { return static_cast<uint8_t>(field << 3 | type); }

constexpr size_t varint_size(uint64_t v) {
  return v < 0x80 ? 1 : v < 0x4000 ? 2 : (static_cast<size_t>(std::bit_width(v)) + 6) / 7;
}
// The size of a field that is a string, bytes or a message of `size` bytes.
constexpr size_t delimited_size(size_t size) { return 1 + varint_size(size) + size; }
// Negative numbers take ten bytes in int64, and one or more in sint32, which is zigzag.
constexpr uint32_t zigzag(int32_t v) { return (static_cast<uint32_t>(v) << 1) ^ static_cast<uint32_t>(v >> 31); }

inline uint8_t* put_varint(uint8_t* p, uint64_t v) {
  if (v < 0x80) [[likely]] {
    *p = static_cast<uint8_t>(v);
    return p + 1;
  }
  while (v >= 0x80) {
    *p++ = static_cast<uint8_t>(v | 0x80);
    v >>= 7;
  }
  *p++ = static_cast<uint8_t>(v);
  return p;
}

// Four bytes with one store.
inline uint8_t* put_bytes(uint8_t* p, uint8_t a, size_t b, uint8_t c, size_t d) {
  auto four = static_cast<uint32_t>(a | b << 8 | size_t{c} << 16 | d << 24);
  if constexpr (std::endian::native == std::endian::big) four = __builtin_bswap32(four);
  std::memcpy(p, &four, sizeof four);
  return p + sizeof four;
}

inline uint8_t* put_fixed64(uint8_t* p, uint64_t v) {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

// Copies text and says whether it is ASCII. Words that overlap make do without a loop for all but long text.
[[gnu::always_inline]] inline bool copy_text(uint8_t* to, std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* from = text.data();
  const size_t size = text.size();
  uint64_t seen = 0;
  auto copy = [&](size_t at, auto word) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
    seen |= word;
  };
  if (size > 16) {
    for (size_t at = 0; at + 16 < size; at += 16) {
      copy(at, uint64_t{});
      copy(at + 8, uint64_t{});
    }
    copy(size - 16, uint64_t{});
    copy(size - 8, uint64_t{});
  } else if (size >= 8) {
    copy(0, uint64_t{});
    copy(size - 8, uint64_t{});
  } else if (size >= 4) {
    copy(0, uint32_t{});
    copy(size - 4, uint32_t{});
  } else {
    for (size_t at = 0; at < size; ++at) copy(at, uint8_t{});
  }
  return (seen & kHighBits) == 0;
}

// Appends fields to a buffer, by way of nanopb's stream: its position and its limit. A call of nanopb costs about as
// much as ten fields, so small pieces are composed in place, where the stream is about to write, and only long ones,
// and pieces that perhaps do not fit, are handed to it. Failure is sticky: check ok() once, at the end.
//
// The length of a message comes before its bytes but is known after them. open() leaves `width` bytes for it;
// close() fills them in and, when the length takes more or fewer, moves the message:
//
//     | tag | width | body ...            ^ position
class Writer {
 public:
  // What room() can always give.
  static constexpr size_t kRoom = 128;

  struct Message {
    size_t body;
    size_t width;
  };

  Writer(uint8_t* out, size_t capacity) : out_(out), stream_(pb_ostream_from_buffer(out, capacity)) {}

  bool ok() const { return ok_; }
  size_t position() const { return stream_.bytes_written; }
  uint8_t* data() const { return out_; }

  size_t left() const { return stream_.max_size - stream_.bytes_written; }
  // The position that can be reached. Not below the present one.
  void set_capacity(size_t capacity) { stream_.max_size = capacity; }

  // Goes back to a former position, and forgives.
  void rewind(size_t position) {
    stream_.bytes_written = position;
    ok_ = true;
  }

  // Where `size` bytes, at most kRoom or left(), can be composed; commit() takes the end of what was.
  uint8_t* room(size_t size) {
    begin_ = size <= left() ? out_ + position() : aside_;
    return begin_;
  }
  // Where exactly `size` bytes must be composed before the next call; nullptr, and failure, when they do not fit.
  uint8_t* take(size_t size) {
    const size_t at = position();
    ok_ = ok_ && size <= left();
    if (!ok_) return nullptr;
    stream_.bytes_written += size;
    return out_ + at;
  }
  void commit(const uint8_t* end) {
    const auto size = static_cast<size_t>(end - begin_);
    if (begin_ != aside_) {
      stream_.bytes_written += size;
    } else {
      bytes(aside_, size);
    }
  }

  void bytes(const void* data, size_t size) {
    stream_.state = out_ + position();  // where a stream over a buffer writes next
    ok_ = ok_ && pb_write(&stream_, static_cast<const pb_byte_t*>(data), size);
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
    if (!ok_ || size == 0) return;
    std::memmove(out_ + position(), out_ + from, size);
    stream_.bytes_written += size;
  }

  Message open(uint32_t field, size_t width = 1) {
    const uint64_t wide_tag = uint64_t{field} << 3 | kBytes;  // points of later kinds can be in any field
    if (uint8_t* p = take(varint_size(wide_tag) + width)) put_varint(p, wide_tag);
    return {position(), width};
  }
  // Returns the width that the length has.
  size_t close(Message message);

 private:
  uint8_t* out_;
  pb_ostream_t stream_;
  bool ok_ = true;
  uint8_t* begin_ = nullptr;
  uint8_t aside_[kRoom];
};

inline size_t Writer::close(Message message) {
  const size_t size = position() - message.body;
  const size_t width = varint_size(size);
  if (!ok_) return width;
  if (width != message.width) {
    const size_t end = message.body - message.width + width + size;
    if (end > stream_.max_size) {
      ok_ = false;
      return width;
    }
    std::memmove(out_ + message.body - message.width + width, out_ + message.body, size);
    stream_.bytes_written = end;
  }
  put_varint(out_ + message.body - message.width, size);
  return width;
}

}  // namespace otelue_core::wire

#endif
