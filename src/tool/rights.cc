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

bool may_use_perf() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  syscall(SYS_capget, &header, data);
  if (is_effective(data, kPerfmon) || is_effective(data, CAP_SYS_ADMIN)) return true;
  int paranoid = 2;
  std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> paranoid;
  return paranoid < 0;
}

bool is_refused(const std::string& path, int mode) {
  return faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) != 0 && errno == EACCES;
}

std::string missing_rights() {
  std::string missing;
  const auto add = [&](const std::string& right) { missing += (missing.empty() ? "" : ", ") + right; };
  char tracefs[4096] = "";
  otelue_find_tracefs(tracefs, sizeof tracefs);
  std::string path = tracefs;
  for (const char* inner : {"/events", "/user_events", "/otlp_metrics", "/format"}) {
    // What a closed directory holds is closed as well.
    if (is_refused(path, X_OK)) add("x on " + path);
    path += inner;
  }
  if (is_refused(path, R_OK)) add("read access to " + path);
  if (!may_use_perf()) add("CAP_PERFMON (or kernel.perf_event_paranoid = -1)");
  return missing;
}

}  // namespace

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
