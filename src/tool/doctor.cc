// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "commands.h"
#include "printer.h"
#include "text.h"

namespace otelue::tool {
namespace {

constexpr const char* kStates[] = {"ok", "warning", "problem"};
constexpr const char* kColours[] = {"\x1b[32m", "\x1b[33m", "\x1b[1;31m"};
constexpr const char* kPlain = "\x1b[0m";
constexpr size_t kStateWidth = 9;
constexpr size_t kCheckWidth = 12;

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string json(const std::string& text) { return json_quoted(text); }
std::string json(bool value) { return value ? "true" : "false"; }

std::string as_json(const Diagnosis& diagnosis) {
  std::string text = "{\n  \"schema\": 1,\n  \"can_write\": " + json(diagnosis.can_write) +
                     ",\n  \"can_read\": " + json(diagnosis.can_read) + ",\n  \"kernel\": " + json(diagnosis.kernel) +
                     ",\n  \"command\": " + json(diagnosis.command) + ",\n  \"library\": " + json(diagnosis.library) +
                     ",\n  \"library_file\": " + json(diagnosis.library_file) + ",\n  \"findings\": [";
  const char* between = "\n";
  for (const Finding& finding : diagnosis.findings) {
    text += std::string(between) + "    {\"check\": " + json(finding.check) +
            ", \"state\": " + json(std::string(kStates[static_cast<size_t>(finding.state)])) +
            ", \"text\": " + json(finding.text) + ", \"command\": " + json(finding.command) +
            ", \"reason\": " + json(finding.reason) + '}';
    between = ",\n";
  }
  return text + "\n  ]\n}\n";
}

std::string as_text(const Diagnosis& diagnosis, bool has_colours) {
  const std::string margin(kStateWidth + kCheckWidth, ' ');
  std::string text;
  for (const Finding& finding : diagnosis.findings) {
    const auto state = static_cast<size_t>(finding.state);
    const std::string word = padded(kStates[state], kStateWidth);
    text += (has_colours ? kColours[state] + word + kPlain : word) + padded(finding.check, kCheckWidth) + finding.text +
            '\n';
    if (!finding.command.empty()) text += margin + "mended by root with: " + printable(finding.command) + '\n';
    if (!finding.reason.empty()) text += margin + finding.reason + '\n';
  }
  return text + "This process " + (diagnosis.can_write ? "can write" : "cannot write") +
         " metrics to the tracepoint, and " + (diagnosis.can_read ? "can read" : "cannot read") + " them.\n";
}

}  // namespace

int doctor(bool wants_json) {
  const Diagnosis diagnosis = diagnose();
  const char* no_colour = getenv("NO_COLOR");
  const bool has_colours = isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
  Output out(1);
  out.write(wants_json ? as_json(diagnosis) : as_text(diagnosis, has_colours));
  return finish(out, (diagnosis.can_write ? 0 : kCannotWrite) | (diagnosis.can_read ? 0 : kCannotRead));
}

}  // namespace otelue::tool
