// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "catch.h"
#include "wire/utf8.h"

using otelue_core::wire::is_utf8;

TEST_CASE("text of every length is accepted when it is UTF-8, wherever it has more than ASCII") {
  for (size_t length = 0; length < 40; ++length) {
    CHECK(is_utf8(std::string(length, 'a')));
    for (size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      CHECK(is_utf8(text.substr(0, at) + "\xc3\xbc\xe2\x82\xac\xf0\x9f\x92\xa1" + text.substr(at)));
      text[at] = '\x80';
      CHECK_FALSE(is_utf8(text));
    }
  }
}

TEST_CASE("the borders of the well-formed sequences") {
  for (const char* good : {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\x7f"}) {
    CHECK(is_utf8(good));
  }
  for (const char* bad : {"\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
                          "\xf0\x90\x80"}) {
    CHECK_FALSE(is_utf8(bad));
  }
}
