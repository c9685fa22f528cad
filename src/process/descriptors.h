// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_PROCESS_DESCRIPTORS_H
#define OTELUE_SRC_PROCESS_DESCRIPTORS_H

#include <fcntl.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace otelue_core::process {

// Anybody in the process may close a descriptor, and its number is then the next file's. So what we open is marked as
// ours: its open file description has flags that nobody else combines and that only open() can set, so that it is never
// without them. They mean nothing to the files in question: none of them has anything to say by a signal (O_ASYNC).
// Whoever opens a file twice must tell the two by more than this: so does another copy of this library mark its own.
inline constexpr int kMark = O_ASYNC | O_NOFOLLOW;
// 0: it bears the mark. EBADF: it does not, or is not open. Another errno: a filter does not let us look.
int find_mark(int fd, int flags);

// Descriptors that are open and that nobody knows yet, for a child that is forked meanwhile. Zeroed memory: none.
class Pending {
 public:
  void set(int opened, int lifted) {
    numbers_.store(uint64_t{static_cast<uint32_t>(opened + 1)} << 32 | static_cast<uint32_t>(lifted + 1));
  }
  void clear() { numbers_.store(0); }
  // Closes what bears the mark, all but one.
  void close_all(int flags, int but);

 private:
  std::atomic<uint64_t> numbers_;
};

// Opens a file, marked, with these flags besides. The descriptor is 64 or above where the process may have so many, out
// of the way of programs that close or reuse low ones, and never 0, 1 or 2. It is closed by exec. It is pending until
// the caller says otherwise. Returns it or -errno.
int open_marked(const char* path, int flags, mode_t mode, Pending& pending);

// Gives an opening a number, by which it is told from all others as long as it lives, in any process: no two openings
// of a file can lock the same byte. Begins to try at `first`. Returns the number; 0: the file takes no locks.
uint64_t number_opening(int fd, uint64_t first);
// Whether a descriptor is the opening with this number. True also where that cannot be found out: when number is 0, or
// /proc is not mounted.
bool has_number(int fd, uint64_t number);

}  // namespace otelue_core::process

#endif
