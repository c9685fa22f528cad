// SPDX-License-Identifier: Apache-2.0
#include "user_events/data_file.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>

namespace otelue_core::user_events {
namespace {

constexpr char kName[] = "user_events_data";
// Lines of /proc/self/mountinfo, read piecewise: a line that is longer than the buffer is passed over.
class Lines {
 public:
  Lines() : fd_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (fd_ >= 0) close(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // The next line, NUL-terminated; nullptr at the end.
  char* next() {
    while (true) {
      if (char* line = take()) return line;
      if (!fill()) return nullptr;
    }
  }

 private:
  char* take() {
    while (true) {
      auto* newline = static_cast<char*>(memchr(buffer_ + begin_, '\n', end_ - begin_));
      if (newline == nullptr) return nullptr;
      char* line = buffer_ + begin_;
      *newline = '\0';
      begin_ = static_cast<size_t>(newline + 1 - buffer_);
      if (!skipping_) return line;
      skipping_ = false;
    }
  }
  bool fill() {
    if (fd_ < 0) return false;
    memmove(buffer_, buffer_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == sizeof buffer_) {
      skipping_ = true;
      end_ = 0;
    }
    // The lesser of two, for gcc 14, which does not see that it is always the first.
    const ssize_t n = read(fd_, buffer_ + end_, std::min(sizeof buffer_ - end_, sizeof buffer_));
    if (n <= 0) return false;
    end_ += static_cast<size_t>(n);
    return true;
  }

  int fd_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool skipping_ = false;
  char buffer_[4096];
};

// mountinfo writes blanks and backslashes in paths as \ooo (proc(5)).
void unescape(char* path) {
  auto digit = [](char c) { return c >= '0' && c <= '7'; };
  char* to = path;
  for (const char* from = path; *from != '\0';) {
    if (from[0] == '\\' && digit(from[1]) && digit(from[2]) && digit(from[3])) {
      *to++ = static_cast<char>((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
      from += 4;
    } else {
      *to++ = *from++;
    }
  }
  *to = '\0';
}

// The file below one mount: "36 35 98:0 /root /mount/point options [optional] - type source super-options".
bool path_in_mount(char* line, char* path) {
  char* rest = line;
  char* root = nullptr;
  char* mount_point = nullptr;
  for (int field = 0; field < 5; ++field) {
    char* word = strsep(&rest, " ");
    if (word == nullptr || rest == nullptr) return false;
    if (field == 3) root = word;
    if (field == 4) mount_point = word;
  }
  char* type = strstr(rest, " - ");
  if (type == nullptr) return false;
  type += 3;
  const bool is_tracefs = strncmp(type, "tracefs ", 8) == 0;
  const bool is_debugfs = strncmp(type, "debugfs ", 8) == 0;
  if (!is_tracefs && !is_debugfs) return false;

  unescape(mount_point);
  const char* root_name = strrchr(root, '/');
  const bool is_the_file = root_name != nullptr && strcmp(root_name + 1, kName) == 0;
  const char* below = is_the_file ? "" : is_debugfs ? "/tracing/user_events_data" : "/user_events_data";
  const size_t length = strlen(mount_point);
  if (length + strlen(below) >= PATH_MAX) return false;
  memcpy(path, mount_point, length);
  memcpy(path + length, below, strlen(below) + 1);
  return true;
}

}  // namespace

int open_data_file(process::Pending& pending) {
  int error = -ENOENT;
  auto open_at = [&](const char* path) {
    const int fd = process::open_marked(path, kDataFileFlags, 0, pending);
    if (fd < 0 && fd != -ENOENT && error == -ENOENT) error = fd;
    return fd;
  };
  for (const char* path : {"/sys/kernel/tracing/user_events_data", "/sys/kernel/debug/tracing/user_events_data"}) {
    if (const int fd = open_at(path); fd >= 0) return fd;
  }
  Lines lines;
  char path[PATH_MAX];
  while (char* line = lines.next()) {
    if (!path_in_mount(line, path)) continue;
    if (const int fd = open_at(path); fd >= 0) return fd;
  }
  return error;
}

void read_registered_format(char* out, size_t size) {
  out[0] = '\0';
  int fd = open("/sys/kernel/tracing/events/user_events/otlp_metrics/format", O_RDONLY | O_CLOEXEC);
  if (fd < 0) fd = open("/sys/kernel/debug/tracing/events/user_events/otlp_metrics/format", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[2048];
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return;
  text[n] = '\0';

  // One line per field: "\tfield:u32 protocol;\toffset:8;\tsize:4;\tsigned:0;", ours behind an empty line.
  const char* fields = strstr(text, "\n\n");
  size_t used = 0;
  for (const char* at = fields; at != nullptr && (at = strstr(at, "field:")) != nullptr;) {
    at += strlen("field:");
    const size_t length = strcspn(at, ";\n");
    if (used + length + 3 > size) break;
    if (used > 0) {
      memcpy(out + used, "; ", 2);
      used += 2;
    }
    memcpy(out + used, at, length);
    used += length;
    out[used] = '\0';
  }
}

}  // namespace otelue_core::user_events
