/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTELUE_VERSION_H
#define OTELUE_VERSION_H

/** The release. meson.build reads it from here. */
#define OTELUE_VERSION_MAJOR 0
#define OTELUE_VERSION_MINOR 2
#define OTELUE_VERSION_PATCH 0

/** The number of the soname. It changes only when a program built against an older library would break. */
#define OTELUE_ABI_VERSION 1

#endif
