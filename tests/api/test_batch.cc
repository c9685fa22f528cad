// SPDX-License-Identifier: Apache-2.0
// builder.hpp and otelue.hpp: what they build, what clear() keeps, and how long arguments must live.
#include <otelue/builder.h>
#include <otelue/otelue.hpp>

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <type_traits>
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

size_t size_of(otelue::Batch& batch) { return batch.finish().second; }

// The attributes of the first point, as OTLP has them.
std::string encoded(const otelue::Attributes& attributes) {
  otelue::Batch batch;
  batch.interval(0, 1);
  batch.point(batch.gauge({}, "g"), 1, attributes);
  const auto events = encode(batch);
  REQUIRE(events.size() == 1);
  const size_t value = events[0].find(std::string("\x31\1\0\0\0\0\0\0\0", 9));
  REQUIRE(value != std::string::npos);
  return events[0].substr(value + 9);
}

otelue::Histogram histogram() {
  otelue::Histogram h;
  h.count = 3;
  h.has = OTELUE_HAS_SUM;
  h.sum = 4.5;
  h.explicit_bounds = {1, 2};
  h.bucket_counts = {1, 1, 1};
  return h;
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
  const otelue_mark mark = otelue_builder_mark(&b);

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
  batch.point(batch.histogram(scope, "h"), histogram());
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
  CHECK(contains("\x2a\x1f\x0a\x02\x18\x01\x0a\x05\x0a\x03two\x0a\x12\x32\x10\x0a\x0e\x0a\x01k\x12\x09\x21"));
  CHECK(contains(std::string("\x22\x08\x01\x02\x03\x04\x05\x06\x07\x08\x2a\x10", 12)));
  CHECK(contains(std::string("\x30\x06\x42\x04\x12\x02\x01\x01", 8)));  // scale 3, positive {1, 1}
}

TEST_CASE("numbers of every type become what OTLP has") {
  CHECK(encoded({{"k", true}}) == "\x3a\x07\x0a\x01k\x12\x02\x10\x01");
  CHECK(encoded({{"k", 'A'}}) == "\x3a\x07\x0a\x01k\x12\x02\x18\x41");
  CHECK(encoded({{"k", int8_t{-1}}}) == "\x3a\x10\x0a\x01k\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  CHECK(encoded({{"k", uint64_t{INT64_MAX}}}) == "\x3a\x0f\x0a\x01k\x12\x0a\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
  CHECK(encoded({{"k", uint64_t{INT64_MAX} + 1}}) == "\x3a\x1a\x0a\x01k\x12\x15\x0a\x13" "9223372036854775808");
  CHECK(encoded({{"k", 0.5f}}) == std::string("\x3a\x0e\x0a\x01k\x12\x09\x21\0\0\0\0\0\0\xe0\x3f", 16));
  CHECK(encoded({{"k", static_cast<const char*>(nullptr)}}) == std::string("\x3a\x07\x0a\x01k\x12\x02\x0a\0", 9));
}

TEST_CASE("strings that were moved in, or are temporary, are owned by the attributes") {
  const std::string expected = "\x3a\x2e\x0a\x14" "a key of some length\x12\x16\x0a\x14" "a text of some size.";
  otelue::Attributes attributes;
  {
    std::string key = "a key of some length";
    std::string text = "a text of some size.";
    attributes.push_back({std::string("a key of ") + "some length", std::string("a text of ") + "some size."});
    attributes.push_back({std::move(key), std::move(text)});
    attributes.push_back({std::string("k"), otelue::Value::array({std::string("short"), std::string(40, 'x')})});
  }
  const otelue::Attributes kept = attributes;  // copies own their text, too
  attributes.clear();
  const std::string array = "\x3a\x3c\x0a\x01k\x12\x37\x2a\x35\x0a\x07\x0a\x05short\x0a\x2a\x0a\x28" + std::string(40, 'x');
  CHECK(encoded(kept) == expected + expected + array);
}

TEST_CASE("arguments are copied: they need not outlive the call") {
  otelue::Batch batch;
  batch.interval(0, 1);
  {
    const std::string name(30, 'n');
    const std::string text(30, 't');
    std::vector<uint8_t> id(16, 7);
    batch.point(batch.gauge(batch.scope(name, name), name, name), 1, {{text, text}})
        .exemplars({{3, false, 1, 0, id.data(), nullptr, {{text, text}}}});
    id.assign(16, 0);
  }
  const auto events = encode(batch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].find("\x0a\x1e" + std::string(30, 't') + "\x12\x20\x0a\x1e" + std::string(30, 't')) !=
        std::string::npos);
  CHECK(events[0].find("\x2a\x10" + std::string(16, '\x07')) != std::string::npos);
}

TEST_CASE("what stays and what goes with a cycle lie apart: 1,000 cycles need no more memory than one") {
  otelue::Batch batch;
  batch.interval(1, 2);
  const auto scope = batch.scope("meter");
  const auto metric = batch.histogram(scope, "h");
  std::vector<size_t> sizes;
  size_t kept = 0;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    for (int i = 0; i < 100; ++i) batch.point(metric, histogram(), {{"i", i}});
    // What stays comes behind what goes, in every way in which something can stay.
    const size_t before = size_of(batch);
    const auto series = batch.series({{"cycle", cycle}});
    if (cycle % 4 == 0) batch.gauge(scope, "gauge");
    if (cycle % 4 == 1) batch.scope("another");
    if (cycle % 4 == 2) batch.add_resource({{"k", "v"}});
    kept += size_of(batch) - before;
    batch.point(metric, histogram(), series);
    sizes.push_back(size_of(batch));
    if (cycle % 100 == 99) {
      const auto events = encode(batch);
      REQUIRE(events.size() > 2);
      REQUIRE(events.back().find("\x0a\x05" "cycle\x12") != std::string::npos);
    }
    batch.clear();
  }
  CHECK(sizes[0] > 15000);
  // Growth is what stays, and here and there room that was too small.
  CHECK(sizes[999] - sizes[0] <= kept + 1000 * 8);
  CHECK(kept < 1000 * 120);
}

TEST_CASE("clear() drops the points and keeps all else") {
  otelue::Batch batch;
  const auto [empty, size] = batch.finish();
  CHECK(size == 32);
  CHECK(encode(empty, size).empty());
  batch.clear();
  CHECK(size_of(batch) == 32);

  batch.interval(5, 6);
  const auto gauge = batch.gauge(batch.scope("meter"), "g");
  const auto series = batch.series({{"k", 1}});
  const size_t kept = size_of(batch);
  batch.point(gauge, 1, series);
  const auto first = encode(batch);
  for (int i = 0; i < 3; ++i) {
    batch.clear();
    CHECK(size_of(batch) == kept);
    batch.point(gauge, 1, series);
    CHECK(encode(batch) == first);
  }
}

TEST_CASE("attributes that cannot be encoded are named by the export, not by the series") {
  otelue::Batch batch;
  const auto gauge = batch.gauge(batch.scope("meter"), "g");
  batch.point(gauge, 1, batch.series({{"\xff", 1}}));
  batch.point(gauge, 1, batch.series({{"k", std::string(9000, 'x')}}));
  batch.point(gauge, 1, batch.series({}));
  const auto [data, size] = batch.finish();
  otelue_cursor cursor{};
  otelue_result result{};
  result.struct_size = sizeof result;
  std::vector<char> out(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK);
  size_t written = 0;
  CHECK(otelue_encode_next(data, size, nullptr, &cursor, out.data(), out.size(), &written, &result) == 1);
  CHECK(result.points_exported == 1);
  CHECK(result.points_invalid == 1);
  CHECK(result.points_too_large == 1);
  CHECK(result.first_bad_reason == OTELUE_REASON_TEXT);
}

TEST_CASE("a batch that was moved from is as new") {
  otelue::Batch batch;
  batch.interval(5, 6);
  const auto gauge = batch.gauge(batch.scope("meter"), "g");
  batch.point(gauge, 1, {{"k", 1}});
  batch.set_resource({});
  const auto events = encode(batch);
  otelue::Batch moved = std::move(batch);
  CHECK(encode(moved) == events);
  CHECK(size_of(batch) == 32);
  CHECK(batch.size() == 0);
  batch.clear();
  batch.interval(5, 6);
  batch.point(batch.gauge(batch.scope("meter"), "g"), 1, {{"k", 1}});
  batch.set_resource({});
  CHECK(encode(batch) == events);

  batch = std::move(moved);
  CHECK(encode(batch) == events);
  CHECK(size_of(moved) == 32);
  otelue::Batch& same = batch;
  batch = std::move(same);
  CHECK(encode(batch) == events);
  const otelue::Batch copy = batch;
  batch.clear();
  otelue::Batch another = copy;
  CHECK(encode(another) == events);
}

TEST_CASE("flags and exemplars reach their point also when others came after it") {
  otelue::Batch batch;
  batch.interval(0, 1);
  const auto gauge = batch.gauge(batch.scope("meter"), "g");
  auto first = batch.point(gauge, 1);
  batch.point(gauge, 2);
  batch.gauge({}, "another");
  first.flags(3).exemplars({{}});
  const auto events = encode(batch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].find(std::string("\x19\x01\0\0\0\0\0\0\0\x2a\x09\x31\0\0\0\0\0\0\0\0\x31\x01\0\0\0\0\0\0\0\x40\x03", 31)) !=
        std::string::npos);
}

TEST_CASE("entities refer to attributes of their resource by key") {
  otelue::Batch batch;
  batch.interval(0, 1);
  otelue::Entity entity;
  entity.type = "service";
  entity.id_keys = {"service.name", std::string("service.") + "namespace"};
  entity.description_keys = {"service.version"};
  entity.schema_url = "schema";
  batch.set_resource({}, {}, {entity}, 7);
  batch.point(batch.gauge({}, "g"), 1);
  const auto events = encode(batch);
  REQUIRE(events.size() == 1);
  CHECK(events[0].find("\x10\x07\x1a\x43\x0a\x06schema\x12\x07service\x1a\x0cservice.name\x1a\x11service.namespace"
                       "\x22\x0fservice.version") != std::string::npos);
}

TEST_CASE("a recording holds the events that were sent, and nobody else writes to it") {
  char directory[] = "/tmp/otelue-test-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/recording";
  const std::string link = std::string(directory) + "/link";
  REQUIRE(symlink(path.c_str(), link.c_str()) == 0);
  auto ignore = [](otelue_log_level, std::string_view) {};

  otelue::Batch batch;
  batch.interval(0, 1);
  batch.point(batch.gauge(batch.scope("meter"), "g"), 1);
  {
    auto exporter = otelue::Exporter::recording(path);
    REQUIRE(exporter.error() == 0);
    CHECK(exporter.listening());
    const auto result = exporter.send(batch);
    CHECK(result.ok());
    CHECK(result.points_exported == 1);
    CHECK(result.describe(batch) == "1 point was exported in 1 event");
    CHECK(otelue::Exporter::recording(path, {}, ignore).error() == -EBUSY);
    CHECK(otelue::Exporter::recording(link).error() == -ELOOP);
  }

  std::ifstream stream(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  otelue_recording header;
  otelue_recording_entry entry;
  REQUIRE(file.size() > sizeof header + sizeof entry);
  std::memcpy(&header, file.data(), sizeof header);
  std::memcpy(&entry, file.data() + sizeof header, sizeof entry);
  CHECK(std::string(header.magic, 8) == OTELUE_RECORDING_MAGIC);
  CHECK(header.byte_order == 0x01020304);
  CHECK(header.version == 1);
  CHECK(header.header_size == 16);
  CHECK(entry.type == OTELUE_RECORDING_EVENT);
  CHECK(entry.pid == static_cast<uint32_t>(getpid()));
  CHECK(file.substr(sizeof header + sizeof entry) == encode(batch)[0]);
  CHECK(entry.size == encode(batch)[0].size());
  unlink(path.c_str());
  unlink(link.c_str());
  rmdir(directory);
}

TEST_CASE("a log that throws is dropped, and does not reach the library") {
  struct Log {
    int calls = 0;
    void operator()(otelue_log_level, std::string_view) {
      ++calls;
      throw 1;
    }
  } log;
  {
    otelue::Exporter exporter(otelue_options{}, log);
    CHECK(exporter.error() == 0);
    CHECK(log.calls > 0);
  }
  // A log that would be gone at once is refused by the compiler.
  static_assert(std::is_constructible_v<otelue::Exporter, otelue_options, Log&>);
  static_assert(!std::is_constructible_v<otelue::Exporter, otelue_options, Log>);
  static_assert(std::is_nothrow_move_constructible_v<otelue::Exporter>);
  static_assert(!std::is_copy_constructible_v<otelue::Exporter>);
  static_assert(std::is_nothrow_move_constructible_v<otelue::Batch>);
}
