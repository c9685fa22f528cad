// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_PACKER_H
#define OTELUE_SRC_OTLP_PACKER_H

#include <cstdint>

#include "otlp/event.h"
#include "otlp/fields.h"
#include "otlp/points.h"

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
    ++(reason == OTELUE_REASON_TOO_LARGE || reason == OTELUE_REASON_HEAD_TOO_LARGE ? too_large : invalid);
    note(point, reason);
  }
  // Points that cannot be written are noted after those behind them.
  void note(uint32_t point, uint32_t reason) {
    reasons |= 1u << reason;
    if (first_bad_reason != OTELUE_REASON_NONE && first_bad_point <= point) return;
    first_bad_point = point;
    first_bad_reason = reason;
  }
};

// An event, and the points in it: `points` of them, the first of which is number `first`.
struct Message {
  wire::Bytes bytes;
  uint32_t points;
  uint32_t first;
};

// The level that was refused last, and why: what lies below it is refused without another look.
struct Refused {
  uint64_t key = 0;
  uint32_t level = 0;
  uint32_t reason = OTELUE_REASON_NONE;
};

// Packs the points of a source into events. What can be wrong with a point costs that point.
//
// A source walks over points and the messages around them, its levels, which are named by numbers. It has
//
//   kLevels                 how many levels there are
//   has_point(), advance()  whether there is a point at hand; goes on to the next
//   index(), innermost()    of the point at hand: its number, and the name of its innermost level
//   locate(keys)            of the point at hand: the names of all its levels. OTELUE_REASON_*
//   open(event, level)      opens a level in an event. As Event::open()
//   put(out, bytes)         writes the point at hand, with the exemplars that fit into so many bytes
template <typename Source>
class Packer {
 public:
  // `buffer` as for Event.
  Packer(Source& source, const Limits& limits, uint32_t packing, uint8_t* buffer, const Refused& refused = {})
      : source_(source), packing_(packing), event_(buffer, limits), refused_(refused) {}

  // The next event; false when no point is left. Its bytes hold until the next call.
  bool next(Account& account, Message* out);
  const Refused& refused() const { return refused_; }

 private:
  static constexpr size_t kLevels = Source::kLevels;
  static constexpr uint32_t kFull = Event::kFull;
  static constexpr uint32_t kNone = OTELUE_REASON_NONE;
  static constexpr uint32_t kMeasured = UINT32_MAX - 1;  // in place of a point that was only to be measured

  // Each returns 0, OTELUE_REASON_* or kFull.
  uint32_t append(size_t exemplar_bytes);
  uint32_t enter();
  uint32_t shrink();

  Source& source_;
  const uint32_t packing_;
  Event event_;
  Refused refused_;
};

template <typename Source>
OTELUE_INLINE uint32_t Packer<Source>::append(size_t exemplar_bytes) {
  return event_.append(kDataPoints, [&](Writer& out) { source_.put(out, exemplar_bytes); });
}

// Opens what surrounds the point at hand, closing what stands in the way.
template <typename Source>
uint32_t Packer<Source>::enter() {
  uint64_t keys[kLevels];
  if (const uint32_t reason = source_.locate(keys); reason != kNone) return reason;
  if (refused_.reason != kNone && refused_.key == keys[refused_.level]) return refused_.reason;
  size_t level = 0;
  while (level < event_.depth() && event_.key(level) == keys[level]) ++level;
  event_.close_to(level);
  for (; level < kLevels; ++level) {
    uint32_t error = source_.open(event_, level);
    if (error == kFull && event_.empty()) error = OTELUE_REASON_HEAD_TOO_LARGE;
    if (error == kFull) return kFull;
    if (error != kNone) {
      refused_ = {keys[level], static_cast<uint32_t>(level), error};
      return error;
    }
  }
  return kNone;
}

// What becomes of a point for which even an empty event has no room: it goes with as many exemplars as fit.
template <typename Source>
uint32_t Packer<Source>::shrink() {
  const ptrdiff_t room = event_.room();
  if (room < 0) return OTELUE_REASON_HEAD_TOO_LARGE;
  size_t without = 0;
  uint32_t error = event_.append(kDataPoints, [&](Writer& out) {
    const size_t start = out.position();
    source_.put(out, 0);
    without = out.position() - start;
    if (out.ok() && without <= static_cast<size_t>(room)) out.fail(kMeasured);
  });
  if (error == kMeasured) error = append(static_cast<size_t>(room) - without);
  return error == kFull ? uint32_t{OTELUE_REASON_TOO_LARGE} : error;
}

template <typename Source>
bool Packer<Source>::next(Account& account, Message* out) {
  event_.restart();
  out->first = 0;
  for (; source_.has_point(); source_.advance()) {
    const bool is_inside = event_.depth() == kLevels && event_.key(kLevels - 1) == source_.innermost();
    if (!event_.empty() && packing_ != OTELUE_PACK_REQUEST && (packing_ == OTELUE_PACK_POINT || !is_inside)) break;

    uint32_t error = is_inside ? kNone : enter();
    if (error == kNone) {
      error = append(kAllExemplars);
      if (error == kFull && event_.empty()) error = shrink();
    }
    if (error == kFull) break;
    if (error != kNone) {
      account.refuse(source_.index(), error);
    } else if (event_.points() == 1) {
      out->first = source_.index();
    }
  }
  out->bytes = event_.finish();
  out->points = event_.points();
  account.changes += event_.changes();
  return out->points > 0;
}

}  // namespace otelue_core::otlp

#endif
