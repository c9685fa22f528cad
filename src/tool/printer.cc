// SPDX-License-Identifier: Apache-2.0
#include "printer.h"

#include <google/protobuf/arena.h>
#include <otlp_metrics.pb.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.h"
#include "otlp_json.h"
#include "request.h"
#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
constexpr const char* kLabels[] = {"# request ", "# resource ", "# scope ", "# metric ", ""};

std::string origin(const Event& event) {
  std::string text;
  if (event.pid != 0) text += " pid=" + std::to_string(event.pid);
  if (event.time_unix_nano != 0) text += " arrived=" + time_text(event.time_unix_nano);
  return text;
}

}  // namespace

void complain(const std::string& text) { std::fprintf(stderr, "otelue: %s\n", printable(text).c_str()); }

int finish(const Output& out, int status) {
  if (out.error() == 0 || out.error() == EPIPE || out.error() == EINTR) return status;
  complain(std::string("standard output: ") + std::strerror(out.error()));
  return kCannot;
}

void Printer::line(std::string_view text) {
  buffer_ += prefix_;
  buffer_ += text;
  buffer_ += '\n';
  if (buffer_.size() >= kBufferBytes) flush();
}

void Printer::flush() {
  out_.write(buffer_);
  buffer_.clear();
}

bool Printer::is_over() const { return out_.error() != 0 || (most_points_ != 0 && points_ >= most_points_); }

bool Printer::take(const Event& event, Level level, const std::string& text) {
  if (is_over()) return false;
  const auto at = static_cast<size_t>(level);
  if (level == Level::kPoint) {
    ++points_;
  } else {
    // Two processes with the same resource are not the same.
    const std::string heading = level == Level::kResource ? text + " pid=" + std::to_string(event.pid) : text;
    if (heading == headings_[at]) return true;
    headings_[at] = heading;
    for (size_t inner = at + 1; inner < headings_.size(); ++inner) headings_[inner].clear();
  }
  line(kLabels[at] + text + (level == Level::kResource ? origin(event) : ""));
  return true;
}

void Printer::undecodable(const std::string& why, const Event& event) {
  ++undecodable_;
  if (format_ == Format::kText) return line("# undecodable: " + why + origin(event));
  flush();
  complain("undecodable: " + why + origin(event));
}

void Printer::print(const Event& event) {
  if (print_if_decodable(event)) return;
  undecodable(std::to_string(event.payload.size()) + " bytes that are no ExportMetricsServiceRequest", event);
}

bool Printer::print_if_decodable(const Event& event) {
  ++events_;
  bytes_ += event.payload.size();
  if (event.protocol == 0) return print_payload(event);
  undecodable("protocol " + std::to_string(event.protocol) + " is not protobuf", event);
  return true;
}

void Printer::print_rest(const Event& event) { print_payload(event); }

bool Printer::print_payload(const Event& event) {
  if (format_ != Format::kText) return print_request(event);
  return describe(event.payload, [&](Level level, const std::string& text) { return take(event, level, text); });
}

bool Printer::print_request(const Event& event) {
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<Request>(&arena);
  if (!parse_request(event.payload, &request)) return false;
  uint64_t points = count_points(request);
  std::string cut;
  std::string_view bytes = event.payload;
  if (most_points_ != 0 && points > most_points_ - points_) {
    points = most_points_ - points_;
    keep_points(&request, points);
    bytes = cut = request.SerializeAsString();
  }
  points_ += points;
  if (format_ == Format::kJson) {
    line(to_json(request));
    return true;
  }
  for (int shift = 24; shift >= 0; shift -= 8) buffer_ += static_cast<char>(bytes.size() >> shift);
  buffer_ += bytes;
  if (buffer_.size() >= kBufferBytes) flush();
  return true;
}

Sink Printer::sink() {
  Sink sink;
  sink.event = [this](const Event& event) { print(event); };
  sink.lost = [this](uint64_t count, int cpu) {
    lost_ += count;
    flush();
    complain("lost " + std::to_string(count) + " events" +
             (cpu < 0 ? "" : " on processor " + std::to_string(cpu) + ": the ring was full"));
  };
  sink.damaged = [this](const std::string& what) {
    ++events_;
    undecodable(what, {});
  };
  sink.notice = [this](const std::string& what) {
    flush();
    complain(what);
  };
  return sink;
}

void Printer::summarize() const {
  complain(std::to_string(events_) + " events, " + std::to_string(points_) + " points, " + std::to_string(bytes_) +
           " bytes, " + std::to_string(lost_) + " lost, " + std::to_string(undecodable_) + " undecodable");
}

}  // namespace otelue::tool
