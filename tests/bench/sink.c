// SPDX-License-Identifier: Apache-2.0
// Preloaded, gives a program a user_events_data that accepts and counts everything, without a system call. With
// OTELUE_SINK_RECORD=FILE it writes the events to that file as well. Built with COUNT_ALLOCATIONS it also counts
// those of each thread.

// Both open() and open64() are defined below: neither may be the other's name.
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kFiles = 1024, kWords = 256, kFrameBytes = 20, kSmallestEvent = 20 };

// linux/user_events.h, which the headers of Debian 12 lack.
struct __attribute__((packed)) user_reg {
  uint32_t size;
  uint8_t enable_bit, enable_size;
  uint16_t flags;
  uint64_t enable_addr, name_args;
  uint32_t write_index;
};
struct __attribute__((packed)) user_unreg {
  uint32_t size;
  uint8_t disable_bit, reserved0;
  uint16_t reserved1;
  uint64_t disable_addr;
};
#define DIAG_IOCSREG _IOWR('*', 0, struct user_reg *)
#define DIAG_IOCSUNREG _IOW('*', 2, struct user_unreg *)

struct word {
  atomic_uint *address;
  uint8_t bit;
};

static atomic_bool is_data_file[kFiles];
static atomic_bool listening = true;
static atomic_int recording = -1;
static atomic_flag words_lock = ATOMIC_FLAG_INIT;
static struct word words[kWords];
static __thread struct sink_counts counts __attribute__((tls_model("initial-exec")));

const struct sink_counts *sink_counted(void) { return &counts; }
void sink_record(int fd) { recording = fd; }

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("OTELUE_SINK_RECORD");
  if (path == NULL) return;
  recording = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (recording < 0) {
    perror(path);
    _exit(125);
  }
}

static bool is_ours(int fd) {
  return fd >= 0 && fd < kFiles && atomic_load_explicit(&is_data_file[fd], memory_order_relaxed);
}

static void set_bit(const struct word *word, bool to) {
  const unsigned mask = 1u << word->bit;
  if (to) {
    atomic_fetch_or(word->address, mask);
  } else {
    atomic_fetch_and(word->address, ~mask);
  }
}

static void lock(void) {
  while (atomic_flag_test_and_set(&words_lock)) {
  }
}
static void unlock(void) { atomic_flag_clear(&words_lock); }

void sink_listen(int yes) {
  lock();
  listening = yes != 0;
  for (int i = 0; i < kWords; ++i) {
    if (words[i].address != NULL) set_bit(&words[i], yes != 0);
  }
  unlock();
}

// Changes the registration of one bit. 0 or an errno.
static int set_word(uint64_t address, uint8_t bit, bool add) {
  const struct word word = {(atomic_uint *)(uintptr_t)address, bit};
  const struct word none = {NULL, 0};
  int error = add ? ENOMEM : ENOENT;
  lock();
  for (int i = 0; i < kWords && error != 0; ++i) {
    const struct word *wanted = add ? &none : &word;
    if (words[i].address != wanted->address || words[i].bit != wanted->bit) continue;
    words[i] = add ? word : none;
    set_bit(&word, add && listening);
    error = 0;
  }
  unlock();
  return error;
}

static ssize_t take(const struct iovec *parts, int number) {
  size_t size = 0;
  for (int i = 0; i < number; ++i) size += parts[i].iov_len;
  ++counts.calls;
  if (size < kSmallestEvent) {
    errno = EINVAL;
    return -1;
  }
  if (!listening) {
    errno = EBADF;
    return -1;
  }
  ++counts.events;
  counts.bytes += size - kFrameBytes;
  const int to = atomic_load_explicit(&recording, memory_order_relaxed);
  if (to >= 0 && syscall(SYS_writev, to, parts, number) != (ssize_t)size) {
    perror("sink: recording");
    _exit(125);
  }
  return (ssize_t)size;
}

ssize_t write(int fd, const void *data, size_t size) {
  if (!is_ours(fd)) return syscall(SYS_write, fd, data, size);
  return take(&(struct iovec){(void *)(uintptr_t)data, size}, 1);
}

ssize_t writev(int fd, const struct iovec *parts, int number) {
  if (!is_ours(fd)) return syscall(SYS_writev, fd, parts, number);
  return take(parts, number);
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (!is_ours(fd)) return (int)syscall(SYS_ioctl, fd, request, argument);
  ++counts.calls;
  int error = 0;
  if (request == DIAG_IOCSREG) {
    struct user_reg *reg = argument;
    error = set_word(reg->enable_addr, reg->enable_bit, true);
    if (error == 0) reg->write_index = 0;
  } else if (request == DIAG_IOCSUNREG) {
    const struct user_unreg *unreg = argument;
    error = set_word(unreg->disable_addr, unreg->disable_bit, false);
  } else {
    error = ENOTTY;
  }
  errno = error != 0 ? error : errno;
  return error != 0 ? -1 : 0;
}

// ---- Files: a data file is /dev/null under its name, so that all other calls on its descriptor just work.

static int adopt(int fd) {
  if (fd >= kFiles) {
    fprintf(stderr, "sink: descriptor %d is too large\n", fd);
    _exit(125);
  }
  if (fd >= 0) is_data_file[fd] = true;
  return fd;
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  const char *name = strrchr(path, '/');
  if (name == NULL || strcmp(name, "/user_events_data") != 0) {
    return (int)syscall(SYS_openat, directory, path, flags, mode);
  }
  ++counts.calls;
  return adopt((int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags & ~(O_CREAT | O_TRUNC), 0));
}

#define OPEN(directory)                             \
  do {                                              \
    va_list arguments;                              \
    va_start(arguments, flags);                     \
    const mode_t mode = va_arg(arguments, mode_t);  \
    va_end(arguments);                              \
    return open_at(directory, path, flags, mode);   \
  } while (0)
int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int directory, const char *path, int flags, ...) { OPEN(directory); }
int openat64(int directory, const char *path, int flags, ...) { OPEN(directory); }
// What <fcntl.h> makes of open() when it is built with _FORTIFY_SOURCE.
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int directory, const char *path, int flags) { return open_at(directory, path, flags, 0); }
int __openat64_2(int directory, const char *path, int flags) { return open_at(directory, path, flags, 0); }

static int control(int fd, int command, void *argument) {
  const int result = (int)syscall(SYS_fcntl, fd, command, argument);
  return is_ours(fd) && (command == F_DUPFD || command == F_DUPFD_CLOEXEC) ? adopt(result) : result;
}
#define FCNTL                                         \
  do {                                                \
    va_list arguments;                                \
    va_start(arguments, command);                     \
    void *argument = va_arg(arguments, void *);       \
    va_end(arguments);                                \
    return control(fd, command, argument);            \
  } while (0)
int fcntl(int fd, int command, ...) { FCNTL; }
int fcntl64(int fd, int command, ...) { FCNTL; }

int close(int fd) {
  if (is_ours(fd)) is_data_file[fd] = false;
  return (int)syscall(SYS_close, fd);
}

// ---- Allocations

#ifdef COUNT_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t number, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

void *malloc(size_t size) {
  ++counts.allocations;
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  ++counts.allocations;
  return __libc_calloc(number, size);
}
void *realloc(void *memory, size_t size) {
  ++counts.allocations;
  return __libc_realloc(memory, size);
}
void free(void *memory) {
  ++counts.allocations;
  __libc_free(memory);
}
#endif
