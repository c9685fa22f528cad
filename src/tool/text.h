// SPDX-License-Identifier: Apache-2.0
// Text that other programs have written, made fit for a terminal. UTF-8 stands as it is, except for what
// could end a line, steer a terminal, reorder what surrounds it, or not be seen at all:
//
//   \" and \\   the quote and the backslash, within quotes
//   \xNN        each byte that is not part of valid UTF-8
//   \uNNNN      control characters (U+0000-001F, U+007F-009F), line and paragraph separators (U+2028, U+2029),
//   \UNNNNNNNN  interlinear annotation (U+FFF9-FFFB), and all that Unicode calls Default_Ignorable_Code_Point, which
//               includes what changes the direction of text; kEscaped in text.cc lists them
//
// in lower-case digits, with \U only above U+FFFF.
#ifndef OTELUE_SRC_TOOL_TEXT_H
#define OTELUE_SRC_TOOL_TEXT_H

#include <cstdint>
#include <string>
#include <string_view>

namespace otelue::tool {

std::string quoted(std::string_view text);
// The same without the quotes around it, and with those inside as they are.
std::string printable(std::string_view text);

// A string of JSON that is valid UTF-8: the same characters are escaped, as JSON does it.
std::string json_quoted(std::string_view text);

// Without quotes where the text is printable ASCII without a blank, a quote or one of these characters. Text of more
// than 255 bytes, which OpenTelemetry allows no name, is cut short.
std::string word(std::string_view text, std::string_view but_not);

// How many bytes of it, from the first on, are valid UTF-8.
size_t valid_utf8(std::string_view text);

std::string hex(std::string_view bytes);
std::string number(double value);
std::string time_text(uint64_t unix_nano);
// A time near another one that was given in full: -60s is a minute before it.
std::string time_text(uint64_t unix_nano, uint64_t near);

}  // namespace otelue::tool

#endif
