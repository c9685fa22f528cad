// SPDX-License-Identifier: Apache-2.0
// How diagnose() goes about it: one thing after another, each of which adds its findings.
#ifndef OTELUE_SRC_TOOL_EXAMINATION_H
#define OTELUE_SRC_TOOL_EXAMINATION_H

#include <cstdint>
#include <string>
#include <vector>

#include "doctor.h"
#include "registration.h"
#include "rights.h"

namespace otelue::tool {

class Examination {
 public:
  Diagnosis run();

 private:
  Finding& add(const char* check, State state, std::string text);
  void examine_library();
  void examine_container();
  bool examine_kernel();
  // What mounts tracefs, or why this process cannot hope for it.
  void offer_mount(Finding& finding) const;
  void examine_tracefs();
  std::string data_file() const;
  void examine_writing(const Registration& registration);
  void refuse_writing(Finding& finding, const std::string& path) const;
  void refuse_registration(const Registration& registration);
  void examine_limit();
  std::string event_file(const std::string& instance, const char* name) const;
  void examine_listeners(const Registration& registration);
  // OTLP bytes of the largest event that an instance takes. Before Linux 7.3 the size of sub-buffers changed nothing.
  int64_t ftrace_takes(const std::string& instance) const;
  void examine_sizes();
  void examine_perf();
  void offer_perfmon(Finding& finding) const;
  void examine_reading(const Registration& registration);
  void examine_rings();
  // A ring has a page for its state as well.
  static void offer_memory(Finding& finding, int64_t kib);

  Diagnosis diagnosis_;
  std::string tracefs_;                 // the directory that is used; empty: none is mounted
  std::vector<std::string> instances_;  // those that listen, as /instances/NAME; "" is the top level
};

// What the findings are worded with.
std::string joined(const std::vector<std::string>& words, const char* between);
std::string user_text();
std::string closed_text(const std::vector<Closed>& closed);
// Opens what is closed, no wider than it has to be.
std::string opening(const std::vector<Closed>& closed);

}  // namespace otelue::tool

#endif
