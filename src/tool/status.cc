// SPDX-License-Identifier: Apache-2.0
#include "commands.h"
#include "printer.h"
#include "registration.h"

namespace otelue::tool {

int status() {
  const Registration registration;
  Output out(1);
  Printer printer(out);
  printer.line(registration.message());
  printer.flush();
  return finish(out, registration.is_registered() ? kDone : kIncomplete);
}

}  // namespace otelue::tool
