// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_ABI_OPTIONS_H
#define OTELUE_SRC_ABI_OPTIONS_H

#include "exporter.h"
#include "otelue/otelue.h"

namespace otelue_core::abi {

// Checks options and puts defaults in place. 0, -EINVAL or -E2BIG. NULL: all defaults.
int read_options(const otelue_options* options, Settings* out);

}  // namespace otelue_core::abi

#endif
