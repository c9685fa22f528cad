// SPDX-License-Identifier: Apache-2.0
#include "user_events/tracepoint.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "process/forks.h"
#include "process/wait.h"
#include "user_events/data_file.h"
#include "user_events/explain.h"
#include "user_events/uapi.h"

namespace otelue_core::user_events {
namespace {

using process::now;

// With a blank behind each semicolon: without, many kernels from 6.4 to 6.9 refuse the second process that
// registers (kernel commit bd125a084091). It is the same event as that of writers without blanks.
constexpr char kDefinition[] = "otlp_metrics u32 protocol; char[8] version; __rel_loc u8[] buffer";

constexpr uint32_t kProtobuf = 0;
constexpr char kVersion[] = "v0.19.00";  // what every writer of otlp_metrics declares

// What stands in front of an event's payload: write index, protocol, version and rel_loc.
constexpr size_t kHeadBytes = 20;
static_assert(kHeadBytes <= Target::kFrameBytes);

constexpr uint64_t kShortestDelay = 100'000'000;  // nanoseconds
constexpr uint64_t kLongestDelay = 5'000'000'000;
constexpr uint64_t kPatience = 100'000'000;
// How often one call starts over because somebody takes its descriptors away or its listeners come and go.
constexpr int kTries = 4;

void fill_head(uint8_t* head, uint32_t write_index, uint32_t rel_loc) {
  memcpy(head, &write_index, 4);
  memcpy(head + 4, &kProtobuf, 4);
  memcpy(head + 8, kVersion, 8);
  memcpy(head + 16, &rel_loc, 4);
}

// A write that no listener can be given: its payload would lie beyond its end. 0 or an errno.
int probe_once(const Target::Link& link) {
  uint8_t head[kHeadBytes];
  fill_head(head, link.write_index, UINT32_MAX);
  return ::write(link.fd, head, sizeof head) < 0 ? errno : 0;
}

uint64_t pack(const Target::Link& link) {
  return uint64_t{link.opening} << 48 | uint64_t{link.write_index} << 32 | static_cast<uint32_t>(link.fd + 1);
}

int unregister(int fd, const void* address, uint32_t bit) {
  user_unreg request{};
  request.size = sizeof request;
  request.disable_bit = static_cast<uint8_t>(bit);
  request.disable_addr = reinterpret_cast<uintptr_t>(address);
  return ioctl(fd, kUnregister, &request) < 0 ? -errno : 0;
}

}  // namespace

bool Backoff::is_due() const { return now() >= next_.load(std::memory_order_relaxed); }

bool Backoff::take() {
  uint64_t next = next_.load(std::memory_order_relaxed);
  const uint64_t time = now();
  if (time < next) return false;
  uint64_t delay = delay_.load(std::memory_order_relaxed) * 2;
  delay = delay < kShortestDelay ? kShortestDelay : delay > kLongestDelay ? kLongestDelay : delay;
  if (!next_.compare_exchange_strong(next, time + delay, std::memory_order_relaxed)) return false;
  delay_.store(delay, std::memory_order_relaxed);
  return true;
}

bool Tracepoint::open(EnableWord* word, News& news) {
  if (!own_.open()) return false;
  process::watch_forks();
  word_ = word;
  first_number_ = now();
  own_.get().is_native.store(1, std::memory_order_relaxed);
  retry_.take();
  register_anew(news);
  return true;
}

bool Tracepoint::load(Link* link) const {
  const uint64_t packed = link_.load(std::memory_order_acquire);
  *link = {static_cast<int>(static_cast<uint32_t>(packed)) - 1, static_cast<uint32_t>(packed >> 32 & 0xffff),
           static_cast<uint16_t>(packed >> 48)};
  return packed != 0;
}

// Loads the link: 0 when it can be used, else an errno. EBADF: there is none, or its descriptor is not ours any more.
int Tracepoint::check(Link* link) {
  const int error = load(link) ? check_data_file(link->fd) : EBADF;
  if (error == 0) standing_.clear(OTELUE_STEP_OPEN);
  return error;
}

// Registers one bit of the word from the calling thread. EADDRINUSE: its lineage has this bit already, which the kernel
// keeps right then; or, from every bit, the event exists with other fields.
int Tracepoint::register_bit(int fd, uint32_t bit, uint32_t* write_index) {
  user_reg request{};
  request.size = sizeof request;
  request.enable_bit = static_cast<uint8_t>(bit);
  request.enable_size = sizeof(uint32_t);
  request.enable_addr = reinterpret_cast<uintptr_t>(word_->address());
  request.name_args = reinterpret_cast<uintptr_t>(kDefinition);
  bits_.fetch_or(1u << bit, std::memory_order_relaxed);
  if (ioctl(fd, kRegister, &request) < 0) return -errno;
  registrations_.fetch_add(1, std::memory_order_relaxed);
  last_bit_.store(bit, std::memory_order_relaxed);
  *write_index = request.write_index;
  return *write_index <= UINT16_MAX ? 0 : -EOVERFLOW;
}

int Tracepoint::register_free_bit(int fd, uint32_t* write_index) {
  const uint32_t last = last_bit_.load(std::memory_order_relaxed);
  int result = -EADDRINUSE;
  for (uint32_t tried = 0; tried < EnableWord::kBits && result == -EADDRINUSE; ++tried) {
    result = register_bit(fd, (last + tried) % EnableWord::kBits, write_index);
  }
  if (result != -EADDRINUSE) return result;
  // Behind as many descriptors, every bit can be this lineage's. Then one is to spare; else the fields differ.
  const process::NoForks guard;
  if (!guard || unregister(fd, word_->address(), last) != 0) return result;
  return register_bit(fd, last, write_index);
}

// A descriptor of ours is closed only when it is this very opening, not one that has got its number since.
void Tracepoint::close_if_ours(const Link& link) const {
  if (check_data_file(link.fd) == EBADF) return;
  const uint64_t number = link.opening == 0 ? 0 : first_number_ + link.opening;
  if (process::has_number(link.fd, number)) ::close(link.fd);
}

// The link is of no use any more, whatever others have made of it meanwhile.
void Tracepoint::forget(const Link& link) {
  uint64_t packed = pack(link);
  pending_.set(-1, link.fd);
  if (link_.compare_exchange_strong(packed, 0, std::memory_order_acq_rel)) {
    close_if_ours(link);
    retry_.reset();  // nothing has failed yet
  }
  pending_.clear();
}

void Tracepoint::register_anew(News& news) {
  Link link;
  link.fd = open_data_file(pending_);
  if (link.fd < 0) return standing_.set(link.fd == -ENOENT ? OTELUE_STEP_FIND : OTELUE_STEP_OPEN, -link.fd, news);
  const uint64_t next = first_number_ + openings_.load(std::memory_order_relaxed) + 1;
  const uint64_t number = process::number_opening(link.fd, next);
  if (number != 0 && number - first_number_ <= UINT16_MAX) {
    link.opening = static_cast<uint16_t>(number - first_number_);
    openings_.store(link.opening, std::memory_order_relaxed);
  }
  const int result = register_free_bit(link.fd, &link.write_index);
  uint64_t none = 0;
  // Fails when another thread, out of patience, or a child in a signal handler was faster: then theirs holds.
  if (result == 0 && link_.compare_exchange_strong(none, pack(link), std::memory_order_acq_rel)) {
    pending_.clear();
    retry_.reset();
    standing_.set(OTELUE_STEP_REGISTERED, 0, news);
    news.add(News::Kind::kRegistered);
    return;
  }
  if (check_data_file(link.fd) != EBADF) ::close(link.fd);
  pending_.clear();
  if (result != 0) standing_.set(OTELUE_STEP_REGISTER, -result, news);
}

// A child starts without its parent's failures, and without what its parent was opening or closing.
void Tracepoint::follow_fork() {
  OfProcess& own = own_.get();
  if (own.is_native.load(std::memory_order_acquire) != 0) [[likely]] return;
  const process::Lock lock(own.lock, kPatience);
  if (own.is_native.load(std::memory_order_relaxed) != 0) return;
  Link link;
  load(&link);
  pending_.close_all(kDataFileFlags, link.fd);
  retry_.reset();
  heal_.reset();
  own.is_native.store(1, std::memory_order_release);
}

bool Tracepoint::ensure_registered(Link* link, News& news) {
  follow_fork();
  if (check(link) == 0) return true;
  const process::Lock lock(own_.get().lock, kPatience);
  const int error = check(link);
  if (error == 0) return true;
  if (error != EBADF) {
    standing_.set(OTELUE_STEP_OPEN, error, news);
    return false;
  }
  if (link->fd >= 0) forget(*link);
  if (retry_.take()) register_anew(news);
  return load(link);
}

Target::Listeners Tracepoint::find_listeners(Link* link, News& news) {
  if (!word_->is_set()) return probe(link, news);
  return ensure_registered(link, news) ? Listeners::kHere : Listeners::kUnregistered;
}

Target::Listeners Tracepoint::probe(Link* link, News& news) {
  int error = 0;
  for (int tried = 0; tried < kTries; ++tried) {
    if (!ensure_registered(link, news)) return Listeners::kUnregistered;
    error = probe_once(*link);
    if (error != ENOENT) break;
    // It bears our mark and does not know our index: another copy's, of another release.
    forget(*link);
  }
  if (error != EBADF && error != EFAULT && error != 0) {
    standing_.set(OTELUE_STEP_PROBE, error, news);
    return Listeners::kUnknown;
  }
  standing_.clear(OTELUE_STEP_PROBE);
  // A refused event is history when nothing speaks of it any more.
  if (now() >= refused_at_.load(std::memory_order_relaxed) + kLongestDelay) standing_.clear(OTELUE_STEP_WRITE);
  return error == EBADF ? Listeners::kNone : error == EFAULT ? Listeners::kHere : Listeners::kElsewhere;
}

void Tracepoint::renew(Link* link, News& news) {
  if (!ensure_registered(link, news)) *link = {};
}

int Tracepoint::write(Link* link, uint8_t* payload, size_t size, News& news) {
  uint8_t* const head = payload - kHeadBytes;
  const size_t whole = kHeadBytes + size;
  int error = EBADF;
  for (int tried = 0; tried < kTries; ++tried) {
    fill_head(head, link->write_index, static_cast<uint32_t>(size) << 16);
    const ssize_t written = ::write(link->fd, head, whole);
    if (written == static_cast<ssize_t>(whole)) {
      standing_.clear(OTELUE_STEP_WRITE);
      standing_.clear(OTELUE_STEP_PROBE);
      return 0;
    }
    error = written < 0 ? errno : EIO;
    if (error == ENOENT) forget(*link);
    if (error != EBADF && error != ENOENT) break;
    // Nobody listens any more, or the descriptor is not ours any more: a probe tells, and finds another one.
    const Listeners listeners = probe(link, news);
    if (listeners == Listeners::kNone) return kNobody;
    if (listeners == Listeners::kUnregistered) {
      *link = {};
      const int reason = standing_.get().error;
      return reason != 0 ? -reason : -EBADF;
    }
  }
  if (error == EBADF) return kNobody;  // listeners that come and go in between
  refused_at_.store(now(), std::memory_order_relaxed);
  standing_.set(OTELUE_STEP_WRITE, error, news);
  return -error;
}

void Tracepoint::settle(const Link& link, Listeners found, News& news) {
  if (link.fd < 0 || found == Listeners::kUnregistered || found == Listeners::kUnknown) return;
  heal(link, found != Listeners::kNone, news);
}

void Tracepoint::heal(const Link& link, bool is_heard, News& news) {
  if (word_->is_set() != is_heard) {
    // Bits of lineages that have ended stay as they are.
    if (!is_heard) word_->clear();
    if (!heal_.take()) return;
    const uint32_t bit = last_bit_.load(std::memory_order_relaxed);
    uint32_t write_index = 0;
    const int result = register_bit(link.fd, bit, &write_index);
    if (result == 0) {
      news.add(News::Kind::kRegisteredAgain);
    } else if (result != -EADDRINUSE) {
      return standing_.set(OTELUE_STEP_REGISTER, -result, news);
    } else if (is_heard) {
      // This lineage has the bit, and the kernel, which is about to set it, will clear it in time.
      word_->set(bit);
    }
    if (word_->is_set() == is_heard) heal_.reset();
  }
  standing_.clear(OTELUE_STEP_REGISTER);
}

// ENOENT: a lineage that is not ours has registered that bit. It keeps it, and the event, until its threads end.
void Tracepoint::unregister_all(int fd) {
  const process::NoForks guard;
  if (!guard) return;
  const uint32_t bits = bits_.load(std::memory_order_relaxed);
  for (uint32_t bit = 0; bits >> bit != 0; ++bit) {
    if ((bits >> bit & 1) != 0) unregister(fd, word_->address(), bit);
  }
}

void Tracepoint::close(News& news) {
  follow_fork();
  word_->shut();
  Link link;
  load(&link);
  pending_.set(-1, link.fd);
  const bool had_link = link_.exchange(0, std::memory_order_acq_rel) != 0;
  if (had_link && check_data_file(link.fd) != EBADF) {
    unregister_all(link.fd);
    close_if_ours(link);
    pending_.clear();
    news.add(News::Kind::kEnded);
  } else if (bits_.load(std::memory_order_relaxed) != 0) {
    // The kernel takes it from any opening.
    const int fd = open_data_file(pending_);
    if (fd >= 0) {
      unregister_all(fd);
      ::close(fd);
      pending_.clear();
      news.add(News::Kind::kEnded);
    }
  }
  standing_.set(OTELUE_STEP_SHUTDOWN, 0, news);
}

void Tracepoint::explain(uint32_t step, int error, char* out, size_t size) const {
  user_events::explain(step, error, out, size);
}

const char* Tracepoint::describe(Listeners listeners) const {
  switch (listeners) {
    case Listeners::kHere:
      return "otlp_metrics is registered, and somebody listens";
    case Listeners::kElsewhere:
      return "otlp_metrics is registered and enabled, but nobody listens to this thread on this processor";
    default:
      return "otlp_metrics is registered, nobody listens";
  }
}

}  // namespace otelue_core::user_events
