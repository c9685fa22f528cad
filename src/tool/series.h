// SPDX-License-Identifier: Apache-2.0
// The latest of each series of points, in bounded memory.
#ifndef OTELUE_SRC_TOOL_SERIES_H
#define OTELUE_SRC_TOOL_SERIES_H

#include <array>
#include <cmath>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "distribution.h"
#include "event.h"

namespace otelue::tool {

struct Series {
  std::string service;
  std::string scope;
  std::string metric;
  std::string attributes;  // as `key=value key=value`, fit for a terminal
  std::string unit;
  uint32_t pid = 0;

  double value = NAN;  // of a delta: what has come so far, taken together; of a histogram: how many values
  double rate = NAN;   // of a sum or the values of a histogram, per second
  bool has_distribution = false;
  std::array<double, 3> quantiles{NAN, NAN, NAN};  // 0.5, 0.9, 0.99
  Bars bars{};

  uint64_t time_unix_nano = 0;     // of the latest point
  uint64_t arrived_unix_nano = 0;  // 0: not known
};

// Which series there is interest in; each text that is not empty must be a part of the series' own.
struct Filter {
  std::string metric;
  std::string attribute;
  std::string service;
  uint32_t pid = 0;  // 0: any

  bool is_any() const { return pid != 0 || !metric.empty() || !attribute.empty() || !service.empty(); }
  bool takes(const Series& series) const;
};

class AllSeries {
 public:
  static constexpr size_t kMostSeries = 20'000;
  static constexpr size_t kMostBytes = 64 << 20;

  // After so many points (0: no limit) nothing more is taken.
  explicit AllSeries(uint64_t most_points = 0) : most_points_(most_points) {}

  // False when it does not decode.
  bool take(const Event& event);
  bool is_full() const { return most_points_ != 0 && points_ >= most_points_; }

  // The latest one first.
  const std::list<Series>& all() const { return all_; }
  uint64_t points() const { return points_; }
  // How often the series that had been silent for longest had to go.
  uint64_t forgotten() const { return forgotten_; }

 private:
  template <typename Metric>
  void take_metric(const Metric& metric);
  template <typename Data>
  void take_points(const Data& data);
  Series* find(const std::string& key, bool* is_new);
  void shrink();

  const uint64_t most_points_;
  std::list<Series> all_;
  std::unordered_map<std::string, std::list<Series>::iterator> index_;
  std::unordered_map<const Series*, const std::string*> keys_;
  size_t bytes_ = 0;
  uint64_t points_ = 0;
  uint64_t forgotten_ = 0;
  Series around_;    // what the points at hand have in common
  std::string key_;  // of that
};

}  // namespace otelue::tool

#endif
