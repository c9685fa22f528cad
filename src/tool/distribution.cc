// SPDX-License-Identifier: Apache-2.0
#include "distribution.h"

#include <otlp_metrics.pb.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace otelue::tool {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double total_of(const Distribution& buckets) {
  double total = 0;
  for (const Bucket& bucket : buckets) total += bucket.count;
  return total;
}

// The value at a fraction of a bucket.
double value_in(const Bucket& bucket, double fraction) {
  if (bucket.upper == kInfinity) return bucket.lower;
  if (bucket.lower == -kInfinity) {
    if (bucket.upper <= 0) return bucket.upper;
    return bucket.upper * fraction;
  }
  if (!bucket.is_exponential) return bucket.lower + (bucket.upper - bucket.lower) * fraction;
  if (bucket.lower < 0) return -(-bucket.lower * std::pow(bucket.upper / bucket.lower, fraction));
  return bucket.lower * std::pow(bucket.upper / bucket.lower, fraction);
}

}  // namespace

Distribution distribution_of(const otelue_proto::HistogramDataPoint& point) {
  Distribution buckets;
  const int bounds = point.explicit_bounds_size();
  if (point.bucket_counts_size() != bounds + 1) return buckets;
  for (int i = 0; i <= bounds; ++i) {
    const double lower = i == 0 ? -kInfinity : point.explicit_bounds(i - 1);
    const double upper = i == bounds ? kInfinity : point.explicit_bounds(i);
    buckets.push_back({lower, upper, static_cast<double>(point.bucket_counts(i)), false});
  }
  return buckets;
}

Distribution distribution_of(const otelue_proto::ExponentialHistogramDataPoint& point) {
  Distribution buckets;
  // Bucket i holds values above 2^(i / 2^scale).
  const auto bound = [&](int64_t index) { return std::exp2(std::ldexp(static_cast<double>(index), -point.scale())); };
  const auto& negative = point.negative();
  for (int i = negative.bucket_counts_size() - 1; i >= 0; --i) {
    const int64_t index = int64_t{negative.offset()} + i;
    buckets.push_back({-bound(index + 1), -bound(index), static_cast<double>(negative.bucket_counts(i)), true});
  }
  const double threshold = std::isfinite(point.zero_threshold()) ? std::abs(point.zero_threshold()) : 0;
  if (point.zero_count() > 0) {
    const double least = negative.bucket_counts_size() > 0 ? -threshold : 0;
    const double most = point.positive().bucket_counts_size() > 0 || least == 0 ? threshold : 0;
    buckets.push_back({least, most, static_cast<double>(point.zero_count()), false});
  }
  const auto& positive = point.positive();
  for (int i = 0; i < positive.bucket_counts_size(); ++i) {
    const int64_t index = int64_t{positive.offset()} + i;
    buckets.push_back({bound(index), bound(index + 1), static_cast<double>(positive.bucket_counts(i)), true});
  }
  return buckets;
}

double quantile(const Distribution& buckets, double q) {
  double rank = q * total_of(buckets);
  if (!(rank > 0) || (buckets.size() == 1 && buckets[0].upper == kInfinity)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const Bucket* last = nullptr;
  for (const Bucket& bucket : buckets) {
    if (bucket.count <= 0) continue;
    if (rank <= bucket.count) return value_in(bucket, rank / bucket.count);
    rank -= bucket.count;
    last = &bucket;
  }
  return value_in(*last, 1);  // but for rounding it was met before
}

Bars bars_of(const Distribution& buckets) {
  Bars bars{};
  const auto has_values = [](const Bucket& bucket) { return bucket.count > 0; };
  const auto first = std::find_if(buckets.begin(), buckets.end(), has_values);
  const auto last = std::find_if(buckets.rbegin(), buckets.rend(), has_values).base();
  if (first == buckets.end()) return bars;
  const auto count = static_cast<size_t>(last - first);
  std::array<double, kBars> sums{};
  for (size_t i = 0; i < count; ++i) {
    sums[count <= kBars ? i : i * kBars / count] += first[static_cast<std::ptrdiff_t>(i)].count;
  }
  const double most = *std::max_element(sums.begin(), sums.end());
  for (size_t i = 0; i < kBars; ++i) bars[i] = static_cast<uint8_t>(std::ceil(sums[i] / most * 8));
  return bars;
}

}  // namespace otelue::tool
