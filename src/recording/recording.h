// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_RECORDING_RECORDING_H
#define OTELUE_SRC_RECORDING_RECORDING_H

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "process/descriptors.h"
#include "process/lock.h"
#include "process/memory.h"
#include "target.h"

namespace otelue_core::recording {

// A file that events are appended to, behind otelue_recording: each an otelue_recording_entry and its payload. It has
// one writer, the process that opened it: a forked child is none.
class Recording final : public Target {
 public:
  // 0 or what otelue_open_recording() returns.
  int open(const char* path, EnableWord* word);

  Listeners find_listeners(Link* link, News& news) override { return probe(link, news); }
  Listeners probe(Link* link, News& news) override;
  int write(Link* link, uint8_t* payload, size_t size, News& news) override;
  void close(News& news) override;
  void explain(uint32_t step, int error, char* out, size_t size) const override;
  const char* describe(Listeners) const override { return "events are recorded in a file"; }

 private:
  struct OfProcess {
    std::atomic<uint32_t> is_writer;
    process::Lock::Word lock;
  };

  int prepare(int fd);
  int find_end(int fd, off_t size);
  bool is_ours(off_t* size) const;
  int append(const void* entry, size_t size);

  EnableWord* word_;
  process::PerProcess<OfProcess> own_;
  process::Pending pending_;
  std::atomic<int> fd_;
  dev_t device_;
  ino_t inode_;
  off_t end_;  // behind the last whole entry; belongs to the lock
};

}  // namespace otelue_core::recording

#endif
