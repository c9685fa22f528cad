// SPDX-License-Identifier: Apache-2.0
// Every template of otelue.hpp, as programs without exceptions and RTTI compile it.
#include <otelue/otelue.hpp>

#include <cstdio>

int main() {
  otelue::Exporter exporter;
  otelue::Batch batch;
  batch.set_resource({{"service.name", "shop"}});
  const otelue::Scope scope = batch.scope("meter");
  const otelue::Series series = batch.series({{"cached", true}});
  const auto counter = batch.counter(scope, "counter");
  batch.point(counter, 1);
  batch.point(counter, 2u, {{"int", 1}, {"unsigned", 1u}, {"float", 0.5f}, {"text", std::string("t")}});
  batch.point(counter, uint64_t{3}, series);
  batch.point(counter, static_cast<short>(4), series);
  batch.point(batch.gauge(scope, "gauge"), 0.5f, series);
  batch.point(batch.up_down_counter(scope, "up down"), -1.5L, {{"long double", 1.0L}});
  batch.point(batch.histogram(scope, "h"), otelue::Histogram{}, series).flags(0);
  batch.point(batch.exponential_histogram(scope, "e"), otelue::ExponentialHistogram{}, {{"k", "v"}}).exemplars({});
  batch.point(batch.summary(scope, "s"), otelue::Summary{});
  batch.no_value(counter, series);
  batch.no_value(counter, {{"k", otelue::Value::array({1, otelue::Value::kvlist({{"in", "side"}})})}});

  const auto [data, size] = batch.finish();
  otelue_options options = {};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_REQUEST;
  otelue_cursor cursor = {};
  otelue_result encoded = {};
  encoded.struct_size = sizeof encoded;
  char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  size_t written = 0;
  const int returned = otelue_encode_next(data, size, &options, &cursor, out, sizeof out, &written, &encoded);
  if (returned != 1 || encoded.points_exported != 11 || encoded.first_bad_reason != OTELUE_REASON_NONE) {
    std::printf("%d, %u points, %s\n", returned, encoded.points_exported, otelue_strreason(encoded.first_bad_reason));
    return 1;
  }

  otelue::Exporter moved = std::move(exporter);
  const otelue::Result result = moved.send(batch);
  if (!result.ok() || result.points_total != 11 || exporter.send(batch).returned != -22) return 1;
  if (!moved.send(std::string_view()).ok() || moved.statistics().exports != 2) return 1;
  return moved.shutdown() == 0 && moved.send(batch).returned == -108 && moved.status().step == OTELUE_STEP_SHUTDOWN ? 0 : 1;
}
