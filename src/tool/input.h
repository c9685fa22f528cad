// SPDX-License-Identifier: Apache-2.0
// Files with metrics in any form that we know.
#ifndef OTELUE_SRC_TOOL_INPUT_H
#define OTELUE_SRC_TOOL_INPUT_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "event.h"

namespace otelue::tool {

enum class Content {
  kUnknown,
  kRecording,  // of otelue_open_recording() or --record
  kBatch,      // records.h
  kOtlp,       // one encoded ExportMetricsServiceRequest
  kDelimited,  // several, each behind its length in four bytes, the most significant first
  kJson,       // OTLP/JSON, any number of requests
  kEvent,      // events of the tracepoint, as the kernel hands them out or programs write them
  kPerf,       // perf.data
  kHex,        // any of these in hexadecimal
  kBase64,     // or in base64
};

// What a file has to say, in its order.
struct InputSink {
  // An event, or a request that has no more to it. The offset is that of its payload.
  std::function<void(const Event& event, uint64_t offset)> event;
  std::function<void(std::string_view batch)> batch;
  std::function<void(uint64_t count, int cpu)> lost;
  std::function<void(uint64_t offset, const std::string& why)> damaged;
};

// The whole of a file; - is standard input.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::string_view bytes() const { return bytes_; }
  const std::string& name() const { return name_; }
  const std::string& error() const { return error_; }

 private:
  void read_all(int fd);

  std::string name_;
  std::string error_;
  std::string_view bytes_;
  std::string read_;  // of what cannot be mapped
  void* mapped_ = nullptr;
};

// What bytes look like.
Content detect(std::string_view bytes);
const char* content_text(Content content);

// False: the content is unknown.
bool read_input(std::string_view bytes, Content content, const InputSink& sink);

}  // namespace otelue::tool

#endif
