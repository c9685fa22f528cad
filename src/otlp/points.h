// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_POINTS_H
#define OTELUE_SRC_OTLP_POINTS_H

#include <cstdint>

#include "otlp/attributes.h"

namespace otelue_core::otlp {

// How many bytes the exemplars of a point may take. Of a point without that limit all are written.
inline constexpr size_t kAllExemplars = SIZE_MAX;

// Writes the fields of a data point of a metric of `kind`. Of its exemplars those are written, in order, that fit into
// `exemplar_bytes` together with those before; the others count as dropped.
void put_point(Writer& out, const records::Batch& batch, uint32_t kind, const otelue_point& point,
               size_t exemplar_bytes);

}  // namespace otelue_core::otlp

#endif
