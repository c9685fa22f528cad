// SPDX-License-Identifier: Apache-2.0
// The `otelue` command.
#include <otelue/otelue.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "demo.h"
#include "watch.h"

namespace {

using namespace otelue::tool;

constexpr char kHelp[] =
    R"(usage: otelue COMMAND [OPTION...]

OpenTelemetry metrics through the Linux user_events tracepoint otlp_metrics.

  otelue demo [--file FILE]   sends the metrics of a small HTTP service and shows what went out and what came back;
                              where the tracepoint cannot be used, or with --file, through a recording
  otelue watch [OPTION...]    prints each data point that is written to the tracepoint, until Ctrl-C
      --count N               ends after N points
      --timeout SECONDS       ends after so long
      --ring-pages N          size of the ring of each processor in pages, a power of two (128)
      --record FILE           keeps the events in a recording as well
  otelue watch FILE           prints the data points of a recording; - is standard input
  otelue status               says whether the tracepoint can be used here, and why not
  otelue --version

Exit status: 0; 1 for events that could not be decoded, or a tracepoint that cannot be used (status); 2 for a mistake
in the command line; 3 when it cannot listen or read.
)";

int misuse(const std::string& what) {
  std::fprintf(stderr, "otelue: %s\n%s", what.c_str(), kHelp);
  return kUsage;
}

int status() {
  otelue_exporter* exporter = nullptr;
  otelue_status info{};
  info.struct_size = sizeof info;
  if (otelue_open(nullptr, nullptr, nullptr, &exporter) != 0 || otelue_get_status(exporter, &info) != 0) return 1;
  std::printf("%s\n", info.message);
  otelue_close(exporter);
  return info.registered != 0 ? 0 : 1;
}

bool parse(const char* text, double* out) {
  char* end = nullptr;
  *out = std::strtod(text, &end);
  return end != text && *end == '\0' && *out >= 0;
}

int parse_and_watch(int argc, char** argv) {
  WatchOptions options;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("--")) {
      if (!options.file.empty()) return misuse("one recording at a time");
      options.file = argument;
      continue;
    }
    if (i + 1 == argc) return misuse(argument + " takes a value");
    const char* value = argv[++i];
    double number = 0;
    if (argument == "--record") {
      options.record = value;
    } else if (!parse(value, &number)) {
      return misuse(argument + ": " + value + " is not a number");
    } else if (argument == "--count") {
      options.count = static_cast<uint64_t>(number);
    } else if (argument == "--timeout") {
      options.seconds = number;
    } else if (argument == "--ring-pages") {
      options.ring_pages = static_cast<size_t>(number);
      if (options.ring_pages == 0 || (options.ring_pages & (options.ring_pages - 1)) != 0) {
        return misuse("--ring-pages takes a power of two");
      }
    } else {
      return misuse("unknown option " + argument);
    }
  }
  return watch(options);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "watch") return parse_and_watch(argc, argv);
  if (command == "demo" && argc == 2) return demo("");
  if (command == "demo" && argc == 4 && std::strcmp(argv[2], "--file") == 0) return demo(argv[3]);
  if (command == "status" && argc == 2) return status();
  if (command == "--help" || command == "help") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (command == "--version") {
    std::printf("otelue %u.%u.%u\n", otelue_version() >> 16, otelue_version() >> 8 & 0xff, otelue_version() & 0xff);
    return 0;
  }
  return misuse(command.empty() ? "no command" : "cannot " + command + " like this");
}
