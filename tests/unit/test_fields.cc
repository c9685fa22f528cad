// SPDX-License-Identifier: Apache-2.0
// Every field that is composed by hand is what nanopb would have written.
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "expected.h"
#include "otelue/builder.h"
#include "otlp/attribute_set.h"
#include "otlp/points.h"
#include "records/batch.h"

using otelue_core::otlp::Writer;

namespace {

// Lengths around the borders of what is composed at once, of words, and of a varint's size.
const size_t kLengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 55, 56, 57, 63, 64, 65, 127, 128, 129, 300, 17000};

std::string text_of(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

// A batch under construction, and what the library makes of it.
class Batch {
 public:
  Batch() { otelue_builder_init(&builder, memory_.data(), memory_.size()); }

  otelue_attribute attribute(std::string_view key, otelue_value value) {
    return {otelue_build_text(&builder, key.data(), key.size()), value};
  }
  otelue_value text(std::string_view text) { return otelue_value_text(&builder, text.data(), text.size()); }
  otelue_ref attributes(const std::vector<otelue_attribute>& all) {
    return otelue_build_attributes(&builder, all.data(), all.size());
  }
  otelue_ref encode(otelue_ref attributes) {
    std::vector<uint8_t> set(OTELUE_ENCODED_ATTRIBUTES_MAX);
    size_t size = 0;
    REQUIRE(otelue_builder_encode_attributes(&builder, attributes, set.data(), set.size(), &size) == 0);
    return otelue_build_text(&builder, set.data(), size);
  }

  std::string put_attributes(otelue_ref attributes, uint32_t field) {
    return written([&](Writer& out, const otelue_core::records::Batch& batch) {
      CHECK(otelue_core::otlp::put_attributes(out, batch, attributes, field, 5) == attributes.len);
    });
  }
  std::string put_point(uint32_t kind, const otelue_point& point) {
    return written([&](Writer& out, const otelue_core::records::Batch& batch) {
      otelue_core::otlp::put_point(out, batch, kind, point, otelue_core::otlp::kAllExemplars);
    });
  }

  otelue_builder builder;

 private:
  template <typename Write>
  std::string written(Write write) {
    REQUIRE(builder.error == 0);
    const auto batch = otelue_core::records::Batch::over(memory_.data(), static_cast<size_t>(builder.used));
    std::vector<uint8_t> buffer(100'000);
    Writer out(buffer.data(), buffer.size());
    write(out, batch);
    REQUIRE(out.error() == 0);
    return {reinterpret_cast<const char*>(buffer.data()), out.position()};
  }

  std::vector<uint8_t> memory_ = std::vector<uint8_t>(200'000);
};

uint32_t bit(bool is_set, uint32_t which) { return is_set ? which : 0; }

// A KeyValue with the key "k" and an AnyValue of these fields.
std::string with_value(uint32_t field, const Expected& value) {
  Expected key_value, all;
  key_value.bytes(1, "k").message(2, value);
  return all.message(field, key_value).str();
}

}  // namespace

TEST_CASE("a tag and a number") {
  for (uint32_t field = 1; field <= 15; ++field) {
    for (const uint64_t number : border_numbers()) {
      uint8_t buffer[32];
      Writer out(buffer, sizeof buffer);
      Expected expected;
      out.varint_unless_zero(field, number);
      if (number != 0) expected.varint(field, number);
      out.fixed64_unless_zero(field, number);
      if (number != 0) expected.fixed64(field, number);
      out.bytes(field, "text");
      expected.bytes(field, "text");
      REQUIRE(out.ok());
      CHECK(std::string(reinterpret_cast<char*>(buffer), out.position()) == expected.str());
    }
  }
}

TEST_CASE("a message of any field, size and first guess of its length") {
  for (const uint32_t field : {1u, 15u, 16u, 2047u, 2048u, (1u << 29) - 1}) {
    for (const size_t width : {size_t{1}, size_t{2}, size_t{3}}) {
      for (const size_t size : {size_t{0}, size_t{127}, size_t{128}, size_t{16383}, size_t{16384}}) {
        std::vector<uint8_t> buffer(20'000);
        Writer out(buffer.data(), buffer.size());
        const auto message = out.open(field, width);
        out.bytes(text_of(size).data(), size);
        out.close(message);
        REQUIRE(out.ok());
        CHECK(std::string(reinterpret_cast<char*>(buffer.data()), out.position()) ==
              Expected().bytes(field, text_of(size)).str());
      }
    }
  }
}

TEST_CASE("attributes of text and bytes, with keys and values of every length") {
  for (const size_t key_size : kLengths) {
    for (const size_t size : kLengths) {
      Batch batch;
      const std::string key = text_of(key_size), text = text_of(size);
      const otelue_ref attributes = batch.attributes({
          batch.attribute(key, batch.text(text)),
          batch.attribute(key, otelue_value_bytes(&batch.builder, text.data(), text.size())),
      });
      Expected all;
      for (const uint32_t field : {1u, 7u}) {
        Expected value, key_value;
        value.bytes(field, text);  // string_value and bytes_value
        if (!key.empty()) key_value.bytes(1, key);
        all.message(9, key_value.message(2, value));
      }
      CHECK(batch.put_attributes(attributes, 9) == all.str());
    }
  }
}

TEST_CASE("attributes of numbers, booleans and nothing") {
  for (const uint64_t number : border_numbers()) {
    Batch batch;
    const auto key = [&](otelue_value value) { return batch.attributes({batch.attribute("k", value)}); };
    Expected as_int, as_double;
    as_int.varint(3, number);
    as_double.fixed64(4, number);
    CHECK(batch.put_attributes(key(otelue_value_int(static_cast<int64_t>(number))), 7) == with_value(7, as_int));
    CHECK(batch.put_attributes(key(otelue_value_of(OTELUE_DOUBLE, 0, number)), 7) == with_value(7, as_double));
  }
  for (const uint64_t number : {0u, 1u}) {
    Batch batch;
    Expected as_bool;
    as_bool.varint(2, number);
    CHECK(batch.put_attributes(batch.attributes({batch.attribute("k", otelue_value_bool(number == 1))}), 7) ==
          with_value(7, as_bool));
  }
  Batch batch;
  CHECK(batch.put_attributes(batch.attributes({batch.attribute("k", otelue_value_empty())}), 7) ==
        with_value(7, Expected()));
}

TEST_CASE("arrays and lists of every value, in each other") {
  Batch batch;
  const std::vector<otelue_value> scalars = {batch.text("text"), otelue_value_bool(1), otelue_value_int(-1),
                                             otelue_value_double(0.5), otelue_value_empty(),
                                             otelue_value_bytes(&batch.builder, "\xff", 1)};
  const std::vector<otelue_attribute> entries = {
      batch.attribute("a", otelue_value_array(&batch.builder, scalars.data(), scalars.size())),
      batch.attribute("b", otelue_value_array(&batch.builder, nullptr, 0)),
      batch.attribute("c", otelue_value_kvlist(&batch.builder, nullptr, 0)),
      batch.attribute("d", batch.text("short")),
  };
  const otelue_value list = otelue_value_kvlist(&batch.builder, entries.data(), entries.size());
  const otelue_value outer = otelue_value_array(&batch.builder, &list, 1);

  Expected elements, array;
  elements.message(1, Expected().bytes(1, "text"))
      .message(1, Expected().varint(2, 1))
      .message(1, Expected().varint(3, UINT64_MAX))
      .message(1, Expected().number(4, 0.5))
      .message(1, Expected())
      .message(1, Expected().bytes(7, "\xff"));
  array.message(5, elements);
  const auto entry = [](std::string_view key, const Expected& value) {
    Expected one, all;
    return all.message(1, one.bytes(1, key).message(2, value)).str();
  };
  const std::string fields = entry("a", array) + entry("b", Expected().message(5, Expected())) +
                             entry("c", Expected().message(6, Expected())) + entry("d", Expected().bytes(1, "short"));
  Expected in_array, value;
  in_array.message(1, Expected().bytes(6, fields));
  value.message(5, in_array);
  CHECK(batch.put_attributes(batch.attributes({batch.attribute("k", outer)}), 7) == with_value(7, value));
}

TEST_CASE("points of every kind with every choice of fields") {
  const int64_t least = std::numeric_limits<int64_t>::min();
  // Each bit of a choice is one optional field.
  for (unsigned choice = 0; choice < 512; ++choice) {
    const auto has = [&](unsigned bit) { return (choice >> bit & 1) != 0; };
    const uint64_t start = has(0) ? 1'000 : 0, time = has(1) ? UINT64_MAX : 0, count = has(2) ? 300 : 0;
    const uint32_t flags = has(3) ? 129 : 0;
    const bool has_sum = has(4), has_min = has(5), has_max = has(6), is_encoded = has(7), has_more = has(8);

    Batch batch;
    otelue_point point{};
    point.start_time_unix_nano = start;
    point.time_unix_nano = time;
    point.flags = flags;
    point.attributes = batch.attributes({batch.attribute("k", otelue_value_int(7))});
    if (is_encoded) {
      point.attributes = batch.encode(point.attributes);
      point.attributes_form = OTELUE_ENCODED_ATTRIBUTES;
    }
    Expected seven;
    seven.varint(3, 7);
    const auto attributes = [&](uint32_t field) { return with_value(field, seven); };
    Expected times;
    if (start != 0) times.fixed64(2, start);
    if (time != 0) times.fixed64(3, time);
    const auto count_sum = [&](bool sum) {
      Expected fields;
      if (count != 0) fields.fixed64(4, count);
      if (sum) fields.number(5, -0.0);
      return times.str() + fields.str();
    };
    const auto optional = [](bool is_present, uint32_t field, double v) {
      return is_present ? Expected().number(field, v).str() : std::string();
    };
    const auto flags_in = [&](uint32_t field) {
      return flags != 0 ? Expected().varint(field, flags).str() : std::string();
    };

    otelue_exemplar exemplar{};
    exemplar.value_type = has_sum ? OTELUE_INT : OTELUE_DOUBLE;
    exemplar.time_unix_nano = start;
    exemplar.as_int = least;
    exemplar.as_double = 1.5;
    std::memset(exemplar.trace_id, 1, sizeof exemplar.trace_id);
    std::memset(exemplar.span_id, 2, sizeof exemplar.span_id);
    exemplar.has = bit(has_min, OTELUE_HAS_SPAN_ID) | bit(has_max, OTELUE_HAS_TRACE_ID);
    exemplar.filtered_attributes = batch.attributes({batch.attribute("k", otelue_value_int(7))});
    Expected sample;
    if (start != 0) sample.fixed64(2, start);
    if (!has_sum) sample.number(3, 1.5);
    if (has_min) sample.bytes(4, std::string(8, '\2'));
    if (has_max) sample.bytes(5, std::string(16, '\1'));
    if (has_sum) sample.fixed64(6, static_cast<uint64_t>(least));
    const auto exemplars = [&](uint32_t field) {
      return has_more ? Expected().bytes(field, sample.str() + attributes(7)).str() : std::string();
    };
    if (has_more) point.exemplars = otelue_build_exemplars(&batch.builder, &exemplar, 1);

    point.value_type = OTELUE_DOUBLE;
    CHECK(batch.put_point(OTELUE_GAUGE, point) ==
          times.str() + Expected().number(4, 0).str() + exemplars(5) + attributes(7) + flags_in(8));
    point.value_type = OTELUE_INT;
    point.as_int = least;
    CHECK(batch.put_point(OTELUE_SUM, point) == times.str() + exemplars(5) +
                                                    Expected().fixed64(6, static_cast<uint64_t>(least)).str() +
                                                    attributes(7) + flags_in(8));
    point.as_int = 0;

    const std::vector<uint64_t> counts = border_numbers();
    const std::vector<double> bounds(counts.size() - 1, -1.25);
    otelue_histogram histogram{};
    histogram.count = count;
    histogram.sum = -0.0;
    histogram.min = 1;
    histogram.max = 2;
    histogram.has = bit(has_sum, OTELUE_HAS_SUM) | bit(has_min, OTELUE_HAS_MIN) | bit(has_max, OTELUE_HAS_MAX);
    Expected fixed_counts, fixed_bounds, packed;
    if (has_more) {
      histogram.bucket_counts = otelue_build_counts(&batch.builder, counts.data(), counts.size());
      histogram.explicit_bounds = otelue_build_doubles(&batch.builder, bounds.data(), bounds.size());
      for (const uint64_t n : counts) fixed_counts.fixed64_value(n);
      for (size_t i = 0; i < bounds.size(); ++i) fixed_bounds.fixed64_value(0xbff4000000000000);
      packed.message(6, fixed_counts).message(7, fixed_bounds);
    }
    point.value_type = OTELUE_HISTOGRAM;
    point.body = otelue_build_histogram(&batch.builder, &histogram);
    CHECK(batch.put_point(OTELUE_HISTOGRAM, point) == count_sum(has_sum) + packed.str() + exemplars(8) + attributes(9) +
                                                          flags_in(10) + optional(has_min, 11, 1) +
                                                          optional(has_max, 12, 2));

    otelue_exponential_histogram exponential{};
    exponential.count = count;
    exponential.sum = -0.0;
    exponential.min = 1;
    exponential.max = 2;
    exponential.scale = has_more ? -11 : 0;
    exponential.zero_count = has_more ? 129 : 0;
    exponential.zero_threshold = has_more ? 0.25 : 0;
    exponential.has = histogram.has | bit(has_more, OTELUE_HAS_NEGATIVE);
    Expected varints, positive, buckets;
    if (has_more) {
      exponential.positive_offset = -300;
      exponential.positive = otelue_build_counts(&batch.builder, counts.data(), counts.size());
      for (const uint64_t n : counts) varints.value(n);
      positive.sint(1, -300).message(2, varints);
      buckets.sint(6, -11).fixed64(7, 129).message(8, positive).message(9, Expected());
    }
    point.value_type = OTELUE_EXPONENTIAL_HISTOGRAM;
    point.body = otelue_build_exponential_histogram(&batch.builder, &exponential);
    CHECK(batch.put_point(OTELUE_EXPONENTIAL_HISTOGRAM, point) ==
          attributes(1) + count_sum(has_sum) + buckets.str() + flags_in(10) + exemplars(11) +
              optional(has_min, 12, 1) + optional(has_max, 13, 2) + optional(has_more, 14, 0.25));

    const otelue_quantile quantiles[] = {{0, 0}, {0.5, -3}};
    otelue_summary summary{};
    summary.count = count;
    summary.sum = has_sum ? -0.0 : 0.0;
    summary.quantiles = otelue_build_quantiles(&batch.builder, quantiles, 2);
    point.exemplars = {};
    point.value_type = OTELUE_SUMMARY;
    point.body = otelue_build_summary(&batch.builder, &summary);
    Expected half, values;
    values.message(6, Expected()).message(6, half.number(1, 0.5).number(2, -3));
    CHECK(batch.put_point(OTELUE_SUMMARY, point) ==
          count_sum(has_sum) + values.str() + attributes(7) + flags_in(8));
  }
}

TEST_CASE("a point without a value") {
  for (const uint32_t kind : {OTELUE_GAUGE, OTELUE_SUM, OTELUE_HISTOGRAM, OTELUE_EXPONENTIAL_HISTOGRAM, OTELUE_SUMMARY}) {
    Batch batch;
    otelue_point point{};
    point.flags = OTELUE_NO_RECORDED_VALUE;
    const uint32_t field = kind == OTELUE_HISTOGRAM || kind == OTELUE_EXPONENTIAL_HISTOGRAM ? 10 : 8;
    CHECK(batch.put_point(kind, point) == Expected().varint(field, 1).str());
  }
}

TEST_CASE("buckets whose counts take more bytes than their number tells") {
  for (const size_t size : {size_t{1}, size_t{12}, size_t{64}, size_t{127}, size_t{128}, size_t{1639}, size_t{8000}}) {
    for (const uint64_t number : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
      Batch batch;
      const std::vector<uint64_t> counts(size, number);
      otelue_exponential_histogram data{};
      data.positive = otelue_build_counts(&batch.builder, counts.data(), counts.size());
      otelue_point point{};
      point.value_type = OTELUE_EXPONENTIAL_HISTOGRAM;
      point.body = otelue_build_exponential_histogram(&batch.builder, &data);
      Expected varints, positive, all;
      for (const uint64_t n : counts) varints.value(n);
      CHECK(batch.put_point(OTELUE_EXPONENTIAL_HISTOGRAM, point) ==
            all.message(8, positive.message(2, varints)).str());
    }
  }
}
