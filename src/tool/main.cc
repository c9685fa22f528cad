// SPDX-License-Identifier: Apache-2.0
// The `otelue` command.
#include <otelue/otelue.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "commands.h"
#include "completion.h"
#include "io.h"
#include "printer.h"

namespace {

using namespace otelue::tool;

constexpr uint64_t kMost = 1'000'000'000;
constexpr uint64_t kMostRingPages = 1 << 18;

// An option that takes a plain whole number from 1 to `most`. CLI11 would take 010 for 8 as well, and 0x10.
template <typename Number>
CLI::Option* add_number(CLI::App* app, const char* name, Number* value, uint64_t most, const char* unit,
                        const char* description) {
  const auto parse = [value, most](const CLI::results_t& given) {
    const std::string& text = given.back();
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number == 0 || number > most) {
      throw CLI::ValidationError("'" + text + "' is not a whole number from 1 to " + std::to_string(most));
    }
    *value = static_cast<Number>(number);
    return true;
  };
  return app->add_option(name, parse, description)->type_name(unit)->expected(1);
}

CLI::Option* add_ring_pages(CLI::App* app, size_t* value) {
  return add_number(
             app, "--ring-pages", value, kMostRingPages, "N",
             "Size of the ring of each processor, in pages: a power of two (default: what is allowed, up to 8 MiB)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool is_power = std::has_single_bit(std::strtoull(text.c_str(), nullptr, 10));
            return is_power ? "" : "'" + text + "' is not a power of two";
          },
          ""));
}

CLI::Option* add_path(CLI::App* app, const char* name, std::string* value, const char* description) {
  const auto is_named = [](const std::string& text) { return text.empty() ? "a file needs a name" : ""; };
  return app->add_option(name, *value, description)->type_name("FILE")->check(CLI::Validator(is_named, ""));
}

// An option with a few words to choose from.
template <typename Choice>
CLI::Option* add_choice(CLI::App* app, const char* name, Choice* value,
                        const std::vector<std::pair<std::string, Choice>>& choices, const char* description) {
  std::string words;
  for (const auto& [word, choice] : choices) words += (words.empty() ? "" : "|") + word;
  const auto parse = [=](const CLI::results_t& given) {
    for (const auto& [word, choice] : choices) {
      if (word != given.back()) continue;
      *value = choice;
      return true;
    }
    throw CLI::ValidationError("'" + given.back() + "' is none of " + words);
  };
  return app->add_option(name, parse, description)->type_name(words)->expected(1);
}

CLI::Option* add_format(CLI::App* app, Format* value) {
  return add_choice<Format>(
      app, "--format", value, {{"text", Format::kText}, {"json", Format::kJson}, {"otlp", Format::kOtlp}},
      "How to print: as text, as OTLP/JSON with a request per line, or as encoded requests, each behind "
      "its length in 4 bytes");
}

CLI::Option* add_from(CLI::App* app, Content* value) {
  return add_choice<Content>(app, "--from", value,
                             {{"recording", Content::kRecording},
                              {"batch", Content::kBatch},
                              {"otlp", Content::kOtlp},
                              {"delimited", Content::kDelimited},
                              {"json", Content::kJson},
                              {"event", Content::kEvent},
                              {"perf", Content::kPerf},
                              {"hex", Content::kHex},
                              {"base64", Content::kBase64}},
                             "What it is (default: what it looks like)");
}

// An option that may be given several times, with KEY=VALUE or KEY:TYPE=VALUE.
CLI::Option* add_attributes(CLI::App* app, const char* name, std::vector<std::string>* values,
                            const char* description) {
  return app->add_option(name, *values, description)
      ->type_name("KEY[:TYPE]=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(check_attribute, ""));
}

CLI::App* add_emit(CLI::App* app, EmitOptions* options) {
  CLI::App* command = app->add_subcommand("emit", "Write the metrics of a file, or one value, to the tracepoint");
  CLI::Option* file = add_path(command, "file", &options->file,
                               "OTLP/JSON, encoded requests, a batch, a recording, or what else decode reads; - is "
                               "standard input");
  add_from(command, &options->from)->needs(file);
  add_number(command, "--repeat", &options->repeat, kMost, "N", "Write all of it so many times")->needs(file);
  add_number(command, "--rate", &options->rate, kMost, "N", "Export so many requests or batches a second")->needs(file);
  add_number(command, "--wait", &options->wait_seconds, kMost, "SECONDS", "Wait so long for a listener, if need be");
  add_path(command, "--record", &options->record, "Append to this recording instead");
  CLI::App* instruments = command->add_option_group("One value");
  Measurement* one = &options->measurement;
  const std::tuple<const char*, Instrument, const char*> kinds[] = {
      {"--counter", Instrument::kCounter, "Add to a counter"},
      {"--up-down-counter", Instrument::kUpDownCounter, "Add to a counter that can fall"},
      {"--gauge", Instrument::kGauge, "What a gauge shows"},
      {"--histogram", Instrument::kHistogram, "One value of a histogram with the usual bounds"}};
  for (const auto& [name, instrument, description] : kinds) {
    const auto parse = [one, instrument = instrument](const CLI::results_t& given) {
      if (const std::string why = check_value(instrument, given[1]); !why.empty()) throw CLI::ValidationError(why);
      one->instrument = instrument;
      one->name = given[0];
      one->value = given[1];
      return true;
    };
    instruments->add_option(name, parse, description)
        ->type_name("NAME VALUE")
        ->expected(2)
        ->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  instruments->require_option(0, 1);
  for (CLI::Option* instrument : instruments->get_options()) instrument->excludes(file);
  command->final_callback([=] {
    if (options->file.empty() && one->instrument == Instrument::kNone) {
      throw CLI::RequiredError("a file, or one of --counter, --up-down-counter, --gauge and --histogram");
    }
  });
  add_attributes(command, "--attribute", &one->attributes, "An attribute; TYPE is string, int, double or bool")
      ->excludes(file);
  add_attributes(command, "--resource", &one->resource_attributes, "The same of the resource")->excludes(file);
  command->add_option("--unit", one->unit, "The unit, such as s or {job}")->type_name("UNIT")->excludes(file);
  command->add_option("--description", one->description, "What it measures")->type_name("TEXT")->excludes(file);
  return command;
}

CLI::App* add_forward(CLI::App* app, ForwardOptions* options) {
  CLI::App* command = app->add_subcommand("forward", "Send what is written to the tracepoint to an OTLP/HTTP endpoint");
  command->add_option("--to", options->to, "Where to; /v1/metrics is added to what has no path")->type_name("URL");
  CLI::Option* file = add_path(command, "file", &options->file, "Send this recording instead; - is standard input");
  add_ring_pages(command, &options->ring_pages)->excludes(file);
  add_number(command, "--batch", &options->batch_kibibytes, 64 * 1024, "KIB",
             "Size of a request before it is compressed (default: 1024)");
  add_number(command, "--flush", &options->flush_milliseconds, 3'600'000, "MILLISECONDS",
             "Send what has come after so long (default: 1000)");
  add_number(command, "--queue", &options->queue_mebibytes, 64 * 1024, "MIB",
             "How much may wait to be sent; what comes then is dropped and counted (default: 64)");
  add_number(command, "--stop", &options->stop_seconds, 3600, "SECONDS",
             "How long to go on sending at the end (default: 5)");
  command->add_flag("--process", options->has_process,
                    "Say in each resource which process wrote it: process.pid, process.executable.path and .name, "
                    "container.id");
  command->add_flag("--own-metrics", options->has_own_metrics, "Send how it is doing as well, every 10 s");
  return command;
}

int print(const std::string& text) {
  Output out(1);
  out.write(text);
  return finish(out, kDone);
}

int run(int argc, char** argv) {
  const uint32_t number = otelue_version();
  const std::string version = "otelue " + std::to_string(number >> 16) + '.' + std::to_string(number >> 8 & 0xff) +
                              '.' + std::to_string(number & 0xff);
  CLI::App app("OpenTelemetry metrics through the Linux user_events tracepoint otlp_metrics.", "otelue");
  app.set_version_flag("--version", version, "Print the version and exit");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0; 1 when events were lost or could not be decoded, or when the tracepoint cannot be used\n"
      "(status, demo); 2 for a mistake in the command line; 3 when it cannot listen, read or write. Of doctor: 4 when\n"
      "metrics cannot be written here, 8 when they cannot be read, 12 for both.");

  std::string demo_file;
  CLI::App* demo_command =
      app.add_subcommand("demo", "Send the metrics of a small HTTP service, and show what went out and what came back");
  add_path(demo_command, "--file", &demo_file, "Send them to this recording instead of the tracepoint");

  WatchOptions options;
  CLI::App* watch_command =
      app.add_subcommand("watch", "Print each data point that is written to the tracepoint, or those of a recording");
  CLI::Option* file = add_path(watch_command, "file", &options.file, "A recording to read; - is standard input");
  add_number(watch_command, "--count", &options.count, kMost, "N", "End after so many points");
  add_number(watch_command, "--timeout", &options.seconds, kMost, "SECONDS", "End after so long");
  add_path(watch_command, "--record", &options.record, "Keep the events in a recording as well");
  CLI::Option* format = add_format(watch_command, &options.format);
  add_ring_pages(watch_command, &options.ring_pages)->excludes(file);
  watch_command->add_flag("--table", options.wants_table, "Show a table, of a recording as well")->excludes(format);
  const auto add_filter = [&](const char* name, std::string* value, const char* description) {
    watch_command->add_option(name, *value, description)->type_name("TEXT")->excludes(format);
  };
  add_filter("--metric", &options.filter.metric, "Only metrics with this in their names");
  add_filter("--attribute", &options.filter.attribute, "Only points with this in their attributes, such as KEY=VALUE");
  add_filter("--service", &options.filter.service, "Only services with this in their names");
  add_number(watch_command, "--pid", &options.filter.pid, UINT32_MAX, "PID", "Only what this process writes")
      ->excludes(format);
  std::map<std::string, Column> columns;
  for (size_t i = 0; i < kColumns; ++i) columns[kColumnNames[i]] = static_cast<Column>(i);
  watch_command->add_option("--sort", options.sort, "The column by which a table is sorted")
      ->transform(CLI::Transformer(columns).description(""))
      ->type_name("COLUMN")
      ->excludes(format);
  watch_command->add_flag("--reverse", options.is_reversed, "Sort it the other way round")->excludes(format);

  DecodeOptions decoding;
  CLI::App* decode_command = app.add_subcommand("decode", "Print the metrics of a file in any form that is known here");
  add_path(decode_command, "file", &decoding.file, "The file; - is standard input")->required();
  add_from(decode_command, &decoding.from);
  add_format(decode_command, &decoding.format);

  EmitOptions emitting;
  CLI::App* emit_command = add_emit(&app, &emitting);

  ForwardOptions forwarding;
  CLI::App* forward_command = add_forward(&app, &forwarding);

  CLI::App* status_command = app.add_subcommand("status", "Say whether the tracepoint can be used here, and why not");
  bool wants_json = false;
  CLI::App* doctor_command = app.add_subcommand(
      "doctor", "Say whether metrics can be written and read here, and what mends what is in the way");
  doctor_command->add_flag("--json", wants_json, "Say it for programs");
  Shell shell = Shell::kBash;
  CLI::App* completion_command = app.add_subcommand("completion", "Print a script that completes this command line");
  add_choice<Shell>(completion_command, "shell", &shell,
                    {{"bash", Shell::kBash}, {"zsh", Shell::kZsh}, {"fish", Shell::kFish}}, "The shell")
      ->required();
  CLI::App* help_command = app.add_subcommand("help", "Print this help and exit");
  CLI::App* version_command = app.add_subcommand("version", "Print the version and exit");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream complaint;
    const bool is_fine = app.exit(error, out, complaint) == 0;
    if (is_fine) return print(out.str());
    std::fputs(("otelue: " + complaint.str()).c_str(), stderr);
    return kUsage;
  }
  if (demo_command->parsed()) return demo(demo_file);
  options.has_format = format->count() > 0;
  if (watch_command->parsed()) return watch(options);
  if (decode_command->parsed()) return decode(decoding);
  if (emit_command->parsed()) return emit(emitting);
  if (forward_command->parsed()) return forward(forwarding);
  if (status_command->parsed()) return status();
  if (doctor_command->parsed()) return doctor(wants_json);
  if (completion_command->parsed()) return print(completion(app, shell));
  if (help_command->parsed()) {
    app.clear();  // else it would be the help of this command
    return print(app.help());
  }
  if (version_command->parsed()) return print(version + '\n');
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  prepare_process();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    complain(error.what());
    return kCannot;
  }
}
