// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_OTLP_BATCH_SOURCE_H
#define OTELUE_SRC_OTLP_BATCH_SOURCE_H

#include <cstdint>

#include "otlp/event.h"
#include "otlp/points.h"
#include "records/batch.h"

namespace otelue_core::otlp {

// The points of a batch, as a source of Packer. Its levels are ResourceMetrics, ScopeMetrics, Metric and data, named by
// the offsets of their records.
class BatchSource {
 public:
  static constexpr size_t kLevels = 4;

  // Begins at point number `next`.
  explicit BatchSource(const records::Batch& batch, uint32_t next = 0) : batch_(batch), next_(next) {}

  bool has_point() {
    if (next_ >= batch_.points().size()) return false;
    point_ = batch_.points()[next_];
    return true;
  }
  void advance() { ++next_; }
  uint32_t index() const { return next_; }
  uint64_t innermost() const { return point_.metric; }

  uint32_t locate(uint64_t (&keys)[kLevels]);
  uint32_t open(Event& event, size_t level);
  OTELUE_INLINE void put(Writer& out, size_t exemplar_bytes) const {
    put_point(out, batch_, kind_, point_, exemplar_bytes);
  }

 private:
  void put_text(Writer& out, uint32_t field, otelue_ref ref) const;
  void put_resource(Writer& out, const otelue_resource& resource) const;
  void put_entity_ref(Writer& out, const otelue_entity_ref& entity) const;
  void put_texts(Writer& out, uint32_t field, otelue_ref ref) const;
  void put_scope(Writer& out) const;

  const records::Batch& batch_;
  uint32_t next_;
  otelue_point point_;      // at hand
  otelue_metric metric_{};  // that was located last
  otelue_scope scope_{};
  uint32_t kind_ = 0;       // of the metric whose data was opened last
};

}  // namespace otelue_core::otlp

#endif
