// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kMostConfig = 4 << 20;

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\n") + 1);
  text.erase(0, std::min(text.find_first_not_of(" \t\n"), text.size()));
  return text;
}

std::string unzipped(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  google::protobuf::io::FileInputStream file(fd);
  file.SetCloseOnDelete(true);
  google::protobuf::io::GzipInputStream unzip(&file);
  std::string text;
  const void* block = nullptr;
  for (int size = 0; text.size() < kMostConfig && unzip.Next(&block, &size);) {
    text.append(static_cast<const char*>(block), static_cast<size_t>(size));
  }
  return text;
}

}  // namespace

Release kernel_release() {
  utsname names{};
  uname(&names);
  Release release;
  release.text = names.release;
  std::sscanf(names.release, "%u.%u", &release.major, &release.minor);
  return release;
}

ConfigLine kernel_config(const std::string& name) {
  const std::string release = kernel_release().text;
  for (const std::string& file :
       {std::string("/proc/config.gz"), "/boot/config-" + release, "/lib/modules/" + release + "/config"}) {
    std::istringstream lines(file.ends_with(".gz") ? unzipped(file) : file_text(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(name + '=') || line == "# " + name + " is not set") return {line, file};
    }
  }
  return {};
}

std::vector<Mount> tracefs_mounts() {
  std::vector<Mount> found;
  FILE* mounts = setmntent("/proc/self/mounts", "re");
  if (mounts == nullptr) return found;
  mntent entry{};
  char line[8192];
  while (getmntent_r(mounts, &entry, line, sizeof line) != nullptr) {
    struct stat file {};
    // What another mount hides is not there.
    if (std::string(entry.mnt_type) != "tracefs" || stat(entry.mnt_dir, &file) != 0) continue;
    found.push_back({entry.mnt_dir, entry.mnt_opts, S_ISDIR(file.st_mode)});
  }
  endmntent(mounts);
  return found;
}

std::optional<std::string> file_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text(std::istreambuf_iterator<char>(file), {});
  return file.bad() ? std::nullopt : std::optional(trimmed(std::move(text)));
}

std::optional<int64_t> file_number(const std::string& path) {
  const auto text = file_text(path);
  if (!text || text->empty()) return std::nullopt;
  return std::strtoll(text->c_str(), nullptr, 10);
}

std::string status_field(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ':')) return trimmed(line.substr(name.size() + 1));
  }
  return "";
}

bool has_capability(const std::string& set, int capability) {
  return (std::strtoull(status_field(set).c_str(), nullptr, 16) >> capability & 1) != 0;
}

bool is_in_user_namespace() {
  // The number of the first one is a part of the kernel's interface.
  char name[64] = "";
  const ssize_t size = readlink("/proc/self/ns/user", name, sizeof name - 1);
  return size > 0 && std::string(name, static_cast<size_t>(size)) != "user:[4026531837]";
}

std::string container() {
  if (const char* name = std::getenv("container"); name != nullptr && *name != '\0') return printable(name);
  if (access("/.dockerenv", F_OK) == 0) return "docker";
  if (access("/run/.containerenv", F_OK) == 0) return "podman";
  if (const char* host = std::getenv("KUBERNETES_SERVICE_HOST"); host != nullptr) return "kubernetes";
  return is_in_user_namespace() ? "a user namespace" : "";
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;  // ends the iteration
  for (std::filesystem::directory_iterator at(directory, error), end; at != end; at.increment(error)) {
    names.push_back(at->path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> processes_with(const std::string& path) {
  struct stat wanted {};
  std::vector<std::string> found;
  if (stat(path.c_str(), &wanted) != 0) return found;
  const auto is_it = [&](const std::string& fd) {
    struct stat file {};
    return stat(fd.c_str(), &file) == 0 && file.st_dev == wanted.st_dev && file.st_ino == wanted.st_ino;
  };
  for (const std::string& pid : names_in("/proc")) {
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == std::to_string(getpid())) continue;
    const std::string process = "/proc/" + pid;
    const std::vector<std::string> fds = names_in(process + "/fd");
    if (std::any_of(fds.begin(), fds.end(), [&](const std::string& fd) { return is_it(process + "/fd/" + fd); })) {
      found.push_back(printable(file_text(process + "/comm").value_or("?")) + " (pid " + pid + ')');
    }
  }
  return found;
}

std::string shell_word(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

}  // namespace otelue::tool
