/* SPDX-License-Identifier: Apache-2.0 */
/* A tracefs instance that records otlp_metrics, through libtracefs. */
#ifndef OTELUE_TESTS_KERNEL_INSTANCE_H
#define OTELUE_TESTS_KERNEL_INSTANCE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct instance;

/* NULL when it cannot be made. */
struct instance *instance_open(void);
void instance_close(struct instance *instance);

/* Hands out the payloads of all events so far. Returns their number, or -1. */
int instance_read(struct instance *instance, void (*payload)(void *context, const void *data, size_t size),
                  void *context);

#ifdef __cplusplus
}
#endif

#endif
