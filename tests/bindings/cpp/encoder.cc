// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <google/protobuf/message.h>
#include <opentelemetry/version.h>

#include <memory>
#include <stdexcept>

namespace opentelemetry {
namespace proto {
namespace collector {
namespace metrics {
namespace v1 {
class ExportMetricsServiceRequest;
}
}  // namespace metrics
}  // namespace collector
}  // namespace proto
}  // namespace opentelemetry

using Request = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

OPENTELEMETRY_BEGIN_NAMESPACE
namespace exporter {
namespace otlp {
// As otlp_metric_utils.h declares it, which cannot be included without the messages' headers.
class OtlpMetricUtils {
 public:
  static void PopulateRequest(const sdk::metrics::ResourceMetrics &data, Request *request) noexcept;
};
}  // namespace otlp
}  // namespace exporter
OPENTELEMETRY_END_NAMESPACE

namespace {

std::unique_ptr<google::protobuf::Message> NewRequest() {
  const auto *descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest");
  if (descriptor == nullptr) throw std::runtime_error("the SDK has no OTLP messages");
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

}  // namespace

std::string Encode(const opentelemetry::sdk::metrics::ResourceMetrics &data) {
  const auto message = NewRequest();
  // What the factory makes is of the generated class, whose first base is Message.
  opentelemetry::exporter::otlp::OtlpMetricUtils::PopulateRequest(data, reinterpret_cast<Request *>(message.get()));
  return message->SerializeAsString();
}

std::string Text(const std::string &request) {
  const auto message = NewRequest();
  if (!message->ParseFromString(request)) throw std::runtime_error("the request cannot be parsed");
  return message->ShortDebugString();
}
