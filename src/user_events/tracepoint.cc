// SPDX-License-Identifier: Apache-2.0
#include "user_events/tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user_events/data_file.h"
#include "user_events/explain.h"
#include "user_events/permanent.h"
#include "user_events/uapi.h"

namespace otelue::user_events {
namespace {

// With a blank behind each semicolon: without, many kernels from 6.4 to 6.9 refuse the second process that
// registers (kernel commit bd125a084091). It is the same event as that of writers without blanks.
constexpr char kDefinition[] = "otlp_metrics u32 protocol; char[8] version; __rel_loc u8[] buffer";

constexpr uint32_t kProtobuf = 0;
constexpr char kVersion[] = "v0.19.00";  // what every writer of otlp_metrics declares
constexpr unsigned kWordBits = 32;
constexpr size_t kWordsBytes = 8;

void fill_frame(uint8_t* frame, uint32_t write_index, uint32_t rel_loc) {
  memcpy(frame, &write_index, 4);
  memcpy(frame + 4, &kProtobuf, 4);
  memcpy(frame + 8, kVersion, 8);
  memcpy(frame + 16, &rel_loc, 4);
}

int unregister(int fd, const void* address, unsigned bit) {
  user_unreg request{};
  request.size = sizeof request;
  request.disable_bit = static_cast<uint8_t>(bit);
  request.disable_addr = reinterpret_cast<uintptr_t>(address);
  return ioctl(fd, kUnregister, &request) < 0 ? -errno : 0;
}

}  // namespace

bool Backoff::due() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t nanoseconds = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  if (nanoseconds < next_) return false;
  next_ = nanoseconds + delay_;
  delay_ = delay_ * 2 < kLongest ? delay_ * 2 : kLongest;
  return true;
}

bool Tracepoint::try_lock() {
  const pid_t self = getpid();
  pid_t owner = owner_.load(std::memory_order_relaxed);
  return owner != self && owner_.compare_exchange_strong(owner, self, std::memory_order_acquire);
}

bool Tracepoint::load(Target* target) const {
  const uint64_t packed = target_.load(std::memory_order_acquire);
  if (packed == 0) return false;
  *target = {static_cast<int>(static_cast<uint32_t>(packed) - 1), static_cast<uint32_t>(packed >> 32)};
  return true;
}

void Tracepoint::store(const Target& target) {
  target_.store(uint64_t{target.write_index} << 32 | (static_cast<uint32_t>(target.fd) + 1),
                std::memory_order_release);
}

bool Tracepoint::is_our_file(int fd) const {
  struct stat found {};
  return fstat(fd, &found) == 0 && found.st_dev == device_.load(std::memory_order_relaxed) &&
         found.st_ino == inode_.load(std::memory_order_relaxed);
}

// Where things stand now; only what is new is logged.
void Tracepoint::set_step(uint32_t step, int error) {
  const uint32_t old_step = step_.exchange(step, std::memory_order_relaxed);
  const int old_error = error_.exchange(error, std::memory_order_relaxed);
  if (error == 0 || log_.function == nullptr || (old_step == step && old_error == error)) return;
  char message[256];
  explain(step, error, message, sizeof message);
  log_(OTELUE_LOG_WARNING, "%s", message);
}

// A failed probe or write is history once one succeeds.
void Tracepoint::recovered(uint32_t step) {
  if (step_.load(std::memory_order_relaxed) == step) set_step(OTELUE_STEP_REGISTERED, 0);
}

// Registers from the calling thread, with a bit that no registration of this process or its parents has used: the
// kernel refuses a known (address, bit), and one that a dead lineage left behind is not to be trusted.
int Tracepoint::register_on(int fd) {
  if (words_ == nullptr) words_ = &word_;
  if (next_bit_ == kWordBits) {
    void* words = allocate_permanently(kWordsBytes);
    if (words == nullptr) return -ENOMEM;
    words_ = words;
    next_bit_ = 0;
  }
  user_reg request{};
  request.size = sizeof request;
  request.enable_bit = next_bit_++;
  request.enable_size = sizeof(uint32_t);
  request.enable_addr = reinterpret_cast<uintptr_t>(words_);
  request.name_args = reinterpret_cast<uintptr_t>(kDefinition);
  if (ioctl(fd, kRegister, &request) < 0) return -errno;
  registrations_.fetch_add(1, std::memory_order_relaxed);
  store({fd, request.write_index});
  return 0;
}

void Tracepoint::open_and_register() {
  Target old;
  if (load(&old)) {
    target_.store(0, std::memory_order_relaxed);
    // In a child it is a copy of the parent's. A number that now is another file's is none of our business.
    if (is_our_file(old.fd)) ::close(old.fd);
  }
  pid_.store(getpid(), std::memory_order_relaxed);

  const int fd = open_data_file();
  if (fd < 0) return set_step(fd == -ENOENT ? OTELUE_STEP_FIND : OTELUE_STEP_OPEN, -fd);
  struct stat file {};
  int result = fstat(fd, &file) < 0 ? -errno : 0;
  device_.store(file.st_dev, std::memory_order_relaxed);
  inode_.store(file.st_ino, std::memory_order_relaxed);
  if (result == 0) result = register_on(fd);
  if (result < 0) {
    ::close(fd);
    set_step(OTELUE_STEP_REGISTER, -result);
    return;
  }
  retry_.reset();
  set_step(OTELUE_STEP_REGISTERED, 0);
  log_(OTELUE_LOG_INFO, "otlp_metrics: registered");
}

void Tracepoint::open(const Log& log) {
  log_ = log;
  retry_.reset();
  heal_.reset();
  if (!try_lock()) return;
  retry_.due();
  open_and_register();
  unlock();
}

// Whether the tracepoint is registered by this process, on a descriptor that still is what it was.
bool Tracepoint::is_ready() {
  const bool is_child = pid_.load(std::memory_order_relaxed) != getpid();
  Target target;
  const bool was_registered = load(&target);
  if (was_registered && !is_child && is_our_file(target.fd)) return true;

  if (!try_lock()) return false;
  if (is_child || was_registered) retry_.reset();
  if (retry_.due()) open_and_register();
  unlock();
  return load(&target);
}

// One more registration on the descriptor that there is.
void Tracepoint::heal() {
  Target target;
  if (!try_lock()) return;
  if (heal_.due() && load(&target)) {
    // Bits of dead lineages stay as they are; those of living ones the kernel keeps right from now on.
    word_.store(0, std::memory_order_relaxed);
    const int result = register_on(target.fd);
    if (result < 0) {
      set_step(OTELUE_STEP_REGISTER, -result);
    } else {
      log_(OTELUE_LOG_INFO, "otlp_metrics: registered again, the enable word was out of date");
    }
  }
  unlock();
}

int Tracepoint::probe(const Target& target) {
  uint8_t frame[kFrameBytes];
  fill_frame(frame, target.write_index, UINT32_MAX);  // beyond the end: no listener can be given this
  return ::write(target.fd, frame, sizeof frame) < 0 ? -errno : 0;
}

Tracepoint::Listeners Tracepoint::listen(bool always_probe, Target* target) {
  if (!is_ready() || !load(target)) return Listeners::kUnregistered;
  if (!always_probe && enabled()) return Listeners::kHere;

  int result = probe(*target);
  if (result == -ENOENT) {  // the descriptor does not know this index
    heal();
    if (!load(target)) return Listeners::kUnregistered;
    result = probe(*target);
  }
  switch (result) {
    case -EBADF:
      recovered(OTELUE_STEP_PROBE);
      if (enabled()) heal();
      return Listeners::kNone;
    case -EFAULT:
    case 0:
      recovered(OTELUE_STEP_PROBE);
      if (!enabled()) heal();
      return result == 0 ? Listeners::kElsewhere : Listeners::kHere;
    default:
      set_step(OTELUE_STEP_PROBE, -result);
      return Listeners::kNone;
  }
}

int Tracepoint::write(const Target& target, uint8_t* frame, size_t payload_bytes) {
  fill_frame(frame, target.write_index, static_cast<uint32_t>(payload_bytes) << 16);
  const size_t size = kFrameBytes + payload_bytes;
  const ssize_t written = ::write(target.fd, frame, size);
  if (written == static_cast<ssize_t>(size)) {
    recovered(OTELUE_STEP_WRITE);
    return 0;
  }
  const int error = written < 0 ? errno : EIO;
  if (error != EBADF) set_step(OTELUE_STEP_WRITE, error);
  return -error;
}

void Tracepoint::unheard() {
  if (enabled()) heal();
}

Tracepoint::Status Tracepoint::status() const {
  Target target;
  return {step_.load(std::memory_order_relaxed), error_.load(std::memory_order_relaxed), load(&target)};
}

void Tracepoint::close() {
  Target target;
  if (load(&target) && is_our_file(target.fd)) {
    // ENOENT: registered by a lineage that is not ours. The memory stays, so the kernel may go on writing to it.
    for (unsigned bit = 0; bit < next_bit_; ++bit) unregister(target.fd, words_, bit);
    if (words_ != &word_) {
      for (unsigned bit = 0; bit < kWordBits; ++bit) unregister(target.fd, &word_, bit);
    }
    ::close(target.fd);
    log_(OTELUE_LOG_INFO, "otlp_metrics: unregistered");
  }
  target_.store(0, std::memory_order_relaxed);
  word_.store(0, std::memory_order_relaxed);
  set_step(OTELUE_STEP_SHUTDOWN, 0);
}

}  // namespace otelue::user_events
