/* SPDX-License-Identifier: Apache-2.0 */
/* What sink.c, when it is preloaded, offers to the program. */
#ifndef OTELUE_TESTS_BENCH_SINK_H
#define OTELUE_TESTS_BENCH_SINK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the calling thread has done so far. */
struct sink_counts {
  uint64_t calls;       /* of open, ioctl, write and writev on the data file */
  uint64_t events;      /* that were accepted */
  uint64_t bytes;       /* of OTLP in them */
  uint64_t allocations; /* calls of malloc, calloc, realloc and free, in the library that counts them */
};
const struct sink_counts *sink_counted(void);

/* Whether somebody listens, which is so at first. */
void sink_listen(int yes);

/* Appends all events from now on to a file, as `otelue watch FILE` reads them; -1: to none. */
void sink_record(int fd);

#ifdef __cplusplus
}
#endif

#endif
