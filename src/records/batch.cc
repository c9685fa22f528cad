// SPDX-License-Identifier: Apache-2.0
#include "records/batch.h"

#include <cerrno>

namespace otelue::records {

// The layout is the ABI: equal on every machine, without padding.
static_assert(sizeof(otelue_value) == 16 && sizeof(otelue_attribute) == 24);
static_assert(sizeof(otelue_resource) == 40 && sizeof(otelue_scope) == 48 && sizeof(otelue_metric) == 56);
static_assert(sizeof(otelue_point) == 64 && sizeof(otelue_histogram) == 64);
static_assert(sizeof(otelue_exponential_histogram) == 96 && sizeof(otelue_summary) == 32);
static_assert(sizeof(otelue_quantile) == 16 && sizeof(otelue_exemplar) == 64 && sizeof(otelue_batch) == 32);

int Batch::open(const void* data, size_t size) {
  otelue_batch header;
  if (size < sizeof header) return -EINVAL;
  std::memcpy(&header, data, sizeof header);
  if (header.magic != OTELUE_BATCH_MAGIC) return -EINVAL;
  if (header.version != OTELUE_BATCH_VERSION || header.flags != 0) return -EOPNOTSUPP;
  if (header.header_size != sizeof header || header.reserved != 0) return -EINVAL;
  if (header.total_size < sizeof header || header.total_size > size) return -EINVAL;

  data_ = static_cast<const uint8_t*>(data);
  size_ = header.total_size;
  resource_ = header.resource;
  return run(header.points, &points_) ? 0 : -EINVAL;
}

}  // namespace otelue::records
