// SPDX-License-Identifier: Apache-2.0
#include "rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "event_format.h"

namespace otelue::tool {
namespace {

constexpr int kPerfmon = 38;  // CAP_PERFMON, which older headers lack

bool is_effective(const __user_cap_data_struct* data, int capability) {
  return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
}

bool is_refused(const std::string& path, int mode) {
  return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) != 0 && errno == EACCES;
}

std::string missing_rights() {
  std::string missing;
  const auto add = [&](const std::string& right) { missing += (missing.empty() ? "" : ", ") + right; };
  char tracefs[4096] = "";
  otelue_find_tracefs(tracefs, sizeof tracefs);
  for (const Closed& closed : closed_to_listeners(tracefs)) {
    add((closed.mode == X_OK ? "x on " : "read access to ") + closed.path);
  }
  if (perf_right().empty()) add("CAP_PERFMON (or kernel.perf_event_paranoid = -1)");
  return missing;
}

}  // namespace

std::vector<Closed> closed_on_the_way(const std::string& directory, const std::vector<std::string>& names, int mode) {
  std::vector<Closed> closed;
  std::string path = directory;
  for (const std::string& name : names) {
    // What a closed directory holds is closed as well.
    if (is_refused(path, X_OK)) closed.push_back({path, X_OK});
    path += '/' + name;
  }
  if (is_refused(path, mode)) closed.push_back({path, mode});
  return closed;
}

std::vector<Closed> closed_to_listeners(const std::string& tracefs) {
  return closed_on_the_way(tracefs, {"events", "user_events", "otlp_metrics", "format"}, R_OK);
}

std::string perf_right() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  syscall(SYS_capget, &header, data);
  if (is_effective(data, kPerfmon)) return "CAP_PERFMON";
  if (is_effective(data, CAP_SYS_ADMIN)) return "CAP_SYS_ADMIN";
  int paranoid = 2;
  std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> paranoid;
  return paranoid < 0 ? "kernel.perf_event_paranoid = -1" : "";
}

std::string why_not_listening(int error) {
  switch (error) {
    case EACCES:
    case EPERM: {
      const std::string missing = missing_rights();
      return missing.empty()
                 ? "the kernel refuses perf_event_open to this process although it has the rights: by a container's "
                   "seccomp profile, a user namespace, a security module or lockdown"
                 : "no permission to listen; missing: " + missing;
    }
    case ENODEV:
      return "cannot listen: no directory of tracefs is mounted here, only files of it at most (mount -t tracefs "
             "tracefs /sys/kernel/tracing)";
    case ENOENT:
      return "no event otlp_metrics: nobody has registered it";
    case EPROTO:
      return "otlp_metrics is registered with other fields than protocol, version and buffer";
    case ENOMEM:
      return "not enough memory that may be locked for the rings: see kernel.perf_event_mlock_kb and --ring-pages";
    default:
      return std::string("cannot listen: ") + std::strerror(error);
  }
}

}  // namespace otelue::tool
