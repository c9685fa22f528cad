// SPDX-License-Identifier: Apache-2.0
// batch.h and otelue.hpp build the same batches, and keep everything but the points from one cycle to the next.
#include <otelue/builder.h>
#include <otelue/otelue.hpp>

#include <string>
#include <vector>

#include "catch.h"

namespace {

std::vector<std::string> encode(const void* batch, size_t size) {
  std::vector<std::string> events;
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_REQUEST;
  otelue_cursor cursor{};
  otelue_result result{};
  result.struct_size = sizeof result;
  char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  size_t written = 0;
  while (otelue_encode_next(batch, size, &options, &cursor, out, sizeof out, &written, &result) == 1) {
    events.emplace_back(out, written);
  }
  CHECK(result.first_bad_reason == OTELUE_REASON_NONE);
  return events;
}

std::vector<std::string> encode(otelue::Batch& batch) {
  const auto [data, size] = batch.finish();
  return encode(data, size);
}

}  // namespace

TEST_CASE("an application reports a counter with attributes in under ten lines") {
  otelue::Exporter exporter;
  otelue::Batch batch;
  batch.set_resource({{"service.name", "shop"}});
  const auto requests = batch.counter(batch.scope("my.meter"), "http.requests", "{request}");
  batch.point(requests, 7, {{"http.request.method", "GET"}, {"http.response.status_code", 200}});
  const auto result = exporter.send(batch);
  batch.clear();

  CHECK(result.ok());
  CHECK(std::string(result.what()) == "success");
  CHECK(result.points_total == 1);
  CHECK(batch.size() == 0);
}

TEST_CASE("both builders make the same events of the same metrics, cycle after cycle") {
  unsigned char memory[4096 + 1];
  otelue_builder b;
  otelue_builder_init(&b, memory + 1, sizeof memory - 1);  // no alignment is needed
  const otelue_attribute service = otelue_attribute_string(&b, "service.name", "shop");
  otelue_resource resource{};
  resource.attributes = otelue_build_attributes(&b, &service, 1);
  resource.schema_url = otelue_build_string(&b, "schema");
  otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
  otelue_scope scope{};
  scope.name = otelue_build_string(&b, "meter");
  otelue_metric counter{};
  counter.scope = otelue_build_scope(&b, &scope);
  counter.kind = OTELUE_SUM;
  counter.name = otelue_build_string(&b, "requests");
  counter.temporality = OTELUE_DELTA;
  counter.is_monotonic = 1;
  const uint32_t requests = otelue_build_metric(&b, &counter);
  const size_t mark = otelue_builder_mark(&b);

  otelue::Batch batch;
  batch.set_resource({{"service.name", "shop"}}, "schema");
  const auto metric = batch.counter(batch.scope("meter"), "requests");
  const auto series = batch.series({{"cached", true}});
  batch.interval(1, 2);

  for (int64_t cycle = 0; cycle < 3; ++cycle) {
    otelue_builder_rewind(&b, mark);
    for (int64_t i = 0; i < 5; ++i) {
      const otelue_attribute attributes[] = {otelue_attribute_int(&b, "i", i), otelue_attribute_double(&b, "d", 0.5)};
      otelue_point point{};
      point.metric = requests;
      point.start_time_unix_nano = 1;
      point.time_unix_nano = 2;
      point.value_type = OTELUE_INT;
      point.as_int = cycle;
      point.attributes = otelue_build_attributes(&b, attributes, 2);
      otelue_build_point(&b, &point);
    }
    otelue_point cached{};
    const otelue_attribute attribute = otelue_attribute_bool(&b, "cached", 1);
    cached.metric = requests;
    cached.start_time_unix_nano = 1;
    cached.time_unix_nano = 2;
    cached.value_type = OTELUE_DOUBLE;
    cached.as_double = 1.5;
    cached.attributes = otelue_build_attributes(&b, &attribute, 1);
    otelue_build_point(&b, &cached);
    size_t size = 0;
    REQUIRE(otelue_builder_finish(&b, &size) == 0);

    batch.clear();
    for (int64_t i = 0; i < 5; ++i) batch.point(metric, cycle, {{"i", i}, {"d", 0.5}});
    batch.point(metric, 1.5, series);
    CHECK(batch.size() == 6);

    const auto events = encode(memory + 1, size);
    REQUIRE(events.size() == 1);
    CHECK(encode(batch) == events);
    CHECK(encode(batch) == events);  // finishing twice changes nothing
  }
}

TEST_CASE("values of every type and points of every kind go through the C++ builder") {
  otelue::Batch batch;
  const auto scope = batch.scope("s", "1", {{"a", 1}}, "schema", batch.add_resource({{"r", "x"}}));
  const uint8_t id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  batch.interval(1, 2);
  batch.point(batch.up_down_counter(scope, "u", "1"), UINT64_MAX,
              {{"big", UINT64_MAX}, {"b", false}, {"e", {}}, {"bytes", otelue::Value::bytes("\0\xff", 2)},
               {"list", otelue::Value::array({1, "two", otelue::Value::kvlist({{"k", 2.5}})})}})
      .flags(2)
      .exemplars({{3, true, 0, 0.5, id, id, {{"f", "g"}}}});
  otelue::Histogram h;
  h.count = 3;
  h.has = OTELUE_HAS_SUM;
  h.sum = 4.5;
  h.explicit_bounds = {1, 2};
  h.bucket_counts = {1, 1, 1};
  batch.point(batch.histogram(scope, "h"), h);
  otelue::ExponentialHistogram e;
  e.count = 2;
  e.scale = 3;
  e.positive = {1, 1};
  batch.point(batch.exponential_histogram(scope, "e"), e);
  otelue::Summary s;
  s.count = 1;
  s.quantiles = {{0.5, 7}};
  batch.point(batch.summary(scope, "y"), s);
  batch.no_value(batch.gauge(scope, "g"));
  batch.no_value(batch.histogram(scope, "n"));

  const auto events = encode(batch);
  REQUIRE(events.size() == 1);
  auto contains = [&](const std::string& bytes) { return events[0].find(bytes) != std::string::npos; };
  CHECK(contains("\x0a\x03" "big\x12\x16\x0a\x14" "18446744073709551615"));
  CHECK(contains(std::string("\x21\0\0\0\0\0\0\xf0\x43", 9)));  // 2^64 as a double
  CHECK(contains(std::string("\x0a\x05" "bytes\x12\x04\x3a\x02\0\xff", 13)));
  CHECK(contains("two"));
  CHECK(contains(std::string("\x22\x08\x01\x02\x03\x04\x05\x06\x07\x08\x2a\x10", 12)));
  CHECK(contains(std::string("\x30\x06\x42\x04\x12\x02\x01\x01", 8)));  // scale 3, positive {1, 1}
}
