// SPDX-License-Identifier: Apache-2.0
// otelue_describe(): what became of an export, in a sentence.
#include <errno.h>
#include <string.h>

#include <string_view>

#include "abi/sentence.h"
#include "otelue/otelue.h"
#include "otlp/batch_source.h"
#include "otlp/event.h"
#include "otlp/fields.h"
#include "otlp/request.h"
#include "records/batch.h"

namespace otelue_core {
namespace {

using otlp::Request;
using records::Batch;

// A batch or an encoded request, found out from its bytes. No request begins with the magic number of a batch where that
// is little-endian: it would be the tag of a field of type 7. Where it is big-endian, a request could begin with a field
// 8, and is one when all of it is well-formed, which a batch never is: the version begins with the tag of a field 0.
class Input {
 public:
  Input(const void* data, size_t size) : data_(data), size_(size) {
    if (data == nullptr) return;
    uint32_t ignored = 0;
    is_request_ = request_.open(data, size, &ignored);
    const uint32_t magic = first_word();
    has_magic_ = magic == OTELUE_BATCH_MAGIC;
    is_swapped_ = magic == __builtin_bswap32(OTELUE_BATCH_MAGIC);
    is_batch_ = has_magic_ && batch_.open(data, size) == 0;
  }

  bool is_empty_batch() const { return is_batch_ && batch_.points().empty(); }
  void put_point(Sentence& out, const otelue_result& result);
  void put_fault(Sentence& out, int returned) const;

 private:
  uint32_t first_word() const {
    uint32_t word = 0;
    if (size_ >= sizeof word) memcpy(&word, data_, sizeof word);
    return word;
  }
  void put_header_fault(Sentence& out) const;

  const void* data_;
  const size_t size_;
  bool has_magic_ = false;
  bool is_swapped_ = false;
  bool is_batch_ = false;    // one that is read
  bool is_request_ = false;  // one that is well-formed around its points
  Batch batch_;
  Request request_;
};

// Of the levels of a source the last ones: the metric and its data. In front of them are resource and scope.
constexpr size_t kFromMetric = 2;

// What resource and scope take of an event with the point at hand.
struct HeadSize {
  size_t bytes = 0;      // 0: not known
  bool is_more = false;  // than that
};

template <typename Source>
HeadSize head_size(Source& source) {
  constexpr size_t kMost = 12288;
  uint8_t buffer[kMost + otlp::Event::kSlack];
  otlp::Event event(buffer, {kMost, kMost});
  uint64_t keys[Source::kLevels];
  if (source.locate(keys) != OTELUE_REASON_NONE) return {};
  ptrdiff_t before = 0;
  constexpr size_t kScope = Source::kLevels - kFromMetric - 1;
  for (size_t level = 0; level <= kScope; ++level) {
    if (level == kScope - 1) before = event.room();
    const uint32_t error = source.open(event, level);
    if (error == otlp::Event::kFull) return {kMost, true};
    if (error != OTELUE_REASON_NONE) return {};
  }
  const ptrdiff_t after = event.room();
  if (after < 0) return {kMost, true};
  return {static_cast<size_t>(before - after), false};
}

std::string_view name_of_metric(const Batch& batch, uint32_t point) {
  std::string_view name;
  otelue_metric metric;
  if (batch.record(batch.points()[point].metric, &metric)) batch.text(metric.name, &name);
  return name;
}

std::string_view name_of_metric(const Request& request, const uint8_t* data) {
  std::string_view name;
  const Request::Level& metric = request.state().levels[Request::kLevels - kFromMetric];
  wire::Field field;
  for (wire::Fields fields({data, metric.end}, metric.begin); fields.next(&field);) {
    if (field.number != otlp::kMetricName || field.type != wire::WireType::kBytes) continue;
    name = {reinterpret_cast<const char*>(data) + field.value, field.size()};
  }
  return name;
}

// The first point that was not exported: its metric, its number, and why.
void Input::put_point(Sentence& out, const otelue_result& result) {
  const uint32_t number = result.first_bad_point;
  std::string_view name;
  HeadSize head;
  if (is_batch_) {
    otlp::BatchSource source(batch_, number);
    if (source.has_point()) {
      name = name_of_metric(batch_, number);
      head = head_size(source);
    }
  } else if (is_request_) {
    while (request_.has_point() && request_.index() < number) request_.advance();
    if (request_.has_point()) {
      name = name_of_metric(request_, static_cast<const uint8_t*>(data_));
      head = head_size(request_);
    }
  }

  out << "; first ";
  if (!name.empty()) {
    out.name(name);
    out << ", ";
  }
  out << "point " << number << ": ";
  const uint32_t reason = result.first_bad_reason;
  out << (reason == OTELUE_REASON_TOO_LARGE ? "too large for an event" : otelue_strreason(reason));
  if (reason == OTELUE_REASON_WRITE && result.last_errno != 0) {
    out << " (errno " << static_cast<uint32_t>(result.last_errno) << ")";
  }
  const bool is_too_large = reason == OTELUE_REASON_TOO_LARGE || reason == OTELUE_REASON_HEAD_TOO_LARGE;
  if (!is_too_large || head.bytes == 0) return;
  out << (reason == OTELUE_REASON_TOO_LARGE ? ", of which" : ";") << " resource and scope are "
      << (head.is_more ? "more than " : "") << head.bytes << " bytes";
}

// What is wrong with a batch that begins with the magic number.
void Input::put_header_fault(Sentence& out) const {
  otelue_batch h;
  if (size_ < sizeof h) {
    out << size_ << " bytes are less than its header";
    return;
  }
  memcpy(&h, data_, sizeof h);
  if (h.version < 1 || h.version > otelue_batch_version_max()) {
    out << "version is " << h.version << ", and this library reads 1 to " << otelue_batch_version_max();
  } else if (h.flags != 0) {
    out << "flags is " << h.flags << ", and this library knows none";
  } else if (h.header_size != sizeof h) {
    out << "header_size is " << h.header_size << ", not " << sizeof h;
  } else if (h.reserved != 0) {
    out << "reserved is " << h.reserved << ", not 0";
  } else if (h.total_size < sizeof h) {
    out << "total_size is " << h.total_size << ", less than the header";
  } else if (h.total_size > size_) {
    out << "total_size is " << h.total_size << ", and only " << size_ << " bytes were handed in";
  } else if (h.points.off % 8 != 0 || h.points.off < sizeof h) {
    out << "points.off is " << h.points.off << ", "
        << (h.points.off < sizeof h ? "inside the header" : "not a multiple of 8");
  } else {
    out << Count{h.points.len, "point"} << " from offset " << h.points.off << " on reach beyond total_size, "
        << h.total_size;
  }
}

// Why the input was refused.
void Input::put_fault(Sentence& out, int returned) const {
  if (data_ == nullptr || is_batch_) {
    out << otelue_strerror(returned);
  } else if (size_ == 0) {
    out << "there are no bytes";
  } else if (is_request_) {
    out << "this is an encoded request and not a batch";
  } else if (has_magic_) {
    out << "the batch is malformed: ";
    put_header_fault(out);
  } else if (is_swapped_) {
    out << "the batch is in another machine's byte order";
  } else {
    out << "this is neither a batch, which begins with OTELUE_BATCH_MAGIC, nor a well-formed request";
  }
}

// ---- What became of it

std::string_view why_unheard(uint32_t step) {
  switch (step) {
    case OTELUE_STEP_REGISTERED:
      return "nobody listens";
    case OTELUE_STEP_FIND:
      return "user_events_data was not found, so the kernel lacks CONFIG_USER_EVENTS or tracefs is not mounted";
    case OTELUE_STEP_OPEN:
      return "user_events_data, or the recording, cannot be opened";
    case OTELUE_STEP_REGISTER:
      return "the kernel refused to register the tracepoint";
    case OTELUE_STEP_PROBE:
      return "the kernel refused a probe";
    case OTELUE_STEP_WRITE:
      return "the kernel refused an event";
    case OTELUE_STEP_SHUTDOWN:
      return "the exporter was shut down";
    default:
      return "the tracepoint cannot be used";
  }
}

void put_lost(Sentence& out, Input& input, const otelue_result& r, uint64_t lost) {
  out << lost << " of " << Count{r.points_total, "point"} << (lost == 1 ? " was" : " were") << " not exported";
  const Count classes[] = {{r.points_invalid, "invalid"}, {r.points_too_large, "too large"},
                           {r.points_unwritten, "not written"}};
  std::string_view before = " (";
  for (const Count& c : classes) {
    if (c.number == 0 || c.number == lost) continue;
    out << before << c.number << " " << c.of;
    before = ", ";
  }
  if (before != " (") out << ")";
  if (r.points_unheard != 0) out << ", and nobody listened any longer to " << r.points_unheard << " others";
  if (r.first_bad_reason != OTELUE_REASON_NONE) input.put_point(out, r);
}

void put_exported(Sentence& out, const otelue_result& r) {
  out << (r.points_exported == r.points_total && r.points_total > 1 ? "all " : "");
  if (r.points_exported != r.points_total) out << r.points_exported << " of ";
  out << Count{r.points_total, "point"} << (r.points_exported == 1 ? " was" : " were") << " exported in "
      << Count{r.events, "event"};
  if (r.points_unheard != 0) out << "; then nobody listened any longer";
  if (r.exemplars_dropped != 0) {
    out << "; " << Count{r.exemplars_dropped, "exemplar"} << ", too large or malformed, left out";
  }
  if (r.strings_as_bytes != 0) out << "; " << Count{r.strings_as_bytes, "string"} << ", not UTF-8, sent as bytes";
  if (r.values_emptied != 0) out << "; " << Count{r.values_emptied, "value"} << ", nested too deep, sent empty";
}

void put_outcome(Sentence& out, Input& input, int returned, const otelue_result& r) {
  const uint64_t lost = uint64_t{r.points_invalid} + r.points_too_large + r.points_unwritten;
  if (returned < 0) {
    out << "nothing was exported: ";
    if (returned == -EBADMSG || returned == -EOPNOTSUPP) {
      input.put_fault(out, returned);
    } else {
      out << otelue_strerror(returned);
    }
  } else if (r.struct_size <= offsetof(otelue_result, points_unheard)) {  // without counts
    out << (returned == 0 ? "every point was exported, or nobody listens" : "some points were not exported");
  } else if (lost != 0) {
    put_lost(out, input, r, lost);
  } else if (r.points_exported != 0) {
    put_exported(out, r);
  } else if (r.listening != 0 || input.is_empty_batch()) {
    if (r.points_total == 0) {
      out << "there were no points to export";
    } else {
      out << "none of " << Count{r.points_total, "point"} << " was exported: nobody listened any longer";
    }
  } else {
    if (r.points_total == 0) {
      out << "nothing was exported: ";
    } else {
      out << "none of " << Count{r.points_total, "point"} << " was exported: ";
    }
    out << why_unheard(r.step);
  }
}

}  // namespace
}  // namespace otelue_core

int otelue_describe(const void* data, size_t size, int returned, const otelue_result* result, char* text,
                    size_t capacity) {
  using namespace otelue_core;
  otelue_result r{};
  if (result != nullptr) {
    memcpy(&r.struct_size, &result->struct_size, sizeof r.struct_size);
    if (r.struct_size < sizeof r.struct_size) return -EINVAL;
    memcpy(&r, result, r.struct_size < sizeof r ? r.struct_size : sizeof r);
  }
  if (text == nullptr && capacity != 0) return -EINVAL;
  Input input(data, size);
  Sentence out(text, capacity);
  put_outcome(out, input, returned, r);
  return static_cast<int>(out.size());
}
