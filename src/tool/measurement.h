// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_MEASUREMENT_H
#define OTELUE_SRC_TOOL_MEASUREMENT_H

#include <string>
#include <vector>

namespace otelue {
class Batch;
}

namespace otelue::tool {

enum class Instrument { kNone, kCounter, kUpDownCounter, kGauge, kHistogram };

// One value from the command line, and what belongs to it.
struct Measurement {
  Instrument instrument = Instrument::kNone;
  std::string name;
  std::string value;
  std::string unit;
  std::string description;
  std::vector<std::string> attributes;           // KEY=VALUE, or KEY:TYPE=VALUE
  std::vector<std::string> resource_attributes;  // the same
};

// Empty, or what is wrong with such an attribute.
std::string check_attribute(const std::string& text);
// Empty, or why it is no value of an instrument.
std::string check_value(Instrument instrument, const std::string& value);

// Adds it as a point of delta temporality, with the resource that the options and the environment
// (OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME) make. Empty, or what is wrong with it.
std::string build_measurement(const Measurement& measurement, Batch* batch);

}  // namespace otelue::tool

#endif
