// SPDX-License-Identifier: Apache-2.0
// Takes the soak's events apart, and keeps account of what arrived.
#ifndef OTELUE_TESTS_KERNEL_SOAK_RECEIVED_H
#define OTELUE_TESTS_KERNEL_SOAK_RECEIVED_H

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "literal.h"
#include "protobuf.h"
#include "soak_batch.h"

namespace soak {

using otelue::tool::Field;
using otelue::tool::Reader;

// A bit for each event of each export.
class Received {
 public:
  explicit Received(uint32_t most_exports) {
    for (const Kind kind : {kGauge, kSums}) {
      masks_[kind].resize(most_exports);
      for (size_t set = 0; set < kSets; ++set) {
        const std::string value = field(1, set_text(set));
        points_[kind][set] =
            fixed64(2, 0) + fixed64(3, 0) + fixed64(6, 0) + field(7, field(1, "set") + field(2, value));
      }
      learn_events(kind);
    }
  }

  void take(std::string_view payload) {
    try {
      const Run run = read(payload);
      const uint64_t index = run.first % kExportPoints;
      const auto& starts = starts_[run.kind];
      for (size_t event = 0; event + 1 < starts.size(); ++event) {
        if (starts[event] != index || starts[event + 1] != index + run.count) continue;
        uint32_t& mask = masks_[run.kind].at(run.first / kExportPoints);
        const uint32_t bit = 1u << event;
        twice += (mask & bit) != 0;
        mask |= bit;
        points += run.count;
        return;
      }
    } catch (const otelue::tool::Malformed&) {
    } catch (const std::out_of_range&) {  // no such export
    }
    ++corrupt;
  }

  uint32_t events_of(Kind kind, uint32_t export_number) const { return masks_[kind][export_number]; }
  uint32_t all_events(Kind kind) const { return (1u << (starts_[kind].size() - 1)) - 1; }

  uint64_t points = 0;
  uint64_t twice = 0;
  uint64_t corrupt = 0;

 private:
  struct Run {
    Kind kind;
    uint64_t first;
    uint32_t count;
  };

  // Throws Malformed unless the event is, byte for byte, what consecutive points of one export have to be.
  Run read(std::string_view payload) const {
    const std::string_view resource_metrics = only(payload, 1);
    Reader reader(resource_metrics);
    Field part = next(reader);
    Run run{kGauge, 0, 0};
    if (!part.is_bytes(2)) {  // the sums' scope has a resource
      run.kind = kSums;
      expect(part.is_bytes(1) && part.bytes.empty());
      part = next(reader);
      expect(part.is_bytes(2));
    }
    read_scope(part.bytes, run);
    if (run.kind == kSums) {
      part = next(reader);
      expect(part.is_bytes(3) && part.bytes == "urn:soak");
    }
    expect(reader.empty());
    return run;
  }
  void read_scope(std::string_view scope_metrics, Run& run) const {
    Reader reader(scope_metrics);
    if (run.kind == kSums) {
      const Field scope = next(reader);
      expect(scope.is_bytes(1) && scope.bytes == kScope);
    }
    while (!reader.empty()) {
      const Field metric = next(reader);
      expect(metric.is_bytes(2));
      read_metric(metric.bytes, run);
    }
  }
  void read_metric(std::string_view metric, Run& run) const {
    Reader reader(metric);
    const Field name = next(reader);
    const Field data = next(reader);
    expect(name.is_bytes(1) && data.is_bytes(run.kind == kGauge ? 5 : 7) && reader.empty());
    Reader elements(data.bytes);
    uint64_t number = 0;
    while (!elements.empty()) {
      const Field point = next(elements);
      if (run.kind == kSums && point.is_varint(2)) {
        expect(point.number_value == OTELUE_DELTA && elements.empty());
        break;
      }
      expect(point.is_bytes(1));
      number = read_point(point.bytes, run) % kExportPoints * kMetrics / kExportPoints;
      expect(name.bytes.size() == 8 && name.bytes.substr(0, 7) == "metric " &&
             name.bytes[7] == static_cast<char>('0' + (run.kind == kGauge ? 0 : number)));
    }
  }
  uint64_t read_point(std::string_view point, Run& run) const {
    expect(point.size() > kIdAt + 8);
    uint64_t id;
    std::memcpy(&id, point.data() + kIdAt, sizeof id);
    if (run.count == 0) run.first = id;
    expect(id == run.first + run.count);
    ++run.count;
    std::string& expected = points_[run.kind][id % kSets];
    const uint64_t start = start_of(id);
    const uint64_t time = time_of(id);
    std::memcpy(expected.data() + kStartAt, &start, sizeof start);
    std::memcpy(expected.data() + kTimeAt, &time, sizeof time);
    std::memcpy(expected.data() + kIdAt, &id, sizeof id);
    expect(point == expected);
    return id;
  }

  static void expect(bool is_so) {
    if (!is_so) throw otelue::tool::Malformed("not what was exported");
  }
  static Field next(Reader& reader) {
    Field field;
    expect(reader.next(&field));
    return field;
  }
  static std::string_view only(std::string_view message, uint32_t number) {
    Reader reader(message);
    const Field field = next(reader);
    expect(field.is_bytes(number) && reader.empty());
    return field.bytes;
  }

  // Which points share an event: as all points have the same size, the same ones in every export.
  void learn_events(Kind kind) {
    Batch batch(kind);
    batch.number(0);
    const otelue_options options = options_of(kind);
    otelue_cursor cursor{};
    std::array<char, OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK> out;
    size_t written = 0;
    starts_[kind] = {0};
    while (otelue_encode_next(batch.data(), batch.size(), &options, &cursor, out.data(), out.size(), &written,
                              nullptr) == 1) {
      const Run run = read({out.data(), written});
      starts_[kind].push_back(static_cast<uint32_t>(run.first) + run.count);
    }
    REQUIRE(starts_[kind].back() == kExportPoints);
  }

  static constexpr size_t kStartAt = 1;
  static constexpr size_t kTimeAt = 10;
  static constexpr size_t kIdAt = 19;
  const std::string kScope = field(1, "soak");
  mutable std::array<std::array<std::string, kSets>, kKinds> points_;
  std::array<std::vector<uint32_t>, kKinds> starts_;
  std::array<std::vector<uint32_t>, kKinds> masks_;
};

}  // namespace soak

#endif
