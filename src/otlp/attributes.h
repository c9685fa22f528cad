// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_ATTRIBUTES_H
#define OTELUE_SRC_OTLP_ATTRIBUTES_H

#include <cstdint>

#include "otlp/wire.h"
#include "records/batch.h"

namespace otelue_core::otlp {

// What was changed so that decoders accept it, or so that it fits.
struct Changes {
  uint32_t strings_as_bytes = 0;
  uint32_t values_emptied = 0;
  uint32_t exemplars_dropped = 0;

  Changes& operator+=(const Changes& other) {
    strings_as_bytes += other.strings_as_bytes;
    values_emptied += other.values_emptied;
    exemplars_dropped += other.exemplars_dropped;
    return *this;
  }
};

// Writes one KeyValue into `field` for each record that `ref` names. `depth` is that of the message with the
// field. Returns OTELUE_REASON_*; a writer that runs full is no reason.
uint32_t put_attributes(wire::Writer& out, const records::Batch& batch, otelue_ref ref, uint32_t field, unsigned depth,
                        Changes& changes, uint32_t* index = nullptr);

}  // namespace otelue_core::otlp

#endif
