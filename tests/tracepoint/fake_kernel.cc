// SPDX-License-Identifier: Apache-2.0
#include "fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

// ThreadSanitizer's, in programs that have it.
extern "C" {
[[gnu::weak]] void AnnotateIgnoreWritesBegin(const char* file, int line);  // and reads
[[gnu::weak]] void AnnotateIgnoreWritesEnd(const char* file, int line);
[[gnu::weak]] void AnnotateIgnoreSyncBegin(const char* file, int line);
[[gnu::weak]] void AnnotateIgnoreSyncEnd(const char* file, int line);
}

namespace fake {

thread_local Task* current = nullptr;
int (*before)(Call, int) = nullptr;
void (*wait)(const uint32_t*, uint32_t, uint64_t) = nullptr;
thread_local bool is_inside = false;
bool is_simulated = false;

namespace {

constexpr char kMounts[] = "/proc/self/mountinfo";
constexpr char kInfo[] = "/proc/thread-self/fdinfo/";
constexpr char kOurEvent[] = "otlp_metrics";

struct [[gnu::packed]] Registration {
  uint32_t size;
  uint8_t bit;
  uint8_t word_size;
  uint16_t flags;
  uint64_t address;
  uint64_t definition;
  uint32_t write_index;
};
struct [[gnu::packed]] Unregistration {
  uint32_t size;
  uint8_t bit;
  uint8_t reserved0;
  uint16_t reserved1;
  uint64_t address;
};
constexpr unsigned long kRegister = _IOWR('*', 0, Registration*);
constexpr unsigned long kUnregister = _IOW('*', 2, Unregistration*);

Kernel* instance = nullptr;
int resets = 0;
std::atomic_flag is_busy = ATOMIC_FLAG_INIT;
// Nobody is in here while a real process is forked. Behind the library's own handlers, which wait for who is in here.
const int forks_wait = pthread_atfork(
    [] {
      while (is_busy.test_and_set(std::memory_order_acquire)) sched_yield();
    },
    [] { is_busy.clear(std::memory_order_release); }, [] { is_busy.clear(std::memory_order_release); });
unsigned char* shared_memory = nullptr;
size_t shared_size = 0;
Process* running = nullptr;

Task& task() {
  static thread_local Task own{nullptr};
  static thread_local int of_reset = -1;
  if (current != nullptr) return *current;
  if (of_reset != resets) own = Task{&kernel().first};
  of_reset = resets;
  return own;
}

int ask(Call call, int detail) { return before != nullptr ? before(call, detail) : 0; }

int fail(int error) {
  errno = error;
  return -1;
}

int add(Process& process, OpeningRef opening, int lowest) {
  if (lowest >= kernel().limit) return fail(EINVAL);
  int number = lowest;
  while (process.files.count(number) != 0) ++number;
  if (number >= kernel().limit) return fail(EMFILE);
  ++kernel().events;
  kernel().changes[{process.pid, number}] = kernel().events;
  process.files[number] = std::move(opening);
  return number;
}

// Whether what the caller meets under a number came there after its last look: nothing can be done about that.
bool came_since(const Task& by, int number) {
  return kernel().changed_at(*by.process, number) > by.checked_at;
}

}  // namespace

Quietly::Quietly() {
  while (is_busy.test_and_set(std::memory_order_acquire)) sched_yield();
  is_inside = true;
  if (AnnotateIgnoreSyncBegin == nullptr) return;
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}
Quietly::~Quietly() {
  if (AnnotateIgnoreSyncEnd != nullptr) {
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  }
  is_inside = false;
  is_busy.clear(std::memory_order_release);
}

Kernel& kernel() {
  if (instance == nullptr) instance = new Kernel;
  return *instance;
}

void reset() {
  ++resets;
  delete instance;
  instance = new Kernel;
  running = &instance->first;
}

OpeningRef Process::at(int number) const {
  const auto found = files.find(number);
  return found == files.end() ? nullptr : found->second;
}

std::vector<int> Process::ours() const {
  std::vector<int> numbers;
  for (const auto& [number, opening] : files) {
    if (opening->is_ours && opening->kind == Opening::Kind::kData) numbers.push_back(number);
  }
  return numbers;
}

uint64_t Kernel::changed_at(const Process& process, int number) const {
  const auto found = changes.find({process.pid, number});
  return found == changes.end() ? 0 : found->second;
}

void place_words_in(unsigned char* memory, size_t size) {
  shared_memory = memory;
  shared_size = size;
}

void run_as(Process* process) {
  if (shared_memory == nullptr || process == running) return;
  running->memory.assign(shared_memory, shared_memory + shared_size);
  if (process->memory.size() == shared_size) memcpy(shared_memory, process->memory.data(), shared_size);
  running = process;
}

uint32_t* Kernel::word_of(const Process& process, uint32_t* word) const {
  auto* at = reinterpret_cast<unsigned char*>(word);
  if (&process == running || at < shared_memory || at >= shared_memory + shared_size) return word;
  auto& memory = const_cast<std::vector<unsigned char>&>(process.memory);
  return reinterpret_cast<uint32_t*>(memory.data() + (at - shared_memory));
}

void Kernel::set_bit(const Process& process, const Enabler& enabler, bool to) {
  uint32_t* word = word_of(process, enabler.word);
  if (to) {
    __atomic_fetch_or(word, 1u << enabler.bit, __ATOMIC_RELAXED);
  } else {
    __atomic_fetch_and(word, ~(1u << enabler.bit), __ATOMIC_RELAXED);
  }
}

void Kernel::listen(int change) {
  listeners += change;
  ++events;
  if (!is_late) catch_up();
}

void Kernel::catch_up() {
  auto tell = [&](const Process& process) {
    for (const Enabler& enabler : process.enablers) set_bit(process, enabler, listeners > 0);
  };
  tell(first);
  for (const auto& child : children) tell(*child);
}

Process* Kernel::fork(const Task& by) {
  auto child = std::make_unique<Process>();
  child->pid = by.process->pid + 1 + static_cast<int>(children.size());
  child->may_open = by.process->may_open;
  child->files = by.process->files;
  for (const Enabler& enabler : by.process->enablers) {
    if (enabler.lineage == by.lineage) child->enablers.push_back(enabler);
  }
  if (by.process == running && shared_memory != nullptr) {
    child->memory.assign(shared_memory, shared_memory + shared_size);
  } else {
    child->memory = by.process->memory;
  }
  children.push_back(std::move(child));
  return children.back().get();
}

void Kernel::close(Process& process, int number) {
  ++events;
  changes[{process.pid, number}] = events;
  process.files.erase(number);
}

void Kernel::put(Process& process, int number, OpeningRef opening) {
  ++events;
  changes[{process.pid, number}] = events;
  process.files[number] = std::move(opening);
}

}  // namespace fake

using namespace fake;
using Kind = Opening::Kind;

namespace {

int open_file(const char* path, int flags) {
  if (const int error = ask(Call::kOpen, 0); error != 0) return fail(error);
  const Quietly lock;
  Process& process = *task().process;
  auto opening = std::make_shared<Opening>();
  opening->is_ours = true;
  opening->flags = flags & ~(O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC);
  if (const auto place = kernel().places.find(path); place != kernel().places.end()) {
    if (!process.may_open) return fail(EACCES);
    if (place->second != 0) return fail(place->second);
    opening->kind = Kind::kData;
  } else if (strcmp(path, kMounts) == 0 && !kernel().mounts.empty()) {
    opening->kind = Kind::kText;
    opening->text = kernel().mounts;
  } else if (strncmp(path, kInfo, strlen(kInfo)) == 0) {
    const OpeningRef about = process.at(atoi(path + strlen(kInfo)));
    if (about == nullptr) return fail(ENOENT);
    opening->kind = Kind::kText;
    opening->text = "pos:\t0\nflags:\t0100001\n";
    if (about->lock >= 0) {
      const std::string at = std::to_string(about->lock);
      opening->text += "lock:\t1: OFDLCK  ADVISORY  WRITE -1 00:0d:1050 " + at + " " + at + "\n";
    }
  } else {
    return fail(ENOENT);
  }
  return add(process, opening, kernel().lowest);
}

int control(int number, int command, void* argument) {
  if (const int error = ask(Call::kControl, command); error != 0) return fail(error);
  const Quietly lock;
  Task& by = task();
  const OpeningRef opening = by.process->at(number);
  if (opening == nullptr) return fail(EBADF);
  switch (command) {
    case F_GETFL:
      by.checked_at = kernel().events;
      return opening->flags;
    case F_DUPFD_CLOEXEC:
      return add(*by.process, opening, static_cast<int>(reinterpret_cast<intptr_t>(argument)));
    case F_OFD_SETLK:
      opening->lock = static_cast<struct flock*>(argument)->l_start;
      return 0;
    default:
      return fail(EINVAL);
  }
}

int register_event(Task& by, Opening& opening, Registration& reg) {
  for (const Enabler& one : by.process->enablers) {
    if (one.lineage == by.lineage && reinterpret_cast<uintptr_t>(one.word) == reg.address && one.bit == reg.bit) {
      return EADDRINUSE;
    }
  }
  const char* definition = reinterpret_cast<const char*>(reg.definition);
  const std::string name(definition, strcspn(definition, " "));
  auto& events = opening.events;
  const auto known = std::find(events.begin(), events.end(), name);
  reg.write_index = static_cast<uint32_t>(known - events.begin());
  if (known == events.end()) events.push_back(name);
  const Enabler enabler{by.lineage, reinterpret_cast<uint32_t*>(reg.address), reg.bit};
  by.process->enablers.push_back(enabler);
  kernel().set_bit(*by.process, enabler, kernel().listeners > 0);
  return 0;
}

int unregister_event(Task& by, const Unregistration& gone) {
  auto& all = by.process->enablers;
  const auto found = std::find_if(all.begin(), all.end(), [&](const Enabler& one) {
    return one.lineage == by.lineage && reinterpret_cast<uintptr_t>(one.word) == gone.address && one.bit == gone.bit;
  });
  if (found == all.end()) return ENOENT;
  kernel().set_bit(*by.process, *found, false);
  all.erase(found);
  return 0;
}

// What write() says to a frame of the library: the size, or minus an errno.
ssize_t take_event(Opening& opening, const char* data, size_t size) {
  uint32_t index = 0;
  uint32_t rel_loc = 0;
  if (size < sizeof index) return -EFAULT;
  memcpy(&index, data, sizeof index);
  if (index >= opening.events.size()) return -ENOENT;
  if (size < 20) return -EINVAL;
  if (opening.events[index] != kOurEvent) {
    kernel().violations.push_back("a frame was written to another event");
    return static_cast<ssize_t>(size);
  }
  if (kernel().listeners == 0) return -EBADF;
  if (kernel().is_elsewhere) return static_cast<ssize_t>(size);
  memcpy(&rel_loc, data + 16, sizeof rel_loc);
  if (20 + (rel_loc & 0xffff) + (rel_loc >> 16) > size) return -EFAULT;
  kernel().received.emplace_back(data + 20, size - 20);
  return static_cast<ssize_t>(size);
}

}  // namespace

extern "C" {

int __real_close(int fd);
ssize_t __real_read(int fd, void* to, size_t size);
long __real_syscall(long number, ...);
int __real_clock_gettime(clockid_t clock, timespec* time);
int __real_madvise(void* address, size_t size, int advice);
void* __real_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_nanosleep(const timespec* time, timespec* left);
pid_t __real_getpid(void);

int __wrap_open(const char* path, int flags, ...) { return open_file(path, flags); }
int __wrap_open64(const char* path, int flags, ...) { return open_file(path, flags); }

int __wrap_fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return control(fd, command, argument);
}
int __wrap_fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return control(fd, command, argument);
}

int __wrap_close(int number) {
  const int error = ask(Call::kClose, 0);
  const Quietly lock;
  Task& by = task();
  const OpeningRef opening = by.process->at(number);
  if (opening == nullptr) return fail(EBADF);
  if (!opening->is_ours && !came_since(by, number)) kernel().violations.push_back("another's descriptor was closed");
  kernel().close(*by.process, number);
  return error != 0 ? fail(error) : 0;  // as the kernel: closed all the same
}

ssize_t __wrap_read(int number, void* to, size_t size) {
  if (const int error = ask(Call::kRead, 0); error != 0) return fail(error);
  const Quietly lock;
  const OpeningRef opening = task().process->at(number);
  if (opening == nullptr) return fail(EBADF);
  const size_t n = std::min(size, opening->text.size());
  memcpy(to, opening->text.data(), n);
  opening->text.erase(0, n);
  return static_cast<ssize_t>(n);
}

int __wrap_ioctl(int number, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (const int error = ask(Call::kIoctl, request == kRegister ? 0 : 1); error != 0) return fail(error);
  const Quietly lock;
  Task& by = task();
  const OpeningRef opening = by.process->at(number);
  if (opening == nullptr) return fail(EBADF);
  if (opening->kind != Kind::kData) return fail(ENOTTY);
  const int error = request == kRegister     ? register_event(by, *opening, *static_cast<Registration*>(argument))
                    : request == kUnregister ? unregister_event(by, *static_cast<Unregistration*>(argument))
                                             : ENOTTY;
  return error != 0 ? fail(error) : 0;
}

ssize_t __wrap_write(int number, const void* data, size_t size) {
  if (const int error = ask(Call::kWrite, size == 20 ? 0 : 1); error != 0) return fail(error);
  const Quietly lock;
  Task& by = task();
  const OpeningRef opening = by.process->at(number);
  const bool is_probe = size == 20;
  if (number >= 0 && (opening == nullptr || opening->kind != Kind::kData || !(opening->is_ours || opening->is_copy))) {
    if (came_since(by, number)) {
      (is_probe ? by.was_misled : by.has_met_the_instant) = true;
    } else if (opening != nullptr) {
      kernel().violations.push_back("another's file was written to without a look at it");
    }
  }
  if (opening == nullptr) return fail(EBADF);
  if (opening->kind == Kind::kOthers) {
    opening->bytes += size;
    return static_cast<ssize_t>(size);
  }
  const size_t violations = kernel().violations.size();
  const ssize_t taken = take_event(*opening, static_cast<const char*>(data), size);
  if (by.has_met_the_instant || by.was_misled) kernel().violations.resize(violations);
  return taken < 0 ? fail(static_cast<int>(-taken)) : taken;
}

void* __wrap_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  if (const int error = ask(Call::kMap, 0); error != 0) {
    errno = error;
    return reinterpret_cast<void*>(-1);
  }
  return __real_mmap(address, size, protection, flags, fd, offset);
}
void* __wrap_mmap64(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  return __wrap_mmap(address, size, protection, flags, fd, offset);
}

int __wrap_madvise(void* address, size_t size, int advice) {
  if (is_simulated) return fail(EINVAL);
  if (const int error = ask(Call::kAdvise, 0); error != 0) return fail(error);
  return __real_madvise(address, size, advice);
}

pid_t __wrap_getpid(void) {
  ask(Call::kProcess, 0);
  return is_simulated ? task().process->pid : __real_getpid();
}

int __wrap_clock_gettime(clockid_t clock, timespec* time) {
  if (const int error = ask(Call::kClock, 0); error != 0) return fail(error);
  if (wait == nullptr) return __real_clock_gettime(clock, time);
  const uint64_t now = __atomic_load_n(&kernel().now, __ATOMIC_RELAXED);
  time->tv_sec = static_cast<time_t>(now / 1'000'000'000);
  time->tv_nsec = static_cast<long>(now % 1'000'000'000);
  return 0;
}

int __wrap_nanosleep(const timespec* time, timespec* left) {
  ask(Call::kSleep, 0);
  return wait == nullptr ? __real_nanosleep(time, left) : 0;
}

long __wrap_syscall(long number, ...) {
  va_list arguments;
  va_start(arguments, number);
  auto* word = va_arg(arguments, uint32_t*);
  const auto operation = va_arg(arguments, int);
  const auto value = va_arg(arguments, uint32_t);
  auto* until = va_arg(arguments, const long*);
  va_end(arguments);
  ask(Call::kFutex, 0);
  const bool waits = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
  if (wait == nullptr) {
    return __real_syscall(number, word, operation, value, until, nullptr, FUTEX_BITSET_MATCH_ANY);
  }
  if (waits) wait(word, value, static_cast<uint64_t>(until[0]) * 1'000'000'000 + static_cast<uint64_t>(until[1]));
  return 0;
}

}  // extern "C"
