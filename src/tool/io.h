// SPDX-License-Identifier: Apache-2.0
// Waiting that SIGINT and SIGTERM end, wherever it happens, and writing whose every failure is noticed.
#ifndef OTELUE_SRC_TOOL_IO_H
#define OTELUE_SRC_TOOL_IO_H

#include <cstdint>
#include <string>
#include <string_view>

namespace otelue::tool {

// Makes SIGINT and SIGTERM interrupt what waits, SIGPIPE and SIGXFSZ failures of writes, and keeps what is opened later
// from becoming a standard descriptor that is closed.
void prepare_process();

// Whether SIGINT or SIGTERM has come. The descriptor is readable from then on.
bool is_interrupted();
int interruption();

// Waits until a descriptor has one of these events of poll(), for at most so many milliseconds (-1: no limit). True
// when it has.
bool wait_for(int fd, short events, int milliseconds);

// A descriptor that bytes are written to. After a failure nothing more is written.
class Output {
 public:
  // Takes the descriptor over, unless it is one of the standard ones.
  explicit Output(int fd) : fd_(fd) {}
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  int fd() const { return fd_; }
  // Whether anybody could still read what is written.
  bool has_reader() const;
  // All of it, or false; an interruption ends a write that would have to wait.
  bool write(std::string_view bytes);
  // The errno of the failure: EINTR after an interruption, EPIPE when the reader has gone. 0: none.
  int error() const { return error_; }

 private:
  const int fd_;
  int error_ = 0;
};

}  // namespace otelue::tool

#endif
