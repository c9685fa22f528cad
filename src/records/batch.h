// SPDX-License-Identifier: Apache-2.0
// A read-only view over a batch that a caller hands in. Every read is a bounds-checked copy: nothing outside the
// batch is touched and no record is read twice, whatever the bytes say.
#ifndef OTELUE_SRC_RECORDS_BATCH_H
#define OTELUE_SRC_RECORDS_BATCH_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "otelue/otelue.h"

namespace otelue_core::records {

// Records that lie one after another, at any address.
template <typename Record>
class Run {
 public:
  Run() = default;
  Run(const uint8_t* data, uint32_t offset, uint32_t size) : data_(data), offset_(offset), size_(size) {}

  uint32_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const uint8_t* data() const { return data_; }
  // Where record `i` lies in its batch.
  uint64_t offset(uint32_t i) const { return offset_ + uint64_t{i} * sizeof(Record); }

  Record operator[](uint32_t i) const {
    Record record;
    std::memcpy(&record, data_ + size_t{i} * sizeof(Record), sizeof record);
    return record;
  }

 private:
  const uint8_t* data_ = nullptr;
  uint32_t offset_ = 0;
  uint32_t size_ = 0;
};

class Batch {
 public:
  // Records in memory without a header, found from its first byte on.
  static Batch over(const void* memory, size_t size) {
    Batch batch;
    batch.data_ = static_cast<const uint8_t*>(memory);
    batch.room_ = size < UINT32_MAX ? static_cast<uint32_t>(size) : UINT32_MAX;
    return batch;
  }

  // 0; -EBADMSG when the header breaks a rule; -EOPNOTSUPP when it is of another version.
  int open(const void* data, size_t size);

  const Run<otelue_point>& points() const { return points_; }
  uint32_t default_resource() const { return resource_; }

  // False when the reference breaks a rule.
  template <typename Record>
  bool run(otelue_ref ref, Run<Record>* out) const {
    if (ref.len == 0) {
      *out = {};
      return true;
    }
    const uint32_t at = ref.off - first_;
    if (at > room_ || ref.off % 8 != 0 || ref.len > (room_ - at) / sizeof(Record)) return false;
    *out = {data_ + ref.off, ref.off, ref.len};
    return true;
  }

  template <typename Record>
  bool record(uint32_t off, Record* out) const {
    Run<Record> one;
    if (!run({off, 1}, &one)) return false;
    *out = one[0];
    return true;
  }

  bool text(otelue_ref ref, std::string_view* out) const {
    *out = {};
    if (ref.len == 0) return true;
    if (!contains(ref)) return false;
    *out = text_at(ref);
    return true;
  }
  // Whether the batch contains text that is not empty. text_at() does not look again.
  bool contains(otelue_ref ref) const {
    const uint32_t at = ref.off - first_;  // beyond room_ when it is below 0
    return uint64_t{at} + ref.len <= room_;
  }
  std::string_view text_at(otelue_ref ref) const {
    return {reinterpret_cast<const char*>(data_) + ref.off, ref.len};
  }

 private:
  const uint8_t* data_ = nullptr;
  // Where references lead to: a whole batch, but for its header.
  uint32_t first_ = 0;
  uint32_t room_ = 0;
  uint32_t resource_ = 0;
  Run<otelue_point> points_;
};

}  // namespace otelue_core::records

#endif
