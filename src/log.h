// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_LOG_H
#define OTELUE_SRC_LOG_H

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

}  // namespace otelue_core

#endif
