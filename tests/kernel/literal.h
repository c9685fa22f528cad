// SPDX-License-Identifier: Apache-2.0
// Protobuf fields, written down without the library's help.
#ifndef OTELUE_TESTS_KERNEL_LITERAL_H
#define OTELUE_TESTS_KERNEL_LITERAL_H

#include <cstdint>
#include <cstring>
#include <string>

// A message or a text, of less than 16384 bytes.
inline std::string field(int number, const std::string& bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  if (bytes.size() >= 128) out += static_cast<char>((bytes.size() & 0x7f) | 0x80);
  out += static_cast<char>(bytes.size() >= 128 ? bytes.size() >> 7 : bytes.size());
  return out + bytes;
}

inline std::string fixed64(int number, uint64_t value) {
  std::string out(9, static_cast<char>(number << 3 | 1));
  std::memcpy(out.data() + 1, &value, sizeof value);
  return out;
}

#endif
