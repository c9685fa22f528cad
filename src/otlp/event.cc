// SPDX-License-Identifier: Apache-2.0
#include "otlp/event.h"

#include <algorithm>

namespace otelue_core::otlp {

Event::Event(uint8_t* buffer, const Limits& limits)
    : out_(buffer, limits.max_event_bytes + kSlack),
      limits_(limits),
      capacity_(limits.max_event_bytes + kSlack),
      length_width_(wire::varint_size(limits.max_event_bytes)),
      limit_(limits.max_event_bytes) {}

// What goes beyond the limit need not be encoded to its end. Lengths may yet shrink, by less than kSlack in all.
void Event::set_limit(size_t limit) {
  limit_ = limit;
  const size_t end = limit + kSlack;
  out_.set_capacity(end > out_.position() + tails_ ? end - tails_ : out_.position());
}

// What finish() would make of the event, were it to end at `position`.
size_t Event::finished_size(size_t position) const {
  size_t saved = 0;
  size_t tails = 0;
  for (size_t i = depth_; i-- > 0;) {
    const Level& level = levels_[i];
    tails += level.tail;
    const size_t body = position - level.body.body + tails - saved;
    if (level.field != 0) saved += level.body.width - wire::varint_size(body);
  }
  return position + tails - saved;
}

ptrdiff_t Event::room() const {
  const size_t limit = limits_.max_event_bytes;
  auto size_with = [&](size_t body) {
    return finished_size(out_.position() + static_cast<size_t>(wire::delimited_size(body)));
  };
  if (size_with(0) > limit) return -1;
  size_t body = limit;
  while (size_with(body) > limit) body -= std::min(body, size_with(body) - limit);
  while (size_with(body + 1) <= limit) ++body;
  return static_cast<ptrdiff_t>(body);
}

void Event::close_to(size_t depth) {
  while (depth_ > depth) close();
}

void Event::close() {
  const Level& level = levels_[--depth_];
  if (level.points_before == points_) {
    out_.rewind(level.start);
  } else {
    out_.set_capacity(capacity_);
    out_.pull(capacity_ - tails_, level.tail);
    if (level.field != 0) out_.close(level.body);
    changes_ += level.changes;
  }
  tails_ -= level.tail;
  set_limit(limit_);
}

wire::Bytes Event::finish() {
  if (points_ == 0) return {};
  while (depth_ > 0 && levels_[depth_ - 1].points_before == points_) close();

  out_.set_capacity(capacity_);
  size_t tail = capacity_ - tails_;
  for (size_t i = depth_; i-- > 0;) {
    Level& level = levels_[i];
    changes_ += level.changes;
    out_.pull(tail, level.tail);
    tail += level.tail;
    level.shift = level.field != 0 ? level.body.width - out_.close(level.body) : 0;
  }
  return {out_.data(), out_.position()};
}

void Event::restart() {
  changes_ = {};
  if (points_ == 0) return;
  points_ = 0;

  // Which levels the event began with: each is all that its parent had so far.
  size_t kept = 0;
  while (kept < depth_ && levels_[kept].start == (kept == 0 ? 0 : levels_[kept - 1].head_end)) ++kept;

  // The finished message has the tails at its end. Where it reached into those that waited there, they come from it.
  if (out_.position() + tails_ > capacity_) {
    std::memmove(out_.data() + capacity_ - tails_, out_.data() + out_.position() - tails_, tails_);
  }
  while (depth_ > kept) tails_ -= levels_[--depth_].tail;

  size_t shift = 0;
  for (size_t i = 0; i < depth_; ++i) shift += levels_[i].shift;
  for (size_t i = depth_; i-- > 0 && shift > 0;) {
    const Level& level = levels_[i];
    uint8_t* const body = out_.data() + level.body.body;
    std::memmove(body, body - shift, level.head_end - level.body.body);
    shift -= level.shift;
    if (level.field != 0) {
      wire::put_varint(out_.data() + level.start, uint64_t{level.field} << 3 | wire::tag(0, wire::WireType::kBytes));
    }
  }
  for (size_t i = 0; i < depth_; ++i) levels_[i].points_before = 0;
  out_.rewind(depth_ == 0 ? 0 : levels_[depth_ - 1].head_end);
  set_limit(limits_.max_event_bytes);
}

}  // namespace otelue_core::otlp
