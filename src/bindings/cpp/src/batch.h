// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_BINDINGS_CPP_BATCH_H
#define OTELUE_BINDINGS_CPP_BATCH_H

#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <otelue/builder.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace otelue {

// Turns the SDK's collections into batches. Attribute sets, scopes and metrics stay from one cycle to the next, and are
// found by what they say, attribute sets first of all where they were in the last cycle. When series that have gone
// pile up, it starts over.
class Batch {
 public:
  struct Bytes {
    const void *data;
    size_t size;
  };

  // Holds until the next call. Empty when the collection is too large for any batch.
  Bytes Build(const opentelemetry::sdk::metrics::ResourceMetrics &collection);

  // Of the last collection.
  size_t points() const { return points_; }
  // Of all that is kept.
  size_t capacity() const { return 8 * memory_.size(); }

 private:
  struct AttributeSet {
    otelue_ref ref;
    uint16_t form;
  };
  using AttributeSets = std::unordered_map<std::string, AttributeSet>;
  struct Metric {
    uint32_t off;
    uint64_t cycle;
    std::vector<const AttributeSets::value_type *> sets;  // of the points that it had in the last cycle
  };
  // Scope, kind, temporality, monotonic, which one it is of several that say the same of themselves, and its texts.
  using MetricKey = std::tuple<uint32_t, uint32_t, uint32_t, bool, int, std::string, std::string, std::string>;

  void StartOver(size_t words);
  bool TryBuild(const opentelemetry::sdk::metrics::ResourceMetrics &collection, size_t *size);
  uint32_t FindResource(const opentelemetry::sdk::resource::Resource *resource);
  uint32_t FindScope(uint32_t resource, const opentelemetry::sdk::instrumentationscope::InstrumentationScope *scope);
  Metric *FindMetric(uint32_t scope, const opentelemetry::sdk::metrics::MetricData &metric);
  const AttributeSets::value_type *FindSet(const opentelemetry::sdk::metrics::PointAttributes &attributes);
  AttributeSet MakeSet(const opentelemetry::sdk::metrics::PointAttributes &attributes);
  template <class Map>
  otelue_ref BuildAttributes(otelue_builder *builder, const Map &map);
  template <class Map>
  otelue_ref BuildSoundAttributes(const Map &map);
  void BuildPoint(otelue_point point, const opentelemetry::sdk::metrics::PointType &data);

  std::vector<uint64_t> memory_;
  otelue_builder builder_ = {};
  otelue_mark stays_ = 0;
  uint64_t cycle_ = 0;
  size_t points_ = 0;
  size_t recent_points_ = 0;

  AttributeSets sets_;
  std::map<MetricKey, Metric> metrics_;
  // By their records, in a memory of their own.
  std::map<std::string, uint32_t> resources_;
  std::map<std::pair<uint32_t, std::string>, uint32_t> scopes_;

  std::vector<const Metric *> metrics_found_;  // of the cycle that is built

  std::vector<uint64_t> scratch_ = std::vector<uint64_t>(512);
  std::string key_;
  std::vector<otelue_attribute> attributes_;
  std::vector<otelue_value> values_;
};

}  // namespace otelue

#endif
