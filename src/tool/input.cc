// SPDX-License-Identifier: Apache-2.0
#include "input.h"

#include <fcntl.h>
#include <otelue/records.h>
#include <otlp_metrics.pb.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>

#include "encoding.h"
#include "io.h"
#include "otlp_json.h"
#include "perf_data.h"
#include "raw_event.h"
#include "recording.h"

namespace otelue::tool {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr std::string_view kBlank = " \t\r\n";
constexpr size_t kLengthBytes = 4;

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

uint32_t length_at(std::string_view bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<uint8_t>(bytes[i]);
  return length;
}

bool is_delimited(std::string_view bytes) {
  // The first byte of a request is no 0, and no request of ours has 16 MiB.
  return bytes.size() >= kLengthBytes && bytes[0] == 0 && length_at(bytes) <= bytes.size() - kLengthBytes;
}

bool is_batch(std::string_view bytes) {
  return bytes.size() >= sizeof(otelue_batch) && load<uint32_t>(bytes, 0) == OTELUE_BATCH_MAGIC;
}

bool is_text(std::string_view bytes) {
  for (const char c : bytes) {
    if ((c < ' ' && kBlank.find(c) == std::string_view::npos) || c == 0x7f) return false;
  }
  return !trimmed(bytes).empty();
}

void read_recording(std::string_view bytes, const InputSink& sink) {
  RecordingReader reader("", std::string(bytes));
  Sink events;
  events.event = [&](const Event& event) { sink.event(event, reader.offset() + sizeof(otelue_recording_entry)); };
  events.lost = sink.lost;
  while (reader.poll(-1, events) && !is_interrupted()) continue;
  if (!reader.error().empty()) sink.damaged(reader.offset(), reader.error());
}

void read_delimited(std::string_view bytes, const InputSink& sink) {
  std::string_view rest = bytes;
  while (!rest.empty() && !is_interrupted()) {
    const auto offset = static_cast<uint64_t>(rest.data() - bytes.data());
    if (rest.size() < kLengthBytes) return sink.damaged(offset, "the file ends within a length");
    const uint32_t length = length_at(rest);
    rest.remove_prefix(kLengthBytes);
    Event event;
    event.payload = rest.substr(0, length);
    const bool is_cut = length > rest.size();
    if (is_cut) {
      sink.damaged(offset, "a request of " + std::to_string(length) + " bytes, of which " +
                               std::to_string(rest.size()) + " are there");
    }
    sink.event(event, offset + kLengthBytes);
    rest.remove_prefix(event.payload.size());
  }
}

void read_json(std::string_view bytes, const InputSink& sink) {
  std::string_view rest = trimmed(bytes);
  while (!rest.empty() && !is_interrupted()) {
    const auto offset = static_cast<uint64_t>(rest.data() - bytes.data());
    size_t size = json_object_size(rest);
    if (size == 0) return sink.damaged(offset, "a JSON object that does not end");
    Request request;
    const std::string error = from_json(rest.substr(0, size), &request);
    if (error.empty()) {
      const std::string payload = request.SerializeAsString();
      Event event;
      event.payload = payload;
      sink.event(event, offset);
    } else {
      sink.damaged(offset, "no OTLP/JSON: " + error);
      // What is no JSON at all may end anywhere.
      size = std::max(size, rest.find('\n') == std::string_view::npos ? rest.size() : rest.find('\n'));
    }
    rest = trimmed(rest.substr(size));
  }
}

void read_events(std::string_view bytes, const InputSink& sink) {
  std::string_view rest = bytes;
  while (!rest.empty() && !is_interrupted()) {
    const auto offset = static_cast<uint64_t>(rest.data() - bytes.data());
    otelue_event_format format{};
    if (!find_raw_event(rest, &format)) {
      // The kernel pads to a multiple of 8.
      if (rest.size() < 8 && rest.find_first_not_of('\0') == std::string_view::npos) return;
      return sink.damaged(offset, "no event of the tracepoint begins here");
    }
    Event event;
    const std::string trouble = read_raw_event(rest, format, false, &event);
    if (!trouble.empty()) return sink.damaged(offset, trouble);
    sink.event(event, static_cast<uint64_t>(event.payload.data() - bytes.data()));
    rest.remove_prefix(std::min(raw_event_size(rest, format), rest.size()));
    otelue_event_format ignored{};
    for (size_t padding = 1; padding < 8 && !rest.empty() && !find_raw_event(rest, &ignored); ++padding) {
      if (rest.front() != '\0') break;
      rest.remove_prefix(1);
    }
  }
}

}  // namespace

InputFile::InputFile(const std::string& path) : name_(path == "-" ? "standard input" : path) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat file {};
  if (fd < 0 || fstat(fd, &file) != 0) {
    error_ = name_ + ": " + std::strerror(errno);
    return;
  }
  if (S_ISREG(file.st_mode) && file.st_size > 0 && lseek(fd, 0, SEEK_CUR) == 0) {
    const auto size = static_cast<size_t>(file.st_size);
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory != MAP_FAILED) {
      mapped_ = memory;
      bytes_ = {static_cast<const char*>(memory), size};
    }
  }
  if (mapped_ == nullptr) read_all(fd);
  if (fd > STDIN_FILENO) close(fd);
}

InputFile::~InputFile() {
  if (mapped_ != nullptr) munmap(mapped_, bytes_.size());
}

void InputFile::read_all(int fd) {
  while (!is_interrupted()) {
    if (!wait_for(fd, POLLIN, -1)) continue;
    const size_t before = read_.size();
    read_.resize(before + kChunk);
    const ssize_t n = read(fd, read_.data() + before, kChunk);
    read_.resize(before + static_cast<size_t>(n > 0 ? n : 0));
    if (n < 0 && errno != EINTR && errno != EAGAIN) error_ = name_ + ": " + std::strerror(errno);
    if (read_.size() > INT_MAX) error_ = name_ + ": more than 2 GiB that do not lie in a file";
    if (n == 0 || !error_.empty()) break;
  }
  bytes_ = read_;
}

Content detect(std::string_view bytes) {
  constexpr std::string_view recording(OTELUE_RECORDING_MAGIC, sizeof otelue_recording::magic);
  otelue_event_format ignored{};
  if (bytes.empty()) return Content::kUnknown;
  if (bytes.starts_with(recording)) return Content::kRecording;
  if (is_perf_data(bytes)) return Content::kPerf;
  if (is_batch(bytes)) return Content::kBatch;
  if (find_raw_event(bytes, &ignored)) return Content::kEvent;
  if (is_delimited(bytes)) return Content::kDelimited;
  // What a newline stands in front of can be a request too, which no text is.
  if (bytes[0] == '{') return Content::kJson;
  if (is_text(bytes)) {
    if (trimmed(bytes).starts_with('{')) return Content::kJson;
    if (from_hex(bytes)) return Content::kHex;
    if (from_base64(bytes)) return Content::kBase64;
    return Content::kUnknown;
  }
  return bytes[0] == '\x0a' ? Content::kOtlp : Content::kUnknown;
}

const char* content_text(Content content) {
  switch (content) {
    case Content::kRecording:
      return "a recording";
    case Content::kBatch:
      return "a batch";
    case Content::kOtlp:
      return "an OTLP request";
    case Content::kDelimited:
      return "OTLP requests behind their lengths";
    case Content::kJson:
      return "OTLP/JSON";
    case Content::kEvent:
      return "events of the tracepoint";
    case Content::kPerf:
      return "perf.data";
    case Content::kHex:
      return "hexadecimal";
    case Content::kBase64:
      return "base64";
    case Content::kUnknown:
      break;
  }
  return "unknown";
}

bool read_input(std::string_view bytes, Content content, const InputSink& sink) {
  switch (content) {
    case Content::kRecording:
      read_recording(bytes, sink);
      return true;
    case Content::kBatch:
      sink.batch(bytes);
      return true;
    case Content::kOtlp: {
      Event event;
      event.payload = bytes;
      sink.event(event, 0);
      return true;
    }
    case Content::kDelimited:
      read_delimited(bytes, sink);
      return true;
    case Content::kJson:
      read_json(bytes, sink);
      return true;
    case Content::kEvent:
      read_events(bytes, sink);
      return true;
    case Content::kPerf:
      read_perf_data(bytes, sink);
      return true;
    case Content::kHex:
    case Content::kBase64: {
      const std::optional<std::string> plain = content == Content::kHex ? from_hex(bytes) : from_base64(bytes);
      if (!plain) return false;
      const Content inner = detect(*plain);
      return inner != Content::kHex && inner != Content::kBase64 && read_input(*plain, inner, sink);
    }
    case Content::kUnknown:
      break;
  }
  return false;
}

}  // namespace otelue::tool
