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

// Writes a set; its size is out.position(). `index` gets the number of the attribute that was the last to be looked at.
uint32_t encode_set(wire::Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t* index);

// Writes the KeyValues of a set into `field`. OTELUE_REASON_ENCODED when it is not as encode_set() left it.
uint32_t put_set(wire::Writer& out, std::string_view set, uint32_t field, Changes& changes);

}  // namespace otelue_core::otlp

#endif
