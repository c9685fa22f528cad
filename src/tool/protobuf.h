// SPDX-License-Identifier: Apache-2.0
// The tool's own reader of protobuf: it shares no code with the encoder whose output it shows.
#ifndef OTELUE_SRC_TOOL_PROTOBUF_H
#define OTELUE_SRC_TOOL_PROTOBUF_H

#include <bit>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace otelue::tool {

// What is wrong with a message.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Field {
  uint32_t number;
  uint32_t wire_type;
  uint64_t number_value;   // varint, fixed64, fixed32
  std::string_view bytes;  // length-delimited

  double as_double() const { return std::bit_cast<double>(number_value); }
  int64_t as_int() const { return static_cast<int64_t>(number_value); }
  int64_t as_zigzag() const {
    return static_cast<int64_t>(number_value >> 1) ^ -static_cast<int64_t>(number_value & 1);
  }
  bool is_bytes(uint32_t n) const { return number == n && wire_type == 2; }
  bool is_varint(uint32_t n) const { return number == n && wire_type == 0; }
  bool is_fixed64(uint32_t n) const { return number == n && wire_type == 1; }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // False at the end. Groups are passed over.
  bool next(Field* field) {
    while (!rest_.empty()) {
      const uint64_t tag = varint();
      *field = {static_cast<uint32_t>(tag >> 3), static_cast<uint32_t>(tag & 7), 0, {}};
      if (field->number == 0 || tag > UINT32_MAX) throw Malformed("bad field number");
      if (field->wire_type == 3) {
        skip_group(field->number, 0);
        continue;
      }
      value(field);
      return true;
    }
    return false;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (rest_.empty()) throw Malformed("ends within a varint");
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= shift < 64 ? uint64_t{byte & 0x7fu} << shift : 0;
      if (byte < 0x80) return value;
    }
    throw Malformed("varint of more than ten bytes");
  }
  uint64_t fixed(size_t size) {
    const std::string_view bytes = take(size);
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) throw Malformed("ends within a field");
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  void value(Field* field) {
    switch (field->wire_type) {
      case 0:
        field->number_value = varint();
        break;
      case 1:
        field->number_value = fixed(8);
        break;
      case 2:
        field->bytes = take(varint());
        break;
      case 5:
        field->number_value = fixed(4);
        break;
      default:
        throw Malformed("bad wire type");
    }
  }
  void skip_group(uint32_t number, int depth) {
    if (depth > 100) throw Malformed("groups nested too deep");
    Field field;
    while (true) {
      const uint64_t tag = varint();
      field = {static_cast<uint32_t>(tag >> 3), static_cast<uint32_t>(tag & 7), 0, {}};
      if (field.wire_type == 4) {
        if (field.number != number) throw Malformed("group ends with another number");
        return;
      }
      if (field.wire_type == 3) {
        skip_group(field.number, depth + 1);
      } else {
        value(&field);
      }
    }
  }

  std::string_view rest_;
};

}  // namespace otelue::tool

#endif
