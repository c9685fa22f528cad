// SPDX-License-Identifier: Apache-2.0
#include "recording.h"

#include <fcntl.h>
#include <otelue/records.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace otelue::tool {
namespace {

constexpr uint32_t kUnknownCpu = UINT32_MAX;
constexpr uint32_t kLargestEvent = 65535;  // rel_loc has 16 bits for the size
constexpr size_t kChunk = 64 * 1024;

template <typename Record>
Record load(std::string_view bytes) {
  Record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

template <typename Record>
std::string_view bytes_of(const Record& record) {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

template <typename Number>
Number swapped(Number number) {
  auto* bytes = reinterpret_cast<unsigned char*>(&number);
  std::reverse(bytes, bytes + sizeof number);
  return number;
}

uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

RecordingReader::RecordingReader(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  // Waiting for a FIFO's other end is for poll(), which can be interrupted.
  fd_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) error_ = name_ + ": " + std::strerror(errno);
}

RecordingReader::~RecordingReader() {
  if (fd_ > STDIN_FILENO) close(fd_);
}

template <typename Number>
Number RecordingReader::native(Number number) const {
  return is_foreign_ ? swapped(number) : number;
}

bool RecordingReader::fail(uint64_t offset, const std::string& what) {
  error_ = (name_.empty() ? "" : name_ + ": at byte " + std::to_string(offset) + ": ") + what;
  return false;
}

bool RecordingReader::poll(int milliseconds, const Sink& sink) {
  if (!error_.empty()) return false;
  if (fd_ < 0) return take(sink) && end();
  if (!wait_for(fd_, POLLIN, milliseconds)) return true;
  const size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  const ssize_t n = read(fd_, buffer_.data() + before, kChunk);
  buffer_.resize(before + static_cast<size_t>(n > 0 ? n : 0));
  if (n < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    error_ = name_ + ": " + std::strerror(errno);
    return false;
  }
  return n == 0 ? end() : take(sink);
}

bool RecordingReader::end() {
  if (!has_header_ && buffer_.empty()) return fail(0, "nothing is there, not even a recording's header");
  if (!has_header_) return fail(0, "the file ends within its header");
  return buffer_.empty() && to_skip_ == 0 ? false : fail(offset_, "the file ends within an entry");
}

bool RecordingReader::take(const Sink& sink) {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    size_t size = 0;
    if (to_skip_ != 0) {
      size = static_cast<size_t>(std::min<uint64_t>(to_skip_, rest.size()));
      to_skip_ -= size;
    } else if (!has_header_) {
      if (!take_header(rest, &size)) return false;
    } else if (!take_entry(rest, sink, &size)) {
      return false;
    }
    if (size == 0) break;
    rest.remove_prefix(size);
    offset_ += size;
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return true;
}

bool RecordingReader::take_header(std::string_view bytes, size_t* size) {
  constexpr std::string_view magic(OTELUE_RECORDING_MAGIC, sizeof otelue_recording::magic);
  if (!magic.starts_with(bytes.substr(0, magic.size()))) {
    return fail(0, "this is no recording of otelue, which begins with \\x89OTELUE");
  }
  if (bytes.size() < sizeof(otelue_recording)) return true;
  const auto header = load<otelue_recording>(bytes);
  is_foreign_ = header.byte_order == swapped(OTELUE_RECORDING_BYTE_ORDER);
  if (!is_foreign_ && header.byte_order != OTELUE_RECORDING_BYTE_ORDER) {
    return fail(8, "the byte order is neither little nor big");
  }
  if (native(header.version) != OTELUE_RECORDING_VERSION) {
    return fail(12, "a recording of version " + std::to_string(native(header.version)) +
                        "; this otelue reads version " + std::to_string(OTELUE_RECORDING_VERSION));
  }
  if (native(header.header_size) < sizeof header) {
    return fail(14, "a header of " + std::to_string(native(header.header_size)) + " bytes is too small");
  }
  has_header_ = true;
  *size = sizeof header;
  to_skip_ = native(header.header_size) - sizeof header;
  return true;
}

bool RecordingReader::take_entry(std::string_view bytes, const Sink& sink, size_t* size) {
  if (bytes.size() < sizeof(otelue_recording_entry)) return true;
  const auto entry = load<otelue_recording_entry>(bytes);
  const uint32_t content = native(entry.size);
  const uint16_t type = native(entry.type);
  if (type != OTELUE_RECORDING_EVENT && type != OTELUE_RECORDING_LOST) {
    *size = sizeof entry;
    to_skip_ = content;
    return true;
  }
  if (type == OTELUE_RECORDING_EVENT && content > kLargestEvent) {
    return fail(offset_, "an event of " + std::to_string(content) + " bytes; the largest possible has " +
                             std::to_string(kLargestEvent));
  }
  if (type == OTELUE_RECORDING_LOST && content != sizeof(uint64_t)) {
    return fail(offset_, "a count of lost events of " + std::to_string(content) + " bytes; it has 8");
  }
  const std::string_view rest = bytes.substr(sizeof entry);
  if (rest.size() < content) return true;
  *size = sizeof entry + content;
  const int cpu = entry.cpu == kUnknownCpu ? -1 : static_cast<int>(native(entry.cpu));
  if (type == OTELUE_RECORDING_LOST) {
    sink.lost(native(load<uint64_t>(rest)), cpu);
    return true;
  }
  Event event;
  event.protocol = native(entry.protocol);
  event.version = {entry.version, sizeof entry.version};
  event.payload = rest.substr(0, content);
  event.time_unix_nano = native(entry.time_unix_nano);
  event.pid = native(entry.pid);
  event.cpu = cpu;
  sink.event(event);
  return true;
}

std::string RecordingWriter::open(const std::string& path, int fd_being_read) {
  name_ = path;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
  if (fd < 0) return name_ + ": " + std::strerror(errno);
  file_ = std::make_unique<Output>(fd);
  struct stat written {};
  struct stat read {};
  if (fstat(fd, &written) != 0) return name_ + ": " + std::strerror(errno);
  if (fd_being_read >= 0 && fstat(fd_being_read, &read) == 0 && read.st_dev == written.st_dev &&
      read.st_ino == written.st_ino && S_ISREG(written.st_mode)) {
    return name_ + ": this is the recording that is to be read";
  }
  if (S_ISREG(written.st_mode) && ftruncate(fd, 0) != 0) return name_ + ": " + std::strerror(errno);
  otelue_recording header{};
  std::memcpy(header.magic, OTELUE_RECORDING_MAGIC, sizeof header.magic);
  header.byte_order = OTELUE_RECORDING_BYTE_ORDER;
  header.version = OTELUE_RECORDING_VERSION;
  header.header_size = sizeof header;
  size_ = sizeof header;
  return file_->write(bytes_of(header)) ? "" : name_ + ": " + std::strerror(file_->error());
}

std::string RecordingWriter::write(uint16_t type, const Event& event, std::string_view bytes) {
  otelue_recording_entry entry{};
  entry.size = static_cast<uint32_t>(bytes.size());
  entry.type = type;
  entry.time_unix_nano = event.time_unix_nano;
  entry.pid = event.pid;
  entry.cpu = event.cpu < 0 ? kUnknownCpu : static_cast<uint32_t>(event.cpu);
  entry.protocol = event.protocol;
  event.version.copy(entry.version, sizeof entry.version);
  const std::string whole = std::string(bytes_of(entry)).append(bytes);
  if (file_->write(whole)) {
    size_ += whole.size();
    return "";
  }
  // What is there stays readable.
  [[maybe_unused]] const int failed = ftruncate(file_->fd(), static_cast<off_t>(size_));
  return name_ + ": " + std::strerror(file_->error());
}

std::string RecordingWriter::event(const Event& event) { return write(OTELUE_RECORDING_EVENT, event, event.payload); }

std::string RecordingWriter::lost(uint64_t count, int cpu) {
  Event around;
  around.time_unix_nano = now();
  around.cpu = cpu;
  return write(OTELUE_RECORDING_LOST, around, bytes_of(count));
}

}  // namespace otelue::tool
