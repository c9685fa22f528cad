// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_REQUEST_H
#define OTELUE_SRC_OTLP_REQUEST_H

#include <cstdint>

#include "otlp/event.h"
#include "otlp/schema.h"
#include "wire/reader.h"

namespace otelue_core::otlp {

// An encoded ExportMetricsServiceRequest, as a source of Packer. Its levels are the request itself, ResourceMetrics,
// ScopeMetrics, Metric and data, named by where they begin. All offsets count from the first byte of the request.
//
// A message around the points consists of its children (the messages that lead to points), its head (the fields in
// front of its last child that are no children) and its tail (the fields behind its last child). Repeated in every
// event, head and tail make each point mean what it meant in the request, whatever the order of the fields:
//
//     | head ... | child | head ... | child | child | tail ... |
//
// Each message is looked through once to find them, when the walk gets there.
class Request {
 public:
  static constexpr size_t kLevels = 5;

  // Stretches of bytes that hold the head of a message. What does not fit into so many shares the last one with the
  // children in between.
  struct Head {
    struct Stretch {
      uint32_t begin;
      uint32_t end;
    };
    Stretch stretches[4];
    uint32_t count;
    uint32_t is_mixed;  // the last one has children in it

    void add(uint32_t begin, uint32_t end);
  };

  struct Level {
    uint32_t begin;  // of its fields
    uint32_t end;
    uint32_t next;   // where the next child is looked for
    uint32_t tail_begin;
    uint32_t tail_end;
    Head head;
  };

  // Everything that a walk needs to go on later.
  struct State {
    Level levels[kLevels];
    // The field of the metric that holds its points. A later one of another kind replaces it, as the oneof says; later
    // ones of the same kind are merged. 0: there is none.
    uint32_t data_field;
    uint32_t point_begin;
    uint32_t point_end;
    uint32_t point;  // its number
    uint32_t has_point;
  };

  // False when the bytes are not such a message down to its points. `points` gets their number.
  bool open(const void* data, size_t size, uint32_t* points);
  // Continues a walk over the same bytes. False when the state does not belong to them.
  bool resume(const void* data, size_t size, const State& state);
  const State& state() const { return state_; }

  bool has_point();
  void advance();
  uint32_t index() const { return state_.point; }
  uint64_t innermost() const { return state_.levels[kMetricLevel].begin; }
  uint32_t locate(uint64_t (&keys)[kLevels]) const;
  uint32_t open(Event& event, size_t level) const;
  void put(Writer& out, size_t exemplar_bytes) const;

 private:
  enum : size_t { kRequestLevel, kResourceLevel, kScopeLevel, kMetricLevel, kDataLevel };

  wire::Fields fields_of(size_t begin, size_t end) const { return wire::Fields({data_, end}, begin); }
  static bool is_child(uint32_t number, const wire::Field& field) {
    return field.number == number && field.type == wire::WireType::kBytes;
  }
  bool measure(size_t level, uint32_t begin, uint32_t end, Level* out) const;
  bool measure_metric(uint32_t begin, uint32_t end, State* out, uint64_t* points) const;
  bool find_data(uint32_t begin, uint32_t end, State* out) const;
  bool measure_data(State* out, uint64_t* points) const;
  bool may_be_data(const wire::Field& field, bool* has_points) const;
  bool enter(size_t level);
  void copy(Writer& out, const wire::Field& field) const;
  void put_head(Writer& out, size_t level) const;
  void put_mixed(Writer& out, size_t level, const Head::Stretch& stretch) const;
  void put_some(Writer& out, MessageType type, size_t exemplar_bytes) const;

  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  State state_{};
};

}  // namespace otelue_core::otlp

#endif
