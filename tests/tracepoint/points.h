// SPDX-License-Identifier: Apache-2.0
// A batch of a few points, an event each.
#ifndef OTELUE_TESTS_TRACEPOINT_POINTS_H
#define OTELUE_TESTS_TRACEPOINT_POINTS_H

#include <otelue/builder.h>
#include <otelue/otelue.h>

#include <cstdlib>
#include <string>

constexpr uint32_t kPoints = 3;

inline std::string batch_of_points(uint32_t points = kPoints) {
  std::string memory(2048, '\0');
  otelue_builder b;
  otelue_builder_init(&b, memory.data(), memory.size());
  otelue_metric metric{};
  metric.kind = OTELUE_GAUGE;
  metric.name = otelue_build_string(&b, "x");
  otelue_point point{};
  point.metric = otelue_build_metric(&b, &metric);
  point.value_type = OTELUE_INT;
  for (uint32_t i = 0; i < points; ++i) otelue_build_point(&b, &point);
  size_t size = 0;
  if (otelue_builder_finish(&b, &size) != 0) std::abort();
  memory.resize(size);
  return memory;
}

inline otelue_options one_point_per_event() {
  otelue_options options{};
  options.struct_size = sizeof options;
  options.packing = OTELUE_PACK_POINT;
  return options;
}

inline otelue_result export_points(otelue_exporter* exporter, const std::string& batch) {
  otelue_result result{};
  result.struct_size = sizeof result;
  otelue_export(exporter, batch.data(), batch.size(), &result);
  return result;
}

inline otelue_status status_of(otelue_exporter* exporter) {
  otelue_status status{};
  status.struct_size = sizeof status;
  otelue_get_status(exporter, &status);
  return status;
}

inline bool adds_up(const otelue_result& result) {
  return result.points_total == result.points_exported + result.points_invalid + result.points_too_large +
                                    result.points_unwritten + result.points_unheard;
}

#endif
