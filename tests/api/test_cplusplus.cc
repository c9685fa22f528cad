// SPDX-License-Identifier: Apache-2.0
// Calls every function of otelue.hpp and builder.hpp, as programs without exceptions and RTTI compile them.
#include <otelue/otelue.hpp>

#include <cstdio>
#include <cstdlib>

#define CHECK(claim)                                                  \
  do {                                                                \
    if (!(claim)) {                                                   \
      std::printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #claim); \
      std::exit(1);                                                   \
    }                                                                 \
  } while (0)

namespace {

void fill(otelue::Batch& batch) {
  batch.set_resource({{"service.name", "shop"}}, "schema");
  const otelue::Resource other = batch.add_resource({}, {}, {}, 3);
  const otelue::Scope scope = batch.scope("meter");
  const otelue::Series series = batch.series({{"cached", true}});
  const auto counter = batch.counter(scope, "counter");
  batch.interval(1, 2);
  batch.point(counter, 1);
  batch.point(counter, 2u, {{"int", 1}, {"unsigned", 1u}, {"float", 0.5f}, {"text", std::string("t")}});
  batch.point(counter, uint64_t{3}, series);
  batch.point(counter, static_cast<short>(4), series);
  batch.point(batch.gauge(batch.scope("2", "1.0", {}, "s", other, 1), "gauge"), 0.5f, series);
  batch.point(batch.up_down_counter(scope, "up down"), -1.5L, {{"long double", 1.0L}});
  batch.point(batch.histogram(scope, "h"), otelue::Histogram{}, series).flags(0);
  batch.point(batch.exponential_histogram(scope, "e"), otelue::ExponentialHistogram{}, {{"k", "v"}}).exemplars({});
  batch.point(batch.summary(scope, "s"), otelue::Summary{});
  batch.no_value(counter, series);
  batch.no_value(counter, {{"k", otelue::Value::array({1, otelue::Value::kvlist({{"in", "side"}})})}});
  CHECK(batch.size() == 11);
}

void check_encoded(otelue::Batch& batch) {
  const auto [data, size] = batch.finish();
  otelue_options options = {};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_REQUEST;
  otelue_cursor cursor = {};
  otelue_result encoded = {};
  encoded.struct_size = sizeof encoded;
  char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  size_t written = 0;
  CHECK(otelue_encode_next(data, size, &options, &cursor, out, sizeof out, &written, &encoded) == 1);
  CHECK(encoded.points_exported == 11);
  CHECK(encoded.first_bad_reason == OTELUE_REASON_NONE);
}

void check_exporter(otelue::Batch& batch) {
  otelue::Exporter exporter;
  CHECK(exporter.error() == 0);
  CHECK(exporter.get() != nullptr);
  CHECK(!exporter.enabled() || exporter.listening());
  otelue::Result result = exporter.send(batch);
  CHECK(result.ok());
  CHECK(result.points_total == 11);
  CHECK(result.describe(batch).find("11 points") != std::string::npos);
  result = exporter.send(std::string_view());
  CHECK(result.ok());
  CHECK(!result.describe(std::string_view()).empty());
  CHECK(exporter.force_flush() == 0);
  CHECK(exporter.status().message[0] != '\0');
  CHECK(exporter.status().step != OTELUE_STEP_SHUTDOWN);
  CHECK(exporter.statistics().exports == 2);
  CHECK(exporter.statistics().points_total == 11);

  // The new owner has it all, the old one refuses.
  otelue::Exporter moved = std::move(exporter);
  CHECK(moved.statistics().exports == 2);
  CHECK(exporter.get() == nullptr);
  CHECK(exporter.error() == -EINVAL);
  CHECK(exporter.send(batch).returned == -EINVAL);
  CHECK(exporter.send(batch).describe(batch) == "nothing was exported: invalid argument");
  CHECK(!exporter.listening());
  CHECK(!exporter.enabled());
  CHECK(exporter.force_flush() == -EINVAL);
  CHECK(exporter.shutdown() == -EINVAL);
  CHECK(exporter.status().struct_size == sizeof(otelue_status));
  CHECK(exporter.statistics().exports == 0);

  exporter = std::move(moved);
  CHECK(exporter.statistics().exports == 2);
  CHECK(exporter.shutdown() == 0);
  CHECK(exporter.send(batch).returned == -ESHUTDOWN);
  CHECK(exporter.force_flush() == -ESHUTDOWN);
  CHECK(!exporter.listening());
  CHECK(exporter.status().step == OTELUE_STEP_SHUTDOWN);
  CHECK(exporter.status().registered == 0);
  CHECK(exporter.shutdown() == 0);
}

void check_options() {
  otelue_options options = {};
  options.packing = 3;
  otelue::Exporter refused(options);
  CHECK(refused.error() == -EINVAL);
  CHECK(refused.get() == nullptr);

  // Whether the tracepoint could be registered is logged at once.
  std::string lines;
  auto log = [&lines](otelue_log_level level, std::string_view message) {
    lines += std::to_string(level) + " " + std::string(message) + "\n";
  };
  otelue::Exporter exporter(otelue_options{}, log);
  CHECK(exporter.error() == 0);
  otelue::Batch bad;
  bad.point(otelue::Metric{}, 1);
  const otelue::Result result = exporter.send(bad);
  CHECK(result.ok() || result.describe(bad) == "1 of 1 point was not exported; first point 0: the metric's kind is unknown");
  CHECK(lines.find("\n") != std::string::npos);
}

}  // namespace

int main() {
  otelue::Batch batch;
  fill(batch);
  check_encoded(batch);
  check_exporter(batch);
  check_options();
  batch.clear();
  CHECK(batch.size() == 0);
  return 0;
}
