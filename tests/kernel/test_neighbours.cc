// SPDX-License-Identifier: Apache-2.0
// What else there may be in the process: another copy of the library, threads that start programs, signal handlers that
// fork, and somebody who takes descriptors away amid an export. Runs on the test kernel.
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "catch.h"
#include "lab.h"

namespace {

constexpr char kDataFile[] = "/sys/kernel/tracing/user_events_data";

int data_descriptor() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (std::filesystem::read_symlink(entry.path(), error) == kDataFile) return std::stoi(entry.path().filename());
  }
  return -1;
}

// A copy of the library that shares nothing with the one that this program is linked with.
class Copy {
 public:
  Copy() {
    const std::string path = "/tmp/copy-" + std::to_string(getpid()) + ".so";
    std::filesystem::copy_file(getenv("OTELUE_LIBRARY"), path);
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    CLAIM(library != nullptr);
    find(library, "otelue_open", &open);
    find(library, "otelue_export", &run);
    find(library, "otelue_shutdown", &shutdown);
    CLAIM(open != otelue_open);
    otelue_options options = lab::packing(OTELUE_PACK_POINT);
    options.struct_size = sizeof options;
    CLAIM(open(&options, nullptr, nullptr, &exporter) == 0);
  }
  int64_t send(int64_t first, int64_t count) {
    const std::string batch = lab::batch_of(first, count);
    otelue_result result{};
    result.struct_size = sizeof result;
    CLAIM(run(exporter, batch.data(), batch.size(), &result) >= 0);
    return result.points_exported;
  }

  decltype(&otelue_open) open = nullptr;
  decltype(&otelue_export) run = nullptr;
  decltype(&otelue_shutdown) shutdown = nullptr;
  otelue_exporter* exporter = nullptr;

 private:
  template <typename Function>
  static void find(void* library, const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    CLAIM(*function != nullptr);
  }
};

volatile sig_atomic_t is_child = 0;
volatile sig_atomic_t forks = 0;
constexpr int kForks = 20;

void fork_a_child(int) {
  if (is_child != 0 || forks == kForks) return;
  forks = forks + 1;
  if (fork() == 0) is_child = 1;
}

}  // namespace

TEST_CASE("a number that goes from one copy of the library to another serves both, and is closed by its own") {
  CHECK(lab::in_process([] {
          const lab::Exporter ours;
          lab::Perf perf;
          const int number = data_descriptor();
          CLAIM(close(number) == 0);
          Copy copy;
          CLAIM(data_descriptor() == number);
          CLAIM(ours.send(1, 3) == 3);
          CLAIM(copy.send(4, 3) == 3);
          CLAIM(otelue_shutdown(ours.handle()) == 0);
          CLAIM(fcntl(number, F_GETFD) >= 0);
          CLAIM(copy.send(7, 3) == 3);

          // And back.
          CLAIM(close(number) == 0);
          const lab::Exporter late;
          CLAIM(data_descriptor() == number);
          CLAIM(copy.send(10, 3) == 3);
          CLAIM(copy.shutdown(copy.exporter) == 0);
          CLAIM(fcntl(number, F_GETFD) >= 0);
          CLAIM(late.send(13, 3) == 3);
          CLAIM(otelue_shutdown(late.handle()) == 0);
          CLAIM(data_descriptor() == -1);
          CLAIM(perf.read() == lab::events_of(1, 15));
        }) == "");
}

TEST_CASE("programs that are started by vfork() or posix_spawn() disturb no export") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          lab::Perf perf;
          std::atomic<bool> stop{false};
          int64_t exported = 0;
          int64_t sent = 0;
          std::thread other([&] {
            for (; !stop; ++sent, usleep(500)) exported += exporter.send(sent + 1);
          });
          lab::Payloads received;
          auto receive = [&] {
            for (std::string& payload : perf.read()) received.push_back(std::move(payload));
          };
          const char* const arguments[] = {"/bin/true", nullptr};
          auto* argv = const_cast<char* const*>(arguments);
          for (int i = 0; i < 20; ++i) {
            pid_t spawned = -1;
            CLAIM(posix_spawn(&spawned, arguments[0], nullptr, nullptr, argv, environ) == 0);
            const pid_t child = vfork();
            if (child == 0) {
              execv(arguments[0], argv);
              _exit(127);
            }
            for (const pid_t pid : {spawned, child}) {
              int status = -1;
              CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
            }
            receive();
          }
          stop = true;
          other.join();
          CLAIM(sent > 0 && exported == sent);
          receive();
          CLAIM(received == lab::events_of(1, sent));
          CLAIM(exporter.status().step == OTELUE_STEP_REGISTERED);
        }) == "");
}

TEST_CASE("signal handlers may fork amid exports, and each child exports and shuts down") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          const lab::Perf perf;
          struct sigaction action {};
          action.sa_handler = fork_a_child;
          CLAIM(sigaction(SIGALRM, &action, nullptr) == 0);
          const itimerval often{{0, 3000}, {0, 3000}};
          CLAIM(setitimer(ITIMER_REAL, &often, nullptr) == 0);
          while (forks < kForks && is_child == 0) CLAIM(exporter.send(1, 5) == 5);
          signal(SIGALRM, SIG_IGN);
          if (is_child != 0) {
            const bool is_well = exporter.send(1, 3) == 3 && otelue_shutdown(exporter.handle()) == 0;
            _exit(is_well && data_descriptor() == -1 ? 0 : 1);
          }
          int failed = 0;
          for (int i = 0; i < kForks; ++i) {
            int status = -1;
            CLAIM(wait(&status) > 0);
            failed += status != 0;
          }
          CLAIM(failed == 0);
          CLAIM(exporter.send(1, 3) == 3);
        }) == "");
}

TEST_CASE("a file that gets our number while an export pauses is left alone, and no point is lost") {
  CHECK(lab::in_process([] {
          otelue_options options = lab::packing(OTELUE_PACK_POINT);
          options.pacing_bytes = 1;
          options.pacing_microseconds = 500'000;
          const lab::Exporter exporter(options);
          lab::Perf perf;
          const int number = data_descriptor();
          int64_t exported = 0;
          std::thread other([&] { exported = exporter.send(1, 4); });
          lab::Payloads received;
          auto receive = [&] {
            for (std::string& payload : perf.read()) received.push_back(std::move(payload));
            return !received.empty();
          };
          CLAIM(lab::eventually(receive));
          const std::string path = "/tmp/pause-" + std::to_string(getpid());
          const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
          CLAIM(file >= 0 && dup2(file, number) == number);
          other.join();
          receive();
          struct stat found {};
          CLAIM(fstat(file, &found) == 0 && found.st_size == 0);
          CLAIM(fcntl(number, F_GETFD) >= 0);
          CLAIM(exported == 4);
          CLAIM(received == lab::events_of(1, 4));
        }) == "");
}
