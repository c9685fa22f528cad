// SPDX-License-Identifier: Apache-2.0
// What the table of `otelue watch` shows, as lines of text.
#ifndef OTELUE_SRC_TOOL_TABLE_H
#define OTELUE_SRC_TOOL_TABLE_H

#include <cstdint>
#include <string>
#include <vector>

#include "series.h"

namespace otelue::tool {

enum class Column { kService, kScope, kMetric, kAttributes, kValue, kRate, kAge };
constexpr size_t kColumns = 7;
constexpr const char* kColumnNames[kColumns] = {"service", "scope", "metric", "attributes", "value", "rate", "age"};

struct View {
  Filter filter;
  Column sort = Column::kService;
  bool is_reversed = false;
  size_t first = 0;  // of the rows that fit the filter, those before it are scrolled away
  bool is_utf8 = true;
};

struct Totals {
  uint64_t events = 0;
  uint64_t lost = 0;
  uint64_t undecodable = 0;
};

// Lines of at most `width` columns: the totals, the column names, and rows for at most `height` lines in all. Moves
// the view to where there are rows.
std::vector<std::string> lay_out(const AllSeries& series, const Totals& totals, View* view, uint64_t now, size_t width,
                                 size_t height);

// The text, in exactly so many columns of a terminal: cut short with an ellipsis, or filled up. Without UTF-8 all that
// is not ASCII is a question mark.
std::string fitted(const std::string& text, size_t width, bool is_utf8, bool is_right = false);

}  // namespace otelue::tool

#endif
