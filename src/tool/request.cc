// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#endif
#include <otlp_metrics.pb.h>

#include <algorithm>
#include <climits>

namespace otelue::tool {
namespace {

namespace proto = otelue_proto;

// Calls `visit` with the points of whichever kind of data the metric has.
template <typename Metric, typename Visit>
void visit_points(Metric* metric, Visit&& visit) {
  switch (metric->data_case()) {
    case proto::Metric::kGauge:
      return visit(metric->mutable_gauge()->mutable_data_points());
    case proto::Metric::kSum:
      return visit(metric->mutable_sum()->mutable_data_points());
    case proto::Metric::kHistogram:
      return visit(metric->mutable_histogram()->mutable_data_points());
    case proto::Metric::kExponentialHistogram:
      return visit(metric->mutable_exponential_histogram()->mutable_data_points());
    case proto::Metric::kSummary:
      return visit(metric->mutable_summary()->mutable_data_points());
    case proto::Metric::DATA_NOT_SET:
      break;
  }
}

}  // namespace

bool parse_request(std::string_view bytes, Request* request) {
#if __has_include(<google/protobuf/stubs/logging.h>)
  [[maybe_unused]] static const auto logs = google::protobuf::SetLogHandler(nullptr);
#endif
  if (bytes.size() > INT_MAX) return false;
  return request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

uint64_t count_points(const proto::Metric& metric) {
  switch (metric.data_case()) {
    case proto::Metric::kGauge:
      return static_cast<uint64_t>(metric.gauge().data_points_size());
    case proto::Metric::kSum:
      return static_cast<uint64_t>(metric.sum().data_points_size());
    case proto::Metric::kHistogram:
      return static_cast<uint64_t>(metric.histogram().data_points_size());
    case proto::Metric::kExponentialHistogram:
      return static_cast<uint64_t>(metric.exponential_histogram().data_points_size());
    case proto::Metric::kSummary:
      return static_cast<uint64_t>(metric.summary().data_points_size());
    case proto::Metric::DATA_NOT_SET:
      break;
  }
  return 0;
}

uint64_t count_points(const Request& request) {
  uint64_t count = 0;
  for (const auto& resource : request.resource_metrics()) {
    for (const auto& scope : resource.scope_metrics()) {
      for (const auto& metric : scope.metrics()) count += count_points(metric);
    }
  }
  return count;
}

void keep_points(Request* request, uint64_t most) {
  for (auto& resource : *request->mutable_resource_metrics()) {
    for (auto& scope : *resource.mutable_scope_metrics()) {
      auto* metrics = scope.mutable_metrics();
      int kept = 0;
      for (; kept < metrics->size() && most > 0; ++kept) {
        visit_points(metrics->Mutable(kept), [&](auto* points) {
          const auto size = static_cast<int>(std::min(most, static_cast<uint64_t>(points->size())));
          points->DeleteSubrange(size, points->size() - size);
          most -= static_cast<uint64_t>(size);
        });
      }
      metrics->DeleteSubrange(kept, metrics->size() - kept);
    }
  }
}

}  // namespace otelue::tool
