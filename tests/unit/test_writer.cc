// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "catch.h"
#include "wire/writer.h"

using otelue_core::wire::Writer;

namespace {

std::string written(const Writer& out) {
  return {reinterpret_cast<const char*>(out.data()), out.position()};
}

}  // namespace

TEST_CASE("varint_size is right around every border") {
  CHECK(otelue_core::wire::varint_size(0) == 1);
  CHECK(otelue_core::wire::varint_size(127) == 1);
  CHECK(otelue_core::wire::varint_size(128) == 2);
  CHECK(otelue_core::wire::varint_size(16383) == 2);
  CHECK(otelue_core::wire::varint_size(16384) == 3);
  CHECK(otelue_core::wire::varint_size(UINT64_MAX) == 10);
}

TEST_CASE("zigzag keeps small numbers small") {
  CHECK(otelue_core::wire::zigzag(0) == 0);
  CHECK(otelue_core::wire::zigzag(-1) == 1);
  CHECK(otelue_core::wire::zigzag(1) == 2);
  CHECK(otelue_core::wire::zigzag(INT32_MAX) == 4294967294u);
  CHECK(otelue_core::wire::zigzag(INT32_MIN) == 4294967295u);
}

TEST_CASE("a message gets its length, whatever room was left for it") {
  for (const size_t width : {size_t{1}, size_t{2}, size_t{3}}) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{16383}, size_t{16384}}) {
      std::vector<uint8_t> buffer(20000);
      Writer out(buffer.data(), buffer.size());
      const auto message = out.open(1, width);
      out.bytes(std::string(size, 'x').data(), size);
      out.close(message);
      out.varint_unless_zero(2, 300);
      REQUIRE(out.ok());
      const std::string length = size < 128     ? std::string{static_cast<char>(size)}
                                 : size == 128   ? std::string("\x80\x01")
                                 : size == 16383 ? std::string("\xff\x7f")
                                                 : std::string("\x80\x80\x01");
      CHECK(written(out) == "\x0a" + length + std::string(size, 'x') + "\x10\xac\x02");
    }
  }
}

TEST_CASE("what does not fit fails, and going back forgives") {
  uint8_t buffer[16];
  Writer out(buffer, 10);
  out.fixed64(1, 0x0102030405060708);
  REQUIRE(out.ok());
  CHECK(written(out) == std::string("\x09\x08\x07\x06\x05\x04\x03\x02\x01"));
  out.varint_unless_zero(1, 1);
  CHECK_FALSE(out.ok());
  out.rewind(0);
  CHECK(out.ok());
  out.bytes(1, "12345678");
  CHECK(out.ok());
  CHECK(out.position() == 10);
}

TEST_CASE("bytes of every size arrive whole, whatever stands around them") {
  for (size_t size = 0; size < 1200; ++size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
    std::vector<uint8_t> buffer(2000);
    Writer out(buffer.data(), buffer.size());
    out.varint_unless_zero(1, 1);
    out.bytes(text.data(), text.size());
    out.varint_unless_zero(1, 2);
    REQUIRE(out.ok());
    CHECK(written(out) == "\x08\x01" + text + "\x08\x02");
  }
}
