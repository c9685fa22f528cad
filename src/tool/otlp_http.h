// SPDX-License-Identifier: Apache-2.0
// OTLP/HTTP with encoded requests, set up as OpenTelemetry's exporters are.
#ifndef OTELUE_SRC_TOOL_OTLP_HTTP_H
#define OTELUE_SRC_TOOL_OTLP_HTTP_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace otelue::tool {

struct HttpSettings {
  std::string url;
  std::vector<std::string> headers;  // Name: value
  bool is_gzip = true;
  std::chrono::milliseconds timeout{10'000};
  std::string certificate;  // of the authorities that are trusted; empty: those of the system
  std::string client_certificate;
  std::string client_key;
};

// What OTEL_EXPORTER_OTLP_METRICS_* and OTEL_EXPORTER_OTLP_* say; `to` goes before the endpoints of both. Empty, or
// what is wrong with them.
std::string read_http_settings(const std::string& to, HttpSettings* settings);

enum class Outcome {
  kAccepted,
  kRetry,     // 429, 502, 503, 504, or no answer
  kTooLarge,  // 413
  kRefused,   // whatever else there is
  kAborted,   // the stop came first
};

struct Answer {
  Outcome outcome = Outcome::kRetry;
  std::string why;                      // for a log
  std::chrono::seconds retry_after{0};  // 0: it has not said
  uint64_t rejected_points = 0;         // of an accepted request: partial_success
  std::string warning;                  // what partial_success says
};

class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // For one thread. It ends soon after `stop` has become true.
  Answer post(std::string_view request, const std::atomic<bool>& stop);

 private:
  std::string_view compressed(std::string_view request);

  const HttpSettings settings_;
  void* curl_ = nullptr;
  void* headers_ = nullptr;
  std::string body_;
};

}  // namespace otelue::tool

#endif
