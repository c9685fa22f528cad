// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_REGISTRATION_H
#define OTELUE_SRC_TOOL_REGISTRATION_H

#include <otelue/otelue.h>

#include <stdexcept>
#include <string>

#include "text.h"

namespace otelue::tool {

// The tracepoint as this process has registered it, or tried to.
class Registration {
 public:
  Registration() {
    const int error = otelue_open(nullptr, nullptr, nullptr, &exporter_);
    if (error != 0) throw std::runtime_error(otelue_strerror(error));
    status_.struct_size = sizeof status_;
    otelue_get_status(exporter_, &status_);
  }
  ~Registration() { otelue_close(exporter_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  otelue_exporter* exporter() const { return exporter_; }
  bool is_registered() const { return status_.registered != 0; }
  bool has_no_file() const { return status_.step == OTELUE_STEP_FIND; }
  bool is_heard() const { return status_.heard_here != 0; }
  uint32_t step() const { return status_.step; }
  int error() const { return status_.last_errno; }
  // It can quote what another program has registered.
  std::string message() const { return printable(status_.message); }

 private:
  otelue_exporter* exporter_ = nullptr;
  otelue_status status_{};
};

}  // namespace otelue::tool

#endif
