// SPDX-License-Identifier: Apache-2.0
// Knows each event of the soak byte for byte, and keeps account of what arrived.
#ifndef OTELUE_TESTS_KERNEL_SOAK_RECEIVED_H
#define OTELUE_TESTS_KERNEL_SOAK_RECEIVED_H

#include <otlp_metrics.pb.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "soak_batch.h"

namespace soak {

// A bit for each event of each export.
class Received {
 public:
  explicit Received(uint32_t most_exports) {
    for (const Kind kind : {kGauge, kSums}) {
      masks_[kind].resize(most_exports);
      learn_events(kind);
    }
  }

  void take(std::string_view payload) {
    for (const Kind kind : {kGauge, kSums}) {
      const size_t id_at = events_[kind][0].points_at[0] + kIdAt;
      if (payload.size() < id_at + sizeof(uint64_t)) continue;
      uint64_t id;
      std::memcpy(&id, payload.data() + id_at, sizeof id);
      const uint64_t number = id / kExportPoints;
      for (size_t i = 0; i < events_[kind].size() && number < masks_[kind].size(); ++i) {
        Event& event = events_[kind][i];
        if (event.first != id % kExportPoints || !event.is(payload, static_cast<uint32_t>(number))) continue;
        uint32_t& mask = masks_[kind][number];
        const uint32_t bit = 1u << i;
        twice += (mask & bit) != 0;
        mask |= bit;
        points += event.points_at.size();
        return;
      }
    }
    ++corrupt;
  }

  uint32_t events_of(Kind kind, uint32_t export_number) const { return masks_[kind][export_number]; }
  uint32_t all_events(Kind kind) const { return (1u << events_[kind].size()) - 1; }

  uint64_t points = 0;
  uint64_t twice = 0;
  uint64_t corrupt = 0;

 private:
  static constexpr size_t kStartAt = 1;
  static constexpr size_t kTimeAt = 10;
  static constexpr size_t kIdAt = 19;

  // An event that every export has, but for the numbers in its points.
  struct Event {
    bool is(std::string_view payload, uint32_t export_number) {
      if (payload.size() != bytes.size()) return false;
      for (size_t i = 0; i < points_at.size(); ++i) {
        const uint64_t id = point_id(export_number, first + static_cast<uint32_t>(i));
        const uint64_t start = start_of(id);
        const uint64_t time = time_of(id);
        std::memcpy(bytes.data() + points_at[i] + kStartAt, &start, sizeof start);
        std::memcpy(bytes.data() + points_at[i] + kTimeAt, &time, sizeof time);
        std::memcpy(bytes.data() + points_at[i] + kIdAt, &id, sizeof id);
      }
      return payload == bytes;
    }

    uint32_t first;  // the index of its first point in the export
    std::string bytes;
    std::vector<size_t> points_at;
  };

  static otelue_proto::NumberDataPoint* add_delta_point(otelue_proto::Sum* sum) {
    sum->set_aggregation_temporality(otelue_proto::AGGREGATION_TEMPORALITY_DELTA);
    return sum->add_data_points();
  }

  // So many points of export 0, as protobuf encodes them.
  static Event event_of(Kind kind, uint32_t first, uint32_t count) {
    Event event{first, "", {}};
    otelue_proto::ExportMetricsServiceRequest request;
    auto* resource = request.add_resource_metrics();
    auto* scope = resource->add_scope_metrics();
    if (kind == kSums) {
      resource->mutable_resource();
      resource->set_schema_url("urn:soak");
      scope->mutable_scope()->set_name("soak");
    }
    otelue_proto::Metric* metric = nullptr;
    std::vector<std::string> points;
    for (uint32_t index = first; index < first + count; ++index) {
      const std::string name = "metric " + std::to_string(kind == kGauge ? 0 : index * kMetrics / kExportPoints);
      if (metric == nullptr || metric->name() != name) {
        metric = scope->add_metrics();
        metric->set_name(name);
      }
      auto* point =
          kind == kGauge ? metric->mutable_gauge()->add_data_points() : add_delta_point(metric->mutable_sum());
      const uint64_t id = point_id(0, index);
      point->set_start_time_unix_nano(start_of(id));
      point->set_time_unix_nano(time_of(id));
      point->set_as_int(static_cast<int64_t>(id));
      auto* attribute = point->add_attributes();
      attribute->set_key("set");
      attribute->mutable_value()->set_string_value(set_text(index));
      points.push_back(point->SerializeAsString());
    }
    event.bytes = request.SerializeAsString();
    size_t at = 0;
    for (const std::string& point : points) {
      at = event.bytes.find(point, at);
      event.points_at.push_back(at);
    }
    return event;
  }

  // Which points share an event: as all points have the same size, the same ones in every export.
  void learn_events(Kind kind) {
    Batch batch(kind);
    batch.number(0);
    const otelue_options options = options_of(kind);
    otelue_cursor cursor{};
    otelue_result result{};
    result.struct_size = sizeof result;
    std::array<char, OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK> out;
    size_t written = 0;
    uint32_t first = 0;
    while (otelue_encode_next(batch.data(), batch.size(), &options, &cursor, out.data(), out.size(), &written,
                              &result) == 1) {
      events_[kind].push_back(event_of(kind, first, result.points_exported - first));
      REQUIRE(events_[kind].back().bytes == std::string_view(out.data(), written));
      first = result.points_exported;
    }
    REQUIRE(first == kExportPoints);
  }

  std::array<std::vector<Event>, kKinds> events_;
  std::array<std::vector<uint32_t>, kKinds> masks_;
};

}  // namespace soak

#endif
