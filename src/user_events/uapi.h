// SPDX-License-Identifier: Apache-2.0
// The kernel's <linux/user_events.h>, which the headers of many systems lack (Linux 6.4 and later have it).
#ifndef OTELUE_SRC_USER_EVENTS_UAPI_H
#define OTELUE_SRC_USER_EVENTS_UAPI_H

#include <sys/ioctl.h>

#include <cstdint>

namespace otelue_core::user_events {

struct [[gnu::packed]] user_reg {
  uint32_t size;
  uint8_t enable_bit;
  uint8_t enable_size;
  uint16_t flags;
  uint64_t enable_addr;
  uint64_t name_args;
  uint32_t write_index;
};
static_assert(sizeof(user_reg) == 28);

struct [[gnu::packed]] user_unreg {
  uint32_t size;
  uint8_t disable_bit;
  uint8_t reserved0;
  uint16_t reserved1;
  uint64_t disable_addr;
};
static_assert(sizeof(user_unreg) == 16);

// glibc takes a request as unsigned long, musl as int.
template <typename T>
T type_of_request(int (*)(int, T, ...));
using Request = decltype(type_of_request(ioctl));

// The argument's size is that of a pointer.
inline constexpr auto kRegister = static_cast<Request>(_IOWR('*', 0, user_reg *));
inline constexpr auto kUnregister = static_cast<Request>(_IOW('*', 2, user_unreg *));

}  // namespace otelue_core::user_events

#endif
