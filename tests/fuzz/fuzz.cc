// SPDX-License-Identifier: Apache-2.0
// Spoils batches, encoded attribute sets and requests at random, under AddressSanitizer and UBSan. Whatever comes in,
// nothing else is read, the numbers add up, no event exceeds its limit, and every event decodes.
//
//   fuzz RUNS [SEED]          with its own random numbers
//
// Compiled with -DOTELUE_LIBFUZZER and -fsanitize=fuzzer it is a libFuzzer target instead.
#include <otelue/builder.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "describe.h"

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

using Next = int (*)(const void*, size_t, const otelue_options*, otelue_cursor*, void*, size_t, size_t*,
                     otelue_result*);

std::vector<std::string> run(Next next, const std::string& input, uint32_t packing, uint32_t target_event_bytes,
                             uint32_t max_event_bytes) {
  // Exactly as large as it says, so that the sanitizer sees every byte that is read beyond.
  const std::unique_ptr<char[]> data(new char[input.size()]);
  std::memcpy(data.get(), input.data(), input.size());
  const std::unique_ptr<char[]> out(new char[max_event_bytes + OTELUE_ENCODE_SLACK]);
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = packing;
  options.target_event_bytes = target_event_bytes;
  options.max_event_bytes = max_event_bytes;
  otelue_cursor cursor{};
  otelue_result result{};
  result.struct_size = sizeof result;
  std::vector<std::string> events;
  size_t written = 0;
  int returned = 0;
  while ((returned = next(data.get(), input.size(), &options, &cursor, out.get(), max_event_bytes + OTELUE_ENCODE_SLACK,
                          &written, &result)) == 1) {
    if (written > max_event_bytes) fail("an event exceeds max_event_bytes");
    events.emplace_back(out.get(), written);
    uint32_t points = 0;
    const auto count = [&](otelue::tool::Level level, const std::string&) {
      points += level == otelue::tool::Level::kPoint;
      return true;
    };
    if (!otelue::tool::describe(events.back(), count)) fail("an event does not decode");
    if (points > 1 && written > target_event_bytes &&
        run(otelue_split_next, events.back(), OTELUE_PACK_POINT, max_event_bytes, max_event_bytes)[0].size() <=
            target_event_bytes) {
      fail("an event of several points exceeds target_event_bytes, and its first point does not");
    }
  }
  if (returned == 0) {
    if (result.points_total != result.points_exported + result.points_invalid + result.points_too_large) {
      fail("the points do not add up");
    }
    if (result.events != events.size()) fail("the events do not add up");
  } else if (!events.empty()) {
    fail("an error after the first event");
  }
  return events;
}

void run_all(const std::string& input, bool is_batch) {
  for (uint32_t packing = 0; packing <= 2; ++packing) {
    for (const uint32_t limit : {200u, 8168u}) {
      const auto events = run(is_batch ? otelue_encode_next : otelue_split_next, input, packing, limit / 2, limit);
      for (const std::string& event : events) {
        if (run(otelue_split_next, event, OTELUE_PACK_REQUEST, limit, limit) != std::vector{event}) {
          fail("an event does not split into itself");
        }
      }
    }
  }
}

// One of everything.
std::string sample_batch() {
  std::vector<unsigned char> memory(8192);
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  const otelue_value numbers[] = {otelue_value_int(-1), otelue_value_double(0.5), otelue_value_empty()};
  const otelue_value inner = otelue_value_array(&b, numbers, 3);
  const otelue_attribute entry = otelue_attribute_of(&b, "inner", inner);
  const otelue_attribute attributes[] = {
      otelue_attribute_string(&b, "string", "t\xc3\xbcr"), otelue_attribute_bool(&b, "bool", 1),
      otelue_attribute_of(&b, "list", otelue_value_kvlist(&b, &entry, 1)),
      otelue_attribute_of(&b, "bytes", otelue_value_bytes(&b, "\xff\x00", 2))};
  const otelue_ref run = otelue_build_attributes(&b, attributes, 4);
  char set[512];
  size_t set_size = 0;
  if (otelue_builder_encode_attributes(&b, run, set, sizeof set, &set_size) != 0) fail("no set");
  const otelue_ref set_ref = otelue_build_text(&b, set, set_size);
  otelue_resource resource{};
  resource.attributes = run;
  resource.schema_url = otelue_build_string(&b, "schema");
  otelue_builder_set_resource(&b, otelue_build_resource(&b, &resource));
  otelue_scope scope{};
  scope.name = otelue_build_string(&b, "scope");
  scope.attributes = run;
  otelue_exemplar exemplar{};
  exemplar.value_type = OTELUE_DOUBLE;
  exemplar.has = OTELUE_HAS_TRACE_ID | OTELUE_HAS_SPAN_ID;
  exemplar.filtered_attributes = run;
  otelue_metric metric{};
  metric.scope = otelue_build_scope(&b, &scope);
  metric.name = otelue_build_string(&b, "metric");
  metric.metadata = run;
  otelue_point point{};
  point.exemplars = otelue_build_exemplars(&b, &exemplar, 1);
  const double bounds[] = {1, 2};
  const uint64_t counts[] = {1, 2, 300};
  otelue_histogram histogram{};
  histogram.explicit_bounds = otelue_build_doubles(&b, bounds, 2);
  histogram.bucket_counts = otelue_build_counts(&b, counts, 3);
  otelue_exponential_histogram exponential{};
  exponential.positive = histogram.bucket_counts;
  const otelue_quantile quantile{0.5, 1};
  otelue_summary summary{};
  summary.quantiles = otelue_build_quantiles(&b, &quantile, 1);

  for (const uint32_t kind : {OTELUE_SUM, OTELUE_GAUGE, OTELUE_HISTOGRAM, OTELUE_EXPONENTIAL_HISTOGRAM, OTELUE_SUMMARY}) {
    metric.kind = kind;
    metric.temporality = kind == OTELUE_GAUGE || kind == OTELUE_SUMMARY ? 0 : OTELUE_DELTA;
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = static_cast<uint16_t>(kind);
    point.body = kind == OTELUE_HISTOGRAM               ? otelue_build_histogram(&b, &histogram)
                 : kind == OTELUE_EXPONENTIAL_HISTOGRAM ? otelue_build_exponential_histogram(&b, &exponential)
                 : kind == OTELUE_SUMMARY               ? otelue_build_summary(&b, &summary)
                                                        : 0;
    if (point.body == 0) point.value_type = OTELUE_INT;
    if (kind == OTELUE_SUMMARY) point.exemplars = {};
    point.attributes_form = OTELUE_ATTRIBUTE_RECORDS;
    point.attributes = run;
    otelue_build_point(&b, &point);
    point.attributes_form = OTELUE_ENCODED_ATTRIBUTES;
    point.attributes = set_ref;
    otelue_build_point(&b, &point);
  }
  size_t size = 0;
  if (otelue_builder_finish(&b, &size) != 0) fail("no batch");
  return {reinterpret_cast<char*>(memory.data()), size};
}

class Spoiler {
 public:
  explicit Spoiler(uint64_t seed) : random_(seed) {}

  std::string spoil(std::string input) {
    for (size_t n = 1 + below(6); n > 0; --n) {
      const size_t at = below(input.size());
      switch (below(5)) {
        case 0:
          input[at] = static_cast<char>(random_());
          break;
        case 1:
          input[at] = static_cast<char>(input[at] ^ 1 << below(8));
          break;
        case 2: {
          const uint32_t words[] = {0, 1, 8, 32, 0x7fffffff, 0xffffffff, static_cast<uint32_t>(input.size()),
                                    static_cast<uint32_t>(below(input.size()) & ~size_t{7})};
          const uint32_t word = words[below(8)];
          if (at + 4 <= input.size()) std::memcpy(&input[at & ~size_t{3}], &word, 4);
          break;
        }
        case 3: {
          const size_t size = below(input.size() - at) & 63;
          input.replace(at, size, input.substr(below(input.size()), size));
          break;
        }
        default:
          if (below(20) == 0) input.resize(at + 1);
          break;
      }
    }
    return input;
  }

 private:
  size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

  std::mt19937_64 random_;
};

}  // namespace

#ifdef OTELUE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  run_all(input, true);
  run_all(input, false);
  return 0;
}
#else
int main(int argc, char** argv) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const uint64_t runs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : static_cast<uint64_t>(now);
  std::printf("fuzz %llu %llu\n", static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  const std::string batch = sample_batch();
  run_all(batch, true);
  const auto whole = run(otelue_encode_next, batch, OTELUE_PACK_REQUEST, 8168, 8168);
  if (whole.size() != 1) fail("the sample does not make one event");
  Spoiler spoiler(seed);
  for (uint64_t i = 0; i < runs; ++i) {
    run_all(spoiler.spoil(batch), true);
    run_all(spoiler.spoil(whole[0]), false);
  }
}
#endif
