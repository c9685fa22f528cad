// SPDX-License-Identifier: Apache-2.0
// The format: tools/perf/Documentation/perf.data-file-format.txt of the kernel.
#include "perf_data.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "event_format.h"
#include "raw_event.h"

namespace otelue::tool {
namespace {

constexpr std::string_view kMagic = "PERFILE2";
constexpr std::string_view kForeignMagic = "2ELIFREP";
constexpr size_t kHeaderBytes = 104;
constexpr size_t kPipeHeaderBytes = 16;
constexpr size_t kRecordHeaderBytes = 8;
constexpr size_t kAttrBytes = 48;  // what we look at of a perf_event_attr

enum Feature { kTracingData = 1, kClockData = 29, kFeatures = 256 };

// Records that perf itself writes.
enum PerfRecordType : uint32_t {
  kHeaderAttr = 64,
  kHeaderTracingData = 66,
  kAuxtrace = 71,
  kCompressed = 81,
  kCompressed2 = 83,
};

struct Section {
  uint64_t offset, size;
};

struct Attr {
  uint32_t type;
  uint64_t config, sample_type, read_format;
};

struct Sample {
  uint64_t time;
  std::string_view raw;
  uint32_t pid;
  int cpu;
};

class PerfData {
 public:
  PerfData(std::string_view bytes, const InputSink& sink) : bytes_(bytes), sink_(sink) {
    is_foreign_ = bytes.starts_with(kForeignMagic);
  }

  void read() {
    if (bytes_.size() < kPipeHeaderBytes) return damaged(bytes_, "the file ends within its header");
    const auto header_size = number<uint64_t>(bytes_, 8);
    if (header_size == kPipeHeaderBytes) {
      walk(bytes_.substr(kPipeHeaderBytes));
    } else if (header_size < kHeaderBytes || bytes_.size() < kHeaderBytes) {
      return damaged(bytes_, "the file ends within its header");
    } else if (!read_layout()) {
      return;
    }
    hand_out();
  }

 private:
  template <typename Number>
  Number number(std::string_view bytes, size_t at) const {
    return load<Number>(bytes, at, is_foreign_);
  }

  void damaged(std::string_view from, const std::string& why) {
    sink_.damaged(static_cast<uint64_t>(from.data() - bytes_.data()), why);
  }

  Section section(std::string_view bytes, size_t at) const {
    return {number<uint64_t>(bytes, at), number<uint64_t>(bytes, at + 8)};
  }

  // What of a section is in the file.
  std::string_view part(const Section& section) const {
    return section.offset > bytes_.size() ? bytes_.substr(bytes_.size()) : bytes_.substr(section.offset, section.size);
  }

  bool read_layout() {
    const auto attr_size = number<uint64_t>(bytes_, 16);
    const Section attrs = section(bytes_, 24);
    const Section data = section(bytes_, 40);
    const std::string_view all = part(attrs);
    if (attr_size < kAttrBytes + 16 || all.size() < attrs.size) {
      damaged(bytes_.substr(16), "the file ends before what it says of its events");
      return false;
    }
    for (size_t at = 0; at + attr_size <= all.size(); at += attr_size) {
      const std::string_view one = all.substr(at, attr_size);
      add_attr(one, part(section(one, attr_size - 16)));
    }
    read_features(data);
    std::string_view records = part(data);
    if (data.size == 0) {
      records = bytes_.substr(std::min<size_t>(data.offset, bytes_.size()));
      damaged(records, "perf record has not come to its end");
    } else if (records.size() < data.size) {
      damaged(bytes_.substr(bytes_.size()),
              "the file ends within its records, which have " + std::to_string(data.size) + " bytes");
    }
    walk(records);
    return true;
  }

  void read_features(const Section& data) {
    uint64_t at = data.offset + data.size;
    if (data.size == 0) return;
    for (size_t feature = 0; feature < kFeatures; ++feature) {
      const auto word = number<uint64_t>(bytes_, 72 + feature / 64 * 8);
      if ((word >> (feature % 64) & 1) == 0) continue;
      const std::string_view entry = part({at, 16});
      at += 16;
      if (entry.size() < 16) return;
      const std::string_view content = part(section(entry, 0));
      if (feature == kTracingData) read_tracing_data(content);
      if (feature == kClockData && content.size() >= 24) {
        clock_offset_ = number<uint64_t>(content, 8) - number<uint64_t>(content, 16);
      }
    }
  }

  void add_attr(std::string_view attr, std::string_view ids) {
    attrs_.push_back(
        {number<uint32_t>(attr, 0), number<uint64_t>(attr, 8), number<uint64_t>(attr, 24), number<uint64_t>(attr, 32)});
    for (size_t at = 0; at + 8 <= ids.size(); at += 8) attr_of_[number<uint64_t>(ids, at)] = attrs_.size() - 1;
  }

  // Where the fields lie: the text that tracefs had of the event.
  void read_tracing_data(std::string_view data) {
    const size_t begin = data.find("name: otlp_metrics\n");
    if (begin == std::string_view::npos) return;
    const size_t print = data.find("\nprint fmt:", begin);
    if (print == std::string_view::npos) return;
    const size_t end = std::min(data.find('\n', print + 1), data.size() - 1) + 1;
    const std::string text(data.substr(begin, end - begin));
    otelue_event_format format{};
    if (otelue_parse_event(text.data(), text.size(), &format) == 0) format_ = format;
  }

  void walk(std::string_view rest) {
    while (!rest.empty()) {
      if (rest.size() < kRecordHeaderBytes) return damaged(rest, "the file ends within the header of a record");
      const auto type = number<uint32_t>(rest, 0);
      const size_t size = number<uint16_t>(rest, 6);
      if (size < kRecordHeaderBytes) return damaged(rest, "a record of " + std::to_string(size) + " bytes");
      if (size > rest.size()) {
        return damaged(rest, "a record of " + std::to_string(size) + " bytes, of which " + std::to_string(rest.size()) +
                                 " are there");
      }
      const std::string_view body = rest.substr(kRecordHeaderBytes, size - kRecordHeaderBytes);
      size_t behind = 0;  // bytes that belong to the record without being in it
      switch (type) {
        case PERF_RECORD_SAMPLE:
          take_sample(body);
          break;
        case PERF_RECORD_LOST:
          if (body.size() >= 16) lost_ += number<uint64_t>(body, 8);
          break;
        case PERF_RECORD_LOST_SAMPLES:
          if (body.size() >= 8) lost_samples_ += number<uint64_t>(body, 0);
          break;
        case kHeaderAttr:
          if (body.size() >= kAttrBytes) {
            const size_t attr_size = std::clamp<size_t>(number<uint32_t>(body, 4), kAttrBytes, body.size());
            add_attr(body, body.substr(attr_size));
          }
          break;
        case kHeaderTracingData:
          if (body.size() >= 4) behind = (size_t{number<uint32_t>(body, 0)} + 7) & ~size_t{7};
          read_tracing_data(rest.substr(size, behind));
          break;
        case kAuxtrace:
          if (body.size() >= 8) behind = number<uint64_t>(body, 0);
          break;
        case kCompressed:
        case kCompressed2:
          return damaged(rest,
                         "compressed records, which perf record -z writes: perf inject -i FILE -o OTHER expands "
                         "them");
        default:
          break;
      }
      rest.remove_prefix(size);
      if (behind > rest.size()) return damaged(rest, "the file ends within what belongs to a record");
      rest.remove_prefix(behind);
    }
  }

  // The attr that a sample belongs to.
  const Attr* attr_of(std::string_view body) const {
    if (attrs_.size() == 1) return attrs_.data();
    if (attrs_.empty() || body.size() < 8) return nullptr;
    const uint64_t type = attrs_[0].sample_type;  // where its id lies is the same for all
    size_t at = 0;
    if ((type & PERF_SAMPLE_IDENTIFIER) == 0) {
      if ((type & PERF_SAMPLE_ID) == 0) return nullptr;
      for (const uint64_t before : {PERF_SAMPLE_IP, PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_SAMPLE_ADDR}) {
        if ((type & before) != 0) at += 8;
      }
    }
    if (at + 8 > body.size()) return nullptr;
    const auto found = attr_of_.find(number<uint64_t>(body, at));
    return found == attr_of_.end() ? nullptr : &attrs_[found->second];
  }

  // The size of the values that a counter was read with; nothing where they end outside.
  std::optional<size_t> read_size(std::string_view rest, uint64_t format) const {
    const auto has = [&](uint64_t bit) { return size_t{(format & bit) != 0}; };
    const size_t times = has(PERF_FORMAT_TOTAL_TIME_ENABLED) + has(PERF_FORMAT_TOTAL_TIME_RUNNING);
    const size_t each = 1 + has(PERF_FORMAT_ID) + has(1U << 4 /* PERF_FORMAT_LOST */);
    if (has(PERF_FORMAT_GROUP) == 0) return 8 * (times + each);
    if (rest.size() < 8) return {};
    const auto count = number<uint64_t>(rest, 0);
    if (count > rest.size() / 8) return {};
    return 8 * (1 + times + count * each);
  }

  void take_sample(std::string_view body) {
    const Attr* attr = attr_of(body);
    if (attr == nullptr || attr->type != PERF_TYPE_TRACEPOINT) return;
    Sample sample{0, {}, 0, -1};
    const auto has = [&](uint64_t bit) { return (attr->sample_type & bit) != 0; };
    std::string_view rest = body;
    const auto skip = [&](size_t size) {
      if (size > rest.size()) return false;
      rest.remove_prefix(size);
      return true;
    };
    const auto too_short = [&] { damaged(body, "a sample that is too short"); };
    size_t fixed = 0;
    for (const uint64_t bit :
         {PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP, PERF_SAMPLE_TID, PERF_SAMPLE_TIME, PERF_SAMPLE_ADDR, PERF_SAMPLE_ID,
          PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_CPU, PERF_SAMPLE_PERIOD}) {
      if (!has(bit)) continue;
      if (fixed + 8 > body.size()) return too_short();
      if (bit == PERF_SAMPLE_TID) sample.pid = number<uint32_t>(body, fixed);
      if (bit == PERF_SAMPLE_TIME) sample.time = number<uint64_t>(body, fixed);
      if (bit == PERF_SAMPLE_CPU) sample.cpu = static_cast<int>(number<uint32_t>(body, fixed));
      fixed += 8;
    }
    skip(fixed);
    if (has(PERF_SAMPLE_READ)) {
      const std::optional<size_t> size = read_size(rest, attr->read_format);
      if (!size || !skip(*size)) return too_short();
    }
    if (has(PERF_SAMPLE_CALLCHAIN)) {
      if (rest.size() < 8) return too_short();
      const auto count = number<uint64_t>(rest, 0);
      if (count > rest.size() / 8 || !skip(8 + 8 * count)) return too_short();
    }
    if (!has(PERF_SAMPLE_RAW)) return damaged(body, "a sample without the event's data: perf record takes -R");
    if (rest.size() < 4) return too_short();
    const auto size = number<uint32_t>(rest, 0);
    if (size > rest.size() - 4) return too_short();
    sample.raw = rest.substr(4, size);
    samples_.emplace_back(attr->config, sample);
  }

  void hand_out() {
    if (attrs_.empty()) return damaged(bytes_, "no events are described");
    std::erase_if(samples_, [&](const auto& sample) { return !is_ours(sample.first, sample.second.raw); });
    std::stable_sort(samples_.begin(), samples_.end(),
                     [](const auto& a, const auto& b) { return a.second.time < b.second.time; });
    for (const auto& [config, sample] : samples_) {
      Event event;
      otelue_event_format format{};
      if (format_) {
        format = *format_;
      } else {
        find_raw_event(sample.raw, &format);
      }
      const std::string trouble = read_raw_event(sample.raw, format, is_foreign_, &event);
      if (!trouble.empty()) {
        damaged(sample.raw, trouble);
        continue;
      }
      event.pid = sample.pid;
      event.cpu = sample.cpu;
      if (clock_offset_ && sample.time != 0) event.time_unix_nano = sample.time + *clock_offset_;
      sink_.event(event, static_cast<uint64_t>(event.payload.data() - bytes_.data()));
    }
    // perf sums up at the end what the kernel may have told record by record.
    if (const uint64_t lost = std::max(lost_, lost_samples_); lost > 0) sink_.lost(lost, -1);
  }

  bool is_ours(uint64_t config, std::string_view raw) const {
    otelue_event_format ignored{};
    return format_ ? config == static_cast<uint64_t>(format_->id) : find_raw_event(raw, &ignored);
  }

  const std::string_view bytes_;
  const InputSink& sink_;
  bool is_foreign_ = false;
  std::vector<Attr> attrs_;
  std::map<uint64_t, size_t> attr_of_;  // by id
  std::optional<otelue_event_format> format_;
  std::optional<uint64_t> clock_offset_;  // from the samples' clock to the wall's
  std::vector<std::pair<uint64_t, Sample>> samples_;
  uint64_t lost_ = 0;
  uint64_t lost_samples_ = 0;
};

}  // namespace

bool is_perf_data(std::string_view bytes) { return bytes.starts_with(kMagic) || bytes.starts_with(kForeignMagic); }

void read_perf_data(std::string_view bytes, const InputSink& sink) { PerfData(bytes, sink).read(); }

}  // namespace otelue::tool
