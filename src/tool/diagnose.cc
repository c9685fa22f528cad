// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "event_format.h"
#include "examination.h"
#include "host.h"
#include "text.h"

namespace otelue::tool {
namespace {

constexpr const char* kUsual = "/sys/kernel/tracing";

std::string version_text(uint32_t version) {
  return std::to_string(version >> 16) + '.' + std::to_string(version >> 8 & 0xff) + '.' +
         std::to_string(version & 0xff);
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string user_text() {
  return geteuid() == 0 ? "root" : "user " + std::to_string(geteuid()) + " (group " + std::to_string(getegid()) + ')';
}

std::string opening(const std::vector<Closed>& closed) {
  std::string directories;
  std::string file;
  for (const Closed& one : closed) {
    const std::string path = shell_word(one.path);
    if (one.mode == X_OK) {
      directories += ' ' + path;
    } else {
      file = "chgrp " + std::to_string(getegid()) + ' ' + path + " && chmod g+" + (one.mode == W_OK ? 'w' : 'r') + ' ' +
             path;
    }
  }
  if (directories.empty()) return file;
  return "chmod a+x" + directories + (file.empty() ? "" : " && " + file);
}

std::string closed_text(const std::vector<Closed>& closed) {
  std::vector<std::string> texts;
  for (const Closed& one : closed) {
    texts.push_back(one.mode == X_OK ? "may not enter " + one.path
                                     : std::string("may not ") + (one.mode == W_OK ? "write " : "read ") + one.path);
  }
  return joined(texts, ", ");
}

Diagnosis Examination::run() {
  examine_library();
  examine_container();
  if (examine_kernel()) {
    examine_tracefs();
    const Registration registration;
    examine_writing(registration);
    examine_limit();
    examine_listeners(registration);
    examine_sizes();
    examine_perf();
    examine_reading(registration);
  }
  return std::move(diagnosis_);
}

Finding& Examination::add(const char* check, State state, std::string text) {
  diagnosis_.findings.push_back({check, state, std::move(text), "", ""});
  return diagnosis_.findings.back();
}

void Examination::examine_library() {
  constexpr uint32_t kOwn = OTELUE_VERSION_MAJOR << 16 | OTELUE_VERSION_MINOR << 8 | OTELUE_VERSION_PATCH;
  diagnosis_.command = version_text(kOwn);
  diagnosis_.library = version_text(otelue_version());
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&otelue_version), &info);
  std::error_code error;
  const std::string file = std::filesystem::canonical(info.dli_fname != nullptr ? info.dli_fname : "", error);
  const std::string self = std::filesystem::canonical("/proc/self/exe", error);
  const std::string soname = "libotelue.so." + std::to_string(OTELUE_ABI_VERSION);
  diagnosis_.library_file = file == self ? "" : file;
  const std::string text = "command " + diagnosis_.command + " with " +
                           (diagnosis_.library_file.empty() ? "the library built in" : soname) + ' ' +
                           diagnosis_.library + (diagnosis_.library_file.empty() ? "" : " from " + printable(file));
  if (otelue_version() == kOwn) {
    add("library", State::kOk, text);
  } else {
    add("library", State::kWarning, text).reason = "install both from the same release";
  }
}

void Examination::examine_container() {
  const std::string name = container();
  if (is_in_user_namespace()) {
    add("container", State::kWarning, "this is " + name + " with user ids of its own, whose rights do not count")
        .reason =
        "whoever runs it has to give it the files it needs, and listening takes one that shares the host's user ids";
  } else {
    add("container", State::kOk, name.empty() ? "no container is to be seen here" : "this is a container: " + name);
  }
}

bool Examination::examine_kernel() {
  const Release release = kernel_release();
  diagnosis_.kernel = release.text;
  const std::string name = "Linux " + printable(release.text);
  const ConfigLine config = kernel_config("CONFIG_USER_EVENTS");
  // This setting comes and goes with CONFIG_USER_EVENTS, whatever is mounted.
  if (access("/proc/sys/kernel/user_events_max", F_OK) == 0 || config.text == "CONFIG_USER_EVENTS=y") {
    add("kernel", State::kOk, name + " has user_events");
    return true;
  }
  if (config.text.empty() && access("/proc/sys/kernel", F_OK) != 0) {
    add("kernel", State::kWarning, name + " may have user_events or not: /proc is not mounted").command =
        "mount -t proc proc /proc";
    return true;
  }
  std::string text = name + " has no user_events";
  if (!release.is_at_least(6, 4)) {
    text += ", which came with 6.4";
  } else if (!config.text.empty()) {
    text += ": " + config.text + " (" + printable(config.file) + ')';
  }
  add("kernel", State::kProblem, text).reason =
      "this takes another kernel: Linux 6.4 or later built with CONFIG_USER_EVENTS=y";
  return false;
}

void Examination::offer_mount(Finding& finding) const {
  if (is_in_user_namespace()) {
    finding.reason = "whoever runs this container has to mount tracefs, or user_events_data alone, into it";
  } else {
    finding.command = std::string("mount -t tracefs tracefs ") + kUsual;
  }
}

void Examination::examine_tracefs() {
  char directory[4096] = "";
  if (otelue_find_tracefs(directory, sizeof directory) == 0) tracefs_ = directory;
  std::vector<std::string> directories;
  std::vector<std::string> files;
  for (const Mount& mount : tracefs_mounts()) {
    (mount.is_directory ? directories : files).push_back(printable(mount.path) + " (" + printable(mount.options) + ')');
  }
  if (!tracefs_.empty()) {
    // A user who may not look into debugfs sees its copy no less.
    add("tracefs", State::kOk,
        "tracefs is mounted at " + (directories.empty() ? printable(tracefs_) : joined(directories, " and at ")));
  } else if (!files.empty()) {
    offer_mount(add("tracefs", State::kWarning,
                    "only files of tracefs are mounted: " + joined(files, ", ") +
                        "; that is enough to write, and too little to read"));
  } else {
    offer_mount(add("tracefs", State::kProblem, "tracefs is not mounted"));
  }
}

std::string Examination::data_file() const {
  if (!tracefs_.empty()) return tracefs_ + "/user_events_data";
  for (const Mount& mount : tracefs_mounts()) {
    if (!mount.is_directory && mount.path.ends_with("/user_events_data")) return mount.path;
  }
  return "";
}

void Examination::examine_writing(const Registration& registration) {
  const std::string path = data_file();
  if (registration.is_registered()) {
    diagnosis_.can_write = true;
    add("data_file", State::kOk, user_text() + " can write " + printable(path));
    add("definition", State::kOk, "otlp_metrics is registered with the fields protocol, version and buffer");
    return;
  }
  switch (registration.step()) {
    case OTELUE_STEP_FIND: {
      if (path.empty()) return;  // said of tracefs
      Finding& finding = add("data_file", State::kProblem, registration.message());
      if (access(path.c_str(), F_OK) != 0 && errno == EACCES) return refuse_writing(finding, path);
      finding.reason =
          "a kernel that is locked down for confidentiality has no such file; "
          "see /sys/kernel/security/lockdown and the option lockdown= it was started with";
      return;
    }
    case OTELUE_STEP_OPEN:
      return refuse_writing(add("data_file", State::kProblem, ""), path);
    case OTELUE_STEP_REGISTER:
      add("data_file", State::kOk, user_text() + " can write " + printable(path));
      return refuse_registration(registration);
    default:
      add("definition", State::kProblem, registration.message()).reason =
          "a seccomp filter or a security module is in the way; whoever set it up has to let write() pass";
  }
}

void Examination::refuse_writing(Finding& finding, const std::string& path) const {
  std::vector<Closed> closed =
      tracefs_.empty() ? closed_on_the_way(path, {}, W_OK) : closed_on_the_way(tracefs_, {"user_events_data"}, W_OK);
  if (access(path.c_str(), W_OK) != 0 && errno == EROFS) {
    const std::string mount = tracefs_.empty() ? path : tracefs_;
    finding.text = printable(mount) + " is mounted read-only, so nobody can write user_events_data";
    finding.command = "mount -o remount,bind,rw " + shell_word(mount);
    return;
  }
  finding.text = user_text() + ' ' + printable(closed_text(closed));
  if (closed.empty()) {
    finding.text = user_text() + " is refused " + printable(path) + " although its permissions allow it";
    finding.reason = "a security module or a filter is in the way; whoever set it up has to let otelue pass";
  } else if (is_in_user_namespace()) {
    finding.reason = "the host's root has to open it to this user";
  } else {
    // Until the file is within reach its own permissions cannot be seen.
    if (closed.back().mode == X_OK) closed.push_back({path, W_OK});
    finding.command = opening(closed);
  }
}

void Examination::refuse_registration(const Registration& registration) {
  Finding& finding = add("definition", State::kProblem, registration.message());
  switch (registration.error()) {
    case EADDRINUSE: {
      const std::vector<std::string> holders = processes_with(data_file());
      if (!holders.empty()) {
        finding.reason =
            "it is there for as long as a program holds it, which could be one of these: " + joined(holders, ", ");
      } else if (tracefs_.empty()) {
        finding.reason = "no directory of tracefs is mounted here, so it can be removed on the host alone";
      } else {
        // The kernel wants the fields as well.
        const std::string events = shell_word(tracefs_ + "/dynamic_events");
        finding.command = "sed -n 's/^u:otlp_metrics\\b/-:otlp_metrics/p' " + events + " >>" + events;
      }
      return;
    }
    case EMFILE: {
      const int64_t most = file_number("/proc/sys/kernel/user_events_max").value_or(32768);
      finding.command = "sysctl -w kernel.user_events_max=" + std::to_string(std::max<int64_t>(most * 2, 1024));
      return;
    }
    case ENODEV:
      finding.reason = "events of other kinds have to go first, such as probes in dynamic_events";
      return;
    case ENOTTY:
      finding.reason = "the command and the library have to be built for this kernel's processor, with 64 bits";
      return;
    default:
      finding.reason = status_field("Seccomp") == "2"
                           ? "a seccomp filter is in force; whoever set it up has to let ioctl() pass"
                           : "a security module or the kernel itself refuses it; the kernel's log may say why";
  }
}

void Examination::examine_limit() {
  const auto most = file_number("/proc/sys/kernel/user_events_max");
  const auto status = tracefs_.empty() ? std::nullopt : file_text(tracefs_ + "/user_events_status");
  if (!most) return;
  std::string text = "there may be " + std::to_string(*most) + " user events (kernel.user_events_max)";
  int64_t active = 0;
  if (status) {
    const size_t at = status->find("\nActive: ");
    if (at != std::string::npos) active = std::strtoll(status->c_str() + at + 9, nullptr, 10);
    text += ", and there are " + std::to_string(active);
  }
  if (active < *most - *most / 10) {
    add("limit", State::kOk, text);
  } else {
    add("limit", State::kWarning, text).command =
        "sysctl -w kernel.user_events_max=" + std::to_string(std::max<int64_t>(*most * 2, 1024));
  }
}

Diagnosis diagnose() { return Examination().run(); }

}  // namespace otelue::tool
