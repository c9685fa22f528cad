// SPDX-License-Identifier: Apache-2.0
/**
 * @file
 * otelue.h for C++17, header only; not part of the ABI.
 *
 *     otelue::Exporter exporter;
 *     otelue::Batch batch;
 *     batch.set_resource({{"service.name", "shop"}});
 *     const auto requests = batch.counter(batch.scope("my.meter"), "http.requests", "{request}");
 *     while (...) {                                                           // each cycle
 *       if (!exporter.listening()) continue;
 *       batch.point(requests, 7, {{"http.request.method", "GET"}, {"http.response.status_code", 200}});
 *       const auto result = exporter.send(batch);
 *       if (!result.ok()) std::cerr << result.describe(batch) << "\n";
 *       batch.clear();                                                        // the points; all else stays
 *     }
 *
 * What otelue.h says of errors, threads and fork holds here too. Nothing throws, but for std::string and std::vector
 * when memory runs out.
 */
#ifndef OTELUE_OTELUE_HPP
#define OTELUE_OTELUE_HPP

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "builder.hpp"
#include "otelue.h"

namespace otelue {

/** What became of an export. */
struct Result : otelue_result {
  /** What the call returned: 0, OTELUE_PARTIAL or a negative errno. */
  int returned = 0;

  /** Whether every point was exported, or nobody listens. */
  bool ok() const { return returned == 0; }
  /** otelue_describe(). The batch is the one that was sent; if it was changed since, a wrong metric may be named. */
  std::string describe(Batch& batch) const {
    const auto [data, size] = batch.finish();
    return describe(data, size);
  }
  /** The same for an encoded request. */
  std::string describe(std::string_view request) const { return describe(request.data(), request.size()); }

 private:
  std::string describe(const void* data, size_t size) const {
    const int length = otelue_describe(data, size, returned, this, nullptr, 0);
    std::string text(length > 0 ? static_cast<size_t>(length) : 0, '\0');
    otelue_describe(data, size, returned, this, text.data(), text.size() + 1);
    return text;
  }
};

/** Owns an exporter, and closes it. Any thread may use it at any time, except that moving and destroying it must come
 * after all other calls. One that was moved from, or could not be opened, refuses every call. */
class Exporter {
 public:
  /** otelue_open() with all defaults. error() says whether it worked. */
  Exporter() : error_(otelue_open(nullptr, nullptr, nullptr, &handle_)) {}
  /** otelue_open() with options, whose struct_size need not be set. */
  explicit Exporter(const otelue_options& options) : error_(open(options, nullptr, nullptr)) {}
  /**
   * The same with a log: `log(level, message)` is called as otelue_log_function describes. It is referred to, so it
   * must outlive the exporter. What it throws is dropped.
   */
  template <typename Log>
  Exporter(const otelue_options& options, Log& log) : error_(open(options, &call_log<Log>, &log)) {}
  template <typename Log>
  Exporter(const otelue_options& options, const Log&& log) = delete;  // it would be gone before the exporter

  /** otelue_open_recording(). error() says whether it worked. */
  static Exporter recording(const std::string& path, const otelue_options& options = {}) {
    return Exporter(path, options, nullptr, nullptr);
  }
  /** The same with a log, as above. */
  template <typename Log>
  static Exporter recording(const std::string& path, const otelue_options& options, Log& log) {
    return Exporter(path, options, &call_log<Log>, &log);
  }
  template <typename Log>
  static Exporter recording(const std::string& path, const otelue_options& options, const Log&& log) = delete;

  ~Exporter() { otelue_close(handle_); }
  Exporter(Exporter&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), error_(std::exchange(other.error_, -EINVAL)) {}
  Exporter& operator=(Exporter&& other) noexcept {
    Exporter moved(std::move(other));
    std::swap(handle_, moved.handle_);
    std::swap(error_, moved.error_);
    return *this;
  }

  /** 0, or why there is no exporter: the negative errno with which it was not opened. */
  int error() const { return error_; }
  /** The handle, which stays the exporter's; NULL when there is none. */
  otelue_exporter* get() const { return handle_; }

  /** Whether it is worth filling a batch: otelue_listening(). */
  bool listening() { return otelue_listening(handle_, nullptr) != 0; }
  /** The kernel's enable word: otelue_enabled(). */
  bool enabled() const { return otelue_enabled(handle_) != 0; }

  /** Exports a batch: otelue_export(). It is finished, and can be cleared or sent again. */
  Result send(Batch& batch) {
    const auto [data, size] = batch.finish();
    return run(otelue_export, data, size);
  }
  /** Exports an encoded ExportMetricsServiceRequest, which may be empty: otelue_export_otlp(). */
  Result send(std::string_view request) {
    return run(otelue_export_otlp, request.empty() ? "" : request.data(), request.size());
  }

  /** otelue_force_flush(). */
  int force_flush() { return otelue_force_flush(handle_); }
  /** otelue_shutdown(). */
  int shutdown() { return otelue_shutdown(handle_); }

  /** otelue_get_status(); all zero when there is no exporter. */
  otelue_status status() {
    otelue_status info = {};
    info.struct_size = sizeof info;
    otelue_get_status(handle_, &info);
    return info;
  }
  /** otelue_get_statistics(); all zero when there is no exporter. */
  otelue_statistics statistics() const {
    otelue_statistics totals = {};
    totals.struct_size = sizeof totals;
    otelue_get_statistics(handle_, &totals);
    return totals;
  }

 private:
  Exporter(const std::string& path, otelue_options options, otelue_log_function log, void* context) {
    options.struct_size = sizeof options;
    error_ = otelue_open_recording(&options, path.c_str(), log, context, &handle_);
  }
  int open(otelue_options options, otelue_log_function log, void* context) {
    options.struct_size = sizeof options;
    return otelue_open(&options, log, context, &handle_);
  }
  template <typename Log>
  static void call_log(void* context, int32_t level, const char* message) {
#ifdef __cpp_exceptions
    try {
#endif
      (*static_cast<Log*>(context))(static_cast<otelue_log_level>(level), std::string_view(message));
#ifdef __cpp_exceptions
    } catch (...) {
    }
#endif
  }
  template <typename Function>
  Result run(Function function, const void* data, size_t size) {
    Result result = {};
    result.struct_size = sizeof(otelue_result);
    result.returned = function(handle_, data, size, &result);
    return result;
  }

  otelue_exporter* handle_ = nullptr;
  int error_ = 0;
};

}  // namespace otelue

#endif
