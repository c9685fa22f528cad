/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that keeps its own copy of the library to itself. */
#include <otelue/otelue.h>

__attribute__((visibility("default"))) int plugin_run(void);

int plugin_run(void) { return otelue_force_flush(NULL); }
