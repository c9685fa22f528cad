// SPDX-License-Identifier: Apache-2.0
// builder.h: what it writes, and what it does when there is no room.
#include <otelue/builder.h>

#include <string>
#include <vector>

#include "catch.h"

namespace {

constexpr size_t kEnough = 4096;

// The only event of a batch.
std::string encode(const void* batch, size_t size) {
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_REQUEST;
  otelue_cursor cursor{};
  otelue_result result{};
  result.struct_size = sizeof result;
  char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  size_t written = 0;
  REQUIRE(otelue_encode_next(batch, size, &options, &cursor, out, sizeof out, &written, &result) == 1);
  const std::string event(out, written);
  CHECK(otelue_encode_next(batch, size, &options, &cursor, out, sizeof out, &written, &result) == 0);
  CHECK(result.first_bad_reason == OTELUE_REASON_NONE);
  return event;
}

bool contains(const std::string& event, const std::string& bytes) { return event.find(bytes) != std::string::npos; }

uint32_t build_gauge(otelue_builder* b) {
  otelue_metric metric{};
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(b, "gauge");
  return otelue_build_metric(b, &metric);
}

void build_point(otelue_builder* b, uint32_t metric, int64_t value) {
  otelue_point point{};
  point.metric = metric;
  point.value_type = OTELUE_INT;
  point.as_int = value;
  otelue_build_point(b, &point);
}

}  // namespace

TEST_CASE("the C builder says how much it would have needed, and works with exactly that") {
  auto build = [](std::vector<unsigned char>& memory, size_t* size) {
    otelue_builder b;
    otelue_builder_init(&b, memory.data(), memory.size());
    otelue_metric metric{};
    metric.kind = OTELUE_GAUGE;
    metric.name = otelue_build_string(&b, "gauge");
    otelue_point point{};
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = OTELUE_INT;
    for (int i = 0; i < 3; ++i) {
      const otelue_attribute attribute = otelue_attribute_string(&b, "key", "value");
      point.attributes = otelue_build_attributes(&b, &attribute, 1);
      otelue_build_point(&b, &point);
    }
    return otelue_builder_finish(&b, size);
  };
  std::vector<unsigned char> none;
  size_t needed = 0;
  CHECK(build(none, &needed) == -ENOBUFS);
  for (size_t capacity = 0; capacity < needed; ++capacity) {
    std::vector<unsigned char> memory(capacity);
    size_t size = 0;
    REQUIRE(build(memory, &size) == -ENOBUFS);
    REQUIRE(size == needed);
  }
  std::vector<unsigned char> memory(needed);
  size_t size = 0;
  REQUIRE(build(memory, &size) == 0);
  CHECK(size == needed);
  CHECK(encode(memory.data(), size).size() == 96);
}

TEST_CASE("points keep their order") {
  for (int count = 1; count <= 5; ++count) {
    std::vector<unsigned char> memory(kEnough);
    otelue_builder b;
    otelue_builder_init(&b, memory.data(), memory.size());
    const uint32_t gauge = build_gauge(&b);
    for (int i = 0; i < count; ++i) build_point(&b, gauge, i + 1);
    size_t size = 0;
    REQUIRE(otelue_builder_finish(&b, &size) == 0);
    const std::string event = encode(memory.data(), size);
    std::string points;
    for (int i = 0; i < count; ++i) points += "\x0a\x09\x31" + std::string(1, static_cast<char>(i + 1)) + std::string(7, '\0');
    CHECK(contains(event, points));
  }
}

TEST_CASE("a rewind forgets what came after the mark, and an error that came after it") {
  std::vector<unsigned char> memory(kEnough);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  const uint32_t gauge = build_gauge(&b);
  const otelue_mark mark = otelue_builder_mark(&b);
  for (int cycle = 0; cycle < 3; ++cycle) {
    otelue_builder_rewind(&b, mark);
    build_point(&b, gauge, 1);
    otelue_build_text(&b, std::string(5000, 'x').data(), 5000);
    size_t size = 0;
    CHECK(otelue_builder_finish(&b, &size) == -ENOBUFS);
    CHECK(size > 5000);

    otelue_builder_rewind(&b, mark);
    otelue_resource resource{};
    otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
    otelue_builder_rewind(&b, mark);
    build_point(&b, gauge, 7);
    REQUIRE(otelue_builder_finish(&b, &size) == 0);
    CHECK(size == mark + 64);
    CHECK(encode(memory.data(), size) ==
          std::string("\x0a\x18\x12\x16\x12\x14\x0a\x05gauge\x2a\x0b\x0a\x09\x31\x07\0\0\0\0\0\0\0", 26));
  }
}

TEST_CASE("an error from before a mark stays") {
  // Room for the header, a point, and not for the metric behind it.
  std::vector<unsigned char> memory(sizeof(otelue_batch) + sizeof(otelue_point) + 8);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  const otelue_mark sound = otelue_builder_mark(&b);
  build_point(&b, 0, 1);
  build_point(&b, 0, 2);  // no room
  build_gauge(&b);        // counted, not written
  const otelue_mark mark = otelue_builder_mark(&b);
  otelue_builder_rewind(&b, mark);
  size_t size = 0;
  CHECK(otelue_builder_finish(&b, &size) == -ENOBUFS);
  CHECK(size == mark);
  build_point(&b, 0, 1);
  CHECK(otelue_builder_finish(&b, &size) == -ENOBUFS);
  CHECK(size == mark + 64);

  otelue_builder_rewind(&b, sound);
  CHECK(otelue_builder_finish(&b, &size) == 0);
  CHECK(size == sizeof(otelue_batch));
}

TEST_CASE("a finished batch takes nothing more until it is rewound") {
  std::vector<unsigned char> memory(kEnough);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  const uint32_t gauge = build_gauge(&b);
  const otelue_mark mark = otelue_builder_mark(&b);
  build_point(&b, gauge, 1);
  build_point(&b, gauge, 2);
  size_t size = 0;
  size_t again = 0;
  REQUIRE(otelue_builder_finish(&b, &size) == 0);
  const std::vector<unsigned char> finished = memory;
  CHECK(otelue_builder_finish(&b, &again) == -EALREADY);
  CHECK(again == size);
  build_point(&b, gauge, 3);
  build_gauge(&b);
  CHECK(otelue_builder_finish(&b, &again) == -EALREADY);
  CHECK(memory == finished);
  otelue_builder_rewind(&b, otelue_builder_mark(&b));  // what was not written cannot be kept
  CHECK(otelue_builder_finish(&b, &again) == -ENOBUFS);
  otelue_builder_rewind(&b, mark);
  CHECK(otelue_builder_finish(&b, &again) == 0);
}

TEST_CASE("values of every type are built as OTLP has them") {
  std::vector<unsigned char> memory(kEnough + 1);
  otelue_builder b;
  otelue_builder_init(&b, memory.data() + 1, kEnough);  // no alignment is needed
  const otelue_value values[] = {
      otelue_value_empty(),       otelue_value_text(&b, "a\0b", 3), otelue_value_string(&b, "text"),
      otelue_value_bool(2),       otelue_value_int(-1),             otelue_value_double(0.5),
      otelue_value_bytes(&b, "\xff\0", 2),
  };
  const otelue_attribute entry = otelue_attribute_of(&b, "list", otelue_value_array(&b, values, 7));
  const otelue_attribute attributes[] = {
      otelue_attribute_of(&b, "map", otelue_value_kvlist(&b, &entry, 1)),
      otelue_attribute_string(&b, "s", "t"),
      otelue_attribute_int(&b, "i", 1),
      otelue_attribute_double(&b, "d", 1),
      otelue_attribute_bool(&b, "b", 0),
      otelue_attribute_string(&b, "", ""),
  };
  char set[OTELUE_ENCODED_ATTRIBUTES_MAX];
  size_t set_size = 0;
  const otelue_ref run = otelue_build_attributes(&b, attributes, 6);
  REQUIRE(otelue_builder_encode_attributes(&b, run, set, sizeof set, &set_size) == 0);
  otelue_point point{};
  point.metric = build_gauge(&b);
  point.value_type = OTELUE_INT;
  point.attributes = run;
  otelue_build_point(&b, &point);
  point.attributes_form = OTELUE_ENCODED_ATTRIBUTES;
  point.attributes = otelue_build_text(&b, set, set_size);
  otelue_build_point(&b, &point);
  size_t size = 0;
  REQUIRE(otelue_builder_finish(&b, &size) == 0);

  const std::string list = std::string("\x0a\x00", 2) + std::string("\x0a\x05\x0a\x03" "a\0b", 7) +
                           "\x0a\x06\x0a\x04text" "\x0a\x02\x10\x01" "\x0a\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" +
                           std::string("\x0a\x09\x21\0\0\0\0\0\0\xe0\x3f", 11) + std::string("\x0a\x04\x3a\x02\xff\0", 6);
  const std::string map = std::string("\x3a\x48\x0a\x03map\x12\x41\x32\x3f\x0a\x3d\x0a\x04list\x12\x35\x2a\x33") + list;
  const std::string rest = std::string("\x3a\x08\x0a\x01s\x12\x03\x0a\x01t\x3a\x07\x0a\x01i\x12\x02\x18\x01"
                                       "\x3a\x0e\x0a\x01" "d\x12\x09\x21\0\0\0\0\0\0\xf0\x3f" "\x3a\x07\x0a\x01" "b\x12\x02\x10\0"
                                       "\x3a\x04\x12\x02\x0a\0", 50);
  const std::string event = encode(memory.data() + 1, size);
  const size_t first = event.find(map + rest);
  REQUIRE(first != std::string::npos);
  CHECK(event.find(map + rest, first + 1) != std::string::npos);  // the encoded set is the same
}

TEST_CASE("points of every kind are built, with bodies, exemplars and entities") {
  std::vector<unsigned char> memory(kEnough);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  const otelue_ref keys[] = {otelue_build_string(&b, "service.name"), otelue_build_string(&b, "service.id")};
  otelue_entity_ref entity{};
  entity.type = otelue_build_string(&b, "service");
  entity.id_keys = otelue_build_refs(&b, keys, 2);
  entity.description_keys = otelue_build_refs(&b, keys, 1);
  otelue_resource resource{};
  resource.entity_refs = otelue_build_entity_refs(&b, &entity, 1);
  otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));

  otelue_scope scope{};
  scope.name = otelue_build_string(&b, "meter");
  const uint32_t meter = otelue_build_scope(&b, &scope);
  otelue_exemplar exemplar{};
  exemplar.value_type = OTELUE_DOUBLE;
  exemplar.as_double = 0.5;
  const double bounds[] = {1, 2};
  const uint64_t counts[] = {1, 2, 3};
  const otelue_quantile quantile{0.5, 7};
  otelue_histogram histogram{};
  histogram.count = 6;
  histogram.explicit_bounds = otelue_build_doubles(&b, bounds, 2);
  histogram.bucket_counts = otelue_build_counts(&b, counts, 3);
  otelue_exponential_histogram exponential{};
  exponential.count = 6;
  exponential.scale = 3;
  exponential.positive = histogram.bucket_counts;
  otelue_summary summary{};
  summary.quantiles = otelue_build_quantiles(&b, &quantile, 1);
  auto add = [&](uint16_t kind, uint32_t temporality, uint32_t body, otelue_ref exemplars) {
    otelue_metric metric{};
    metric.scope = meter;
    metric.kind = kind;
    metric.temporality = temporality;
    otelue_point point{};
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = kind;
    point.body = body;
    point.exemplars = exemplars;
    otelue_build_point(&b, &point);
  };
  const otelue_ref exemplars = otelue_build_exemplars(&b, &exemplar, 1);
  add(OTELUE_HISTOGRAM, OTELUE_DELTA, otelue_build_histogram(&b, &histogram), exemplars);
  add(OTELUE_EXPONENTIAL_HISTOGRAM, OTELUE_CUMULATIVE, otelue_build_exponential_histogram(&b, &exponential), {0, 0});
  add(OTELUE_SUMMARY, 0, otelue_build_summary(&b, &summary), {0, 0});
  size_t size = 0;
  REQUIRE(otelue_builder_finish(&b, &size) == 0);
  const std::string event = encode(memory.data(), size);
  CHECK(contains(event, "\x1a\x31\x12\x07service\x1a\x0cservice.name\x1a\x0aservice.id\x22\x0cservice.name"));
  CHECK(contains(event, std::string("\x32\x18\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 26)));
  CHECK(contains(event, std::string("\x3a\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40", 18)));
  CHECK(contains(event, std::string("\x42\x09\x19\0\0\0\0\0\0\xe0\x3f", 11)));  // the exemplar
  CHECK(contains(event, "\x30\x06\x42\x05\x12\x03\x01\x02\x03"));                // scale 3, positive
  CHECK(contains(event, std::string("\x32\x12\x09\0\0\0\0\0\0\xe0\x3f\x11\0\0\0\0\0\0\x1c\x40", 20)));
}
