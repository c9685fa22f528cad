// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_EVENT_H
#define OTELUE_SRC_OTLP_EVENT_H

#include <cstddef>
#include <cstdint>
#include <span>

#include "otelue/otelue.h"
#include "otlp/wire.h"

namespace otelue_core::otlp {

// OTLP bytes.
struct Limits {
  size_t target_event_bytes;      // no point is added that would take an event of several points beyond this
  size_t max_event_bytes;  // what a single point may take
};

// One ExportMetricsServiceRequest under construction. Messages are opened from the outside in: ResourceMetrics,
// ScopeMetrics, Metric, data (Gauge, Sum, ...), each with its head, the fields in front of its children, and its
// tail, the fields behind them. Heads and points grow from the left; tails wait on the right, innermost first:
//
//   | tag L0 head | tag L1 head | tag L2 head | tag L3 head | point point ...      | tail3 tail2 tail1 tail0 |
//                                                             position ^             ^ tails begin
//
// So finishing is one move of the tails and one length per level, and the next event starts behind the heads that
// are still in place. Lengths get the width that a large event needs; in a smaller one a message of less than 128
// bytes moves by a byte. The bytes are those that protoc makes of the same message.
class Event {
 public:
  enum class Fit { kAppended, kFull, kInvalid };

  // `buffer` holds limits.max_event_bytes and kSlack more.
  static constexpr size_t kSlack = OTELUE_ENCODE_SLACK;
  Event(uint8_t* buffer, const Limits& limits);

  bool empty() const { return points_ == 0; }
  uint32_t points() const { return points_; }
  size_t depth() const { return depth_; }
  // What the opener of a level gave it as its name.
  uint64_t key(size_t level) const { return levels_[level].key; }

  // Opens the next level as `field` of the one around it; field 0 adds a head and a tail to the request itself.
  // `head` and `tail` write and return OTELUE_REASON_*. Returns kAppended when it is open.
  template <typename Head, typename Tail>
  Fit open(uint64_t key, uint32_t field, uint32_t* reason, Head&& head, Tail&& tail);

  // Closes the innermost level; one that got no points vanishes.
  void close();

  // Appends a point as `field` of the innermost level. Otherwise the event is as it was.
  template <typename Point>
  Fit append(uint32_t field, uint32_t* reason, Point&& point);

  // Closes everything and gives the message, empty when there are no points. It stays valid until restart().
  std::span<const uint8_t> finish();
  // Starts the next event. The levels whose heads are still in place stay open.
  void restart();

 private:
  struct Level {
    uint64_t key;
    size_t start;               // of its tag
    wire::Writer::Message body;  // where its fields begin
    size_t head_end;
    size_t tail;                // size
    uint32_t points_before;
    bool is_message;            // false: the request itself
  };
  static constexpr size_t kMaxLevels = 5;

  size_t finished_size() const;
  bool fits() const {
    const size_t limit = points_ == 0 ? limits_.max_event_bytes : limits_.target_event_bytes;
    return out_.position() + tails_ <= limit || finished_size() <= limit;
  }
  void set_tails(size_t size);

  wire::Writer out_;
  const Limits limits_;
  const size_t capacity_;
  const size_t length_width_;
  size_t tails_ = 0;  // size of all tails
  size_t depth_ = 0;
  uint32_t points_ = 0;
  size_t point_width_ = 1;
  Level levels_[kMaxLevels];
};

template <typename Head, typename Tail>
Event::Fit Event::open(uint64_t key, uint32_t field, uint32_t* reason, Head&& head, Tail&& tail) {
  Level& level = levels_[depth_];
  level = {key, out_.position(), {out_.position(), 0}, 0, 0, points_, field != 0};
  if (level.is_message) level.body = out_.open(field, length_width_);

  *reason = head(out_);
  level.head_end = out_.position();
  if (*reason == 0) *reason = tail(out_);
  level.tail = out_.position() - level.head_end;

  if (*reason == 0 && out_.ok()) {
    std::memmove(out_.data() + capacity_ - tails_ - level.tail, out_.data() + level.head_end, level.tail);
    out_.rewind(level.head_end);
    set_tails(tails_ + level.tail);
    ++depth_;
    return Fit::kAppended;
  }
  const Fit fit = out_.ok() ? Fit::kInvalid : Fit::kFull;
  out_.rewind(level.start);
  return fit;
}

template <typename Point>
[[gnu::always_inline]] inline Event::Fit Event::append(uint32_t field, uint32_t* reason, Point&& point) {
  const size_t start = out_.position();
  // A further point that goes beyond target_event_bytes need not be encoded to its end. Lengths may yet shrink by less than
  // kSlack.
  if (points_ > 0 && limits_.target_event_bytes < limits_.max_event_bytes) {
    const size_t end = limits_.target_event_bytes + kSlack;
    out_.set_capacity(end > start + tails_ ? end - tails_ : start);
  }
  const auto message = out_.open(field, point_width_);
  *reason = point(out_);
  const size_t width = out_.close(message);
  const bool is_whole = out_.ok();
  out_.set_capacity(capacity_ - tails_);
  if (is_whole && *reason == 0 && fits()) {
    point_width_ = width;
    ++points_;
    return Fit::kAppended;
  }
  out_.rewind(start);
  return is_whole && *reason != 0 ? Fit::kInvalid : Fit::kFull;
}

}  // namespace otelue_core::otlp

#endif
