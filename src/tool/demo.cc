// SPDX-License-Identifier: Apache-2.0
#include "demo.h"

#include <otelue/builder.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "perf_listener.h"
#include "recording.h"
#include "watch.h"

namespace otelue::tool {
namespace {

uint64_t now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

// What an HTTP service would report about its last minute: each kind of metric once.
class Service {
 public:
  std::string batch() {
    otelue_builder_init(&b_, memory_.data(), memory_.size());
    const otelue_attribute attributes[] = {
        otelue_attribute_string(&b_, "service.name", "shop"),
        otelue_attribute_string(&b_, "service.instance.id", "demo"),
    };
    otelue_resource resource{};
    resource.attributes = otelue_build_attributes(&b_, attributes, 2);
    otelue_builder_set_resource(&b_, otelue_build_resource(&b_, &resource));
    otelue_scope scope{};
    scope.name = otelue_build_string(&b_, "otelue.demo");
    scope.version = otelue_build_string(&b_, "1.0");
    scope_ = otelue_build_scope(&b_, &scope);

    requests();
    queue_depth();
    duration();
    body_size();
    gc_pause();

    size_t size = 0;
    if (otelue_builder_finish(&b_, &size) != 0) return "";
    return {reinterpret_cast<const char*>(memory_.data()), size};
  }

 private:
  uint32_t metric(uint32_t kind, const char* name, const char* unit, uint32_t temporality = 0, uint32_t monotonic = 0) {
    otelue_metric metric{};
    metric.scope = scope_;
    metric.kind = kind;
    metric.name = otelue_build_string(&b_, name);
    metric.unit = otelue_build_string(&b_, unit);
    metric.temporality = temporality;
    metric.is_monotonic = monotonic;
    return otelue_build_metric(&b_, &metric);
  }
  otelue_point point(uint32_t metric, uint16_t value_type) const {
    otelue_point point{};
    point.metric = metric;
    point.start_time_unix_nano = now_ - 60'000'000'000;
    point.time_unix_nano = now_;
    point.value_type = value_type;
    return point;
  }
  otelue_ref route(const char* method, int64_t status) {
    const otelue_attribute attributes[] = {
        otelue_attribute_string(&b_, "http.request.method", method),
        otelue_attribute_int(&b_, "http.response.status_code", status),
        otelue_attribute_string(&b_, "http.route", "/cart/{id}"),
    };
    return otelue_build_attributes(&b_, attributes, 3);
  }

  void requests() {
    const uint32_t m = metric(OTELUE_SUM, "http.server.requests", "{request}", OTELUE_DELTA, 1);
    otelue_exemplar exemplar{};
    exemplar.time_unix_nano = now_ - 1'000'000;
    exemplar.value_type = OTELUE_INT;
    exemplar.has = OTELUE_HAS_TRACE_ID | OTELUE_HAS_SPAN_ID;
    exemplar.as_int = 1;
    for (size_t i = 0; i < sizeof exemplar.trace_id; ++i) exemplar.trace_id[i] = static_cast<uint8_t>(0xa0 + i);
    for (size_t i = 0; i < sizeof exemplar.span_id; ++i) exemplar.span_id[i] = static_cast<uint8_t>(0xb0 + i);

    otelue_point ok = point(m, OTELUE_INT);
    ok.attributes = route("GET", 200);
    ok.exemplars = otelue_build_exemplars(&b_, &exemplar, 1);
    ok.as_int = 1027;
    otelue_build_point(&b_, &ok);
    otelue_point failed = point(m, OTELUE_INT);
    failed.attributes = route("POST", 503);
    failed.as_int = 3;
    otelue_build_point(&b_, &failed);
  }
  void queue_depth() {
    otelue_point p = point(metric(OTELUE_GAUGE, "shop.queue.depth", "{message}"), OTELUE_DOUBLE);
    p.as_double = 12.5;
    otelue_build_point(&b_, &p);
  }
  void duration() {
    const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1};
    const uint64_t counts[] = {310, 402, 250, 60, 7, 1};
    otelue_histogram h{};
    h.count = 1030;
    h.sum = 14.25;
    h.min = 0.001;
    h.max = 0.731;
    h.has = OTELUE_HAS_SUM | OTELUE_HAS_MIN | OTELUE_HAS_MAX;
    h.explicit_bounds = otelue_build_doubles(&b_, bounds, 5);
    h.bucket_counts = otelue_build_counts(&b_, counts, 6);
    otelue_point p = point(metric(OTELUE_HISTOGRAM, "http.server.request.duration", "s", OTELUE_DELTA),
                           OTELUE_HISTOGRAM);
    p.attributes = route("GET", 200);
    p.body = otelue_build_histogram(&b_, &h);
    otelue_build_point(&b_, &p);
  }
  void body_size() {
    const uint64_t counts[] = {12, 40, 31, 9, 2};
    otelue_exponential_histogram h{};
    h.count = 100;
    h.sum = 65536;
    h.has = OTELUE_HAS_SUM;
    h.scale = 1;
    h.zero_count = 6;
    h.positive_offset = 14;
    h.positive = otelue_build_counts(&b_, counts, 5);
    otelue_point p = point(metric(OTELUE_EXPONENTIAL_HISTOGRAM, "http.server.request.body.size", "By", OTELUE_DELTA),
                           OTELUE_EXPONENTIAL_HISTOGRAM);
    p.body = otelue_build_exponential_histogram(&b_, &h);
    otelue_build_point(&b_, &p);
  }
  void gc_pause() {
    const otelue_quantile quantiles[] = {{0.5, 0.0021}, {0.99, 0.0187}};
    otelue_summary s{};
    s.count = 42;
    s.sum = 0.13;
    s.quantiles = otelue_build_quantiles(&b_, quantiles, 2);
    otelue_point p = point(metric(OTELUE_SUMMARY, "shop.gc.pause", "s"), OTELUE_SUMMARY);
    p.body = otelue_build_summary(&b_, &s);
    otelue_build_point(&b_, &p);
  }

  const uint64_t now_ = now();
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(8192);
  otelue_builder b_{};
  uint32_t scope_ = 0;
};

using Payloads = std::vector<std::string>;

Payloads encode(const std::string& batch) {
  Payloads events;
  otelue_cursor cursor{};
  char out[OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK];
  size_t written = 0;
  while (otelue_encode_next(batch.data(), batch.size(), nullptr, &cursor, out, sizeof out, &written, nullptr) == 1) {
    events.emplace_back(out, written);
  }
  return events;
}

void show(const char* title, const char* prefix, const Payloads& events) {
  std::printf("\n%s\n", title);
  Printer printer(prefix);
  for (const std::string& payload : events) {
    Event event;
    event.payload = payload;
    printer.print(event);
  }
}

int compare(const Payloads& sent, const Payloads& received) {
  const bool is_equal = sent == received;
  std::printf("\n%s: %zu events went out, %zu came back, %s\n", is_equal ? "ok" : "FAILED", sent.size(),
              received.size(), is_equal ? "byte for byte the same" : "not the same");
  return is_equal ? kDone : kDamaged;
}

int through_recording(const Payloads& sent, std::string path) {
  std::FILE* file = nullptr;
  if (path.empty()) {
    const char* directory = std::getenv("TMPDIR");
    path = std::string(directory != nullptr ? directory : "/tmp") + "/otelue-demo-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd >= 0) file = fdopen(fd, "w+b");
  } else {
    file = std::fopen(path.c_str(), "w+b");
  }
  bool is_written = file != nullptr;
  for (const std::string& payload : sent) is_written = is_written && append_to_recording(file, payload);
  if (!is_written || std::fflush(file) != 0) {
    std::fprintf(stderr, "otelue: %s: %s\n", path.c_str(), std::strerror(errno));
    return kDamaged;
  }
  std::printf("So the events went to a recording: %s\n", path.c_str());

  std::rewind(file);
  Payloads received;
  Sink sink;
  sink.event = [&](const Event& event) { received.emplace_back(event.payload); };
  const std::string error = read_recording(file, sink);
  std::fclose(file);
  if (!error.empty()) std::fprintf(stderr, "otelue: %s: %s\n", path.c_str(), error.c_str());
  show("What came back from the recording:", "<- ", received);
  const int status = compare(sent, received);
  std::printf("Look at it again: otelue watch %s\n", path.c_str());
  return status;
}

}  // namespace

int demo(const std::string& file) {
  const std::string batch = Service().batch();
  const Payloads sent = encode(batch);
  show("What goes out, the metrics of a small HTTP service:", "-> ", sent);

  otelue_exporter* exporter = nullptr;
  otelue_status status{};
  status.struct_size = sizeof status;
  if (otelue_open(nullptr, nullptr, nullptr, &exporter) != 0 || otelue_get_status(exporter, &status) != 0) return kDamaged;
  const std::unique_ptr<otelue_exporter, void (*)(otelue_exporter*)> owner(exporter, otelue_close);
  PerfListener listener(128);
  const std::string trouble = status.registered != 0 ? listener.open() : status.message;
  if (!trouble.empty() || !file.empty()) {
    if (!trouble.empty()) std::printf("\nThe tracepoint cannot be used here: %s.\n", trouble.c_str());
    return through_recording(sent, file);
  }

  otelue_result result{};
  result.struct_size = sizeof result;
  const int returned = otelue_export(exporter, batch.data(), batch.size(), &result);
  std::printf("\notelue_export: %s; %u of %u points in %u events, %llu bytes\n", otelue_strerror(returned),
              result.points_exported, result.points_total, result.events,
              static_cast<unsigned long long>(result.bytes));
  Payloads received;
  Sink sink;
  sink.event = [&](const Event& event) {
    if (event.pid == getpid()) received.emplace_back(event.payload);
  };
  sink.lost = [](uint64_t count, int) {
    std::printf("lost %llu events: the ring was full\n", static_cast<unsigned long long>(count));
  };
  sink.damaged = [](const std::string& what) { std::printf("undecodable: %s\n", what.c_str()); };
  for (int i = 0; i < 20 && received.size() < sent.size(); ++i) listener.poll(100, sink);
  show("What came back from the kernel, through perf:", "<- ", received);
  return compare(sent, received);
}

}  // namespace otelue::tool
