// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_RECORDS_REQUEST_H
#define OTELUE_SRC_RECORDS_REQUEST_H

#include <cstdint>
#include <span>

#include "records/protobuf.h"

namespace otelue_core::records {

// Walks an encoded ExportMetricsServiceRequest from data point to data point. All offsets count from its first
// byte.
//
// A message around the points consists of its children (the messages that lead to points), its head (the fields
// in front of its last child that are no children) and its tail (the fields behind its last child). Repeated in
// every event, head and tail make each point mean what it meant in the request, whatever the order of the fields.
class Request {
 public:
  enum Level : size_t { kRequest, kResourceMetrics, kScopeMetrics, kMetric, kLevels };

  struct Part {
    uint32_t begin = 0;  // of its fields
    uint32_t end = 0;
    uint32_t head_end = 0;
    uint32_t tail_begin = 0;
    uint32_t next = 0;  // where the next child is looked for
  };

  // Which field of a metric holds its points. A later one of another kind replaces it, as the oneof says; later
  // ones of the same kind are merged.
  struct Data {
    uint32_t field = 0;
    uint32_t from = 0;  // fields of another kind end here
    uint32_t head_end = 0;
    uint32_t tail_begin = 0;
    uint32_t tail_end = 0;
    uint32_t next = 0;  // in the occurrence at hand
    uint32_t end = 0;
  };

  // Everything that a walk needs to go on later.
  struct State {
    Part parts[kLevels];
    Data data;
    uint32_t point_begin = 0;
    uint32_t point_end = 0;
    uint32_t point = 0;      // its number
    uint32_t has_point = 0;
  };

  // 0; -EBADMSG when the bytes are not such a message down to its points. `points` gets their number.
  int open(const void* data, size_t size, uint32_t* points);
  // Continues a walk over the same bytes. -EINVAL when the state does not belong to them.
  int resume(const void* data, size_t size, const State& state);

  const State& state() const { return state_; }
  std::span<const uint8_t> bytes() const { return bytes_; }
  std::span<const uint8_t> bytes(uint32_t begin, uint32_t end) const { return bytes_.subspan(begin, end - begin); }

  // Whether there is a point at hand, which stays the same until taken.
  bool has_point();
  void take_point();
  std::span<const uint8_t> point() const { return bytes(state_.point_begin, state_.point_end); }

  // Calls copy(begin, end) for each stretch of the head.
  template <typename Copy>
  void head(Level level, Copy&& copy) const {
    const Part& part = state_.parts[level];
    Field field;
    for (Fields fields = fields_of(part.begin, part.head_end); fields.next(&field);) {
      if (!leads_to_points(level, field)) copy(field.begin, field.end);
    }
  }
  template <typename Copy>
  void data_head(Copy&& copy) const {
    const Part& metric = state_.parts[kMetric];
    Field outer;
    for (Fields fields = fields_of(state_.data.from, metric.end); fields.next(&outer);) {
      if (!is_data(outer)) continue;
      Field field;
      for (Fields inner = fields_of(outer.value, outer.end); inner.next(&field) && field.begin < state_.data.head_end;) {
        if (!is_child(1, field)) copy(field.begin, field.end);
      }
    }
  }

 private:
  Fields fields_of(size_t begin, size_t end) const { return Fields(bytes_.first(end), begin); }
  static bool is_child(uint32_t number, const Field& field) {
    return field.number == number && field.type == WireType::kBytes;
  }
  bool is_data(const Field& field) const { return is_child(state_.data.field, field) && field.begin >= state_.data.from; }
  bool leads_to_points(Level level, const Field& field) const;
  bool measure(Level level, uint32_t begin, uint32_t end, Part* part) const;
  bool measure_metric(uint32_t begin, uint32_t end, Part* part, Data* data, uint64_t* points) const;
  bool may_be_data(const Field& field, bool* has_points) const;
  bool find_data_field(uint32_t begin, uint32_t end, Data* data) const;
  bool measure_data(uint32_t end, Data* data, uint64_t* points) const;
  bool enter(Level level);

  std::span<const uint8_t> bytes_;
  State state_;
};

}  // namespace otelue_core::records

#endif
