// SPDX-License-Identifier: Apache-2.0
#include "completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace otelue::tool {
namespace {

struct Choice {
  std::string name;  // without its dashes
  std::string description;
  std::vector<std::string> words;  // to choose its value from
  bool has_value;
  bool is_file;
};

struct Command {
  std::string name;
  std::string description;
  std::vector<Choice> options;
  bool takes_file = false;
};

std::vector<std::string> words_of(const std::string& type) {
  std::vector<std::string> words;
  if (type.find('|') == std::string::npos) return words;
  for (size_t at = 0; at <= type.size();) {
    const size_t end = std::min(type.find('|', at), type.size());
    words.push_back(type.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

void add_options(const CLI::App& app, Command* command) {
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    const std::string type = option->get_type_name();
    if (option->get_positional()) command->takes_file = command->takes_file || type == "FILE";
    for (const std::string& name : option->get_lnames()) {
      const bool has_value = option->get_type_size_max() > 0 && !type.empty();
      command->options.push_back({name, option->get_description(), words_of(type), has_value, type == "FILE"});
    }
  }
  // Groups of options are commands without a name.
  for (const CLI::App* group : app.get_subcommands([](const CLI::App* one) { return one->get_name().empty(); })) {
    add_options(*group, command);
  }
}

std::vector<Command> commands_of(const CLI::App& app) {
  std::vector<Command> commands;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App* other) { return !other->get_name().empty(); })) {
    commands.push_back({one->get_name(), one->get_description(), {}});
    add_options(*one, &commands.back());
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// Within single quotes of any of the shells; the descriptions have no backslash.
std::string quoted(const std::string& text, const char* quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string(quote) : std::string(1, c);
  return out + "'";
}

std::string bash(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  std::string values;
  std::string options;
  for (const Command& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> words;
    for (const Choice& option : command.options) {
      words.push_back("--" + option.name);
      if (!option.has_value) continue;
      values +=
          "    " + command.name + ":--" + option.name + ") " +
          (option.words.empty() ? (option.is_file ? "compopt -o default" : ":")
                                : "COMPREPLY=($(compgen -W '" + joined(option.words, " ") + "' -- \"$current\"))") +
          "; return ;;\n";
    }
    options += "    " + command.name + ") options='" + joined(words, " ") +
               "' files=" + (command.takes_file ? "yes" : "") + " ;;\n";
  }
  return "_otelue() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options= files=\n"
         "  COMPREPLY=()\n"
         "  if [[ $COMP_CWORD -eq 1 ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         joined(names, " ") +
         " --help --version' -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]}:$previous in\n" +
         values +
         "  esac\n"
         "  case ${COMP_WORDS[1]} in\n" +
         options +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
         "  elif [[ $files ]]; then\n"
         "    compopt -o default\n"
         "  fi\n"
         "}\n"
         "complete -F _otelue otelue\n";
}

// For _arguments and _describe, where brackets and colons mean something.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const std::vector<Command>& commands) {
  constexpr const char* kQuote = "'\\''";
  std::string names;
  std::string cases;
  for (const Command& command : commands) {
    names += "    " + quoted(zsh_text(command.name) + ':' + zsh_text(command.description), kQuote) + "\n";
    cases += "  " + command.name + ")\n    _arguments";
    for (const Choice& option : command.options) {
      std::string spec = "--" + option.name + '[' + zsh_text(option.description) + ']';
      if (option.has_value) {
        spec += ":value:";
        if (!option.words.empty()) spec += '(' + joined(option.words, " ") + ')';
        if (option.is_file) spec += "_files";
      }
      cases += " \\\n      " + quoted(spec, kQuote);
    }
    if (command.takes_file) cases += " \\\n      '*:file:_files'";
    cases += "\n    ;;\n";
  }
  return "#compdef otelue\n"
         "local -a subcommands\n"
         "if (( CURRENT == 2 )); then\n"
         "  subcommands=(\n" +
         names +
         "  )\n"
         "  _describe command subcommands\n"
         "  return\n"
         "fi\n"
         "local command=$words[2]\n"
         "shift words\n"
         "(( CURRENT-- ))\n"
         "case $command in\n" +
         cases + "esac\n";
}

std::string fish(const std::vector<Command>& commands) {
  constexpr const char* kQuote = "\\'";
  std::string script = "complete -c otelue -f\n";
  for (const Command& command : commands) {
    script += "complete -c otelue -n __fish_use_subcommand -a " + command.name + " -d " +
              quoted(command.description, kQuote) + "\n";
  }
  for (const Command& command : commands) {
    const std::string begin = "complete -c otelue -n '__fish_seen_subcommand_from " + command.name + "'";
    if (command.takes_file) script += begin + " -F\n";
    for (const Choice& option : command.options) {
      script += begin + " -l " + option.name;
      if (option.has_value) script += option.is_file ? " -r -F" : " -x";
      if (!option.words.empty()) script += " -a '" + joined(option.words, " ") + "'";
      script += " -d " + quoted(option.description, kQuote) + "\n";
    }
  }
  return script;
}

}  // namespace

std::string completion(const CLI::App& app, Shell shell) {
  const std::vector<Command> commands = commands_of(app);
  switch (shell) {
    case Shell::kBash:
      return bash(commands);
    case Shell::kZsh:
      return zsh(commands);
    case Shell::kFish:
      break;
  }
  return fish(commands);
}

}  // namespace otelue::tool
