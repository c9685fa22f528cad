// SPDX-License-Identifier: Apache-2.0
// What the kernel tells about this host and this process.
#ifndef OTELUE_SRC_TOOL_HOST_H
#define OTELUE_SRC_TOOL_HOST_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace otelue::tool {

struct Release {
  std::string text;
  unsigned major = 0;
  unsigned minor = 0;

  bool is_at_least(unsigned wanted_major, unsigned wanted_minor) const {
    return major != wanted_major ? major > wanted_major : minor >= wanted_minor;
  }
};
Release kernel_release();

// A line of the kernel's configuration that sets or unsets this, and the file it is from. Empty: not found.
struct ConfigLine {
  std::string text;
  std::string file;
};
ConfigLine kernel_config(const std::string& name);

struct Mount {
  std::string path;
  std::string options;
  bool is_directory;  // else a single file of tracefs
};
// In the order of /proc/self/mounts.
std::vector<Mount> tracefs_mounts();

// The words of a small file; nothing when it cannot be read.
std::optional<std::string> file_text(const std::string& path);
std::optional<int64_t> file_number(const std::string& path);
// A field of /proc/self/status, such as "Seccomp"; empty when it is not there.
std::string status_field(const std::string& name);
bool has_capability(const std::string& set, int capability);  // a set of /proc/self/status, such as "CapBnd"

// Rights in a user namespace do not count outside of it.
bool is_in_user_namespace();
// What kind of container this is; empty: none that can be told.
std::string container();

// What a directory holds, sorted; nothing when it cannot be read.
std::vector<std::string> names_in(const std::string& directory);
// The processes, but for this one, that have this file open, as "name (pid 7)".
std::vector<std::string> processes_with(const std::string& path);

// A word of a shell.
std::string shell_word(const std::string& text);

}  // namespace otelue::tool

#endif
