// SPDX-License-Identifier: Apache-2.0
// Whether this process can write and read the tracepoint, and all that bears on it.
#ifndef OTELUE_SRC_TOOL_DOCTOR_H
#define OTELUE_SRC_TOOL_DOCTOR_H

#include <string>
#include <vector>

namespace otelue::tool {

enum class State { kOk, kWarning, kProblem };

struct Finding {
  std::string check;  // what was looked at: one of the names in otelue.1
  State state = State::kOk;
  std::string text;     // a sentence
  std::string command;  // of a shell, which mends it when root runs it
  std::string reason;   // why there is no such command
};

struct Diagnosis {
  bool can_write = false;
  bool can_read = false;
  std::string kernel;  // releases
  std::string command;
  std::string library;
  std::string library_file;
  std::vector<Finding> findings;
};

// Registers the tracepoint and listens to it for a moment, and changes nothing that stays.
Diagnosis diagnose();

}  // namespace otelue::tool

#endif
