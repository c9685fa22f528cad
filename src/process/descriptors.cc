// SPDX-License-Identifier: Apache-2.0
#include "process/descriptors.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <initializer_list>

namespace otelue_core::process {
namespace {

// What fcntl() cannot change.
constexpr int kLasting = O_ACCMODE | O_SYNC | kMark;

constexpr int kLowest[] = {64, 3};
constexpr int kTries = 64;

}  // namespace

int find_mark(int fd, int flags) {
  const int found = fcntl(fd, F_GETFL);
  if (found < 0) return errno;
  return (found & kLasting) == ((flags | kMark) & kLasting) ? 0 : EBADF;
}

void Pending::close_all(int flags, int but) {
  const uint64_t numbers = numbers_.exchange(0);
  for (const int fd : {static_cast<int>(numbers >> 32) - 1, static_cast<int>(static_cast<uint32_t>(numbers)) - 1}) {
    if (fd >= 0 && fd != but && find_mark(fd, flags) == 0) close(fd);
  }
}

int open_marked(const char* path, int flags, mode_t mode, Pending& pending) {
  const int fd = open(path, flags | kMark | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  if (fd < 0) return -errno;
  pending.set(fd, -1);
  for (const int lowest : kLowest) {
    if (fd >= lowest) return fd;
    const int lifted = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    const int error = errno;
    if (lifted >= 0) {
      pending.set(fd, lifted);
      close(fd);
      pending.set(-1, lifted);
      return lifted;
    }
    if (lowest == kLowest[1]) {
      close(fd);
      pending.clear();
      return -error;
    }
  }
  return fd;
}

uint64_t number_opening(int fd, uint64_t first) {
  for (uint64_t number = first; number < first + kTries; ++number) {
    struct flock byte {};
    byte.l_type = F_WRLCK;
    byte.l_whence = SEEK_SET;
    byte.l_start = static_cast<off_t>(number);
    byte.l_len = 1;
    if (fcntl(fd, F_OFD_SETLK, &byte) == 0) return number;
    if (errno != EAGAIN && errno != EACCES) break;
  }
  return 0;
}

bool has_number(int fd, uint64_t number) {
  if (number == 0) return true;
  char path[64];
  snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", fd);
  const int info = open(path, O_RDONLY | O_CLOEXEC);
  if (info < 0) return true;
  // "lock:\t1: OFDLCK  ADVISORY  WRITE -1 00:0d:1050 4711 4711", behind a few short lines
  char text[1024];
  const ssize_t size = read(info, text, sizeof text - 1);
  close(info);
  if (size <= 0) return true;
  text[size] = '\0';
  char range[64];
  snprintf(range, sizeof range, " %llu %llu\n", static_cast<unsigned long long>(number),
           static_cast<unsigned long long>(number));
  return strstr(text, range) != nullptr;
}

}  // namespace otelue_core::process
