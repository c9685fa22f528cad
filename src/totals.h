// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOTALS_H
#define OTELUE_SRC_TOTALS_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "otelue/otelue.h"

namespace otelue_core {

// The sums of all results. All zero at first.
class Totals {
 public:
  void refuse() { bump(refused_, 1); }
  void add(const otelue_result& result) {
    bump(exports_, 1);
    bump(unheard_, result.listening == 0);
    bump(bytes_, result.bytes);
    for (size_t i = 0; i < kCounters; ++i) bump(sums_[i], result.*kCounted[i].of_result);
  }
  void store(otelue_statistics* out) const {
    out->exports_refused = get(refused_);
    out->exports = get(exports_);
    out->exports_unheard = get(unheard_);
    out->bytes = get(bytes_);
    for (size_t i = 0; i < kCounters; ++i) out->*kCounted[i].of_all = get(sums_[i]);
  }

 private:
  using Sum = std::atomic<uint64_t>;
  struct Counted {
    uint32_t otelue_result::*of_result;
    uint64_t otelue_statistics::*of_all;
  };
  static constexpr Counted kCounted[] = {
      {&otelue_result::points_total, &otelue_statistics::points_total},
      {&otelue_result::points_exported, &otelue_statistics::points_exported},
      {&otelue_result::points_invalid, &otelue_statistics::points_invalid},
      {&otelue_result::points_too_large, &otelue_statistics::points_too_large},
      {&otelue_result::points_unwritten, &otelue_statistics::points_unwritten},
      {&otelue_result::points_unheard, &otelue_statistics::points_unheard},
      {&otelue_result::strings_as_bytes, &otelue_statistics::strings_as_bytes},
      {&otelue_result::values_emptied, &otelue_statistics::values_emptied},
      {&otelue_result::exemplars_dropped, &otelue_statistics::exemplars_dropped},
      {&otelue_result::events, &otelue_statistics::events},
  };
  static constexpr size_t kCounters = sizeof kCounted / sizeof kCounted[0];

  static void bump(Sum& sum, uint64_t n) {
    if (n != 0) sum.fetch_add(n, std::memory_order_relaxed);
  }
  static uint64_t get(const Sum& sum) { return sum.load(std::memory_order_relaxed); }

  Sum refused_, exports_, unheard_, bytes_;
  Sum sums_[kCounters];
};

}  // namespace otelue_core

#endif
