// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_WRITER_H
#define OTELUE_SRC_OTLP_WRITER_H

#include <cstdint>

#include "otelue/otelue.h"
#include "wire/writer.h"

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

// The one channel for failure: functions that write return nothing, and fail() with an OTELUE_REASON_*.
struct Writer : wire::Writer {
  using wire::Writer::Writer;

  Changes changes;
};

}  // namespace otelue_core::otlp

#endif
