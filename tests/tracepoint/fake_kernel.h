// SPDX-License-Identifier: Apache-2.0
// A kernel that has user_events, for programs that are linked with -Wl,--wrap (see meson.build): what the library calls
// comes here. It knows processes with descriptors, openings that descriptors share, thread lineages with the enable
// words that they registered, listeners, and other files that descriptors may turn into.
#ifndef OTELUE_TESTS_TRACEPOINT_FAKE_KERNEL_H
#define OTELUE_TESTS_TRACEPOINT_FAKE_KERNEL_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fake {

// Behind kRead: what others cannot notice.
enum class Call { kOpen, kClose, kControl, kIoctl, kWrite, kRead, kMap, kAdvise, kClock, kProcess, kSleep, kFutex };

// What open() made, or what somebody else has under a number.
struct Opening {
  enum class Kind { kData, kText, kOthers };
  Kind kind;
  bool is_ours = false;  // the library has opened it
  bool is_copy = false;  // another copy of the library has
  int flags = 0;
  std::vector<std::string> events;  // by write index
  int64_t lock = -1;
  std::string text;  // to be read
  size_t bytes = 0;  // that were written to another's file
};
using OpeningRef = std::shared_ptr<Opening>;

struct Enabler {
  int lineage;
  uint32_t* word;
  uint32_t bit;
};

struct Process {
  int pid = 1000;
  bool may_open = true;
  std::map<int, OpeningRef> files;
  std::vector<Enabler> enablers;
  std::vector<unsigned char> memory;  // while another process is being run: what its memory holds, see place_words_in()

  OpeningRef at(int number) const;
  // Descriptors of data files that the library has opened.
  std::vector<int> ours() const;
};

// Who calls.
struct Task {
  Process* process;
  int lineage = 0;
  // Of this task: when it last found that a descriptor bears the mark, and whether a write since has met what somebody
  // put there later. That instant is the one that cannot be closed.
  static constexpr uint64_t kNothingIsExcused = UINT64_MAX;
  uint64_t checked_at = 0;
  bool has_met_the_instant = false;
  bool was_misled = false;  // the same for a probe
};

class Kernel {
 public:
  Process first;
  std::vector<std::unique_ptr<Process>> children;
  int listeners = 0;
  bool is_elsewhere = false;  // they hear other processors alone
  bool is_late = false;       // enable words change some time later: at catch_up()
  std::vector<std::string> received;     // payloads of otlp_metrics
  std::vector<std::string> violations;   // of what the library promises
  // Where the data file is, or the errno of an attempt to open it there; what /proc/self/mountinfo says.
  std::map<std::string, int> places{{"/sys/kernel/tracing/user_events_data", 0}};
  std::string mounts;
  int lowest = 3;   // descriptor that is free
  int limit = 1024;  // of descriptors
  uint64_t now = 1'000'000'000;
  uint64_t events = 0;                   // counts what happens

  void listen(int change);
  void catch_up();
  Process* fork(const Task& task);
  // What others do to a process.
  void close(Process& process, int number);
  void put(Process& process, int number, OpeningRef opening);

  uint32_t* word_of(const Process& process, uint32_t* word) const;
  void set_bit(const Process& process, const Enabler& enabler, bool to);
  uint64_t changed_at(const Process& process, int number) const;

  std::map<std::pair<int, int>, uint64_t> changes;  // of (pid, number)
};

Kernel& kernel();
void reset();

// The calling task: of this thread, or what the program says.
extern thread_local Task* current;

// Asked before each call of the library: an errno to fail with, or 0. It may run other tasks meanwhile.
extern int (*before)(Call call, int detail);
// Waits until a word has another value or a time has come; nullptr: really.
extern void (*wait)(const uint32_t* word, uint32_t value, uint64_t until);
// Whether this thread is in the fake kernel.
extern thread_local bool is_inside;
// Whether madvise() fails, so that the library asks for the process, and is told that of the task.
extern bool is_simulated;

// The memory that processes have at the same addresses: that of `running` is in place.
void place_words_in(unsigned char* memory, size_t size);
void run_as(Process* process);

// No other thread is in the kernel meanwhile. ThreadSanitizer does not learn of it.
class Quietly {
 public:
  Quietly();
  ~Quietly();
};

}  // namespace fake

#endif
