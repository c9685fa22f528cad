// SPDX-License-Identifier: Apache-2.0
// What a histogram says of the values that it has counted.
#ifndef OTELUE_SRC_TOOL_DISTRIBUTION_H
#define OTELUE_SRC_TOOL_DISTRIBUTION_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace otelue_proto {
class HistogramDataPoint;
class ExponentialHistogramDataPoint;
}  // namespace otelue_proto

namespace otelue::tool {

// Values above `lower` and up to `upper`.
struct Bucket {
  double lower;
  double upper;
  double count;
  bool is_exponential;  // values are taken to lie evenly on a logarithmic scale, not a linear one
};

// In the order of their values, without overlap.
using Distribution = std::vector<Bucket>;

Distribution distribution_of(const otelue_proto::HistogramDataPoint& point);
Distribution distribution_of(const otelue_proto::ExponentialHistogramDataPoint& point);

// Where a quantile lies, as Prometheus' histogram_quantile() has it: within its bucket by interpolation, the first
// bucket of a classic histogram beginning at 0, and what lies above all bounds at the highest bound. NaN without
// values.
double quantile(const Distribution& buckets, double q);

constexpr size_t kBars = 12;
// The heights of a plot, from 0 to 8: neighbouring buckets share a bar where there are more of them than bars. What
// lies in front of the first value and behind the last is left out.
using Bars = std::array<uint8_t, kBars>;
Bars bars_of(const Distribution& buckets);

}  // namespace otelue::tool

#endif
