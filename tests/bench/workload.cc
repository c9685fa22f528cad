// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <otelue/builder.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

namespace bench {
namespace {

constexpr const char* kKeys[] = {"http.request.method", "http.response.status_code", "http.route",
                                 "network.protocol.version", "server.address"};
constexpr const char* kMethods[] = {"GET", "POST", "PUT", "DELETE"};
constexpr const char* kCodes[] = {"200", "201", "404", "500"};
constexpr const char* kVersion = "1.1";
constexpr uint64_t kTime = 1'700'000'000'000'000'000;

otelue_attribute attribute(otelue_ref key, otelue_ref value) {
  return {key, {OTELUE_STRING, value.len, value.off}};
}

class Builder {
 public:
  Builder(Kind kind, uint32_t series, bool encoded_sets) : kind_(kind), encoded_sets_(encoded_sets) {
    workload_.batch.resize(512 + size_t{series} * (kind == Kind::kExponential ? 2048 : 768) / 8);
    otelue_builder_init(&b_, workload_.batch.data(), workload_.batch.size() * 8);
    resource();
    shared_texts();
    if (kind != Kind::kInstruments) metric_ = metric("http.server.requests");
    for (uint32_t i = 0; i < series; ++i) point(i);
    if (otelue_builder_finish(&b_, &workload_.size) != 0) {
      std::fprintf(stderr, "the batch needs %zu bytes\n", workload_.size);
      std::abort();
    }
  }

  Workload take() { return std::move(workload_); }

 private:
  otelue_ref text(const char* s) { return otelue_build_string(&b_, s); }

  void resource() {
    const char* texts[][2] = {
        {"service.name", "checkout"},
        {"service.namespace", "shop"},
        {"service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09"},
        {"deployment.environment.name", "production"},
    };
    std::vector<otelue_attribute> attributes;
    for (const auto& [key, value] : texts) attributes.push_back(attribute(text(key), text(value)));
    otelue_resource resource{};
    resource.attributes = otelue_build_attributes(&b_, attributes.data(), attributes.size());
    otelue_builder_set_resource(&b_, otelue_build_resource(&b_, &resource));
    otelue_scope scope{};
    scope.name = text("shop.http");
    scope.version = text("1.4.2");
    scope_ = otelue_build_scope(&b_, &scope);
  }

  void shared_texts() {
    for (const char* key : kKeys) keys_.push_back(text(key));
    for (const char* method : kMethods) methods_.push_back(text(method));
    for (const char* code : kCodes) codes_.push_back(text(code));
    version_ = text(kVersion);
    description_ = text("Requests that the service has answered");
    unit_ = text("{request}");
    std::vector<double> bounds;
    for (int i = 0; i < 15; ++i) bounds.push_back(std::ldexp(1, i - 7));
    bounds_ = otelue_build_doubles(&b_, bounds.data(), bounds.size());
  }

  uint32_t metric(const char* name) {
    otelue_metric metric{};
    metric.scope = scope_;
    metric.name = text(name);
    metric.description = description_;
    metric.unit = unit_;
    metric.kind = kind_ == Kind::kHistogram     ? OTELUE_HISTOGRAM
                  : kind_ == Kind::kExponential ? OTELUE_EXPONENTIAL_HISTOGRAM
                                                : OTELUE_SUM;
    metric.temporality = OTELUE_DELTA;
    metric.is_monotonic = metric.kind == OTELUE_SUM;
    return otelue_build_metric(&b_, &metric);
  }

  void point(uint32_t i) {
    char words[64];
    if (kind_ == Kind::kInstruments) {
      std::snprintf(words, sizeof words, "shop.instrument.%06u", i);
      metric_ = metric(words);
    }
    std::snprintf(words, sizeof words, "/api/v1/shop/items/%06u", i);
    char server[64];
    std::snprintf(server, sizeof server, "node-%03u.example.com", i / 16 % 1000);

    otelue_point point{};
    point.metric = metric_;
    point.start_time_unix_nano = kTime;
    point.time_unix_nano = kTime + 60'000'000'000;
    if (encoded_sets_) {
      encode(i, words, server, &point);
    } else {
      const otelue_attribute attributes[] = {
          attribute(keys_[0], methods_[i % 4]),  attribute(keys_[1], codes_[i / 4 % 4]),
          attribute(keys_[2], text(words)),      attribute(keys_[3], version_),
          attribute(keys_[4], text(server)),
      };
      point.attributes = otelue_build_attributes(&b_, attributes, std::size(attributes));
    }
    point.value_type = OTELUE_INT;
    point.as_int = 1000 + int64_t{i};
    if (kind_ == Kind::kHistogram) histogram(i, &point);
    if (kind_ == Kind::kExponential) exponential(i, &point);
    otelue_build_point(&b_, &point);
  }

  // The batch gets the encoded set alone.
  void encode(uint32_t i, const char* route, const char* server, otelue_point* point) {
    uint64_t memory[128];
    otelue_builder aside;
    otelue_builder_init(&aside, memory, sizeof memory);
    const otelue_attribute attributes[] = {
        otelue_attribute_string(&aside, kKeys[0], kMethods[i % 4]),
        otelue_attribute_string(&aside, kKeys[1], kCodes[i / 4 % 4]),
        otelue_attribute_string(&aside, kKeys[2], route),
        otelue_attribute_string(&aside, kKeys[3], kVersion),
        otelue_attribute_string(&aside, kKeys[4], server),
    };
    const otelue_ref ref = otelue_build_attributes(&aside, attributes, std::size(attributes));
    uint8_t set[512];
    size_t size = 0;
    if (otelue_builder_encode_attributes(&aside, ref, set, sizeof set, &size) != 0) std::abort();
    point->attributes = otelue_build_text(&b_, reinterpret_cast<const char*>(set), size);
    point->attributes_form = OTELUE_ENCODED_ATTRIBUTES;
    // The first attribute's tag, length, and the tag of its key, whose length and text follow.
    size_t header = 0;
    while (std::memcmp(set + header + 4, kKeys[0], 19) != 0) ++header;
    workload_.set_header_bytes = header;
  }

  // So many requests took so long: one hump, as latencies have.
  static uint64_t hump(uint32_t i, int bucket, int buckets, double height) {
    const double x = (bucket - buckets / 2.0 - i % 7) / (buckets / 6.0);
    return static_cast<uint64_t>((height + i % 13) * std::exp(-x * x));
  }

  void histogram(uint32_t i, otelue_point* point) {
    uint64_t counts[16];
    otelue_histogram h{};
    for (int k = 0; k < 16; ++k) h.count += counts[k] = hump(i, k, 16, 300);
    h.sum = 0.125 * static_cast<double>(h.count);
    h.min = 0.001;
    h.max = 90;
    h.has = OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX;
    h.explicit_bounds = bounds_;
    h.bucket_counts = otelue_build_counts(&b_, counts, 16);
    point->value_type = OTELUE_HISTOGRAM;
    point->as_int = 0;
    point->body = otelue_build_histogram(&b_, &h);
  }

  void exponential(uint32_t i, otelue_point* point) {
    uint64_t counts[160];
    otelue_exponential_histogram h{};
    for (int k = 0; k < 160; ++k) h.count += counts[k] = hump(i, k, 160, 300);
    h.sum = 0.125 * static_cast<double>(h.count);
    h.min = 0.001;
    h.max = 90;
    h.has = OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX;
    h.scale = 4;
    h.zero_count = 2;
    h.count += h.zero_count;
    h.positive_offset = -100;
    h.positive = otelue_build_counts(&b_, counts, 160);
    point->value_type = OTELUE_EXPONENTIAL_HISTOGRAM;
    point->as_int = 0;
    point->body = otelue_build_exponential_histogram(&b_, &h);
  }

  const Kind kind_;
  const bool encoded_sets_;
  Workload workload_;
  otelue_builder b_;
  uint32_t scope_ = 0;
  uint32_t metric_ = 0;
  std::vector<otelue_ref> keys_, methods_, codes_;
  otelue_ref version_, description_, unit_, bounds_;
};

}  // namespace

Workload build(Kind kind, uint32_t series, bool encoded_sets) { return Builder(kind, series, encoded_sets).take(); }

}  // namespace bench
