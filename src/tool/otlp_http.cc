// SPDX-License-Identifier: Apache-2.0
#include "otlp_http.h"

#include <curl/curl.h>
#include <google/protobuf/io/coded_stream.h>
#include <otelue/otelue.h>
#include <zlib.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kMostResponse = 64 * 1024;
constexpr size_t kMostQuoted = 200;
constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kFast = 1;  // as much text repeats in a request, more effort gains little

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The one for metrics goes before the one for all signals. Empty values count as not set.
std::string setting(const std::string& name) {
  const std::string own = environment(("OTEL_EXPORTER_OTLP_METRICS_" + name).c_str());
  return own.empty() ? environment(("OTEL_EXPORTER_OTLP_" + name).c_str()) : own;
}

std::string with_path(const std::string& base, std::string_view path) {
  return base.back() == '/' ? base + std::string(path) : base + '/' + std::string(path);
}

bool has_path(const std::string& url) {
  const size_t host = url.find("://");
  const size_t slash = host == std::string::npos ? host : url.find('/', host + 3);
  return slash != std::string::npos && slash + 1 < url.size();
}

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

std::string unescaped(const std::string& text) {
  int size = 0;
  char* plain = curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &size);
  std::string result(plain, static_cast<size_t>(size));
  curl_free(plain);
  return result;
}

std::string read_headers(std::string_view list, std::vector<std::string>* headers) {
  while (!list.empty()) {
    const std::string_view pair = list.substr(0, list.find(','));
    list.remove_prefix(std::min(pair.size() + 1, list.size()));
    if (trimmed(pair).empty()) continue;
    const size_t equals = pair.find('=');
    const std::string name = trimmed(pair.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) return "a header is not NAME=VALUE";
    const std::string header = name + ": " + unescaped(trimmed(pair.substr(equals + 1)));
    if (header.find_first_of("\r\n") != std::string::npos) return "a header of two lines";
    headers->push_back(header);
  }
  return "";
}

size_t take_response(char* data, size_t, size_t size, void* response) {
  auto* text = static_cast<std::string*>(response);
  text->append(data, std::min(size, kMostResponse - std::min(kMostResponse, text->size())));
  return size;
}

int is_stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

// ExportMetricsServiceResponse.partial_success: rejected_data_points = 1, error_message = 2.
void read_partial_success(const std::string& response, Answer* answer) {
  using google::protobuf::io::CodedInputStream;
  CodedInputStream in(reinterpret_cast<const uint8_t*>(response.data()), static_cast<int>(response.size()));
  uint32_t size = 0;
  if (in.ReadTag() != (1 << 3 | 2) || !in.ReadVarint32(&size)) return;
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == (1 << 3 | 0)) {
      if (!in.ReadVarint64(&answer->rejected_points)) return;
    } else if (tag == (2 << 3 | 2)) {
      if (!in.ReadVarint32(&size) || !in.ReadString(&answer->warning, static_cast<int>(size))) return;
    } else {
      return;
    }
  }
}

Outcome outcome_of(long code) {
  if (code >= 200 && code < 300) return Outcome::kAccepted;
  if (code == 429 || code == 502 || code == 503 || code == 504) return Outcome::kRetry;
  return code == 413 ? Outcome::kTooLarge : Outcome::kRefused;
}

}  // namespace

std::string read_http_settings(const std::string& to, HttpSettings* settings) {
  const std::string own = environment("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
  const std::string common = environment("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (!to.empty()) {
    settings->url = has_path(to) ? to : with_path(to, "v1/metrics");
  } else if (!own.empty()) {
    settings->url = own;
  } else if (!common.empty()) {
    settings->url = with_path(common, "v1/metrics");
  } else {
    return "where to? --to URL, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT";
  }
  if (!settings->url.starts_with("http://") && !settings->url.starts_with("https://")) {
    return settings->url + ": no URL that begins with http:// or https://";
  }
  const std::string protocol = setting("PROTOCOL");
  if (!protocol.empty() && protocol != "http/protobuf") {
    return "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol + ": it speaks http/protobuf alone";
  }
  const std::string compression = setting("COMPRESSION");
  if (!compression.empty() && compression != "gzip" && compression != "none") {
    return "OTEL_EXPORTER_OTLP_COMPRESSION=" + compression + ": it knows gzip and none";
  }
  settings->is_gzip = compression != "none";
  if (const std::string timeout = setting("TIMEOUT"); !timeout.empty()) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(timeout.data(), timeout.data() + timeout.size(), number);
    if (error != std::errc() || end != timeout.data() + timeout.size() || number == 0) {
      return "OTEL_EXPORTER_OTLP_TIMEOUT=" + timeout + ": no number of milliseconds";
    }
    settings->timeout = std::chrono::milliseconds(number);
  }
  settings->certificate = setting("CERTIFICATE");
  settings->client_certificate = setting("CLIENT_CERTIFICATE");
  settings->client_key = setting("CLIENT_KEY");
  const std::string why = read_headers(setting("HEADERS"), &settings->headers);
  return why.empty() ? "" : "OTEL_EXPORTER_OTLP_HEADERS: " + why;
}

HttpClient::HttpClient(HttpSettings settings) : settings_(std::move(settings)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* curl = curl_easy_init();
  if (curl == nullptr) throw std::runtime_error("libcurl cannot be used");
  curl_ = curl;
  const uint32_t version = otelue_version();
  const std::string agent = "otelue-forward/" + std::to_string(version >> 16) + '.' +
                            std::to_string(version >> 8 & 0xff) + '.' + std::to_string(version & 0xff);
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/x-protobuf");
  headers = curl_slist_append(headers, "Expect:");
  if (settings_.is_gzip) headers = curl_slist_append(headers, "Content-Encoding: gzip");
  for (const std::string& header : settings_.headers) headers = curl_slist_append(headers, header.c_str());
  headers_ = headers;
  curl_easy_setopt(curl, CURLOPT_URL, settings_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, agent.c_str());
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_response);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
  if (!settings_.certificate.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, settings_.certificate.c_str());
  if (!settings_.client_certificate.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSLCERT, settings_.client_certificate.c_str());
  }
  if (!settings_.client_key.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, settings_.client_key.c_str());
}

HttpClient::~HttpClient() {
  curl_easy_cleanup(curl_);
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
}

std::string_view HttpClient::compressed(std::string_view request) {
  if (!settings_.is_gzip) return request;
  z_stream stream{};
  deflateInit2(&stream, kFast, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY);
  body_.resize(deflateBound(&stream, request.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(request.data()));
  stream.avail_in = static_cast<uInt>(request.size());
  stream.next_out = reinterpret_cast<Bytef*>(body_.data());
  stream.avail_out = static_cast<uInt>(body_.size());
  deflate(&stream, Z_FINISH);
  body_.resize(stream.total_out);
  deflateEnd(&stream);
  return body_;
}

Answer HttpClient::post(std::string_view request, const std::atomic<bool>& stop) {
  CURL* curl = curl_;
  const std::string_view body = compressed(request);
  std::string response;
  char error[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  Answer answer;
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    answer.outcome = Outcome::kAborted;
    answer.why = "it was stopped";
    return answer;
  }
  if (code != CURLE_OK) {
    answer.why = error[0] != '\0' ? error : curl_easy_strerror(code);
    return answer;
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.outcome = outcome_of(status);
  if (answer.outcome == Outcome::kAccepted) {
    read_partial_success(response, &answer);
    return answer;
  }
  curl_off_t seconds = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
  answer.retry_after = std::chrono::seconds(seconds);
  answer.why = "HTTP status " + std::to_string(status);
  if (!response.empty()) answer.why += ": " + quoted(response.substr(0, kMostQuoted));
  return answer;
}

}  // namespace otelue::tool
