// SPDX-License-Identifier: Apache-2.0
#include "recording/recording.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

#include "log.h"
#include "otelue/records.h"

namespace otelue_core::recording {
namespace {

constexpr otelue_recording kHeader = {{'\x89', 'O', 'T', 'E', 'L', 'U', 'E', '\n'}, OTELUE_RECORDING_BYTE_ORDER,
                                      OTELUE_RECORDING_VERSION, sizeof(otelue_recording)};
constexpr int kFlags = O_RDWR;
constexpr uint64_t kForEver = UINT64_MAX / 2;

static_assert(sizeof(otelue_recording_entry) <= Target::kFrameBytes);

// While it lives, a write beyond RLIMIT_FSIZE fails and does no more: its signal is held back, and taken away if it was
// ours.
class NoFileSizeSignal {
 public:
  NoFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_, &mask_);
    was_pending_ = is_pending();
  }
  ~NoFileSizeSignal() {
    if (is_raised) {
      // Ours comes first: it is this thread's. It may have met one that somebody else had sent this thread.
      const timespec no_time{};
      sigtimedwait(&signal_, nullptr, &no_time);
      if (was_pending_ && !is_pending()) pthread_kill(pthread_self(), SIGXFSZ);
    }
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  NoFileSizeSignal(const NoFileSizeSignal&) = delete;
  NoFileSizeSignal& operator=(const NoFileSizeSignal&) = delete;

  bool is_raised = false;

 private:
  static bool is_pending() {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return sigismember(&pending, SIGXFSZ) == 1;
  }

  sigset_t signal_;
  sigset_t mask_;
  bool was_pending_;
};

// 0 or -errno, whatever was written then.
int write_whole(int fd, const void* data, size_t size, off_t at) {
  NoFileSizeSignal guard;
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const ssize_t n = pwrite(fd, bytes, size, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      guard.is_raised = n < 0 && errno == EFBIG;
      return n < 0 ? -errno : -EIO;
    }
    bytes += n;
    size -= static_cast<size_t>(n);
    at += n;
  }
  return 0;
}

bool is_full(int error) { return error == -ENOSPC || error == -EDQUOT || error == -EFBIG; }

// As many as there are, or -errno.
ssize_t read_at(int fd, void* to, size_t size, off_t at) {
  size_t got = 0;
  while (got < size) {
    const ssize_t n = pread(fd, static_cast<uint8_t*>(to) + got, size - got, at + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(got);
}

}  // namespace

// Finds the end of the last whole entry; -EBADMSG when the file is no recording of ours.
int Recording::find_end(int fd, off_t size) {
  otelue_recording header{};
  const ssize_t got = read_at(fd, &header, sizeof header, 0);
  if (got < 0) return static_cast<int>(got);
  // Less than a header is what is left of one, or nothing.
  if (memcmp(&header, &kHeader, static_cast<size_t>(got)) != 0) return -EBADMSG;
  end_ = 0;
  if (got < static_cast<ssize_t>(sizeof header)) return 0;
  end_ = sizeof header;
  otelue_recording_entry entry;
  while (end_ + static_cast<off_t>(sizeof entry) <= size) {
    const ssize_t n = read_at(fd, &entry, sizeof entry, end_);
    if (n < 0) return static_cast<int>(n);
    const off_t next = end_ + static_cast<off_t>(sizeof entry) + static_cast<off_t>(entry.size);
    if (n < static_cast<ssize_t>(sizeof entry) || next > size) break;
    end_ = next;
  }
  return 0;
}

// Cuts off what is torn, and begins a recording where there is none yet.
int Recording::prepare(int fd) {
  struct stat found {};
  if (fstat(fd, &found) != 0) return -errno;
  if (const int error = find_end(fd, found.st_size); error < 0) return error;
  if (end_ < found.st_size && ftruncate(fd, end_) != 0) return -errno;
  if (end_ > 0) return 0;
  const int error = write_whole(fd, &kHeader, sizeof kHeader, 0);
  if (error == 0) end_ = sizeof kHeader;
  return error;
}

int Recording::open(const char* path, EnableWord* word) {
  // Opening a device can have effects, so what it is is asked first.
  struct stat found {};
  if (fstatat(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(found.st_mode)) {
    return S_ISLNK(found.st_mode) ? -ELOOP : -EINVAL;
  }
  if (!own_.open()) return -ENOMEM;
  const int fd = process::open_marked(path, kFlags | O_CREAT, 0666, pending_);
  if (fd < 0) return fd;
  int error = fstat(fd, &found) != 0 ? -errno : S_ISREG(found.st_mode) ? 0 : -EINVAL;
  if (error == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) error = errno == EWOULDBLOCK ? -EBUSY : -errno;
  if (error == 0) error = prepare(fd);
  if (error != 0 && end_ == 0 && is_full(error)) error = 0;  // there may be room when there is something to write
  if (error != 0) {
    ::close(fd);
    return error;
  }
  pending_.clear();
  device_ = found.st_dev;
  inode_ = found.st_ino;
  word_ = word;
  word_->set(0);
  own_.get().is_writer.store(1, std::memory_order_relaxed);
  fd_.store(fd, std::memory_order_relaxed);
  return 0;
}

// Another recording of this process bears the same mark and is another file.
bool Recording::is_ours(off_t* size) const {
  const int fd = fd_.load(std::memory_order_relaxed);
  struct stat found {};
  if (process::find_mark(fd, kFlags) != 0 || fstat(fd, &found) != 0) return false;
  *size = found.st_size;
  return found.st_dev == device_ && found.st_ino == inode_;
}

Target::Listeners Recording::probe(Link* link, News& news) {
  off_t size = 0;
  link->fd = fd_.load(std::memory_order_relaxed);
  const bool is_writer = own_.get().is_writer.load(std::memory_order_relaxed) != 0;
  if (is_writer && is_ours(&size)) return Listeners::kHere;
  word_->clear();
  standing_.set(OTELUE_STEP_OPEN, is_writer ? EBADF : EBUSY, news);
  return Listeners::kUnregistered;
}

// Whoever has cut the file short, or has added to it, is not to spoil what comes.
int Recording::append(const void* entry, size_t size) {
  OfProcess& own = own_.get();
  const process::Lock lock(own.lock, kForEver);
  if (own.is_writer.load(std::memory_order_relaxed) == 0) return -EBUSY;
  off_t found = 0;
  if (!is_ours(&found)) return -EBADF;
  const int fd = fd_.load(std::memory_order_relaxed);
  if (found < end_ || end_ == 0) {
    if (const int error = prepare(fd); error < 0) return error;
  } else if (found > end_ && ftruncate(fd, end_) != 0) {
    return -errno;
  }
  const int error = write_whole(fd, entry, size, end_);
  if (error == 0) {
    end_ += static_cast<off_t>(size);
    return 0;
  }
  [[maybe_unused]] const int cut = ftruncate(fd, end_);  // else the next call does it
  return error;
}

int Recording::write(Link*, uint8_t* payload, size_t size, News& news) {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  const int cpu = sched_getcpu();
  otelue_recording_entry entry{};
  entry.size = static_cast<uint32_t>(size);
  entry.type = OTELUE_RECORDING_EVENT;
  entry.time_unix_nano = static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  entry.pid = static_cast<uint32_t>(getpid());
  entry.cpu = cpu >= 0 ? static_cast<uint32_t>(cpu) : UINT32_MAX;
  memcpy(entry.version, "v0.19.00", sizeof entry.version);
  memcpy(payload - sizeof entry, &entry, sizeof entry);
  const int error = append(payload - sizeof entry, sizeof entry + size);
  if (error == 0) {
    standing_.clear(OTELUE_STEP_WRITE);
  } else {
    standing_.set(OTELUE_STEP_WRITE, -error, news);
  }
  return error;
}

void Recording::close(News& news) {
  off_t size = 0;
  word_->shut();
  OfProcess& own = own_.get();
  if (is_ours(&size)) {
    const int fd = fd_.load(std::memory_order_relaxed);
    // Children that still have the descriptor do not keep the next writer out; and a child keeps the lock.
    if (own.is_writer.load(std::memory_order_relaxed) != 0) flock(fd, LOCK_UN);
    ::close(fd);
  }
  fd_.store(-1, std::memory_order_relaxed);
  standing_.set(OTELUE_STEP_SHUTDOWN, 0, news);
}

void Recording::explain(uint32_t step, int error, char* out, size_t size) const {
  switch (step) {
    case OTELUE_STEP_REGISTERED:
      snprintf(out, size, "%s", describe(Listeners::kHere));
      break;
    case OTELUE_STEP_OPEN:
      snprintf(out, size, "%s", error == EBUSY ? "the recording belongs to the process that opened it, not to its children"
                                               : "somebody has closed the recording's descriptor");
      break;
    case OTELUE_STEP_WRITE:
      snprintf(out, size, "an event could not be recorded: %s", ErrorText(error).text);
      break;
    default:
      snprintf(out, size, "the exporter is shut down");
      break;
  }
}

}  // namespace otelue_core::recording
