// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "catch.h"
#include "wire/reader.h"

using otelue_core::wire::Field;
using otelue_core::wire::Fields;

namespace {

// The numbers of all fields; "!" at the end when the message is malformed.
std::string numbers(const std::string& bytes, unsigned depth = 0) {
  Fields fields({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, 0, depth);
  std::string found;
  for (Field field; fields.next(&field);) found += std::to_string(field.number) + " ";
  return found + (fields.ok() ? "" : "!");
}

}  // namespace

TEST_CASE("fields of every wire type are told apart") {
  CHECK(numbers("") == "");
  CHECK(numbers("\x08\x7f") == "1 ");
  CHECK(numbers(std::string("\x11\0\0\0\0\0\0\0\0\x1d\0\0\0\0", 14)) == "2 3 ");
  CHECK(numbers("\x0a\x03" "abc\x10\x05") == "1 2 ");
  CHECK(numbers("\x0b\x13\x08\x01\x14\x0c\x10\x01") == "1 2 ");
}

TEST_CASE("varints that are not minimal are accepted") {
  CHECK(numbers(std::string("\x8a\x80\0\x81\x80\x80\0x", 8)) == "1 ");
}

TEST_CASE("lengths take five bytes at most, as decoders have it") {
  CHECK(numbers(std::string("\x0a\x81\x80\x80\x80\0x", 7)) == "1 ");
  CHECK(numbers(std::string("\x0a\x81\x80\x80\x80\x80\0x", 8)) == "!");
}

TEST_CASE("groups lie 100 messages deep at most, as decoders have it") {
  auto nested = [](size_t n) { return std::string(n, '\x0b') + std::string(n, '\x0c'); };
  CHECK(numbers(nested(100)) == "1 ");
  CHECK(numbers(nested(101)) == "!");
  CHECK(numbers(nested(95), 5) == "1 ");
  CHECK(numbers(nested(96), 5) == "!");
  CHECK(numbers(nested(1), 100) == "!");
}

TEST_CASE("malformed messages are found out") {
  CHECK(numbers("\x08") == "!");
  CHECK(numbers("\x08\x80") == "!");
  CHECK(numbers("\x0a\x02x") == "!");
  CHECK(numbers(std::string("\0\0", 2)) == "!");
  CHECK(numbers("\x0f") == "!");
  CHECK(numbers("\x0c") == "!");
  CHECK(numbers("\x0b\x14") == "!");
  CHECK(numbers("\x0b\x08\x01") == "!");
  CHECK(numbers("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == "!");
  CHECK(numbers("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == "!");
}
