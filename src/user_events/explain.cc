// SPDX-License-Identifier: Apache-2.0
#include "user_events/explain.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "otelue/otelue.h"
#include "log.h"
#include "user_events/data_file.h"

namespace otelue_core::user_events {
namespace {

bool is_tracefs(const char* path) {
  struct statfs found {};
  return statfs(path, &found) == 0 && found.f_type == TRACEFS_MAGIC;
}

void explain_missing(char* out, size_t size) {
  utsname kernel{};
  uname(&kernel);
  const bool is_mounted = is_tracefs("/sys/kernel/tracing") || is_tracefs("/sys/kernel/debug/tracing");
  // This setting comes and goes with CONFIG_USER_EVENTS, whatever is mounted.
  const bool is_supported = access("/proc/sys/kernel/user_events_max", F_OK) == 0;
  const bool is_known = is_mounted || access("/proc/sys/kernel", F_OK) == 0;
  if (is_supported && !is_mounted) {
    snprintf(out, size, "no user_events_data found: tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)");
  } else if (is_supported) {
    snprintf(out, size, "tracefs holds no user_events_data although kernel %s has user_events: is it locked down?",
             kernel.release);
  } else if (is_known) {
    snprintf(out, size, "kernel %s has no user_events: it takes Linux 6.4 or later with CONFIG_USER_EVENTS=y",
             kernel.release);
  } else {
    snprintf(out, size, "no user_events_data found: neither tracefs nor proc is mounted");
  }
}

void explain_refusal(int error, char* out, size_t size) {
  char format[120];
  switch (error) {
    case EADDRINUSE:
      read_registered_format(format, sizeof format);
      snprintf(out, size, "another program has registered otlp_metrics with other fields: %s",
               format[0] != '\0' ? format : "(none, or not readable here)");
      break;
    case ENODEV:
      snprintf(out, size, "the kernel has no number left for another event (it has 65,535 for all kinds of them)");
      break;
    case EMFILE:
      snprintf(out, size, "the kernel has as many user events as kernel.user_events_max allows");
      break;
    case ENOTTY:
      snprintf(out, size, "user_events_data is not the kernel's, or this is a 32-bit process on a 64-bit kernel");
      break;
    default:
      snprintf(out, size, "the kernel refused to register otlp_metrics: %s", ErrorText(error).text);
      break;
  }
}

}  // namespace

void explain(uint32_t step, int error, char* out, size_t size) {
  switch (step) {
    case OTELUE_STEP_REGISTERED:
      snprintf(out, size, "otlp_metrics is registered");
      break;
    case OTELUE_STEP_FIND:
      explain_missing(out, size);
      break;
    case OTELUE_STEP_OPEN:
      if (error == EACCES || error == EPERM) {
        snprintf(out, size,
                 "no permission to write user_events_data: it takes x on the directory and w on the file "
                 "(chmod 0711 /sys/kernel/tracing; chgrp GROUP and chmod g+w on user_events_data)");
      } else {
        snprintf(out, size, "cannot open user_events_data: %s", ErrorText(error).text);
      }
      break;
    case OTELUE_STEP_REGISTER:
      explain_refusal(error, out, size);
      break;
    case OTELUE_STEP_PROBE:
      snprintf(out, size, "the kernel refused a probe of otlp_metrics: %s", ErrorText(error).text);
      break;
    case OTELUE_STEP_WRITE:
      snprintf(out, size, "the kernel refused an event of otlp_metrics: %s", ErrorText(error).text);
      break;
    default:
      snprintf(out, size, "the exporter is shut down");
      break;
  }
}

}  // namespace otelue_core::user_events
