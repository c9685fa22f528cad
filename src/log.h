// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_LOG_H
#define OTELUE_SRC_LOG_H

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "otelue/otelue.h"

namespace otelue_core {

// The caller's log function, or none.
struct Log {
  otelue_log_function function = nullptr;
  void* context = nullptr;

  [[gnu::format(printf, 3, 4), gnu::noinline]] void operator()(int32_t level, const char* format, ...) const {
    if (function == nullptr) return;
    char message[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    function(context, level, message);
  }
};

// An errno in English. strerror() allocates, and says it in the language of the host.
struct ErrorText {
  explicit ErrorText(int error) {
    const char* known = words(error);
    known != nullptr ? snprintf(text, sizeof text, "%s", known) : snprintf(text, sizeof text, "error %d", error);
  }

  char text[48];

 private:
  static const char* words(int error) {
    switch (error) {
      case EPERM:
        return "Operation not permitted";
      case ENOENT:
        return "No such file or directory";
      case EIO:
        return "Input/output error";
      case ENXIO:
        return "No such device or address";
      case EBADF:
        return "Bad file descriptor";
      case EAGAIN:
        return "Resource temporarily unavailable";
      case ENOMEM:
        return "Cannot allocate memory";
      case EACCES:
        return "Permission denied";
      case EFAULT:
        return "Bad address";
      case EBUSY:
        return "Device or resource busy";
      case EXDEV:
        return "Invalid cross-device link";
      case ENODEV:
        return "No such device";
      case ENOTDIR:
        return "Not a directory";
      case EINVAL:
        return "Invalid argument";
      case ENFILE:
        return "Too many open files in system";
      case EMFILE:
        return "Too many open files";
      case EFBIG:
        return "File too large";
      case ENOSPC:
        return "No space left on device";
      case EROFS:
        return "Read-only file system";
      case ENOSYS:
        return "Function not implemented";
      case ELOOP:
        return "Too many levels of symbolic links";
      case EOVERFLOW:
        return "Value too large";
      case EBADMSG:
        return "Bad message";
      case ESTALE:
        return "Stale file handle";
      case EDQUOT:
        return "Disk quota exceeded";
      default:
        return nullptr;
    }
  }
};

}  // namespace otelue_core

#endif
