// SPDX-License-Identifier: Apache-2.0
#include "otlp/event.h"

namespace otelue_core::otlp {

Event::Event(uint8_t* buffer, const Limits& limits)
    : out_(buffer, limits.max_event_bytes + kSlack),
      limits_(limits),
      capacity_(limits.max_event_bytes + kSlack),
      length_width_(wire::varint_size(limits.max_event_bytes)) {}

void Event::set_tails(size_t size) {
  tails_ = size;
  out_.set_capacity(capacity_ - size);
}

// What finish() would make of the event as it is.
size_t Event::finished_size() const {
  size_t saved = 0;
  size_t tails = 0;
  for (size_t i = depth_; i-- > 0;) {
    const Level& level = levels_[i];
    tails += level.tail;
    const size_t body = out_.position() - level.body.body + tails - saved;
    if (level.is_message) saved += level.body.width - wire::varint_size(body);
  }
  return out_.position() + tails - saved;
}

void Event::close() {
  const Level& level = levels_[--depth_];
  if (level.points_before == points_) {
    out_.rewind(level.start);
    set_tails(tails_ - level.tail);
    return;
  }
  out_.pull(capacity_ - tails_, level.tail);
  set_tails(tails_ - level.tail);
  if (level.is_message) out_.close(level.body);
}

std::span<const uint8_t> Event::finish() {
  if (points_ == 0) return {};
  while (depth_ > 0 && levels_[depth_ - 1].points_before == points_) close();

  // How many levels can stay open for the next event: those at the very front, unless this event is so large that
  // it reaches into their tails.
  size_t kept = 0;
  size_t tail = capacity_ - tails_;
  if (out_.position() + tails_ <= tail) {
    while (kept < depth_ && levels_[kept].start == (kept == 0 ? 0 : levels_[kept - 1].head_end)) ++kept;
  }

  size_t tails = tails_;
  set_tails(0);
  for (size_t i = depth_; i-- > 0;) {
    const Level& level = levels_[i];
    out_.pull(tail, level.tail);
    tail += level.tail;
    if (!level.is_message) continue;
    const size_t end = out_.position();
    out_.close(level.body);
    if (out_.position() != end && kept > i) kept = i;  // its head has moved
  }

  while (depth_ > kept) tails -= levels_[--depth_].tail;
  tails_ = tails;
  return {out_.data(), out_.position()};
}

void Event::restart() {
  if (points_ == 0) return;
  points_ = 0;
  for (size_t i = 0; i < depth_; ++i) levels_[i].points_before = 0;
  out_.rewind(depth_ == 0 ? 0 : levels_[depth_ - 1].head_end);
  set_tails(tails_);
}

}  // namespace otelue_core::otlp
