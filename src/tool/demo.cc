// SPDX-License-Identifier: Apache-2.0
#include <otelue/builder.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "commands.h"
#include "perf_listener.h"
#include "printer.h"
#include "recording.h"
#include "registration.h"

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
    otelue_point p =
        point(metric(OTELUE_HISTOGRAM, "http.server.request.duration", "s", OTELUE_DELTA), OTELUE_HISTOGRAM);
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

class Demo {
 public:
  int run(const std::string& file) {
    const std::string batch = Service().batch();
    sent_ = encode(batch);
    show("What goes out, the metrics of a small HTTP service:", "-> ", sent_);
    if (!file.empty()) return through_recording(file) ? compare() : kCannot;

    const Registration registration;
    PerfListener listener;
    const std::string trouble = registration.is_registered() ? listener.open() : registration.message();
    if (trouble.empty()) {
      through_tracepoint(registration.exporter(), batch, listener);
      return compare();
    }
    say("\nThe tracepoint cannot be used here: " + trouble + ".\nSo the events go to a recording instead.");
    const std::string created = create_file();
    if (created.empty()) return kCannot;
    if (!through_recording(created)) return kCannot;
    return std::max<int>(compare(), kIncomplete);
  }

 private:
  void say(const std::string& text) { printer_.line(text); }

  void show(const char* title, const char* prefix, const Payloads& events) {
    say(std::string("\n") + title);
    printer_.flush();
    Printer printer(out_, prefix);
    for (const std::string& payload : events) {
      Event event;
      event.payload = payload;
      printer.print(event);
    }
    printer.flush();
  }

  int compare() {
    const bool is_equal = sent_ == received_;
    say(std::string("\n") + (is_equal ? "ok: " : "FAILED: ") + std::to_string(sent_.size()) + " events went out, " +
        std::to_string(received_.size()) + " came back, " + (is_equal ? "byte for byte the same" : "not the same"));
    printer_.flush();
    return finish(out_, is_equal ? kDone : kIncomplete);
  }

  void through_tracepoint(otelue_exporter* exporter, const std::string& batch, PerfListener& listener) {
    otelue_result result{};
    result.struct_size = sizeof result;
    const int returned = otelue_export(exporter, batch.data(), batch.size(), &result);
    say(std::string("\notelue_export: ") + otelue_strerror(returned) + "; " + std::to_string(result.points_exported) +
        " of " + std::to_string(result.points_total) + " points in " + std::to_string(result.events) + " events, " +
        std::to_string(result.bytes) + " bytes");
    Sink sink;
    sink.event = [&](const Event& event) {
      if (event.pid == static_cast<uint32_t>(getpid())) received_.emplace_back(event.payload);
    };
    sink.lost = [&](uint64_t count, int) { say("lost " + std::to_string(count) + " events: the ring was full"); };
    sink.damaged = [&](const std::string& what) { say("undecodable: " + what); };
    listener.stop(sink);
    show("What came back from the kernel, through perf:", "<- ", received_);
  }

  // Empty after saying why there is none.
  static std::string create_file() {
    const char* directory = std::getenv("TMPDIR");
    std::string path = std::string(directory != nullptr ? directory : "/tmp") + "/otelue-demo-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd < 0) {
      complain(path + ": " + std::strerror(errno));
      return "";
    }
    close(fd);
    return path;
  }

  bool through_recording(const std::string& path) {
    RecordingWriter writer;
    std::string error = writer.open(path);
    for (const std::string& payload : sent_) {
      Event event;
      event.payload = payload;
      event.version = "v0.19.00";
      event.time_unix_nano = now();
      event.pid = static_cast<uint32_t>(getpid());
      if (error.empty()) error = writer.event(event);
    }
    if (error.empty()) {
      RecordingReader reader(path);
      Sink sink;
      sink.event = [&](const Event& event) { received_.emplace_back(event.payload); };
      while (reader.poll(-1, sink) && !is_interrupted()) continue;
      error = reader.error();
    }
    if (!error.empty()) {
      complain(error);
      return false;
    }
    show("What came back from the recording:", "<- ", received_);
    say("\nLook at it again: otelue watch " + path);
    return true;
  }

  Output out_{1};
  Printer printer_{out_};
  Payloads sent_;
  Payloads received_;
};

}  // namespace

int demo(const std::string& file) { return Demo().run(file); }

}  // namespace otelue::tool
