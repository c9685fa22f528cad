// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_ENCODER_H
#define OTELUE_SRC_OTLP_ENCODER_H

#include <cstdint>
#include <span>

#include "otlp/attributes.h"
#include "otlp/event.h"
#include "records/batch.h"

namespace otelue_core::otlp {

// What became of the points that were looked at.
struct Account {
  uint32_t exported = 0;
  uint32_t invalid = 0;
  uint32_t too_large = 0;
  uint32_t first_bad_point = 0;
  uint32_t first_bad_reason = OTELUE_REASON_NONE;
  uint32_t reasons = 0;  // bit n: at least one point has OTELUE_REASON n
  Changes changes;

  void refuse(uint32_t point, uint32_t reason) {
    ++(reason == OTELUE_REASON_TOO_LARGE ? too_large : invalid);
    note(point, reason);
  }
  void note(uint32_t point, uint32_t reason) {
    reasons |= 1u << reason;
    if (first_bad_reason != OTELUE_REASON_NONE) return;
    first_bad_point = point;
    first_bad_reason = reason;
  }
};

// An event, and the points in it: `points` of them, the first of which is number `first`.
struct Message {
  std::span<const uint8_t> bytes;
  uint32_t points;
  uint32_t first;
};

// Turns a batch into events.
class Encoder {
 public:
  // `buffer` as for Event. Begins at point number `next`.
  Encoder(const records::Batch& batch, const Limits& limits, uint32_t packing, uint8_t* buffer, uint32_t next = 0)
      : batch_(batch), packing_(packing), event_(buffer, limits), next_(next) {}

  // The next event; false when no point is left. Its bytes hold until the next call.
  bool next(Account& account, Message* out);
  // The point that the next event begins at.
  uint32_t position() const { return next_; }

 private:
  using Fit = Event::Fit;
  // ResourceMetrics, ScopeMetrics, Metric, data. Their keys are the offsets of resource, scope and metric.
  static constexpr size_t kLevels = 4;

  // Appends a point to the open metric.
  Fit append(const otelue_point& point, bool with_exemplars, uint32_t* reason, Changes& changes);
  Fit shrink(const otelue_point& point, uint32_t* reason, Changes& changes);
  Fit change_metric(uint32_t off, uint32_t* reason);
  Fit enter(uint32_t metric, uint32_t* reason);
  Fit open_resource(uint32_t off, uint32_t* reason);
  Fit open_scope(uint32_t off, const otelue_scope& scope, uint32_t* reason);
  Fit open_metric(uint32_t off, const otelue_metric& metric, uint32_t* reason);
  Fit open_data(uint32_t off, const otelue_metric& metric, uint32_t* reason);
  // Writes a text field, unless it is empty.
  uint32_t put_text(wire::Writer& out, uint32_t field, otelue_ref ref) const;
  bool is_open(size_t level, uint64_t key) const { return event_.depth() > level && event_.key(level) == key; }
  void close_to(size_t depth) {
    while (event_.depth() > depth) event_.close();
  }

  const records::Batch& batch_;
  const uint32_t packing_;
  Event event_;
  uint32_t next_;
  uint32_t kind_ = 0;                     // of the open metric
  Changes head_changes_[kLevels];         // in the heads and tails of the open levels
  size_t counted_levels_ = 0;             // of which that was counted for this event
  uint32_t refused_metric_ = 0;           // the last metric that is of no use, and why
  uint32_t refused_reason_ = OTELUE_REASON_NONE;
};

}  // namespace otelue_core::otlp

#endif
