// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_RIGHTS_H
#define OTELUE_SRC_TOOL_RIGHTS_H

#include <string>
#include <vector>

namespace otelue::tool {

// What a person needs to know when listening failed with this errno: each right that is missing, for example.
std::string why_not_listening(int error);

// A path that is closed to this process.
struct Closed {
  std::string path;
  int mode;  // X_OK: a directory that it may not enter; R_OK, W_OK: the file at the end
};
// What is closed on the way from a directory to a file somewhere below it, such as events/x/format, that is to be
// opened for reading (R_OK) or writing (W_OK). Without a directory: of the file alone.
std::vector<Closed> closed_on_the_way(const std::string& directory, const std::vector<std::string>& names, int mode);
std::vector<Closed> closed_to_listeners(const std::string& tracefs);

// What lets this process read what others write, in words; empty: nothing does.
std::string perf_right();

}  // namespace otelue::tool

#endif
