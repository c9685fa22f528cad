// SPDX-License-Identifier: Apache-2.0
// Recordings, the files of otelue_open_recording(): a header, then events and losses. All numbers have the byte order
// of the machine that wrote them.
#ifndef OTELUE_SRC_TOOL_RECORDING_H
#define OTELUE_SRC_TOOL_RECORDING_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "event.h"
#include "io.h"

namespace otelue::tool {

class RecordingReader : public Source {
 public:
  // - is standard input. See error().
  explicit RecordingReader(const std::string& path);
  // Of bytes that are at hand.
  RecordingReader(std::string name, std::string bytes) : name_(std::move(name)), buffer_(std::move(bytes)) {}
  ~RecordingReader() override;

  bool poll(int milliseconds, const Sink& sink) override;
  void stop(const Sink&) override {}
  std::string error() const override { return error_; }
  int fd() const { return fd_; }
  // Of the entry that is being handed out, or of what makes no sense.
  uint64_t offset() const { return offset_; }

 private:
  bool fail(uint64_t offset, const std::string& what);
  // Hands out what the buffer holds whole. False: it makes no sense.
  bool take(const Sink& sink);
  bool take_header(std::string_view bytes, size_t* size);
  bool take_entry(std::string_view bytes, const Sink& sink, size_t* size);
  bool end();
  template <typename Number>
  Number native(Number number) const;

  int fd_ = -1;
  std::string name_;
  std::string error_;
  std::string buffer_;    // the bytes that were read and not yet taken
  uint64_t offset_ = 0;   // of the buffer in the file
  uint64_t to_skip_ = 0;  // bytes that mean nothing here
  bool has_header_ = false;
  bool is_foreign_ = false;  // the other byte order
};

class RecordingWriter {
 public:
  // Empties the file or creates it; must not be the one that is being read, if any.
  std::string open(const std::string& path, int fd_being_read = -1);
  // Each entry is whole in the file when these return. Empty, or why it is not.
  std::string event(const Event& event);
  std::string lost(uint64_t count, int cpu);

 private:
  std::string write(uint16_t type, const Event& event, std::string_view bytes);

  std::string name_;
  std::unique_ptr<Output> file_;
  uint64_t size_ = 0;  // of what is whole
};

}  // namespace otelue::tool

#endif
