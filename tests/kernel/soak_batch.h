// SPDX-License-Identifier: Apache-2.0
// What the soak exports: points that carry their number, from which all else in them follows.
#ifndef OTELUE_TESTS_KERNEL_SOAK_BATCH_H
#define OTELUE_TESTS_KERNEL_SOAK_BATCH_H

#include <otelue/builder.h>

#include <cstdint>
#include <string>
#include <vector>

#include "catch.h"

namespace soak {

constexpr uint32_t kExportPoints = 1000;
constexpr size_t kSets = 8;  // of attributes
constexpr uint32_t kMetrics = 4;

inline uint64_t point_id(uint32_t export_number, uint32_t index) {
  return uint64_t{export_number} * kExportPoints + index;
}
inline uint64_t start_of(uint64_t id) { return (id + 1) * 0x9e3779b97f4a7c15; }  // never 0
inline uint64_t time_of(uint64_t id) { return ~start_of(id); }

// Two kinds of exports: points of one gauge with attribute records, one metric per event of 4048 bytes; and points of
// several sums with encoded attribute sets, a resource and a scope, whole requests of 8168 bytes.
enum Kind { kGauge, kSums, kKinds };

inline std::string set_text(size_t set) { return "set " + std::to_string(set % kSets); }

// The memory of one exporting thread.
class Batch {
 public:
  explicit Batch(Kind kind) : memory_(1 << 18) {
    otelue_builder b;
    otelue_builder_init(&b, memory_.data(), memory_.size());
    otelue_metric metric{};
    metric.kind = kind == kGauge ? OTELUE_GAUGE : OTELUE_SUM;
    metric.temporality = kind == kGauge ? 0 : OTELUE_DELTA;
    if (kind == kSums) {
      otelue_resource resource{};
      resource.schema_url = otelue_build_string(&b, "urn:soak");
      otelue_scope scope{};
      scope.resource = otelue_build_resource(&b, &resource);
      scope.name = otelue_build_string(&b, "soak");
      metric.scope = otelue_build_scope(&b, &scope);
    }
    uint32_t metrics[kMetrics];
    for (uint32_t i = 0; i < kMetrics; ++i) {
      metric.name = otelue_build_string(&b, ("metric " + std::to_string(i)).c_str());
      metrics[i] = otelue_build_metric(&b, &metric);
    }
    otelue_ref sets[kSets];
    for (size_t i = 0; i < kSets; ++i) {
      if (kind == kGauge) {
        const otelue_attribute attribute = otelue_attribute_string(&b, "set", set_text(i).c_str());
        sets[i] = otelue_build_attributes(&b, &attribute, 1);
      } else {
        const std::string set = encode_set(i);
        sets[i] = otelue_build_text(&b, set.data(), set.size());
      }
    }
    for (uint32_t i = 0; i < kExportPoints; ++i) {
      otelue_point point{};
      point.metric = metrics[kind == kGauge ? 0 : i * kMetrics / kExportPoints];
      point.value_type = OTELUE_INT;
      point.attributes = sets[i % kSets];
      point.attributes_form = kind == kGauge ? OTELUE_ATTRIBUTE_RECORDS : OTELUE_ENCODED_ATTRIBUTES;
      otelue_build_point(&b, &point);
    }
    REQUIRE(otelue_builder_finish(&b, &size_) == 0);
    const auto* batch = reinterpret_cast<const otelue_batch*>(memory_.data());
    points_ = reinterpret_cast<otelue_point*>(memory_.data() + batch->points.off);
  }

  void number(uint32_t export_number) {
    for (uint32_t i = 0; i < kExportPoints; ++i) {
      const uint64_t id = point_id(export_number, i);
      points_[i].as_int = static_cast<int64_t>(id);
      points_[i].start_time_unix_nano = start_of(id);
      points_[i].time_unix_nano = time_of(id);
    }
  }

  const void* data() const { return memory_.data(); }
  size_t size() const { return size_; }

 private:
  static std::string encode_set(size_t i) {
    alignas(8) unsigned char memory[256];
    char out[64];
    otelue_builder b;
    otelue_builder_init(&b, memory, sizeof memory);
    const otelue_attribute attribute = otelue_attribute_string(&b, "set", set_text(i).c_str());
    const otelue_ref set = otelue_build_attributes(&b, &attribute, 1);
    size_t size = 0;
    size_t written = 0;
    REQUIRE(otelue_builder_finish(&b, &size) == 0);
    REQUIRE(otelue_encode_attributes(memory, size, set.off, set.len, out, sizeof out, &written, nullptr, nullptr) == 0);
    return {out, written};
  }

  std::vector<unsigned char> memory_;
  size_t size_ = 0;
  otelue_point* points_ = nullptr;
};

inline otelue_options options_of(Kind kind) {
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = kind == kGauge ? OTELUE_PACK_METRIC : OTELUE_PACK_REQUEST;
  options.target_event_bytes = kind == kGauge ? 4048 : 8168;
  return options;
}

}  // namespace soak

#endif
