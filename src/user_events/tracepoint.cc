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
#include "user_events/uapi.h"

namespace otelue_core::user_events {
namespace {

// With a blank behind each semicolon: without, many kernels from 6.4 to 6.9 refuse the second process that
// registers (kernel commit bd125a084091). It is the same event as that of writers without blanks.
constexpr char kDefinition[] = "otlp_metrics u32 protocol; char[8] version; __rel_loc u8[] buffer";

constexpr uint32_t kProtobuf = 0;
constexpr char kVersion[] = "v0.19.00";  // what every writer of otlp_metrics declares
constexpr uint32_t kWordBits = 32;

void fill_frame(uint8_t* frame, uint32_t write_index, uint32_t rel_loc) {
  memcpy(frame, &write_index, 4);
  memcpy(frame + 4, &kProtobuf, 4);
  memcpy(frame + 8, kVersion, 8);
  memcpy(frame + 16, &rel_loc, 4);
}

int unregister(int fd, const void* address, uint32_t bit) {
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

// Registers from the calling thread. EADDRINUSE: its lineage has this bit already, which the kernel keeps right then;
// or, from every bit, the event exists with other fields.
int Tracepoint::register_bit(int fd) {
  user_reg request{};
  request.size = sizeof request;
  request.enable_bit = static_cast<uint8_t>(bit_);
  request.enable_size = sizeof(uint32_t);
  request.enable_addr = reinterpret_cast<uintptr_t>(&word_);
  request.name_args = reinterpret_cast<uintptr_t>(kDefinition);
  if (ioctl(fd, kRegister, &request) < 0) return -errno;
  registrations_.fetch_add(1, std::memory_order_relaxed);
  store({fd, request.write_index});
  return 0;
}

int Tracepoint::register_free_bit(int fd) {
  int result = -EADDRINUSE;
  for (uint32_t tried = 0; tried < kWordBits; ++tried) {
    result = register_bit(fd);
    if (result != -EADDRINUSE) break;
    bit_ = (bit_ + 1) % kWordBits;
  }
  return result;
}

void Tracepoint::open_and_register() {
  Target old;
  if (load(&old)) {
    target_.store(0, std::memory_order_relaxed);
    // In a child it is a copy of the parent's. A number that now is another file's is none of our business.
    if (is_our_file(old.fd)) ::close(old.fd);
  }

  const int fd = open_data_file();
  if (fd < 0) return set_step(fd == -ENOENT ? OTELUE_STEP_FIND : OTELUE_STEP_OPEN, -fd);
  struct stat file {};
  int result = fstat(fd, &file) < 0 ? -errno : 0;
  device_.store(file.st_dev, std::memory_order_relaxed);
  inode_.store(file.st_ino, std::memory_order_relaxed);
  if (result == 0) result = register_free_bit(fd);
  // Inherited through as many forks, every bit can be this lineage's. Then one is to spare; else the fields differ.
  // Not when healing: before July 2026 the kernel could not bear a fork by another thread meanwhile.
  if (result == -EADDRINUSE && unregister(fd, &word_, bit_) == 0) result = register_bit(fd);
  if (result < 0) {
    ::close(fd);
    set_step(OTELUE_STEP_REGISTER, -result);
    return;
  }
  own_->is_registered.store(1, std::memory_order_release);
  retry_.reset();
  set_step(OTELUE_STEP_REGISTERED, 0);
  log_(OTELUE_LOG_INFO, "otlp_metrics: registered");
}

void Tracepoint::open(const Log& log, OfProcess* own) {
  log_ = log;
  own_ = own;
  retry_.reset();
  heal_.reset();
  retry_.due();
  open_and_register();
}

// Whether this process has registered, on a descriptor that still is what it was.
bool Tracepoint::is_usable(Target* target) const {
  return own_->is_registered.load(std::memory_order_acquire) != 0 && load(target) && is_our_file(target->fd);
}

bool Tracepoint::ensure_registered(Target* target) {
  if (is_usable(target)) return true;
  if (!try_lock()) return false;
  if (!is_usable(target)) {
    if (load(target)) retry_.reset();  // a child, or a descriptor that was closed: nothing has failed yet
    if (retry_.due()) open_and_register();
  }
  unlock();
  return load(target);
}

// The descriptor does not know our index: it is the same file, but somebody else has opened it.
void Tracepoint::forget() {
  if (!try_lock()) return;
  target_.store(0, std::memory_order_relaxed);
  retry_.reset();
  unlock();
}

// Registers once more on the descriptor that there is, so that the word says what is true.
void Tracepoint::heal(bool is_enabled) {
  if (enabled() == is_enabled || !try_lock()) return;
  Target target;
  if (enabled() != is_enabled && load(&target) && heal_.due()) {
    // Bits of dead lineages stay as they are. A word of 0 is left to the kernel, which may be about to set it.
    if (!is_enabled) word_.store(0, std::memory_order_relaxed);
    int result = register_bit(target.fd);
    if (result == -EADDRINUSE && is_enabled) result = register_free_bit(target.fd);
    if (enabled() == is_enabled) heal_.reset();
    if (result == 0) log_(OTELUE_LOG_INFO, "otlp_metrics: registered again, the enable word was out of date");
    // EADDRINUSE: this lineage is registered already, and the kernel's next change sets the word right.
    if (result == 0 || result == -EADDRINUSE) {
      recovered(OTELUE_STEP_REGISTER);
    } else {
      set_step(OTELUE_STEP_REGISTER, -result);
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
  if (!ensure_registered(target)) return Listeners::kUnregistered;
  if (!always_probe && enabled()) return Listeners::kHere;

  int result = probe(*target);
  if (result == -ENOENT) {
    forget();
    if (!ensure_registered(target)) return Listeners::kUnregistered;
    result = probe(*target);
  }
  switch (result) {
    case -EBADF:
      recovered(OTELUE_STEP_PROBE);
      heal(false);
      return Listeners::kNone;
    case -EFAULT:
    case 0:
      recovered(OTELUE_STEP_PROBE);
      heal(true);
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
  if (error == ENOENT) forget();
  if (error != EBADF) set_step(OTELUE_STEP_WRITE, error);
  return -error;
}

void Tracepoint::unheard() { heal(false); }

Tracepoint::Status Tracepoint::status() const {
  Target target;
  return {step_.load(std::memory_order_relaxed), error_.load(std::memory_order_relaxed), load(&target)};
}

void Tracepoint::close() {
  Target target;
  if (load(&target) && is_our_file(target.fd)) {
    // ENOENT: registered by a lineage that is not ours. The memory stays, so the kernel may go on writing to it.
    for (uint32_t bit = 0; bit < kWordBits; ++bit) unregister(target.fd, &word_, bit);
    ::close(target.fd);
    log_(OTELUE_LOG_INFO, "otlp_metrics: unregistered");
  }
  target_.store(0, std::memory_order_relaxed);
  word_.store(0, std::memory_order_relaxed);
  set_step(OTELUE_STEP_SHUTDOWN, 0);
}

}  // namespace otelue_core::user_events
