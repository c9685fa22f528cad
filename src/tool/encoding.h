// SPDX-License-Identifier: Apache-2.0
// Bytes as text, for what goes through JSON, a log or a mail.
#ifndef OTELUE_SRC_TOOL_ENCODING_H
#define OTELUE_SRC_TOOL_ENCODING_H

#include <optional>
#include <string>
#include <string_view>

namespace otelue::tool {

std::string to_base64(std::string_view bytes);

// Digits of either case. White space may stand anywhere, and 0x in front. Nothing where anything else does.
std::optional<std::string> from_hex(std::string_view text);

// Either alphabet (RFC 4648), with or without padding. White space may stand anywhere; behind padding, further text
// begins anew, as in a file with a line for each event. Nothing where anything else stands.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace otelue::tool

#endif
