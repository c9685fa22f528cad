// SPDX-License-Identifier: Apache-2.0
#include "protobuf.h"

#include <google/protobuf/arena.h>
#include <otelue/otelue.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "otlp_metrics.pb.h"

namespace bench {
namespace {

using otelue_proto::ExportMetricsServiceRequest;
using otelue_proto::KeyValue;

constexpr size_t kFrameBytes = 20;

template <typename Record>
const Record* at(const Workload& workload, uint32_t off) {
  return reinterpret_cast<const Record*>(workload.data() + off);
}

std::string_view text(const Workload& workload, uint64_t off, uint32_t len) {
  return {reinterpret_cast<const char*>(workload.data()) + off, len};
}
std::string_view text(const Workload& workload, otelue_ref ref) { return text(workload, ref.off, ref.len); }

void set(std::string* to, std::string_view from) { to->assign(from.data(), from.size()); }

template <typename Attributes>
void add_attributes(const Workload& workload, otelue_ref ref, Attributes* to) {
  to->Reserve(static_cast<int>(ref.len));
  const auto* attribute = at<otelue_attribute>(workload, ref.off);
  for (const auto* end = attribute + ref.len; attribute < end; ++attribute) {
    KeyValue* key_value = to->Add();
    set(key_value->mutable_key(), text(workload, attribute->key));
    set(key_value->mutable_value()->mutable_string_value(),
        text(workload, attribute->value.bits, attribute->value.len));
  }
}

// What a file of events as they were written holds: sorted strings, one for each point that there is, of all that
// surrounds it, and itself.
std::vector<std::string> points_of(const char* path, std::string* problem) {
  std::vector<std::string> points;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    *problem = std::string("cannot open ") + path;
    return points;
  }
  auto sorted = [](auto* attributes) {
    std::sort(attributes->begin(), attributes->end(),
              [](const KeyValue& a, const KeyValue& b) { return a.key() < b.key(); });
  };
  uint32_t frame[kFrameBytes / 4];
  while (file.read(reinterpret_cast<char*>(frame), kFrameBytes)) {
    std::string payload(frame[4] >> 16, '\0');
    ExportMetricsServiceRequest request;
    if (!file.read(payload.data(), static_cast<std::streamsize>(payload.size())) || !request.ParseFromString(payload)) {
      *problem = std::string("an event that is not OTLP in ") + path;
      return points;
    }
    for (auto& resource : *request.mutable_resource_metrics()) {
      sorted(resource.mutable_resource()->mutable_attributes());
      for (auto& scope : *resource.mutable_scope_metrics()) {
        for (auto& metric : *scope.mutable_metrics()) {
          otelue_proto::Metric around = metric;
          around.mutable_sum()->clear_data_points();
          const std::string head = resource.resource().SerializeAsString() + scope.scope().SerializeAsString() +
                                   around.SerializeAsString();
          for (auto& point : *metric.mutable_sum()->mutable_data_points()) {
            sorted(point.mutable_attributes());
            if (point.start_time_unix_nano() == 0 || point.time_unix_nano() == 0) *problem = "a point without times";
            point.clear_start_time_unix_nano();
            point.clear_time_unix_nano();
            points.push_back(head + point.SerializeAsString());
          }
        }
      }
    }
  }
  if (file.gcount() != 0) *problem = std::string("the end of an event is missing in ") + path;
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

}  // namespace

namespace {

// As the exporter of opentelemetry-cpp does: all points, on an arena.
ExportMetricsServiceRequest* build_request(const Workload& workload, google::protobuf::Arena* arena) {
  auto* request = google::protobuf::Arena::CreateMessage<ExportMetricsServiceRequest>(arena);

  const auto* batch = at<otelue_batch>(workload, 0);
  auto* resource_metrics = request->add_resource_metrics();
  add_attributes(workload, at<otelue_resource>(workload, batch->resource)->attributes,
                 resource_metrics->mutable_resource()->mutable_attributes());
  auto* scope_metrics = resource_metrics->add_scope_metrics();

  otelue_proto::Sum* sum = nullptr;
  uint32_t metric_at = 0;
  const auto* point = at<otelue_point>(workload, batch->points.off);
  for (const auto* end = point + batch->points.len; point < end; ++point) {
    if (point->metric != metric_at) {
      metric_at = point->metric;
      const auto* from = at<otelue_metric>(workload, metric_at);
      const auto* scope = at<otelue_scope>(workload, from->scope);
      set(scope_metrics->mutable_scope()->mutable_name(), text(workload, scope->name));
      set(scope_metrics->mutable_scope()->mutable_version(), text(workload, scope->version));
      auto* metric = scope_metrics->add_metrics();
      set(metric->mutable_name(), text(workload, from->name));
      set(metric->mutable_description(), text(workload, from->description));
      set(metric->mutable_unit(), text(workload, from->unit));
      sum = metric->mutable_sum();
      sum->set_aggregation_temporality(static_cast<otelue_proto::AggregationTemporality>(from->temporality));
      sum->set_is_monotonic(from->is_monotonic != 0);
    }
    auto* number = sum->add_data_points();
    number->set_start_time_unix_nano(point->start_time_unix_nano);
    number->set_time_unix_nano(point->time_unix_nano);
    number->set_as_int(point->as_int);
    add_attributes(workload, point->attributes, number->mutable_attributes());
  }
  return request;
}

google::protobuf::ArenaOptions arena_options() {
  google::protobuf::ArenaOptions options;
  options.initial_block_size = 64 * 1024;
  options.max_block_size = 64 * 1024;
  return options;
}

}  // namespace

void export_protobuf(const Workload& workload, const DataFile& to) {
  google::protobuf::Arena arena(arena_options());
  const auto* request = build_request(workload, &arena);
  const size_t size = request->ByteSizeLong();
  const std::unique_ptr<uint8_t[]> event(new uint8_t[kFrameBytes + size]);
  const uint32_t frame[] = {to.write_index, 0, 0, 0, static_cast<uint32_t>(size) << 16};
  std::memcpy(event.get(), frame, kFrameBytes);
  std::memcpy(event.get() + 8, "v0.19.00", 8);
  request->SerializeWithCachedSizesToArray(event.get() + kFrameBytes);
  if (::write(to.fd, event.get(), kFrameBytes + size) < 0) __builtin_trap();
}

std::string encode_protobuf(const Workload& workload) {
  google::protobuf::Arena arena(arena_options());
  return build_request(workload, &arena)->SerializeAsString();
}

std::string compare(const char* recording, const char* other) {
  std::string problem;
  const auto ours = points_of(recording, &problem);
  const auto theirs = points_of(other, &problem);
  if (!problem.empty()) return problem;
  if (ours.empty() || ours.size() != theirs.size()) {
    return std::to_string(ours.size()) + " points and " + std::to_string(theirs.size());
  }
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] != theirs[i]) return "point " + std::to_string(i) + " differs:\n" + ours[i] + "\n" + theirs[i];
  }
  return "";
}

}  // namespace bench
