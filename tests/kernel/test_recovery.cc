// SPDX-License-Identifier: Apache-2.0
// Whatever stands in the way of the tracepoint is said in words, and when it is gone exports get going by themselves.
// Runs on the test kernel, where tracefs is not mounted at first.
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <fstream>
#include <memory>
#include <string>

#include "catch.h"
#include "lab.h"

namespace {

constexpr char kTracefs[] = "/sys/kernel/tracing";
constexpr char kDataFile[] = "/sys/kernel/tracing/user_events_data";
constexpr char kNotMounted[] =
    "no user_events_data found: tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)";

// The errno that calls of the library get instead of what the kernel would say; 0: none.
std::atomic<int> ioctl_error{0};
std::atomic<int> probe_error{0};
std::atomic<int> event_error{0};
std::atomic<int> registrations_tried{0};

constexpr size_t kProbeBytes = 20;
constexpr size_t kEventBytes = 20 + 33;

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (request == _IOWR('*', 0, void*)) {
    ++registrations_tried;
    if (ioctl_error != 0) {
      errno = ioctl_error;
      return -1;
    }
  }
  return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}

extern "C" ssize_t write(int fd, const void* data, size_t size) {
  const int error = size == kProbeBytes ? probe_error.load() : size == kEventBytes ? event_error.load() : 0;
  if (error != 0) {
    errno = error;
    return -1;
  }
  return syscall(SYS_write, fd, data, size);
}

namespace {

class Mount {
 public:
  explicit Mount(const std::string& at = kTracefs) : at_(at) {
    if (mount("tracefs", at.c_str(), "tracefs", 0, nullptr) != 0) throw std::runtime_error("mount");
  }
  ~Mount() { umount2(at_.c_str(), MNT_DETACH); }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

 private:
  const std::string at_;
};

// The program goes on, nothing is written, and the status says why.
void claim_that_it_says(const lab::Exporter& exporter, uint32_t step, int error, const std::string& message) {
  const std::string batch = lab::batch_of(1, 3);
  CLAIM(otelue_export(exporter.handle(), batch.data(), batch.size(), nullptr) == 0);
  const auto result = exporter.run(batch);
  CLAIM(result.listening == 0 && result.points_unheard == 3 && result.events == 0 && result.last_errno == 0);
  CLAIM(!exporter.enabled());
  const auto status = exporter.status();
  CLAIM(status.registered == 0 && status.enabled == 0 && status.heard_here == 0);
  CLAIM(status.step == step);
  CLAIM(status.last_errno == error);
  if (status.message != message) throw std::runtime_error(status.message);
}

// Exports alone, without a status, register the tracepoint in time.
void claim_that_it_recovers(const lab::Exporter& exporter) {
  CLAIM(lab::eventually([&] { return exporter.send(1) == 0 && exporter.registrations() == 1; }));
}

void claim_that_all_arrives(const lab::Exporter& exporter) {
  lab::Perf perf;
  CLAIM(exporter.send(10, 3) == 3);
  CLAIM(perf.read() == lab::events_of(10, 3));
  const auto status = exporter.status();
  CLAIM(status.registered == 1 && status.heard_here == 1 && status.step == OTELUE_STEP_REGISTERED);
  CLAIM(status.last_errno == 0);
  CLAIM(status.message == std::string("otlp_metrics is registered, and somebody listens"));
}

// Writes a kernel parameter, and puts back what was there.
class Parameter {
 public:
  Parameter(const std::string& path, const std::string& value) : path_(path) {
    std::ifstream(path) >> before_;
    set(value);
  }
  ~Parameter() { set(before_); }
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;

 private:
  void set(const std::string& value) { std::ofstream(path_) << value << std::flush; }

  const std::string path_;
  std::string before_;
};

void limit_descriptors(rlim_t most) {
  rlimit limit{};
  CLAIM(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = most;
  CLAIM(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

}  // namespace

TEST_CASE("tracefs may be mounted later") {
  const lab::Exporter exporter;
  claim_that_it_says(exporter, OTELUE_STEP_FIND, ENOENT, kNotMounted);
  const Mount tracefs;
  claim_that_it_recovers(exporter);
  claim_that_all_arrives(exporter);
}

TEST_CASE("tracefs may be mounted anywhere") {
  const std::string place = "/tmp/a \\place\twith\nblanks";
  REQUIRE(mkdir(place.c_str(), 0700) == 0);
  const lab::Exporter exporter;
  claim_that_it_says(exporter, OTELUE_STEP_FIND, ENOENT, kNotMounted);
  const Mount elsewhere(place);
  claim_that_it_recovers(exporter);
  const Mount tracefs;  // for the listener
  claim_that_all_arrives(exporter);
}

TEST_CASE("the data file alone may be mounted, as containers do") {
  const Mount tracefs;
  lab::Process container([](lab::Line& line) {
    CLAIM(unshare(CLONE_NEWNS) == 0);
    CLAIM(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
    const int file = open_tree(AT_FDCWD, kDataFile, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    CLAIM(file >= 0);
    CLAIM(umount2(kTracefs, 0) == 0);
    const lab::Exporter exporter;
    claim_that_it_says(exporter, OTELUE_STEP_FIND, ENOENT, kNotMounted);

    const char* place = "/tmp/the only file";
    CLAIM(close(open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
    CLAIM(move_mount(file, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) == 0);
    claim_that_it_recovers(exporter);
    line.say("registered");
    line.hear();
    CLAIM(exporter.send(10, 3) == 3);
    CLAIM(exporter.status().heard_here == 1);
    return "";
  });
  REQUIRE(container.line().hear() == "registered");
  lab::Perf perf;
  container.line().say("go");
  CHECK(container.line().hear() == "");
  CHECK(perf.read() == lab::events_of(10, 3));
}

TEST_CASE("permission may be granted later, as the status and the README say") {
  const char* message =
      "no permission to write user_events_data: it takes x on the directory and w on the file "
      "(chmod 0711 /sys/kernel/tracing; chgrp GROUP and chmod g+w on user_events_data)";
  const Mount tracefs;
  lab::Process user([&](lab::Line& line) {
    CLAIM(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
    const lab::Exporter exporter;
    claim_that_it_says(exporter, OTELUE_STEP_OPEN, EACCES, message);
    line.say("closed");
    line.hear();
    claim_that_it_says(exporter, OTELUE_STEP_OPEN, EACCES, message);
    line.say("still closed");
    line.hear();
    claim_that_it_recovers(exporter);
    line.say("registered");
    line.hear();
    CLAIM(exporter.send(10, 3) == 3);
    CLAIM(exporter.status().heard_here == 1);
    return "";
  });
  CHECK(user.line().hear() == "closed");
  REQUIRE(chmod(kTracefs, 0711) == 0);
  user.line().say("go");
  CHECK(user.line().hear() == "still closed");
  REQUIRE(chown(kDataFile, 0, 1000) == 0);
  REQUIRE(chmod(kDataFile, 0660) == 0);
  user.line().say("go");
  CHECK(user.line().hear() == "registered");
  lab::Perf perf;
  user.line().say("go");
  CHECK(user.line().hear() == "");
  CHECK(perf.read() == lab::events_of(10, 3));
  CHECK(chmod(kTracefs, 0700) == 0);
  CHECK(chown(kDataFile, 0, 0) == 0);
  CHECK(chmod(kDataFile, 0640) == 0);
}

TEST_CASE("descriptors may run out, and a low one serves as well") {
  const Mount tracefs;
  CHECK(lab::in_process([] {
          const int lowest = dup(2);
          CLAIM(close(lowest) == 0);
          limit_descriptors(static_cast<rlim_t>(lowest));
          const lab::Exporter exporter;
          claim_that_it_says(exporter, OTELUE_STEP_OPEN, EMFILE, "cannot open user_events_data: Too many open files");
          limit_descriptors(static_cast<rlim_t>(lowest) + 1);
          claim_that_it_recovers(exporter);
          limit_descriptors(64);
          CLAIM(fcntl(lowest, F_GETFD) == FD_CLOEXEC);
          claim_that_all_arrives(exporter);
        }) == "");
}

TEST_CASE("the kernel may have as many user events as it allows") {
  const Mount tracefs;
  REQUIRE(lab::eventually([] { return access("/sys/kernel/tracing/events/user_events/otlp_metrics", F_OK) != 0; }));

  std::unique_ptr<lab::Exporter> exporter;
  {
    const Parameter most("/proc/sys/kernel/user_events_max", "0");
    exporter.reset(new lab::Exporter);
    claim_that_it_says(*exporter, OTELUE_STEP_REGISTER, EMFILE,
                       "the kernel has as many user events as kernel.user_events_max allows");
  }
  claim_that_it_recovers(*exporter);
  claim_that_all_arrives(*exporter);
}

TEST_CASE("a registration that is refused for want of memory, by a filter, or by a file of another kind is repeated") {
  const Mount tracefs;
  const struct {
    int error;
    const char* message;
  } cases[] = {
      {ENOMEM, "the kernel refused to register otlp_metrics: Cannot allocate memory"},
      {EPERM, "the kernel refused to register otlp_metrics: Operation not permitted"},
      {ENOSYS, "the kernel refused to register otlp_metrics: Function not implemented"},
      {ENOTTY, "user_events_data is not the kernel's, or this is a 32-bit process on a 64-bit kernel"},
  };
  for (const auto& [error, message] : cases) {
    ioctl_error = error;
    const lab::Exporter exporter;
    claim_that_it_says(exporter, OTELUE_STEP_REGISTER, error, message);
    ioctl_error = 0;
    claim_that_it_recovers(exporter);
    claim_that_all_arrives(exporter);
  }
}

TEST_CASE("what stays in the way is tried less and less often, logged once, and still noticed when it goes") {
  const Mount tracefs;
  ioctl_error = ENOMEM;
  registrations_tried = 0;
  std::string log;
  const otelue_log_function append = [](void* context, int32_t, const char* message) {
    *static_cast<std::string*>(context) += std::string(message) + "\n";
  };
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_POINT), append, &log);
  int exports = 0;
  // 0.1 s, then twice as long each time: now the pause is as long as it gets.
  REQUIRE(lab::eventually([&] {
    exporter.send(1);
    ++exports;
    return registrations_tried == 7;
  }));
  CHECK(exports > 70);
  CHECK(log == "the kernel refused to register otlp_metrics: Cannot allocate memory\n");
  ioctl_error = 0;
  claim_that_it_recovers(exporter);
  CHECK(registrations_tried == 8);
  claim_that_all_arrives(exporter);
}

TEST_CASE("a probe that is refused is reported, and nobody is heard until one succeeds") {
  const Mount tracefs;
  for (const int error : {EPERM, ENOMEM, ENOSYS}) {
    const lab::Exporter exporter;
    probe_error = error;
    CHECK(exporter.run(lab::batch_of(1, 3)).points_unheard == 3);
    const auto status = exporter.status();
    CHECK(status.registered == 1);
    CHECK(status.step == OTELUE_STEP_PROBE);
    CHECK(status.last_errno == error);
    CHECK(status.message == std::string("the kernel refused a probe of otlp_metrics: ") + std::strerror(error));
    probe_error = 0;
    claim_that_all_arrives(exporter);
  }
}

TEST_CASE("an event that is refused is reported and counted, and the next one goes out") {
  const Mount tracefs;
  const lab::Exporter exporter;
  const lab::Perf perf;
  for (const int error : {ENOMEM, EPERM, ENOSYS}) {
    event_error = error;
    const std::string batch = lab::batch_of(1, 3);
    otelue_result result{};
    result.struct_size = sizeof result;
    CHECK(otelue_export(exporter.handle(), batch.data(), batch.size(), &result) == OTELUE_PARTIAL);
    CHECK(result.points_unwritten == 3);
    CHECK(result.first_bad_point == 0);
    CHECK(result.first_bad_reason == OTELUE_REASON_WRITE);
    CHECK(result.last_errno == error);
    CHECK(result.events == 0);
    const auto status = exporter.status();
    CHECK(status.registered == 1);
    CHECK(status.step == OTELUE_STEP_WRITE);
    CHECK(status.last_errno == error);
    CHECK(status.message == std::string("the kernel refused an event of otlp_metrics: ") + std::strerror(error));
    event_error = 0;
    claim_that_all_arrives(exporter);
  }
}
