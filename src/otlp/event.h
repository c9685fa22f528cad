// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_EVENT_H
#define OTELUE_SRC_OTLP_EVENT_H

#include <cstddef>
#include <cstdint>

#include "otlp/writer.h"
#include "wire/reader.h"

namespace otelue_core::otlp {

// OTLP bytes.
struct Limits {
  size_t target_event_bytes;  // no point is added that would take an event beyond this
  size_t max_event_bytes;     // unless the first one alone does; then this is the limit
};

// One ExportMetricsServiceRequest under construction. Messages are opened from the outside in: ResourceMetrics,
// ScopeMetrics, Metric, data (Gauge, Sum, ...), each with its head, the fields in front of its children, and its tail,
// the fields behind them. Heads and points grow from the left; tails wait on the right, innermost first:
//
//   | tag L0 head | tag L1 head | tag L2 head | tag L3 head | point point ...      | tail3 tail2 tail1 tail0 |
//                                                             position ^             ^ tails begin
//
// So finishing is one move of the tails and one length per level. Lengths get the width that a large event needs; in a
// smaller one a message of less than 128 bytes moves by a byte, and restart() moves its head back: what is written of a
// level once serves all events that begin within it. The bytes are those that protoc makes of the same message.
class Event {
 public:
  // What open() and append() return, beside OTELUE_REASON_*, when the event has no room. It is then as it was.
  static constexpr uint32_t kFull = Writer::kFull;

  // `buffer` holds limits.max_event_bytes and kSlack more.
  static constexpr size_t kSlack = OTELUE_ENCODE_SLACK;
  Event(uint8_t* buffer, const Limits& limits);

  bool empty() const { return points_ == 0; }
  uint32_t points() const { return points_; }
  size_t depth() const { return depth_; }
  // What the opener of a level gave it as its name.
  uint64_t key(size_t level) const { return levels_[level].key; }

  // Opens the next level as `field` of the one around it; field 0 adds a head and a tail to the request itself.
  template <typename Head, typename Tail>
  uint32_t open(uint64_t key, uint32_t field, Head&& head, Tail&& tail);

  // Closes the levels from `depth` on; those that got no points vanish.
  void close_to(size_t depth);

  // Appends a point as `field` of the innermost level, of which point(out) writes the fields.
  template <typename Point>
  uint32_t append(uint32_t field, Point&& point);

  // How many bytes the fields of a point may have that is the first of the event; -1: not even 0.
  ptrdiff_t room() const;

  // Closes everything and gives the message, empty when there are no points. It stays valid until restart().
  wire::Bytes finish();
  // What was changed in the message.
  const Changes& changes() const { return changes_; }
  // Starts the next event. The levels that the last one began with stay open.
  void restart();

 private:
  struct Level {
    uint64_t key;
    uint32_t field;              // 0: the request itself
    size_t start;                // of its tag
    wire::Writer::Message body;  // where its fields begin
    size_t head_end;
    size_t tail;                 // size
    size_t shift;                // how far to the left finish() has moved its head
    uint32_t points_before;
    Changes changes;             // in head and tail
  };
  static constexpr size_t kMaxLevels = 5;

  void close();
  void set_limit(size_t limit);
  size_t finished_size(size_t position) const;

  Writer out_;
  const Limits limits_;
  const size_t capacity_;
  const size_t length_width_;
  size_t limit_;        // for the finished event
  size_t tails_ = 0;    // size of all tails
  size_t depth_ = 0;
  uint32_t points_ = 0;
  size_t point_width_ = 1;
  Changes changes_;
  Level levels_[kMaxLevels];
};

template <typename Head, typename Tail>
uint32_t Event::open(uint64_t key, uint32_t field, Head&& head, Tail&& tail) {
  assert(depth_ < kMaxLevels);
  Level& level = levels_[depth_];
  level.key = key;
  level.field = field;
  level.points_before = points_;
  level.start = out_.position();
  level.body = field != 0 ? out_.open(field, length_width_) : wire::Writer::Message{level.start, 0};

  out_.changes = {};
  head(out_);
  level.head_end = out_.position();
  tail(out_);
  level.tail = out_.position() - level.head_end;
  level.changes = out_.changes;

  if (const uint32_t error = out_.error(); error != 0) {
    out_.rewind(level.start);
    return error;
  }
  if (level.tail > 0) {
    tails_ += level.tail;
    std::memmove(out_.data() + capacity_ - tails_, out_.data() + level.head_end, level.tail);
    out_.rewind(level.head_end);
  }
  ++depth_;
  set_limit(limit_);
  return 0;
}

template <typename Point>
OTELUE_INLINE uint32_t Event::append(uint32_t field, Point&& point) {
  const size_t start = out_.position();
  out_.changes = {};
  const auto message = out_.open(field, point_width_);
  point(out_);
  const size_t width = out_.close(message);
  if (out_.position() + tails_ > limit_ && finished_size(out_.position()) > limit_) [[unlikely]] out_.fail(kFull);
  if (const uint32_t error = out_.error(); error != 0) [[unlikely]] {
    out_.rewind(start);
    return error;
  }
  point_width_ = width;
  changes_ += out_.changes;
  if (++points_ == 1) {
    const size_t target = limits_.target_event_bytes;
    const bool is_within = out_.position() + tails_ <= target || finished_size(out_.position()) <= target;
    set_limit(is_within ? target : limits_.max_event_bytes);
  }
  return 0;
}

}  // namespace otelue_core::otlp

#endif
