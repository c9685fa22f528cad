// SPDX-License-Identifier: Apache-2.0
#include "series.h"

#include <google/protobuf/arena.h>
#include <otlp_metrics.pb.h>

#include "describe.h"
#include "request.h"
#include "text.h"

namespace otelue::tool {
namespace {

namespace proto = otelue_proto;

constexpr uint32_t kNoRecordedValue = 1;
constexpr double kSecond = 1e9;    // nanoseconds
constexpr size_t kOverhead = 512;  // bytes of a series beside its texts

std::string attributes_of(const google::protobuf::RepeatedPtrField<proto::KeyValue>& attributes) {
  std::string text;
  for (const auto& attribute : attributes) {
    const auto& value = attribute.value();
    text += (text.empty() ? "" : " ") + word(attribute.key(), "=") + '=' +
            (value.has_string_value() ? word(value.string_value(), "=") : value_text(value));
  }
  return text;
}

std::string service_of(const proto::Resource& resource) {
  for (const auto& attribute : resource.attributes()) {
    if (attribute.key() == "service.name") return word(attribute.value().string_value(), "");
  }
  return "";
}

void append_part(std::string* key, std::string_view part) {
  *key += std::to_string(part.size()) + ':';
  *key += part;
}

// Of the kinds of data: whether a point says what came since the last one, and whether a rate means anything.
template <typename Data>
bool is_delta(const Data& data) {
  return data.aggregation_temporality() == proto::AGGREGATION_TEMPORALITY_DELTA;
}
bool is_delta(const proto::Gauge&) { return false; }
bool is_delta(const proto::Summary&) { return false; }
template <typename Data>
bool has_rate(const Data&) {
  return true;
}
bool has_rate(const proto::Gauge&) { return false; }

double number_of(const proto::NumberDataPoint& point) {
  return point.has_as_int() ? static_cast<double>(point.as_int()) : point.has_as_double() ? point.as_double() : NAN;
}
template <typename Point>
double number_of(const Point& point) {
  return static_cast<double>(point.count());
}

void distribute(const proto::NumberDataPoint&, Series*) {}
void distribute(const proto::SummaryDataPoint& point, Series* series) {
  series->has_distribution = true;
  series->quantiles.fill(NAN);
  for (const auto& quantile : point.quantile_values()) {
    for (size_t i = 0; i < 3; ++i) {
      if (quantile.quantile() == std::array{0.5, 0.9, 0.99}[i]) series->quantiles[i] = quantile.value();
    }
  }
}
template <typename Point>
void distribute(const Point& point, Series* series) {
  series->has_distribution = true;
  const Distribution buckets = distribution_of(point);
  series->quantiles = {quantile(buckets, 0.5), quantile(buckets, 0.9), quantile(buckets, 0.99)};
  series->bars = bars_of(buckets);
}

// A point of a series that has had others before, or not.
template <typename Point>
void update(Series* series, const Point& point, bool is_new, bool is_delta, bool has_rate) {
  const bool has_value = (point.flags() & kNoRecordedValue) == 0;
  const double number = has_value ? number_of(point) : NAN;
  const uint64_t now = point.time_unix_nano();
  const auto since = [&](uint64_t then) {
    return then != 0 && then < now ? static_cast<double>(now - then) / kSecond : 0;
  };
  const double apart = is_new ? 0 : since(series->time_unix_nano);
  if (!has_rate) {
    series->value = number;
  } else if (is_delta) {
    const double whole = point.start_time_unix_nano() != 0 ? since(point.start_time_unix_nano()) : apart;
    series->rate = whole > 0 ? number / whole : NAN;
    if (has_value) series->value = std::isnan(series->value) ? number : series->value + number;
  } else {
    // A count that has fallen began anew.
    const double more = number >= series->value ? number - series->value : number;
    series->rate = apart > 0 ? more / apart : NAN;
    series->value = number;
  }
  if (has_value) distribute(point, series);
  series->time_unix_nano = now;
}

size_t bytes_of(const Series& series, const std::string& key) {
  return kOverhead + key.size() + series.service.size() + series.scope.size() + series.metric.size() +
         series.attributes.size() + series.unit.size();
}

}  // namespace

bool Filter::takes(const Series& series) const {
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  return has(series.metric, metric) && has(series.attributes, attribute) && has(series.service, service) &&
         (pid == 0 || series.pid == pid);
}

Series* AllSeries::find(const std::string& key, bool* is_new) {
  const auto [entry, is_added] = index_.try_emplace(key);
  *is_new = is_added;
  if (!is_added) {
    all_.splice(all_.begin(), all_, entry->second);
    return &all_.front();
  }
  all_.push_front(around_);
  entry->second = all_.begin();
  keys_[&all_.front()] = &entry->first;
  return &all_.front();
}

void AllSeries::shrink() {
  while (all_.size() > kMostSeries || (bytes_ > kMostBytes && all_.size() > 1)) {
    const auto key = keys_.find(&all_.back());
    bytes_ -= bytes_of(all_.back(), *key->second);
    index_.erase(index_.find(*key->second));
    keys_.erase(key);
    all_.pop_back();
    ++forgotten_;
  }
}

template <typename Data>
void AllSeries::take_points(const Data& data) {
  for (const auto& point : data.data_points()) {
    if (is_full()) return;
    ++points_;
    std::string key = key_;
    for (const auto& attribute : point.attributes()) append_part(&key, attribute.SerializeAsString());
    bool is_new = false;
    Series* series = find(key, &is_new);
    if (is_new) {
      series->attributes = attributes_of(point.attributes());
      bytes_ += bytes_of(*series, key);
    }
    series->arrived_unix_nano = around_.arrived_unix_nano;
    update(series, point, is_new, is_delta(data), has_rate(data));
    shrink();
  }
}

template <typename Metric>
void AllSeries::take_metric(const Metric& metric) {
  around_.metric = word(metric.name(), "");
  around_.unit = metric.unit().empty() ? "" : word(metric.unit(), "");
  append_part(&key_, metric.name());
  append_part(&key_, metric.unit());
  append_part(&key_, std::to_string(metric.data_case()));
  switch (metric.data_case()) {
    case proto::Metric::kGauge:
      return take_points(metric.gauge());
    case proto::Metric::kSum:
      return take_points(metric.sum());
    case proto::Metric::kHistogram:
      return take_points(metric.histogram());
    case proto::Metric::kExponentialHistogram:
      return take_points(metric.exponential_histogram());
    case proto::Metric::kSummary:
      return take_points(metric.summary());
    case proto::Metric::DATA_NOT_SET:
      return;
  }
}

bool AllSeries::take(const Event& event) {
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<proto::ExportMetricsServiceRequest>(&arena);
  if (event.protocol != 0 || !parse_request(event.payload, &request)) return false;
  around_ = Series();
  around_.pid = event.pid;
  around_.arrived_unix_nano = event.time_unix_nano;
  for (const auto& resource : request.resource_metrics()) {
    around_.service = service_of(resource.resource());
    std::string of_resource;
    append_part(&of_resource, std::to_string(event.pid));
    append_part(&of_resource, resource.resource().SerializeAsString());
    for (const auto& scope : resource.scope_metrics()) {
      around_.scope = scope.scope().name().empty() ? "" : word(scope.scope().name(), "");
      std::string of_scope = of_resource;
      append_part(&of_scope, scope.scope().SerializeAsString());
      for (const auto& metric : scope.metrics()) {
        key_ = of_scope;
        take_metric(metric);
      }
    }
  }
  return true;
}

}  // namespace otelue::tool
