// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_SPLITTER_H
#define OTELUE_SRC_OTLP_SPLITTER_H

#include <cstdint>

#include "otlp/encoder.h"
#include "otlp/schema.h"
#include "records/request.h"

namespace otelue_core::otlp {

// Turns an encoded request into events: the points as they are, each event with all the fields that surround them.
class Splitter {
 public:
  // `buffer` as for Event.
  Splitter(records::Request& request, const Limits& limits, uint32_t packing, uint8_t* buffer)
      : request_(request), packing_(packing), event_(buffer, limits) {}

  // The next event; false when no point is left. Its bytes hold until the next call.
  bool next(Account& account, Message* out);

 private:
  using Fit = Event::Fit;
  static constexpr size_t kLevels = records::Request::kLevels + 1;  // and the data

  Fit add(uint32_t* reason, Changes& changes);
  Fit enter(uint32_t* reason);
  Fit open(size_t level, uint64_t key, uint32_t* reason);
  Fit append(uint32_t without_field, uint32_t* reason, Changes& changes);

  records::Request& request_;
  const uint32_t packing_;
  Event event_;
  Changes head_changes_[kLevels];  // in the heads and tails of the open levels
  size_t counted_levels_ = 0;      // of which that was counted for this event
};

}  // namespace otelue_core::otlp

#endif
