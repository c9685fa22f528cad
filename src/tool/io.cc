// SPDX-License-Identifier: Apache-2.0
#include "io.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace otelue::tool {
namespace {

int interruption_fd = -1;
volatile sig_atomic_t has_interruption = 0;

void interrupt(int) {
  const int saved = errno;
  has_interruption = 1;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(interruption_fd, &one, sizeof one);
  errno = saved;
}

}  // namespace

void prepare_process() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  }
  interruption_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = interrupt;  // without SA_RESTART: system calls return
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

bool is_interrupted() { return has_interruption != 0; }
int interruption() { return interruption_fd; }

bool wait_for(int fd, short events, int milliseconds) {
  pollfd waiting[] = {{fd, events, 0}, {interruption_fd, POLLIN, 0}};
  return ::poll(waiting, 2, milliseconds) > 0 && waiting[0].revents != 0;
}

Output::~Output() {
  if (fd_ > 2) close(fd_);
}

bool Output::has_reader() const {
  pollfd waiting{fd_, 0, 0};  // for POLLERR and POLLHUP
  return ::poll(&waiting, 1, 0) <= 0;
}

bool Output::write(std::string_view bytes) {
  while (error_ == 0 && !bytes.empty()) {
    if (!wait_for(fd_, POLLOUT, -1)) {
      if (is_interrupted()) error_ = EINTR;
      continue;
    }
    // A pipe that is ready takes so much without waiting.
    const ssize_t n = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EAGAIN && (errno != EINTR || is_interrupted())) {
      error_ = errno;
    }
  }
  return error_ == 0;
}

}  // namespace otelue::tool
