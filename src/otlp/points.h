// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_POINTS_H
#define OTELUE_SRC_OTLP_POINTS_H

#include <cstdint>

#include "otlp/attributes.h"

namespace otelue_core::otlp {

// Writes the fields of a data point of a metric of `kind`. Returns OTELUE_REASON_*.
uint32_t put_point(wire::Writer& out, const records::Batch& batch, uint32_t kind, const otelue_point& point,
                   bool with_exemplars, Changes& changes);

}  // namespace otelue_core::otlp

#endif
