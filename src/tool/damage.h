// SPDX-License-Identifier: Apache-2.0
// What is wrong with a request that protobuf refuses, and what of it is whole.
#ifndef OTELUE_SRC_TOOL_DAMAGE_H
#define OTELUE_SRC_TOOL_DAMAGE_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace otelue::tool {

struct Damage {
  uint64_t offset;   // from the request's first byte
  std::string path;  // of the field: resource_metrics[0].scope_metrics[0].metrics[2].name; empty: the request itself
  std::string why;
};

struct Salvage {
  std::vector<Damage> damages;  // in order; none: the request is whole
  // Without what is damaged. A point goes as a whole; with a resource, a scope, or what else belongs to a metric, go
  // the points below. Behind a length that cannot be right nothing is found any more of the message around it.
  std::string whole;
};

Salvage salvage(std::string_view request);

}  // namespace otelue::tool

#endif
