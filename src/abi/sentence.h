// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_ABI_SENTENCE_H
#define OTELUE_SRC_ABI_SENTENCE_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace otelue_core {

// A number of things.
struct Count {
  uint64_t number;
  std::string_view of;  // one of them
};

// A sentence in the caller's memory: what does not fit is counted and left out.
class Sentence {
 public:
  Sentence(char* to, size_t capacity) : to_(to), room_(capacity > 0 ? capacity - 1 : 0) {
    if (capacity > 0) to[0] = '\0';
  }

  // What the whole sentence has.
  size_t size() const { return size_; }

  Sentence& operator<<(std::string_view text);
  Sentence& operator<<(uint64_t number) { return in_base(number, 10, 1); }
  Sentence& operator<<(const Count& count) {
    return *this << count.number << " " << count.of << (count.number == 1 ? "" : "s");
  }
  // A name that came from outside: shortened, and escaped so that it misleads no reader, log or terminal.
  void name(std::string_view name);

 private:
  Sentence& in_base(uint64_t number, unsigned base, size_t digits);

  char* to_;
  const size_t room_;
  size_t written_ = 0;
  size_t size_ = 0;
};

}  // namespace otelue_core

#endif
