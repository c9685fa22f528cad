// SPDX-License-Identifier: Apache-2.0
#include "records/batch.h"

#include <cerrno>

namespace otelue_core::records {

int Batch::open(const void* data, size_t size) {
  otelue_batch header;
  if (size < sizeof header) return -EBADMSG;
  std::memcpy(&header, data, sizeof header);
  if (header.magic != OTELUE_BATCH_MAGIC) return -EBADMSG;
  if (header.version != OTELUE_BATCH_VERSION || header.flags != 0) return -EOPNOTSUPP;
  if (header.header_size != sizeof header || header.reserved != 0) return -EBADMSG;
  if (header.total_size < sizeof header || header.total_size > size) return -EBADMSG;

  data_ = static_cast<const uint8_t*>(data);
  first_ = sizeof header;
  room_ = header.total_size - first_;
  resource_ = header.resource;
  return run(header.points, &points_) ? 0 : -EBADMSG;
}

}  // namespace otelue_core::records
