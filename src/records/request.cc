// SPDX-License-Identifier: Apache-2.0
#include "records/request.h"

#include <cerrno>

namespace otelue_core::records {
namespace {

// The repeated field that leads to points: resource_metrics, scope_metrics, metrics.
constexpr uint32_t kChildren[] = {1, 2, 2};
constexpr uint32_t kDataPoints = 1;
// How many fields of a metric, from the lowest number up, are looked at for points of a kind that is not known.
constexpr int kMostTries = 16;

// Gauge, Sum, Histogram, ExponentialHistogram, Summary.
bool is_known_data(const Field& field) {
  const uint32_t n = field.number;
  return field.type == WireType::kBytes && (n == 5 || n == 7 || n == 9 || n == 10 || n == 11);
}

// A field that a later version may have added to the oneof.
bool is_unknown_data(const Field& field) {
  const uint32_t n = field.number;
  return field.type == WireType::kBytes && (n == 4 || n == 6 || n == 8 || n > 12);
}

uint32_t offset(size_t n) { return static_cast<uint32_t>(n); }

}  // namespace

bool Request::leads_to_points(Level level, const Field& field) const {
  if (level != kMetric) return is_child(kChildren[level], field);
  return is_known_data(field) || is_data(field);
}

// Finds head and tail of a message whose children are one repeated field.
bool Request::measure(Level level, uint32_t begin, uint32_t end, Part* part) const {
  *part = {begin, end, begin, end, begin};
  uint32_t other_end = begin;
  Field field;
  Fields fields = fields_of(begin, end);
  while (fields.next(&field)) {
    if (is_child(kChildren[level], field)) {
      part->head_end = other_end;
      part->tail_begin = offset(field.end);
    } else {
      other_end = offset(field.end);
    }
  }
  return fields.ok();
}

// A field that this library does not know holds points when all its contents are messages, with messages in field 1.
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

bool Request::find_data_field(uint32_t begin, uint32_t end, Data* data) const {
  *data = {0, begin, 0, 0, 0, 0, 0};
  Field field;
  Fields fields = fields_of(begin, end);
  while (fields.next(&field)) {
    if (!is_known_data(field)) continue;
    if (data->field != 0 && field.number != data->field) data->from = offset(field.begin);
    data->field = field.number;
  }
  if (!fields.ok()) return false;

  uint32_t number = 0;
  for (int tries = 0; data->field == 0 && tries < kMostTries; ++tries) {
    const uint32_t after = number;
    number = UINT32_MAX;
    for (fields = fields_of(begin, end); fields.next(&field);) {
      if (is_unknown_data(field) && field.number > after && field.number < number) number = field.number;
    }
    bool has_points = false;
    bool is_data = true;
    for (fields = fields_of(begin, end); fields.next(&field) && is_data;) {
      if (is_child(number, field)) is_data = may_be_data(field, &has_points);
    }
    if (is_data && has_points) data->field = number;
  }
  return true;
}

// Head and tail of the data fields of a metric taken together. Only what is behind the very last point is tail.
bool Request::measure_data(uint32_t end, Data* data, uint64_t* points) const {
  uint32_t other_end = data->from;
  Field field;
  Fields fields = fields_of(data->from, end);
  while (fields.next(&field)) {
    if (!is_child(data->field, field)) continue;
    Field inner;
    Fields contents = fields_of(field.value, field.end);
    bool has_points = false;
    while (contents.next(&inner)) {
      if (is_child(kDataPoints, inner)) {
        has_points = true;
        ++*points;
        data->head_end = other_end;
        data->tail_begin = offset(inner.end);
        data->tail_end = offset(field.end);
      } else {
        other_end = offset(inner.end);
      }
    }
    if (!contents.ok()) return false;
    if (!has_points) {
      data->head_end = other_end;
      data->tail_begin = data->tail_end = offset(field.end);
    }
  }
  return true;
}

bool Request::measure_metric(uint32_t begin, uint32_t end, Part* part, Data* data, uint64_t* points) const {
  if (!find_data_field(begin, end, data)) return false;
  *part = {begin, end, begin, end, data->from};
  if (data->field == 0) {
    part->next = end;
    return true;
  }
  uint32_t other_end = begin;
  Field field;
  for (Fields fields = fields_of(begin, end); fields.next(&field);) {
    if (is_child(data->field, field) && field.begin >= data->from) {
      part->head_end = other_end;
      part->tail_begin = offset(field.end);
    } else {
      other_end = offset(field.end);
    }
  }
  return measure_data(end, data, points);
}

int Request::open(const void* data, size_t size, uint32_t* points) {
  if (size > INT32_MAX) return -EBADMSG;  // the limit of protobuf itself
  bytes_ = {static_cast<const uint8_t*>(data), size};
  state_ = {};

  uint64_t count = 0;
  Part part;
  Data metric_data;
  Field resource_metrics;
  Fields request = fields_of(0, size);
  while (request.next(&resource_metrics)) {
    if (!is_child(kChildren[kRequest], resource_metrics)) continue;
    Field scope_metrics;
    Fields scopes = fields_of(resource_metrics.value, resource_metrics.end);
    while (scopes.next(&scope_metrics)) {
      if (!is_child(kChildren[kResourceMetrics], scope_metrics)) continue;
      Field metric;
      Fields metrics = fields_of(scope_metrics.value, scope_metrics.end);
      while (metrics.next(&metric)) {
        if (!is_child(kChildren[kScopeMetrics], metric)) continue;
        if (!measure_metric(offset(metric.value), offset(metric.end), &part, &metric_data, &count)) return -EBADMSG;
      }
      if (!metrics.ok()) return -EBADMSG;
    }
    if (!scopes.ok()) return -EBADMSG;
  }
  if (!request.ok()) return -EBADMSG;
  *points = static_cast<uint32_t>(count);
  measure(kRequest, 0, offset(size), &state_.parts[kRequest]);
  return 0;
}

int Request::resume(const void* data, size_t size, const State& state) {
  if (size > INT32_MAX) return -EINVAL;
  bytes_ = {static_cast<const uint8_t*>(data), size};
  for (const Part& part : state.parts) {
    if (part.begin > part.end || part.end > size || part.head_end > part.end || part.tail_begin > part.end ||
        part.head_end < part.begin || part.tail_begin < part.begin || part.next > part.end) {
      return -EINVAL;
    }
  }
  const Data& d = state.data;
  if (d.from > size || d.head_end > size || d.tail_begin > d.tail_end || d.tail_end > size || d.next > d.end ||
      d.end > size || d.from > state.parts[kMetric].end || state.point_begin > state.point_end ||
      state.point_end > size) {
    return -EINVAL;
  }
  state_ = state;
  return 0;
}

// Moves to the next child of the message at `level`; false when it has no more.
bool Request::enter(Level level) {
  Part& parent = state_.parts[level];
  Field field;
  for (Fields fields = fields_of(parent.next, parent.end); fields.next(&field);) {
    parent.next = offset(field.end);
    if (level == kMetric) {
      if (!is_data(field)) continue;
      state_.data.next = offset(field.value);
      state_.data.end = offset(field.end);
      return true;
    }
    if (!is_child(kChildren[level], field)) continue;
    uint64_t points = 0;
    const auto child = static_cast<Level>(level + 1);
    Part* part = &state_.parts[child];
    if (child == kMetric) {
      state_.data = {};
      return measure_metric(offset(field.value), offset(field.end), part, &state_.data, &points);
    }
    return measure(child, offset(field.value), offset(field.end), part);
  }
  parent.next = parent.end;
  return false;
}

bool Request::has_point() {
  if (state_.has_point != 0) return true;
  size_t level = kLevels;  // the data field at hand
  while (true) {
    if (level == kLevels) {
      Field field;
      for (Fields fields = fields_of(state_.data.next, state_.data.end); fields.next(&field);) {
        state_.data.next = offset(field.end);
        if (!is_child(kDataPoints, field)) continue;
        state_.point_begin = offset(field.value);
        state_.point_end = offset(field.end);
        state_.has_point = 1;
        return true;
      }
      state_.data.next = state_.data.end;
      level = kMetric;
    } else if (enter(static_cast<Level>(level))) {
      ++level;
    } else if (level-- == kRequest) {
      return false;
    }
  }
}

void Request::take_point() {
  state_.has_point = 0;
  ++state_.point;
}

}  // namespace otelue_core::records
