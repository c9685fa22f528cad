// SPDX-License-Identifier: Apache-2.0
#include "otlp/request.h"

#include <algorithm>

#include "otlp/fields.h"
#include "otlp/points.h"

namespace otelue_core::otlp {
namespace {

using wire::Field;
using wire::Fields;
using wire::WireType;

// What each level is in the one around it, and which of its fields are its children. A metric's data and its children
// depend on the metric.
constexpr uint32_t kFieldOf[] = {0, kResourceMetrics, kScopeMetrics, kMetrics};
constexpr uint32_t kChildOf[] = {kResourceMetrics, kScopeMetrics, kMetrics};
constexpr MessageType kTypes[] = {MessageType::kRequest, MessageType::kResourceMetrics, MessageType::kScopeMetrics,
                                  MessageType::kMetric};

uint32_t offset(size_t n) { return static_cast<uint32_t>(n); }

bool is_known_data(const Field& field) {
  return field.type == WireType::kBytes && point_type(field.number) != MessageType::kUnknown;
}

// A field that a later version may have added to the oneof.
bool is_unknown_data(const Field& field) {
  return field.type == WireType::kBytes && field.number > kMetricUnit && field.number != kMetricMetadata &&
         !is_known_data(field);
}

// Finds the head and the tail of a message whose fields are shown to it in order.
class Measuring {
 public:
  explicit Measuring(Request::Level* level) : level_(level) {}

  void child(uint32_t end, uint32_t tail_end) {
    if (is_new_) level_->head = head_;
    is_new_ = false;
    level_->tail_begin = end;
    level_->tail_end = tail_end;
  }
  void other(const Field& field) {
    head_.add(offset(field.begin), offset(field.end));
    is_new_ = true;
  }

 private:
  Request::Level* level_;
  Request::Head head_{};
  bool is_new_ = false;
};

}  // namespace

void Request::Head::add(uint32_t begin, uint32_t end) {
  constexpr size_t kMost = sizeof stretches / sizeof stretches[0];
  if (count > 0 && (stretches[count - 1].end == begin || count == kMost)) {
    is_mixed |= stretches[count - 1].end != begin;
    stretches[count - 1].end = end;
  } else {
    stretches[count++] = {begin, end};
  }
}

// Looks through a message whose children are one repeated field.
bool Request::measure(size_t level, uint32_t begin, uint32_t end, Level* out) const {
  *out = {begin, end, begin, begin, end, {}};
  Measuring measuring(out);
  Field field;
  Fields fields = fields_of(begin, end);
  while (fields.next(&field)) {
    if (is_child(kChildOf[level], field)) {
      measuring.child(offset(field.end), end);
    } else {
      measuring.other(field);
    }
  }
  return fields.ok();
}

// A field that this library does not know holds points when all its contents are fields, and number 1 among them always
// a message.
bool Request::may_be_data(const Field& field, bool* has_points) const {
  Field inner;
  Fields contents = fields_of(field.value, field.end);
  while (contents.next(&inner)) {
    if (inner.number != kDataPoints) continue;
    if (inner.type != WireType::kBytes) return false;
    *has_points = true;
  }
  return contents.ok();
}

// Finds the field with the points: the last one that is known, else of the first sixteen that are not known the one with
// the lowest number that could be it.
bool Request::find_data(uint32_t begin, uint32_t end, State* out) const {
  struct Candidate {
    uint32_t number;
    bool is_data;
    bool has_points;
  };
  Candidate candidates[16];
  size_t count = 0;
  Level& data = out->levels[kDataLevel];
  out->data_field = 0;
  data = {begin, end, begin, begin, begin, {}};
  Field field;
  Fields fields = fields_of(begin, end);
  while (fields.next(&field)) {
    if (is_known_data(field)) {
      if (out->data_field != 0 && field.number != out->data_field) data.begin = offset(field.begin);
      out->data_field = field.number;
    } else if (out->data_field == 0 && is_unknown_data(field)) {
      Candidate* const stop = candidates + count;
      Candidate* c = std::find_if(candidates, stop, [&](const Candidate& x) { return x.number == field.number; });
      if (c == stop) {
        if (count == sizeof candidates / sizeof candidates[0]) continue;
        *c = {field.number, true, false};
        ++count;
      }
      c->is_data = c->is_data && may_be_data(field, &c->has_points);
    }
  }
  if (!fields.ok() || out->data_field != 0) return fields.ok();

  for (size_t i = 0; i < count; ++i) {
    const Candidate& c = candidates[i];
    if (c.is_data && c.has_points && (out->data_field == 0 || c.number < out->data_field)) out->data_field = c.number;
  }
  return true;
}

// The data fields of a metric taken together. Of what is behind the very last point only the rest of that point's field
// is tail.
bool Request::measure_data(State* out, uint64_t* points) const {
  Level& data = out->levels[kDataLevel];
  Measuring measuring(&data);
  Field field;
  Fields fields = fields_of(data.begin, data.end);
  while (fields.next(&field)) {
    if (!is_child(out->data_field, field)) continue;
    Field inner;
    Fields contents = fields_of(field.value, field.end);
    bool has_points = false;
    while (contents.next(&inner)) {
      if (is_child(kDataPoints, inner)) {
        has_points = true;
        ++*points;
        measuring.child(offset(inner.end), offset(field.end));
      } else {
        measuring.other(inner);
      }
    }
    if (!contents.ok()) return false;
    if (!has_points) measuring.child(offset(field.end), offset(field.end));
  }
  return true;
}

bool Request::measure_metric(uint32_t begin, uint32_t end, State* out, uint64_t* points) const {
  if (!find_data(begin, end, out)) return false;
  Level& metric = out->levels[kMetricLevel];
  const uint32_t from = out->levels[kDataLevel].begin;
  metric = {begin, end, from, begin, end, {}};
  if (out->data_field == 0) {
    metric.next = end;
    return true;
  }
  Measuring measuring(&metric);
  Field field;
  for (Fields fields = fields_of(begin, end); fields.next(&field);) {
    if (is_child(out->data_field, field) && field.begin >= from) {
      measuring.child(offset(field.end), end);
    } else if (!is_known_data(field)) {
      measuring.other(field);
    }
  }
  return measure_data(out, points);
}

bool Request::open(const void* data, size_t size, uint32_t* points) {
  if (size > INT32_MAX) return false;  // the limit of protobuf itself
  data_ = static_cast<const uint8_t*>(data);
  size_ = size;
  state_ = {};

  uint64_t count = 0;
  State scratch;
  Field resource_metrics;
  Fields request = fields_of(0, size);
  while (request.next(&resource_metrics)) {
    if (!is_child(kChildOf[kRequestLevel], resource_metrics)) continue;
    Field scope_metrics;
    Fields scopes = fields_of(resource_metrics.value, resource_metrics.end);
    while (scopes.next(&scope_metrics)) {
      if (!is_child(kChildOf[kResourceLevel], scope_metrics)) continue;
      Field metric;
      Fields metrics = fields_of(scope_metrics.value, scope_metrics.end);
      while (metrics.next(&metric)) {
        if (!is_child(kChildOf[kScopeLevel], metric)) continue;
        if (!measure_metric(offset(metric.value), offset(metric.end), &scratch, &count)) return false;
      }
      if (!metrics.ok()) return false;
    }
    if (!scopes.ok()) return false;
  }
  if (!request.ok()) return false;
  *points = static_cast<uint32_t>(count);
  return measure(kRequestLevel, 0, offset(size), &state_.levels[kRequestLevel]);
}

bool Request::resume(const void* data, size_t size, const State& state) {
  if (size > INT32_MAX) return false;
  auto is_span = [size](uint32_t begin, uint32_t end) { return begin <= end && end <= size; };
  bool belongs = is_span(state.point_begin, state.point_end);
  for (const Level& level : state.levels) {
    belongs = belongs && is_span(level.begin, level.end) && is_span(level.next, level.end) &&
              is_span(level.tail_begin, level.tail_end) &&
              level.head.count <= sizeof level.head.stretches / sizeof level.head.stretches[0];
    for (uint32_t i = 0; belongs && i < level.head.count; ++i) {
      belongs = is_span(level.head.stretches[i].begin, level.head.stretches[i].end);
    }
  }
  if (!belongs) return false;
  data_ = static_cast<const uint8_t*>(data);
  size_ = size;
  state_ = state;
  return true;
}

// Moves to the next child of the message at `level`; false when it has no more.
bool Request::enter(size_t level) {
  Level& parent = state_.levels[level];
  Field field;
  for (Fields fields = fields_of(parent.next, parent.end); fields.next(&field);) {
    parent.next = offset(field.end);
    if (level == kMetricLevel) {
      if (!is_child(state_.data_field, field)) continue;
      Level& data = state_.levels[kDataLevel];
      data.next = offset(field.value);
      data.end = offset(field.end);
      return true;
    }
    if (!is_child(kChildOf[level], field)) continue;
    uint64_t points = 0;
    const auto begin = offset(field.value);
    const auto end = offset(field.end);
    if (level + 1 < kMetricLevel) return measure(level + 1, begin, end, &state_.levels[level + 1]);
    const bool is_whole = measure_metric(begin, end, &state_, &points);
    state_.levels[kDataLevel].next = state_.levels[kDataLevel].end = state_.levels[kDataLevel].begin;
    return is_whole;
  }
  parent.next = parent.end;
  return false;
}

bool Request::has_point() {
  if (state_.has_point != 0) return true;
  size_t level = kDataLevel;
  while (true) {
    if (level == kDataLevel) {
      Level& data = state_.levels[kDataLevel];
      Field field;
      for (Fields fields = fields_of(data.next, data.end); fields.next(&field);) {
        data.next = offset(field.end);
        if (!is_child(kDataPoints, field)) continue;
        state_.point_begin = offset(field.value);
        state_.point_end = offset(field.end);
        state_.has_point = 1;
        return true;
      }
      data.next = data.end;
      level = kMetricLevel;
    } else if (enter(level)) {
      ++level;
    } else if (level-- == kRequestLevel) {
      return false;
    }
  }
}

void Request::advance() {
  state_.has_point = 0;
  ++state_.point;
}

uint32_t Request::locate(uint64_t (&keys)[kLevels]) const {
  // A message without fields begins where the next one's tag does, but has no points either.
  keys[kRequestLevel] = 0;
  for (size_t level = kResourceLevel; level < kDataLevel; ++level) keys[level] = state_.levels[level].begin;
  keys[kDataLevel] = keys[kMetricLevel];
  return OTELUE_REASON_NONE;
}

// A field as it is. There can be many, of two bytes each.
void Request::copy(Writer& out, const Field& field) const {
  const size_t size = field.end - field.begin;
  if (uint8_t* p = out.take(size)) std::memcpy(p, data_ + field.begin, size);
}

// The head that lies in a stretch together with children.
void Request::put_mixed(Writer& out, size_t level, const Head::Stretch& stretch) const {
  Field field;
  if (level != kDataLevel) {
    for (Fields fields = fields_of(stretch.begin, stretch.end); fields.next(&field) && out.ok();) {
      const bool is_left_out = level == kMetricLevel ? is_known_data(field) || is_child(state_.data_field, field)
                                                     : is_child(kChildOf[level], field);
      if (!is_left_out) copy(out, field);
    }
    return;
  }
  const Level& metric = state_.levels[kMetricLevel];
  for (Fields fields = fields_of(state_.levels[kDataLevel].begin, metric.end); fields.next(&field) && out.ok();) {
    if (!is_child(state_.data_field, field) || field.end <= stretch.begin || field.begin >= stretch.end) continue;
    Field inner;
    for (Fields contents = fields_of(field.value, field.end); contents.next(&inner) && out.ok();) {
      if (is_child(kDataPoints, inner) || inner.begin < stretch.begin || inner.begin >= stretch.end) continue;
      copy(out, inner);
    }
  }
}

void Request::put_head(Writer& out, size_t level) const {
  const Head& head = state_.levels[level].head;
  for (uint32_t i = 0; i < head.count && out.ok(); ++i) {
    const Head::Stretch& stretch = head.stretches[i];
    if (head.is_mixed != 0 && i + 1 == head.count) {
      put_mixed(out, level, stretch);
    } else {
      out.bytes(data_ + stretch.begin, stretch.end - stretch.begin);
    }
  }
}

uint32_t Request::open(Event& event, size_t level) const {
  const Level& at = state_.levels[level];
  const MessageType type = level != kDataLevel                                        ? kTypes[level]
                           : point_type(state_.data_field) != MessageType::kUnknown ? MessageType::kData
                                                                                    : MessageType::kUnknown;
  auto mended = [&](Writer& out, auto&& write) {
    const size_t from = out.position();
    write();
    if (!out.ok()) return;
    if (const uint32_t reason = mend(out, from, type, static_cast<unsigned>(level)); reason != OTELUE_REASON_NONE) {
      out.fail(reason);
    }
  };
  return event.open(
      level == kDataLevel ? state_.levels[kMetricLevel].begin : level == kRequestLevel ? 0 : at.begin,
      level == kDataLevel ? state_.data_field : kFieldOf[level],
      [&](Writer& out) { mended(out, [&] { put_head(out, level); }); },
      [&](Writer& out) { mended(out, [&] { out.bytes(data_ + at.tail_begin, at.tail_end - at.tail_begin); }); });
}

// The point at hand with those of its exemplars that decoders accept, and that fit.
void Request::put_some(Writer& out, MessageType type, size_t exemplar_bytes) const {
  const size_t from = out.position();
  size_t left = exemplar_bytes;
  Field field;
  Fields fields = fields_of(state_.point_begin, state_.point_end);
  while (fields.next(&field)) {
    const size_t start = out.position();
    const Changes before = out.changes;
    if (!is_exemplar(type, field)) {
      copy(out, field);
      continue;
    }
    const size_t size = field.end - field.begin;
    if (size <= left) out.bytes(data_ + field.begin, size);
    if (!out.ok()) continue;
    if (size <= left && mend(out, start, type, kPointDepth) == OTELUE_REASON_NONE) {
      if (left != kAllExemplars) left -= size;
      continue;
    }
    out.rewind(start);
    out.changes = before;
    ++out.changes.exemplars_dropped;
  }
  if (!fields.ok()) {
    // Whatever fitted: it is not what the point says.
    out.rewind(from);
    return out.fail(OTELUE_REASON_MALFORMED);
  }
  if (!out.ok()) return;
  if (const uint32_t reason = mend(out, from, type, kPointDepth); reason != OTELUE_REASON_NONE) out.fail(reason);
}

void Request::put(Writer& out, size_t exemplar_bytes) const {
  const MessageType type = point_type(state_.data_field);
  if (exemplar_bytes != kAllExemplars) return put_some(out, type, exemplar_bytes);
  const size_t from = out.position();
  out.bytes(data_ + state_.point_begin, state_.point_end - state_.point_begin);
  if (!out.ok()) return;
  const Changes before = out.changes;
  const uint32_t reason = mend(out, from, type, kPointDepth);
  if (reason == OTELUE_REASON_NONE) return;
  if (reason != kBadExemplar) return out.fail(reason);
  out.rewind(from);
  out.changes = before;
  put_some(out, type, kAllExemplars);
}

}  // namespace otelue_core::otlp
