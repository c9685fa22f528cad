// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_ATTRIBUTE_SET_H
#define OTELUE_SRC_OTLP_ATTRIBUTE_SET_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "otlp/attributes.h"

namespace otelue_core::otlp {

// An encoded attribute set: a header and the KeyValues of a NumberDataPoint, that is with kNumberAttributes for
// their field. Every tag is one byte, so any other field takes the same room.
inline constexpr size_t kSetHeaderBytes = 32;

// Writes a set; its size is out.position(). Returns how many attributes were written without fault.
uint32_t encode_set(Writer& out, const records::Batch& memory, otelue_ref ref);

// Writes the KeyValues of a set into `field`. Fails when it is not as encode_set() left it.
void put_set(Writer& out, std::string_view set, uint32_t field);

}  // namespace otelue_core::otlp

#endif
