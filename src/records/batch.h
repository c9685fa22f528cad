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
    batch.size_ = size < UINT32_MAX ? static_cast<uint32_t>(size) : UINT32_MAX;
    batch.first_ = 0;
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
    if (ref.off < first_ || ref.off % 8 != 0 || ref.off > size_ ||
        ref.len > (size_ - ref.off) / sizeof(Record)) {
      return false;
    }
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
    const char* text = text_at(ref.off, ref.len);
    if (text != nullptr) *out = {text, ref.len};
    return text != nullptr;
  }
  // Text that is not empty; nullptr when it does not lie in the batch.
  const char* text_at(uint64_t off, uint32_t len) const {
    if (off < first_ || off > size_ || len > size_ - off) return nullptr;
    return reinterpret_cast<const char*>(data_) + off;
  }

 private:
  const uint8_t* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t first_ = sizeof(otelue_batch);  // nothing lies below it
  uint32_t resource_ = 0;
  Run<otelue_point> points_;
};

}  // namespace otelue_core::records

#endif
