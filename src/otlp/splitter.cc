// SPDX-License-Identifier: Apache-2.0
#include "otlp/splitter.h"

#include "otlp/fields.h"

namespace otelue_core::otlp {
namespace {

using records::Request;

constexpr size_t kData = Request::kLevels;

// What each level is in the one around it, and the type of the message that its head and tail belong to.
constexpr uint32_t kFields[] = {0, kResourceMetrics, kScopeMetrics, kMetrics};
constexpr MessageType kTypes[] = {MessageType::kUnknown, MessageType::kResourceMetrics, MessageType::kScopeMetrics,
                                  MessageType::kMetric, MessageType::kUnknown};

}  // namespace

Event::Fit Splitter::open(size_t level, uint64_t key, uint32_t* reason) {
  head_changes_[level] = {};
  const auto& state = request_.state();

  auto mended = [&](wire::Writer& out, size_t from) {
    if (!out.ok()) return uint32_t{OTELUE_REASON_NONE};
    return mend({out.data() + from, out.position() - from}, kTypes[level], static_cast<unsigned>(level),
                head_changes_[level]);
  };
  auto head = [&](wire::Writer& out) {
    const size_t from = out.position();
    auto copy = [&](size_t begin, size_t end) { out.bytes(request_.bytes().data() + begin, end - begin); };
    if (level == kData) {
      request_.data_head(copy);
    } else {
      request_.head(static_cast<Request::Level>(level), copy);
    }
    return mended(out, from);
  };
  auto tail = [&](wire::Writer& out) {
    const size_t from = out.position();
    const uint32_t begin = level == kData ? state.data.tail_begin : state.parts[level].tail_begin;
    const uint32_t end = level == kData ? state.data.tail_end : state.parts[level].end;
    out.bytes(request_.bytes().data() + begin, end - begin);
    return mended(out, from);
  };
  return event_.open(key, level == kData ? state.data.field : kFields[level], reason, head, tail);
}

// Opens what surrounds the point at hand, closing what stands in the way.
Event::Fit Splitter::enter(uint32_t* reason) {
  const auto& state = request_.state();
  const auto& parts = state.parts;
  // A message without fields begins where the next one's tag does, but has no points either.
  const uint64_t keys[kLevels] = {0, parts[1].begin, parts[2].begin, parts[3].begin, parts[3].begin};
  size_t level = 0;
  while (level < kLevels && event_.depth() > level && event_.key(level) == keys[level]) ++level;
  while (event_.depth() > level) event_.close();
  if (counted_levels_ > level) counted_levels_ = level;

  Fit fit = Fit::kAppended;
  for (; level < kLevels && fit == Fit::kAppended; ++level) fit = open(level, keys[level], reason);
  return fit;
}

// Appends the point at hand, without the fields that have one number (0: with all).
Event::Fit Splitter::append(uint32_t without_field, uint32_t* reason, Changes& changes) {
  const MessageType type = point_type(request_.state().data.field);
  const auto point = request_.point();
  changes = {};
  return event_.append(kDataPoints, reason, [&](wire::Writer& out) {
    const size_t from = out.position();
    if (without_field == 0) {
      out.bytes(point.data(), point.size());
    } else {
      records::Field field;
      for (records::Fields fields(point); fields.next(&field);) {
        if (field.number == without_field) {
          ++changes.exemplars_dropped;
        } else {
          out.bytes(point.data() + field.begin, field.end - field.begin);
        }
      }
    }
    if (!out.ok()) return uint32_t{OTELUE_REASON_NONE};
    return mend({out.data() + from, out.position() - from}, type, kPointDepth, changes);
  });
}

Event::Fit Splitter::add(uint32_t* reason, Changes& changes) {
  Fit fit = enter(reason);
  if (fit == Fit::kAppended) {
    fit = append(0, reason, changes);
    if (fit != Fit::kFull || !event_.empty()) return fit;
    const uint32_t exemplars = exemplars_field(point_type(request_.state().data.field));
    if (exemplars != 0) fit = append(exemplars, reason, changes);
  }
  if (fit == Fit::kFull && event_.empty()) {
    *reason = OTELUE_REASON_TOO_LARGE;
    return Fit::kInvalid;
  }
  return fit;
}

bool Splitter::next(Account& account, Message* out) {
  event_.restart();
  counted_levels_ = 0;
  uint64_t metric = 0;
  out->first = request_.state().point;
  for (; request_.has_point(); request_.take_point()) {
    const uint64_t own_metric = request_.state().parts[Request::kMetric].begin;
    if (!event_.empty() && (packing_ == OTELUE_PACK_POINT || (packing_ == OTELUE_PACK_METRIC && own_metric != metric))) {
      break;
    }
    uint32_t reason = OTELUE_REASON_NONE;
    Changes changes;
    const Fit fit = add(&reason, changes);
    if (fit == Fit::kFull) break;
    if (fit == Fit::kInvalid) {
      account.refuse(request_.state().point, reason);
      continue;
    }
    if (event_.points() == 1) out->first = request_.state().point;
    metric = own_metric;
    account.changes += changes;
    for (; counted_levels_ < kLevels; ++counted_levels_) account.changes += head_changes_[counted_levels_];
  }
  out->bytes = event_.finish();
  out->points = event_.points();
  return out->points > 0;
}

}  // namespace otelue_core::otlp
