// SPDX-License-Identifier: Apache-2.0
#include "batch.h"

#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/instrumentationscope/instrumentation_scope.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/data/point_data.h>
#include <opentelemetry/sdk/resource/resource.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <type_traits>
#include <utility>

namespace otelue {
namespace {

namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk::metrics;

uint64_t UnixNano(const opentelemetry::common::SystemTimestamp &time) {
  return static_cast<uint64_t>(std::max<int64_t>(0, time.time_since_epoch().count()));
}

double Double(const sdk::ValueType &value) {
  return nostd::holds_alternative<int64_t>(value) ? static_cast<double>(nostd::get<int64_t>(value))
                                                  : nostd::get<double>(value);
}

bool IsMonotonic(sdk::InstrumentType type) {
  return type == sdk::InstrumentType::kCounter || type == sdk::InstrumentType::kObservableCounter;
}

// Kind of a metric with such points; 0: none that is exported.
uint32_t KindOf(const sdk::PointType &data) {
  if (nostd::holds_alternative<sdk::SumPointData>(data)) return OTELUE_SUM;
  if (nostd::holds_alternative<sdk::HistogramPointData>(data)) return OTELUE_HISTOGRAM;
  if (nostd::holds_alternative<sdk::LastValuePointData>(data)) return OTELUE_GAUGE;
  return 0;
}

uint32_t KindOf(const sdk::MetricData &metric) {
  return metric.point_data_attr_.empty() ? 0 : KindOf(metric.point_data_attr_[0].point_data);
}

uint32_t TemporalityOf(uint32_t kind, sdk::AggregationTemporality temporality) {
  if (kind == OTELUE_GAUGE) return 0;
  if (temporality == sdk::AggregationTemporality::kDelta) return OTELUE_DELTA;
  return temporality == sdk::AggregationTemporality::kCumulative ? OTELUE_CUMULATIVE : 0;
}

// Makes the value of an attribute.
class ToValue {
 public:
  ToValue(otelue_builder *builder, std::vector<otelue_value> *aside) : builder_(builder), aside_(aside) {}

  otelue_value operator()(bool value) { return otelue_value_bool(value); }
  otelue_value operator()(int32_t value) { return otelue_value_int(value); }
  otelue_value operator()(uint32_t value) { return otelue_value_int(value); }
  otelue_value operator()(int64_t value) { return otelue_value_int(value); }
  otelue_value operator()(double value) { return otelue_value_double(value); }
  otelue_value operator()(const std::string &value) { return otelue_value_text(builder_, value.data(), value.size()); }
  // OTLP has no unsigned numbers: the specification wants digits for those that do not fit.
  otelue_value operator()(uint64_t value) {
    return value <= INT64_MAX ? otelue_value_int(static_cast<int64_t>(value)) : (*this)(std::to_string(value));
  }
  template <class T>
  otelue_value operator()(const std::vector<T> &values) {
    aside_->clear();
    for (const auto &value : values) aside_->push_back((*this)(static_cast<T>(value)));
    return otelue_value_array(builder_, aside_->data(), aside_->size());
  }
  otelue_value operator()(uint8_t value) { return otelue_value_int(value); }

 private:
  otelue_builder *builder_;
  std::vector<otelue_value> *aside_;
};

// Says bytes by which an attribute set is known, as long as `take` wants more of them.
template <class Take>
class ToBytes {
 public:
  explicit ToBytes(Take take) : take_(take) {}

  bool Say(const sdk::PointAttributes &attributes) {
    for (const auto &attribute : attributes) {
      const auto type = static_cast<uint8_t>(attribute.second.index());
      if (!(*this)(attribute.first) || !(*this)(type) || !nostd::visit(*this, attribute.second)) return false;
    }
    return true;
  }
  template <class T, class = std::enable_if_t<std::is_arithmetic<T>::value>>
  bool operator()(T value) {
    return take_(&value, sizeof value);
  }
  bool operator()(const std::string &value) { return (*this)(value.size()) && take_(value.data(), value.size()); }
  template <class T>
  bool operator()(const std::vector<T> &values) {
    if (!(*this)(values.size())) return false;
    for (const auto &value : values) {
      if (!(*this)(static_cast<T>(value))) return false;
    }
    return true;
  }

 private:
  Take take_;
};

template <class Take>
bool SayBytes(const sdk::PointAttributes &attributes, Take take) {
  return ToBytes<Take>(take).Say(attributes);
}

bool IsKnownBy(const sdk::PointAttributes &attributes, const std::string &key) {
  const char *at = key.data();
  const char *const end = at + key.size();
  const auto compare = [&at, end](const void *bytes, size_t size) {
    if (static_cast<size_t>(end - at) < size || std::memcmp(at, bytes, size) != 0) return false;
    at += size;
    return true;
  };
  return SayBytes(attributes, compare) && at == end;
}

void LogBadKey(const std::string &key) {
  static std::once_flag logged;
  std::call_once(logged, [&key] {
    OTEL_INTERNAL_LOG_WARN("[otelue] attributes whose key is not UTF-8 are dropped, first one of " << key.size()
                                                                                                   << " bytes");
  });
}

// Bytes that a builder in memory of its own has made, to find things by.
template <class Build>
void Describe(std::vector<uint64_t> *memory, std::string *key, otelue_builder *builder, Build build) {
  for (;;) {
    otelue_builder_init(builder, memory->data(), 8 * memory->size());
    build(builder);
    if (builder->error == 0) break;
    memory->resize(static_cast<size_t>(otelue_builder_needed(builder) / 8 + 1));
  }
  key->assign(reinterpret_cast<const char *>(memory->data()) + sizeof(otelue_batch),
              static_cast<size_t>(builder->used) - sizeof(otelue_batch));
}

}  // namespace

Batch::Bytes Batch::Build(const sdk::ResourceMetrics &collection) {
  points_ = 0;
  for (const auto &scope : collection.scope_metric_data_) {
    for (const auto &metric : scope.metric_data_) points_ += KindOf(metric) != 0 ? metric.point_data_attr_.size() : 0;
  }
  recent_points_ = std::max(points_, recent_points_ / 2);
  const size_t kept = sets_.size() + metrics_.size() + scopes_.size() + resources_.size();
  if (memory_.empty() || kept > 2 * recent_points_ + 1000) StartOver(std::max<size_t>(memory_.size(), 1024));
  for (;;) {
    size_t size = 0;
    if (TryBuild(collection, &size)) return {memory_.data(), size};
    if (size > UINT32_MAX) return {nullptr, 0};
    StartOver(size / 4);  // twice as many bytes
  }
}

void Batch::StartOver(size_t words) {
  memory_.resize(words);
  otelue_builder_init(&builder_, memory_.data(), 8 * memory_.size());
  stays_ = otelue_builder_mark(&builder_);
  sets_.clear();
  metrics_.clear();
  scopes_.clear();
  resources_.clear();
}

bool Batch::TryBuild(const sdk::ResourceMetrics &collection, size_t *size) {
  ++cycle_;
  metrics_found_.clear();
  otelue_builder_rewind(&builder_, stays_);
  const uint32_t resource = FindResource(collection.resource_);
  for (const auto &scope_metrics : collection.scope_metric_data_) {
    const uint32_t scope = FindScope(resource, scope_metrics.scope_);
    for (const auto &metric : scope_metrics.metric_data_) {
      if (KindOf(metric) == 0) continue;
      Metric *found = FindMetric(scope, metric);
      metrics_found_.push_back(found);
      found->sets.resize(metric.point_data_attr_.size());
      auto set = found->sets.begin();
      for (const auto &point : metric.point_data_attr_) {
        if (*set == nullptr || !IsKnownBy(point.attributes, (*set)->first)) *set = FindSet(point.attributes);
        ++set;
      }
    }
  }
  stays_ = otelue_builder_mark(&builder_);

  auto found = metrics_found_.begin();
  for (const auto &scope_metrics : collection.scope_metric_data_) {
    for (const auto &metric : scope_metrics.metric_data_) {
      if (KindOf(metric) == 0) continue;
      auto set = (*found)->sets.begin();
      for (const auto &data : metric.point_data_attr_) {
        otelue_point point = {};
        point.metric = (*found)->off;
        point.start_time_unix_nano = UnixNano(metric.start_ts);
        point.time_unix_nano = UnixNano(metric.end_ts);
        point.attributes = (*set)->second.ref;
        point.attributes_form = (*set)->second.form;
        ++set;
        BuildPoint(point, data.point_data);
      }
      ++found;
    }
  }
  return otelue_builder_finish(&builder_, size) == 0;
}

void Batch::BuildPoint(otelue_point point, const sdk::PointType &data) {
  const auto set_number = [&point](const sdk::ValueType &value) {
    if (nostd::holds_alternative<int64_t>(value)) {
      point.value_type = OTELUE_INT;
      point.as_int = nostd::get<int64_t>(value);
    } else {
      point.value_type = OTELUE_DOUBLE;
      point.as_double = nostd::get<double>(value);
    }
  };
  if (nostd::holds_alternative<sdk::SumPointData>(data)) {
    set_number(nostd::get<sdk::SumPointData>(data).value_);
  } else if (nostd::holds_alternative<sdk::LastValuePointData>(data)) {
    set_number(nostd::get<sdk::LastValuePointData>(data).value_);
  } else if (nostd::holds_alternative<sdk::HistogramPointData>(data)) {
    const auto &from = nostd::get<sdk::HistogramPointData>(data);
    otelue_histogram histogram = {};
    histogram.count = from.count_;
    histogram.sum = Double(from.sum_);
    histogram.has = OTELUE_HAS_SUM;
    if (from.record_min_max_) {
      histogram.has |= OTELUE_HAS_MIN | OTELUE_HAS_MAX;
      histogram.min = Double(from.min_);
      histogram.max = Double(from.max_);
    }
    histogram.explicit_bounds = otelue_build_doubles(&builder_, from.boundaries_.data(), from.boundaries_.size());
    histogram.bucket_counts = otelue_build_counts(&builder_, from.counts_.data(), from.counts_.size());
    point.value_type = OTELUE_HISTOGRAM;
    point.body = otelue_build_histogram(&builder_, &histogram);
  }
  otelue_build_point(&builder_, &point);
}

// ---- What stays

uint32_t Batch::FindResource(const opentelemetry::sdk::resource::Resource *resource) {
  if (resource == nullptr) return 0;
  const auto build = [&](otelue_builder *to, otelue_ref attributes) {
    otelue_resource record = {};
    record.attributes = attributes;
    record.schema_url = otelue_build_text(to, resource->GetSchemaURL().data(), resource->GetSchemaURL().size());
    return otelue_build_resource(to, &record);
  };
  otelue_builder scratch;
  Describe(&scratch_, &key_, &scratch,
           [&](otelue_builder *to) { build(to, BuildAttributes(to, resource->GetAttributes())); });
  const auto found = resources_.find(key_);
  if (found != resources_.end()) return found->second;
  const std::string key = key_;
  return resources_[key] = build(&builder_, BuildSoundAttributes(resource->GetAttributes()));
}

uint32_t Batch::FindScope(uint32_t resource,
                          const opentelemetry::sdk::instrumentationscope::InstrumentationScope *scope) {
  if (scope == nullptr) return 0;
  const auto build = [&](otelue_builder *to, otelue_ref attributes) {
    otelue_scope record = {};
    record.resource = resource;
    record.name = otelue_build_text(to, scope->GetName().data(), scope->GetName().size());
    record.version = otelue_build_text(to, scope->GetVersion().data(), scope->GetVersion().size());
    record.schema_url = otelue_build_text(to, scope->GetSchemaURL().data(), scope->GetSchemaURL().size());
    record.attributes = attributes;
    return otelue_build_scope(to, &record);
  };
  otelue_builder scratch;
  Describe(&scratch_, &key_, &scratch,
           [&](otelue_builder *to) { build(to, BuildAttributes(to, scope->GetAttributes())); });
  const auto found = scopes_.find({resource, key_});
  if (found != scopes_.end()) return found->second;
  const std::string key = key_;
  return scopes_[{resource, key}] = build(&builder_, BuildSoundAttributes(scope->GetAttributes()));
}

Batch::Metric *Batch::FindMetric(uint32_t scope, const sdk::MetricData &metric) {
  const auto &descriptor = metric.instrument_descriptor;
  const uint32_t kind = KindOf(metric);
  MetricKey key(scope, kind, TemporalityOf(kind, metric.aggregation_temporality),
                kind == OTELUE_SUM && IsMonotonic(descriptor.type_), 0, descriptor.name_, descriptor.description_,
                descriptor.unit_);
  auto found = metrics_.find(key);
  while (found != metrics_.end() && found->second.cycle == cycle_) {
    ++std::get<4>(key);
    found = metrics_.find(key);
  }
  if (found == metrics_.end()) {
    const auto text = [this](const std::string &of) { return otelue_build_text(&builder_, of.data(), of.size()); };
    otelue_metric record = {};
    record.scope = scope;
    record.kind = kind;
    record.name = text(descriptor.name_);
    record.description = text(descriptor.description_);
    record.unit = text(descriptor.unit_);
    record.temporality = std::get<2>(key);
    record.is_monotonic = std::get<3>(key);
    found = metrics_.emplace(std::move(key), Metric{otelue_build_metric(&builder_, &record), 0, {}}).first;
  }
  found->second.cycle = cycle_;
  return &found->second;
}

template <class Map>
otelue_ref Batch::BuildAttributes(otelue_builder *builder, const Map &map) {
  attributes_.clear();
  ToValue to_value(builder, &values_);
  for (const auto &entry : map) {
    otelue_attribute attribute;
    attribute.key = otelue_build_text(builder, entry.first.data(), entry.first.size());
    attribute.value = nostd::visit(to_value, entry.second);
    attributes_.push_back(attribute);
  }
  return otelue_build_attributes(builder, attributes_.data(), attributes_.size());
}

const Batch::AttributeSets::value_type *Batch::FindSet(const sdk::PointAttributes &attributes) {
  std::string key;
  SayBytes(attributes, [&key](const void *bytes, size_t size) {
    key.append(static_cast<const char *>(bytes), size);
    return true;
  });
  const auto found = sets_.find(key);
  return &*(found != sets_.end() ? found : sets_.emplace(std::move(key), MakeSet(attributes)).first);
}

Batch::AttributeSet Batch::MakeSet(const sdk::PointAttributes &attributes) {
  AttributeSet set = {};
  if (attributes.empty()) return set;
  otelue_builder scratch;
  otelue_ref records = {};
  Describe(&scratch_, &key_, &scratch,
           [&](otelue_builder *to) { records = BuildAttributes(to, attributes.GetAttributes()); });
  std::array<char, OTELUE_ENCODED_ATTRIBUTES_MAX> encoded;
  size_t size = 0;
  if (otelue_builder_encode_attributes(&scratch, records, encoded.data(), encoded.size(), &size) == 0) {
    set.ref = otelue_build_text(&builder_, encoded.data(), size);
    set.form = OTELUE_ENCODED_ATTRIBUTES;
  } else {
    set.ref = BuildSoundAttributes(attributes.GetAttributes());
  }
  return set;
}

// Without those whose key is not UTF-8, which would cost all points that have them.
template <class Map>
otelue_ref Batch::BuildSoundAttributes(const Map &map) {
  Map sound = map;
  for (;;) {
    otelue_builder scratch;
    otelue_ref records = {};
    Describe(&scratch_, &key_, &scratch, [&](otelue_builder *to) { records = BuildAttributes(to, sound); });
    size_t size = 0;
    uint32_t reason = OTELUE_REASON_NONE;
    uint32_t index = 0;
    const int returned = otelue_encode_attributes(scratch.memory, static_cast<size_t>(scratch.used), records.off,
                                                  records.len, nullptr, 0, &size, &reason, &index);
    if (returned != -EBADMSG || reason != OTELUE_REASON_TEXT || index >= records.len) {
      return BuildAttributes(&builder_, sound);
    }
    const auto bad = std::next(sound.begin(), index);
    LogBadKey(bad->first);
    sound.erase(bad);
  }
}

}  // namespace otelue
