// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_ATTRIBUTES_H
#define OTELUE_SRC_OTLP_ATTRIBUTES_H

#include <cstdint>

#include "otlp/writer.h"
#include "records/batch.h"

namespace otelue_core::otlp {

// Writes a string field. That it is UTF-8 is checked in the copy, which nobody else can change, and not before it is known
// to fit.
void put_text(Writer& out, uint32_t field, std::string_view text);

// Writes one KeyValue into `field` for each record that `ref` names. `depth` is that of the message with the field.
// Returns how many were written without fault.
uint32_t put_attributes(Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth);

}  // namespace otelue_core::otlp

#endif
