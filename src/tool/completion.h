// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_COMPLETION_H
#define OTELUE_SRC_TOOL_COMPLETION_H

#include <string>

namespace CLI {
class App;
}

namespace otelue::tool {

enum class Shell { kBash, kZsh, kFish };

// A script that completes the command line, from what the parser knows of it.
std::string completion(const CLI::App& app, Shell shell);

}  // namespace otelue::tool

#endif
