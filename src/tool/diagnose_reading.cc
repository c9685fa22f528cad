// SPDX-License-Identifier: Apache-2.0
// What bears on reading: who listens already, what they take, and whether this process may.
#include <linux/perf_event.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "event_format.h"
#include "examination.h"
#include "host.h"
#include "perf_listener.h"
#include "text.h"

namespace otelue::tool {
namespace {

constexpr int kPerfmon = 38;             // CAP_PERFMON, which older headers lack
constexpr int64_t kLargestPerf = 8168;   // PERF_MAX_TRACE_SIZE without what surrounds the OTLP
constexpr int64_t kFtraceOverhead = 48;  // what surrounds it in a sub-buffer
constexpr const char* kNamespace =
    "rights in a user namespace do not count: listen on the host, or in a container without one";

// An errno, or 0: whether this process may have the kernel count something on a processor that others use too.
int try_perf() {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_DUMMY;
  for (int cpu = 0;; ++cpu) {
    const auto fd = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd >= 0) return close(fd), 0;
    if (errno != ENODEV) return errno;  // this processor is off
  }
}

}  // namespace

std::string Examination::event_file(const std::string& instance, const char* name) const {
  return tracefs_ + instance + "/events/user_events/otlp_metrics/" + name;
}

void Examination::examine_listeners(const Registration& registration) {
  for (const std::string& name : names_in(tracefs_ + "/instances")) instances_.push_back("/instances/" + name);
  std::erase_if(instances_, [this](const std::string& instance) {
    return file_number(event_file(instance, "enable")).value_or(0) == 0;
  });
  if (file_number(event_file("", "enable")).value_or(0) != 0) instances_.insert(instances_.begin(), "");

  std::vector<std::string> who;
  std::istringstream lines(tracefs_.empty() ? "" : file_text(tracefs_ + "/user_events_status").value_or(""));
  const bool is_known = lines.rdbuf()->in_avail() > 0;
  constexpr const char* kUsed = "otlp_metrics # Used by ";
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kUsed)) continue;
    std::istringstream words(line.substr(std::strlen(kUsed)));
    for (std::string word; words >> word;) {
      if (word != "ftrace" || instances_.empty()) who.push_back(word);
    }
  }
  for (const std::string& instance : instances_) {
    who.push_back(instance.empty() ? "ftrace's top level" : "ftrace's instance " + printable(instance.substr(11)));
  }
  if (!who.empty()) {
    add("listeners", State::kOk, "who listens: " + joined(who, ", "));
  } else if (is_known) {
    add("listeners", State::kOk, "nobody listens");
  } else if (registration.is_registered()) {
    add("listeners", State::kOk,
        (registration.is_heard() ? "somebody listens" : "nobody listens") +
            std::string("; who does is told by user_events_status, which cannot be read here"));
  } else {
    add("listeners", State::kOk, "who listens cannot be told here: it is in user_events_status of tracefs");
  }
}

int64_t Examination::ftrace_takes(const std::string& instance) const {
  const int64_t page = sysconf(_SC_PAGESIZE);
  if (!kernel_release().is_at_least(7, 3)) return page - kFtraceOverhead;
  const auto kib = file_number(tracefs_ + instance + "/buffer_subbuf_size_kb");
  return (kib ? *kib * 1024 : page) - kFtraceOverhead;
}

void Examination::examine_sizes() {
  std::string text = "perf takes events with up to " + std::to_string(kLargestPerf) + " bytes of OTLP, ftrace up to " +
                     std::to_string(ftrace_takes(""));
  for (const std::string& instance : instances_) {
    if (!instance.empty()) {
      text += ", its instance " + printable(instance.substr(11)) + " up to " + std::to_string(ftrace_takes(instance));
    }
  }
  add("sizes", State::kOk,
      text + "; an exporter fills events up to " + std::to_string(OTELUE_DEFAULT_TARGET_EVENT_BYTES) +
          ", and a large point may take " + std::to_string(OTELUE_DEFAULT_MAX_EVENT_BYTES));
}

void Examination::examine_perf() {
  const std::string right = perf_right();
  const int error = try_perf();
  // What a user namespace gives counts only within it.
  const bool has_no_say =
      is_in_user_namespace() && file_number("/proc/sys/kernel/perf_event_paranoid").value_or(2) >= 0;
  if (right.empty()) {
    Finding& finding = add("perf", State::kProblem,
                           user_text() +
                               " may not read what others write: it takes CAP_PERFMON, or "
                               "kernel.perf_event_paranoid = -1, which is " +
                               file_text("/proc/sys/kernel/perf_event_paranoid").value_or("not readable here"));
    return offer_perfmon(finding);
  }
  if (error == 0 && !has_no_say) {
    add("perf", State::kOk, user_text() + " may use perf: " + right);
    return;
  }
  Finding& finding = add("perf", State::kProblem,
                         "perf_event_open() is refused (" + std::string(std::strerror(error == 0 ? EACCES : error)) +
                             ") although this process has " + right);
  if (has_no_say) {
    finding.reason = kNamespace;
  } else if (status_field("Seccomp") == "2") {
    finding.reason = "a seccomp filter is in force; whoever runs this container has to let perf_event_open() pass";
  } else {
    finding.reason = "a security module or lockdown is in the way; the kernel's log may say which";
  }
}

void Examination::offer_perfmon(Finding& finding) const {
  const std::string exe = std::filesystem::read_symlink("/proc/self/exe");
  const bool has_no_attributes = getxattr(exe.c_str(), "security.capability", nullptr, 0) < 0 && errno != ENODATA;
  struct statvfs mount {};
  statvfs(exe.c_str(), &mount);
  if (is_in_user_namespace()) {
    finding.reason = kNamespace;
  } else if (!has_capability("CapBnd", kPerfmon)) {
    finding.reason =
        "this process and its children can never have it; whoever runs this container has to add it "
        "(docker run --cap-add PERFMON; a container's other users need it on the file as well)";
  } else if (status_field("NoNewPrivs") == "1") {
    finding.reason =
        "no_new_privs is set, with which a file gives no rights; whoever starts this process has to "
        "(AmbientCapabilities=CAP_PERFMON in a unit of systemd)";
  } else if (has_no_attributes || (mount.f_flag & ST_NOSUID) != 0) {
    finding.text += "; " + printable(exe) + " is where a file cannot give rights";
    finding.command = "sysctl -w kernel.perf_event_paranoid=-1";
  } else {
    finding.command = "setcap cap_perfmon=ep " + shell_word(exe);
  }
}

void Examination::examine_reading(const Registration& registration) {
  if (tracefs_.empty()) return;  // said of tracefs
  const std::vector<Closed> closed = closed_to_listeners(tracefs_);
  if (!closed.empty()) {
    Finding& finding = add("format", State::kProblem, user_text() + ' ' + printable(closed_text(closed)));
    if (is_in_user_namespace()) {
      finding.reason = "the host's root has to open it to this user";
    } else {
      std::vector<Closed> all = closed;
      if (all.back().mode == X_OK) all.push_back({event_file("", "format"), R_OK});
      finding.command = opening(all);
      finding.text +=
          "; once opened, it stays so for as long as the event is registered, and "
          "the mount options gid= and mode= open all of tracefs for good";
    }
    return;
  }
  otelue_event_format format{};
  const int error = -otelue_find_event(&format);
  if (error == ENOENT) {
    add("format", State::kProblem, "nobody has registered otlp_metrics, and this process cannot").reason =
        "it is there once a program registers it";
    return;
  }
  if (error == EPROTO && registration.error() == EADDRINUSE) return;  // said of the definition
  if (error != 0) {
    add("format", State::kProblem, why_not_listening(error)).reason = "the event is not what this command reads";
    return;
  }
  add("format", State::kOk, user_text() + " can read " + printable(event_file("", "format")));
  if (diagnosis_.findings.end() != std::find_if(diagnosis_.findings.begin(), diagnosis_.findings.end(), [](auto& one) {
        return one.check == "perf" && one.state == State::kProblem;
      })) {
    return;
  }
  examine_rings();
}

void Examination::examine_rings() {
  PerfListener listener;
  if (const std::string error = listener.open(); !error.empty()) {
    Finding& finding = add("rings", State::kProblem, error);
    return offer_memory(finding, 16);
  }
  diagnosis_.can_read = true;
  const std::string text = "listening works, with a ring of " + std::to_string(listener.ring_bytes() / 1024) +
                           " KiB for each of " + std::to_string(listener.processors()) + " processors";
  if (listener.ring_bytes() >= listener.wanted_bytes()) {
    add("rings", State::kOk, text);
  } else {
    offer_memory(
        add("rings", State::kWarning, text + ", which a large export fills: more is not allowed without CAP_IPC_LOCK"),
        static_cast<int64_t>(listener.wanted_bytes() / 1024));
  }
}

void Examination::offer_memory(Finding& finding, int64_t kib) {
  const int64_t page = sysconf(_SC_PAGESIZE) / 1024;
  finding.command = "sysctl -w kernel.perf_event_mlock_kb=" + std::to_string(kib + page);
}

}  // namespace otelue::tool
