// SPDX-License-Identifier: Apache-2.0
// Forked children, programs that are started, daemons that close what they did not open, and processes that are
// killed. Runs on the test kernel.
//
// Each test is a process of its own, so that what it inherits is what it says.
#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "lab.h"

namespace {

constexpr char kDataFile[] = "/sys/kernel/tracing/user_events_data";

// Exports with a listener and without: each delivers what it should, and sets the enable word right.
void claim_that_all_works(const lab::Exporter& exporter) {
  {
    lab::Perf perf;
    CLAIM(exporter.send(1, 3) == 3);
    CLAIM(exporter.enabled());
    CLAIM(perf.read() == lab::events_of(1, 3));
  }
  CLAIM(exporter.run(lab::batch_of(4)).points_unheard == 1);
  CLAIM(!exporter.enabled());
  const auto status = exporter.status();
  CLAIM(status.registered == 1 && status.step == OTELUE_STEP_REGISTERED && status.last_errno == 0);
}

// The descriptors of this process that are user_events_data.
std::vector<int> data_descriptors() {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (std::filesystem::read_symlink(entry.path(), error) == kDataFile) {
      found.push_back(std::stoi(entry.path().filename()));
    }
  }
  return found;
}

int only_data_descriptor() {
  const std::vector<int> found = data_descriptors();
  CLAIM(found.size() == 1);
  return found[0];
}

// What `ls` says of its own descriptors when it is started by fork and exec, or by posix_spawn.
std::string descriptors_of_a_program(bool is_spawned) {
  int ends[2];
  CLAIM(pipe(ends) == 0);
  const char* const arguments[] = {"/bin/ls", "-l", "/proc/self/fd", nullptr};
  auto* argv = const_cast<char* const*>(arguments);
  pid_t pid = -1;
  if (is_spawned) {
    posix_spawn_file_actions_t actions;
    CLAIM(posix_spawn_file_actions_init(&actions) == 0);
    CLAIM(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    CLAIM(posix_spawn(&pid, arguments[0], &actions, nullptr, argv, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
  } else if ((pid = fork()) == 0) {
    dup2(ends[1], 1);
    execv(arguments[0], argv);
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) output.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
  return output;
}

// After the descriptors are gone, or are other files, events arrive again and nothing else is written to.
void claim_that_descriptors_may_go(const std::function<int(const std::string& path)>& open_other) {
  const lab::Exporter exporter;
  for (const bool is_heard : {true, false}) {
    const std::unique_ptr<lab::Perf> early(is_heard ? new lab::Perf : nullptr);
    const int number = only_data_descriptor();
    CLAIM(close(number) == 0);
    const std::string path = "/tmp/other-" + std::to_string(getpid());
    const int other = open_other == nullptr ? -1 : open_other(path);
    if (other >= 0) {
      CLAIM(dup2(other, number) == number);
      CLAIM(close(other) == 0);
    }
    struct stat before {};
    const bool is_file = other >= 0 && stat(path.c_str(), &before) == 0;

    CLAIM(exporter.send(1, 3) == (is_heard ? 3 : 0));
    if (is_heard) CLAIM(early->read() == lab::events_of(1, 3));
    CLAIM(exporter.status().registered == 1);
    lab::Perf late;
    CLAIM(exporter.send(4, 3) == 3);
    CLAIM(late.read() == lab::events_of(4, 3));

    if (other < 0) continue;
    struct stat after {};
    if (is_file) CLAIM(stat(path.c_str(), &after) == 0 && after.st_size == before.st_size);
    CLAIM(fcntl(number, F_GETFD) >= 0);  // it is theirs, and still open
    CLAIM(close(number) == 0);
    unlink(path.c_str());
  }
}

}  // namespace

TEST_CASE("a child of the thread that registered exports, and so does its parent") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          claim_that_all_works(exporter);
          CLAIM(lab::in_process([&] { claim_that_all_works(exporter); }) == "");
          claim_that_all_works(exporter);
        }) == "");
}

TEST_CASE("a child that is forked while somebody listens exports at once, and whole events") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          lab::Perf perf;
          CLAIM(exporter.send(1) == 1);
          CLAIM(lab::in_process([&] { CLAIM(exporter.send(2, 100) == 100); }) == "");
          CLAIM(exporter.send(102) == 1);
          lab::Payloads received = perf.read();
          std::sort(received.begin(), received.end());
          lab::Payloads expected = lab::events_of(1, 102);
          std::sort(expected.begin(), expected.end());
          CLAIM(received == expected);
        }) == "");
}

TEST_CASE("a child of a thread that is older than the registration exports, and so does its parent") {
  CHECK(lab::in_process([] {
          std::unique_ptr<lab::Exporter> exporter;
          std::atomic<bool> is_registered{false};
          std::string child = "not run";
          std::thread older([&] {
            is_registered.wait(false);
            child = lab::in_process([&] { claim_that_all_works(*exporter); });
          });
          exporter.reset(new lab::Exporter);
          is_registered = true;
          is_registered.notify_one();
          older.join();
          CLAIM(child == "");
          claim_that_all_works(*exporter);
        }) == "");
}

TEST_CASE("a child may shut down, close, or never touch its parent's exporter, and the parent goes on") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          auto child = [&](const std::function<void()>& work) {
            CLAIM(lab::in_process(work) == "");
            claim_that_all_works(exporter);
          };
          child([&] { CLAIM(otelue_shutdown(exporter.handle()) == 0); });
          child([&] { otelue_close(exporter.handle()); });
          child([] {});
          child([&] {
            claim_that_all_works(exporter);
            otelue_close(exporter.handle());
            otelue_close(exporter.handle());
            CLAIM(!exporter.enabled());
          });
          lab::Perf perf;
          CLAIM(lab::in_process([&] { CLAIM(otelue_shutdown(exporter.handle()) == 0); }) == "");
          CLAIM(exporter.send(1) == 1);
          CLAIM(exporter.enabled());
          CLAIM(perf.read() == lab::events_of(1, 1));
        }) == "");
}

TEST_CASE("a parent may shut down, and its child goes on") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          lab::Process child([&](lab::Line& line) {
            line.hear();
            claim_that_all_works(exporter);
            return "";
          });
          CLAIM(otelue_shutdown(exporter.handle()) == 0);
          child.line().say("go");
          CLAIM(child.line().hear() == "");
        }) == "");
}

TEST_CASE("children of children export, 40 generations deep") {
  std::function<void(const lab::Exporter&, int)> generation = [&](const lab::Exporter& exporter, int left) {
    CLAIM(exporter.status().step == OTELUE_STEP_REGISTERED);
    CLAIM(exporter.status().registered == 1);
    if (left == 0) claim_that_all_works(exporter);
    if (left > 0) CLAIM(lab::in_process([&] { generation(exporter, left - 1); }) == "");
  };
  CHECK(lab::in_process([&] { generation(lab::Exporter(), 40); }) == "");
}

TEST_CASE("a fork amid exports of other threads leaves a child that exports and shuts down") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          const lab::Perf perf;
          std::atomic<bool> stop{false};
          std::vector<std::thread> threads;
          for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&] {
              while (!stop) exporter.send(1, 5);
            });
          }
          int failed = 0;
          for (int i = 0; i < 100; ++i) {
            failed += lab::in_process([&] {
                        CLAIM(exporter.send(1, 3) == 3);
                        CLAIM(otelue_shutdown(exporter.handle()) == 0);
                      }) != "";
          }
          stop = true;
          for (auto& thread : threads) thread.join();
          CLAIM(failed == 0);
        }) == "");
}

TEST_CASE("a program that is started inherits nothing") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          CLAIM(exporter.send(1) == 0);
          only_data_descriptor();
          for (const bool is_spawned : {false, true}) {
            const std::string output = descriptors_of_a_program(is_spawned);
            CLAIM(output.find("pipe:") != std::string::npos);
            CLAIM(output.find("user_events") == std::string::npos);
          }
          claim_that_all_works(exporter);
        }) == "");
}

TEST_CASE("the event ends with its last writer, whatever that has started") {
  REQUIRE(lab::eventually([] { return access("/sys/kernel/tracing/events/user_events/otlp_metrics", F_OK) != 0; }));
  CHECK(lab::in_process([] {
          const char* const arguments[] = {"/bin/sleep", "1000", nullptr};
          pid_t pid = -1;
          {
            const lab::Exporter exporter;
            CLAIM(posix_spawn(&pid, arguments[0], nullptr, nullptr, const_cast<char* const*>(arguments), environ) == 0);
            CLAIM(access("/sys/kernel/tracing/events/user_events/otlp_metrics", F_OK) == 0);
          }
          const bool has_gone = lab::eventually(
              [] { return access("/sys/kernel/tracing/events/user_events/otlp_metrics", F_OK) != 0; });
          kill(pid, SIGKILL);
          waitpid(pid, nullptr, 0);
          CLAIM(has_gone);
        }) == "");
}

TEST_CASE("a daemon may close all descriptors") {
  CHECK(lab::in_process([] { claim_that_descriptors_may_go(nullptr); }) == "");
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          lab::Process daemon([&](lab::Line&) {
            CLAIM(close_range(3, ~0u, 0) == 0);
            claim_that_all_works(exporter);
            return "";
          });
          CLAIM(daemon.line().hear() == "gone");
          CLAIM(daemon.succeeds());
          claim_that_all_works(exporter);
        }) == "");
}

TEST_CASE("a regular file that gets our number is never written to") {
  CHECK(lab::in_process([] {
          claim_that_descriptors_may_go([](const std::string& path) {
            return open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
          });
        }) == "");
}

TEST_CASE("a pipe that gets our number is never written to") {
  CHECK(lab::in_process([] {
          int ends[2];
          claim_that_descriptors_may_go([&](const std::string&) {
            CLAIM(pipe2(ends, O_NONBLOCK) == 0);
            return ends[1];
          });
          char byte;
          CLAIM(read(ends[0], &byte, 1) == 0);
        }) == "");
}

TEST_CASE("another opening of user_events_data that gets our number costs no point, hears nothing and is left alone") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          lab::Perf perf;
          const int number = only_data_descriptor();
          // As another library has it: with an event of its own, whose index is 0 too, and a listener of its own.
          const int other = open(kDataFile, O_WRONLY | O_CLOEXEC);
          CLAIM(other >= 0 && lab::register_event(other, "not_ours u32 a; char[8] b; u32 c") == 0);
          CLAIM(dup2(other, number) == number && close(other) == 0);
          const lab::Counter theirs("not_ours");
          CLAIM(exporter.send(1, 3) == 3);
          CLAIM(exporter.status().heard_here == 1);
          CLAIM(otelue_shutdown(exporter.handle()) == 0);
          CLAIM(perf.read() == lab::events_of(1, 3));
          CLAIM(theirs.count() == 0);
          CLAIM(fcntl(number, F_GETFD) >= 0);
        }) == "");
}

TEST_CASE("a process that is killed amid an export leaves whole events and nothing else") {
  // Different lengths, so that what is left over of one would show in another.
  const std::string batch = lab::padded_batch({0, 3000, 10, 1500, 4000, 1, 8000, 700});
  const lab::Payloads events = lab::encode(batch);
  const std::set<std::string> expected(events.begin(), events.end());
  REQUIRE(expected.size() == 5);

  const lab::Exporter holder;
  lab::Perf perf;
  size_t received = 0;
  size_t unexpected = 0;
  auto read = [&] {
    for (const std::string& payload : perf.read()) {
      if (payload.starts_with("lost ")) continue;  // nobody waits for this reader
      ++received;
      unexpected += expected.count(payload) == 0;
    }
  };
  for (size_t round = 0; round < 100; ++round) {
    lab::Process writer([&](lab::Line&) -> std::string {
      const lab::Exporter exporter(lab::packing(OTELUE_PACK_METRIC));
      while (true) exporter.run(batch);
    });
    const size_t enough = received + 1 + round % 16;
    CHECK(lab::eventually([&] {
      read();
      return received >= enough;
    }));
    writer.kill();
    read();
  }
  CHECK(unexpected == 0);
  CHECK(received >= 100);
  lab::Perf next;
  CHECK(holder.send(1) == 1);
  CHECK(next.read() == lab::events_of(1, 1));
}
