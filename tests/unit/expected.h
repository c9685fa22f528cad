// SPDX-License-Identifier: Apache-2.0
// Fields as nanopb's own pb_encode_* write them: what the library composes is held against these.
#ifndef OTELUE_TESTS_UNIT_EXPECTED_H
#define OTELUE_TESTS_UNIT_EXPECTED_H

#include <pb_encode.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

class Expected {
 public:
  Expected& varint(uint32_t field, uint64_t v) {
    return add(pb_encode_tag(&out_, PB_WT_VARINT, field) && pb_encode_varint(&out_, v));
  }
  Expected& sint(uint32_t field, int64_t v) {
    return add(pb_encode_tag(&out_, PB_WT_VARINT, field) && pb_encode_svarint(&out_, v));
  }
  Expected& fixed64(uint32_t field, uint64_t v) {
    return add(pb_encode_tag(&out_, PB_WT_64BIT, field) && pb_encode_fixed64(&out_, &v));
  }
  Expected& number(uint32_t field, double v) {
    uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof bits);
    return fixed64(field, bits);
  }
  // A string, bytes or a message.
  Expected& bytes(uint32_t field, std::string_view v) {
    return add(pb_encode_tag(&out_, PB_WT_STRING, field) &&
               pb_encode_string(&out_, reinterpret_cast<const pb_byte_t*>(v.data()), v.size()));
  }
  Expected& message(uint32_t field, const Expected& fields) { return bytes(field, fields.str()); }
  // Values without tags, as packed fields have them.
  Expected& value(uint64_t v) { return add(pb_encode_varint(&out_, v)); }
  Expected& fixed64_value(uint64_t v) { return add(pb_encode_fixed64(&out_, &v)); }

  std::string str() const { return {reinterpret_cast<const char*>(buffer_.data()), out_.bytes_written}; }

  Expected() = default;
  Expected(const Expected&) = delete;
  Expected& operator=(const Expected&) = delete;

 private:
  Expected& add(bool encoded) {
    if (!encoded) std::abort();
    return *this;
  }

  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(100'000);
  pb_ostream_t out_ = pb_ostream_from_buffer(buffer_.data(), buffer_.size());
};

// Numbers around every border of a varint's size.
inline std::vector<uint64_t> border_numbers() {
  std::vector<uint64_t> numbers = {0, 1, UINT64_MAX};
  for (unsigned bit = 7; bit < 64; bit += 7) {
    numbers.push_back((uint64_t{1} << bit) - 1);
    numbers.push_back(uint64_t{1} << bit);
  }
  return numbers;
}

#endif
