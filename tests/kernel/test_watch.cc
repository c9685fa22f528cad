// SPDX-License-Identifier: Apache-2.0
// `otelue watch` on the tracepoint: losses, processors that come and go, the order of events, rings, and rights.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "lab.h"

namespace {

using lab::Exporter;
using lab::Payloads;
using otelue::tool::Event;
using otelue::tool::PerfListener;
using otelue::tool::Sink;

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0);
}

void switch_processor(int cpu, bool on) {
  std::ofstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online");
  file << (on ? '1' : '0') << std::flush;
  REQUIRE(file.good());
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// The command, with these arguments of a shell, run by what comes before it.
class Command {
 public:
  explicit Command(const std::string& arguments, const std::string& before = "exec ") {
    // What an earlier one said must not be taken for its words.
    std::filesystem::remove(kOut);
    std::filesystem::remove(kErr);
    pid_ = fork();
    if (pid_ == 0) {
      const std::string line = before + std::getenv("OTELUE_TOOL") + ' ' + arguments + " >" + kOut + " 2>" + kErr;
      execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      _exit(127);
    }
  }
  ~Command() {
    if (pid_ > 0) end(SIGKILL);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // Runs it to its end.
  static int run(const std::string& arguments, const std::string& before = "exec ") {
    Command command(arguments, before);
    return command.end(0);
  }

  void send(int signal) const { kill(pid_, signal); }
  bool shows(const std::string& text) const {
    return lab::eventually([&] { return out().find(text) != std::string::npos; });
  }
  bool says(const std::string& text) const {
    return lab::eventually([&] { return err().find(text) != std::string::npos; });
  }
  // Its exit status.
  int end(int signal) {
    if (signal != 0) send(signal);
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static std::string out() { return text_of(kOut); }
  static std::string err() { return text_of(kErr); }

 private:
  static constexpr const char* kOut = "/tmp/watch-out";
  static constexpr const char* kErr = "/tmp/watch-err";
  pid_t pid_ = -1;
};

// What a listener hands out.
struct Heard {
  Heard() {
    sink.event = [this](const Event& event) { events.emplace_back(event.payload); };
    sink.lost = [this](uint64_t count, int) { lost += count; };
    sink.damaged = [](const std::string& what) { FAIL(what); };
    sink.notice = [this](const std::string& what) { notices.push_back(what); };
  }

  Sink sink;
  Payloads events;
  std::vector<std::string> notices;
  uint64_t lost = 0;
};

// Processor 1 stays off only within a test.
struct Processor1 {
  ~Processor1() { switch_processor(1, true); }
};

}  // namespace

TEST_CASE("watch counts exactly what was lost at the end") {
  pin_to(0);
  const Exporter exporter;
  Command command("watch --ring-pages 4");
  REQUIRE(command.says("listening"));
  command.send(SIGSTOP);
  REQUIRE(exporter.run(lab::padded_batch(std::vector<size_t>(100, 900))).points_exported == 100);
  command.send(SIGCONT);
  CHECK(command.end(SIGINT) == 1);
  INFO(Command::err());
  CHECK(count_of(Command::out(), " gauge size{") == 16);
  CHECK(Command::err().find("lost 84 events on processor 0: the ring was full\n") != std::string::npos);
  CHECK(Command::err().find("16 events, 16 points, ") != std::string::npos);
  CHECK(Command::err().find(", 84 lost, 0 undecodable\n") != std::string::npos);
}

TEST_CASE("watch counts each lost event once, whether or not the ring tells of it") {
  pin_to(0);
  const Exporter exporter;
  PerfListener listener(4);
  REQUIRE(listener.open().empty());
  Heard heard;
  // 100 events in a full ring, then one that brings a record of the loss, then more losses.
  for (int round = 0; round < 3; ++round) {
    REQUIRE(exporter.run(lab::padded_batch(std::vector<size_t>(100, 900))).points_exported == 100);
    listener.drain(heard.sink);
    CHECK(heard.events.size() + heard.lost == static_cast<size_t>(100 * (round + 1)));
  }
  REQUIRE(exporter.send(1) == 1);
  listener.stop(heard.sink);
  CHECK(heard.events.size() + heard.lost == 301);
  CHECK(heard.events.back() == lab::event_of(1));
  CHECK(heard.lost > 200);
}

TEST_CASE("watch tells of losses although nothing is written any more") {
  pin_to(0);
  const Exporter exporter;
  PerfListener listener(4);
  REQUIRE(listener.open().empty());
  REQUIRE(exporter.run(lab::padded_batch(std::vector<size_t>(100, 900))).points_exported == 100);
  Heard heard;
  CHECK(lab::eventually([&] {
    listener.poll(10, heard.sink);
    return heard.lost == 84;
  }));
  CHECK(heard.events.size() == 16);
}

TEST_CASE("by default a ring holds 10,000 events") {
  pin_to(0);
  const Exporter exporter;
  PerfListener listener;
  REQUIRE(listener.open().empty());
  CHECK(listener.ring_bytes() == 8 << 20);
  REQUIRE(exporter.send(0, 10'000) == 10'000);
  Heard heard;
  listener.stop(heard.sink);
  CHECK(heard.events == lab::events_of(0, 10'000));
  CHECK(heard.lost == 0);
}

TEST_CASE("events of two processors come in the order in which they were written") {
  const Exporter exporter;
  PerfListener listener(128);
  REQUIRE(listener.open().empty());
  for (int64_t value = 0; value < 200; ++value) {
    pin_to(static_cast<int>(value % 2));
    REQUIRE(exporter.send(value) == 1);
  }
  Heard heard;
  SECTION("when all is drained") { listener.drain(heard.sink); }
  SECTION("while listening") {
    CHECK(lab::eventually([&] {
      listener.poll(10, heard.sink);
      return heard.events.size() == 200;
    }));
  }
  CHECK(heard.events == lab::events_of(0, 200));
}

TEST_CASE("an event says when it arrived, and who wrote it") {
  pin_to(1);
  const Exporter exporter;
  PerfListener listener(128);
  REQUIRE(listener.open().empty());
  const auto now = [] {
    return static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  };
  const uint64_t before = now();
  REQUIRE(exporter.send(1) == 1);
  const uint64_t after = now();
  Heard heard;
  std::vector<Event> seen;
  heard.sink.event = [&](const Event& event) { seen.push_back(event); };
  listener.drain(heard.sink);
  REQUIRE(seen.size() == 1);
  // The time comes from another clock, and the two are not read at once.
  constexpr uint64_t kApart = 1'000'000'000;
  CHECK(seen[0].time_unix_nano + kApart >= before);
  CHECK(seen[0].time_unix_nano <= after + kApart);
  CHECK(seen[0].pid == static_cast<uint32_t>(getpid()));
  CHECK(seen[0].cpu == 1);
}

TEST_CASE("a processor that is switched off and on again is listened to again, and watch says so") {
  const Processor1 on_again;
  const Exporter exporter;
  pin_to(0);
  Command command("watch");
  REQUIRE(command.says("listening to user_events:otlp_metrics on 2 processors"));
  SECTION("for long") {
    switch_processor(1, false);
    REQUIRE(command.says("processor 1 was switched off"));
    switch_processor(1, true);
  }
  SECTION("for a moment") {
    switch_processor(1, false);
    switch_processor(1, true);
  }
  REQUIRE(command.says("processor 1 was switched off"));
  REQUIRE(command.says("processor 1 was switched on; what it wrote in its first "));
  pin_to(1);
  REQUIRE(exporter.send(7) == 1);
  CHECK(command.shows(" gauge lab{} 7\n"));
  pin_to(0);
  REQUIRE(exporter.send(8) == 1);
  CHECK(command.shows(" gauge lab{} 8\n"));
  CHECK(command.end(SIGINT) == 0);
}

TEST_CASE("a processor that comes later is listened to, and what was in a ring that dies is kept") {
  const Processor1 on_again;
  const Exporter exporter;
  pin_to(0);
  PerfListener listener(128);
  Heard heard;
  SECTION("it is off at first") {
    switch_processor(1, false);
    REQUIRE(listener.open().empty());
    CHECK(listener.processors() == 1);
    switch_processor(1, true);
  }
  SECTION("it goes with events in its ring") {
    REQUIRE(listener.open().empty());
    pin_to(1);
    REQUIRE(exporter.send(1) == 1);
    pin_to(0);
    switch_processor(1, false);
    CHECK(lab::eventually([&] {
      listener.poll(10, heard.sink);
      return listener.processors() == 1;
    }));
    CHECK(heard.events == lab::events_of(1, 1));
    switch_processor(1, true);
  }
  CHECK(lab::eventually([&] {
    listener.poll(10, heard.sink);
    return listener.processors() == 2;
  }));
  heard.events.clear();
  pin_to(1);
  REQUIRE(exporter.send(2) == 1);
  listener.drain(heard.sink);
  CHECK(heard.events == lab::events_of(2, 1));
}

TEST_CASE("watch records the tracepoint as it shows it") {
  const Exporter exporter;
  Command command("watch --count 3 --record /tmp/recording");
  REQUIRE(command.says("listening"));
  REQUIRE(exporter.send(0, 3) == 3);
  REQUIRE(command.shows(" gauge lab{} 2\n"));
  CHECK(command.end(0) == 0);
  const std::string live = Command::out();
  CHECK(count_of(live, " gauge lab{} ") == 3);
  CHECK(Command::run("watch /tmp/recording") == 0);
  CHECK(Command::out() == live);
}

TEST_CASE("watch takes smaller rings where it may have no large ones") {
  pin_to(0);
  const Exporter exporter;
  // Without CAP_IPC_LOCK kernel.perf_event_mlock_kb and RLIMIT_MEMLOCK hold.
  const std::string limited = "ulimit -l 0; exec setpriv --bounding-set -all,+perfmon,+dac_override --inh-caps -all ";
  Command command("watch --count 1", limited);
  REQUIRE(command.says("with rings of 512 KiB"));
  REQUIRE(exporter.send(5) == 1);
  CHECK(command.end(0) == 0);
  CHECK(count_of(Command::out(), " gauge lab{} 5\n") == 1);

  CHECK(Command::run("watch --ring-pages 1024", limited) == 3);
  CHECK(Command::err() == "otelue: not enough memory that may be locked for the rings: see "
                          "kernel.perf_event_mlock_kb and --ring-pages\n");
}

TEST_CASE("watch names each right that is missing") {
  const Exporter exporter;
  const std::string user = "exec setpriv --reuid 65534 --regid 65534 --clear-groups ";
  const std::string capable = user + "--inh-caps +perfmon --ambient-caps +perfmon ";
  const std::string tracefs = "/sys/kernel/tracing";
  const std::string events = tracefs + "/events";
  const std::string format = events + "/user_events/otlp_metrics/format";
  const std::string no = "otelue: no permission to listen; missing: ";
  const std::string perfmon = "CAP_PERFMON (or kernel.perf_event_paranoid = -1)";
  const auto starts = [](const std::string& words) { return Command::err().substr(0, words.size()) == words; };

  CHECK(Command::run("watch", user) == 3);
  CHECK(starts(no + "x on " + tracefs + ", x on " + events + ", x on " + events + "/user_events, x on " + events +
               "/user_events/otlp_metrics, read access to " + format + ", " + perfmon));
  CHECK(Command::run("watch", capable) == 3);
  CHECK(starts(no + "x on " + tracefs + ", "));
  CHECK(count_of(Command::err(), "CAP_PERFMON") == 0);

  std::string path = tracefs;
  for (const char* inner : {"/events", "/user_events", "/otlp_metrics", "/format"}) {
    chmod(path.c_str(), 0711);
    path += inner;
  }
  CHECK(Command::run("watch", capable) == 3);
  CHECK(starts(no + "read access to " + format));
  chmod(path.c_str(), 0444);
  CHECK(Command::run("watch", user) == 3);
  CHECK(starts(no + perfmon));
  Command command("watch --count 1", capable);
  REQUIRE(command.says("listening"));
  REQUIRE(exporter.send(1) == 1);
  CHECK(command.end(0) == 0);
}

TEST_CASE("what another program has registered cannot steer the terminal") {
  const std::string dynamic_events = "/sys/kernel/tracing/dynamic_events";
  // Exporters that have just closed can keep theirs for a moment.
  REQUIRE(lab::eventually([&] {
    const std::string event = "u:otlp_metrics u32 \x1b[31mred";
    const int fd = open(dynamic_events.c_str(), O_WRONLY);
    const bool is_registered = write(fd, event.data(), event.size()) > 0;
    close(fd);
    return is_registered;
  }));
  CHECK(Command::run("status") == 1);
  CHECK(Command::out() == "another program has registered otlp_metrics with other fields: u32 \\u001b[31mred\n");
  CHECK(Command::run("watch") == 3);
  CHECK(Command::err().find('\x1b') == std::string::npos);
  CHECK(Command::run("demo") == 1);
  CHECK(Command::out().find('\x1b') == std::string::npos);

  const int fd = open(dynamic_events.c_str(), O_WRONLY | O_TRUNC);  // removes it
  CHECK(fd >= 0);
  close(fd);
}

TEST_CASE("watch finds tracefs wherever it is, and mounts nothing") {
  const Exporter exporter;
  const auto in_namespace = [](const std::string& setup) {
    return "exec unshare --mount sh -c '" + setup + "; cat /proc/self/mounts >/tmp/before; \"$@\"; status=$?; "
           "cat /proc/self/mounts >/tmp/after; exit $status' sh ";
  };
  SECTION("a path with a blank") {
    Command command("watch --count 1", in_namespace("mkdir -p \"/tmp/a b\"; mount -t tracefs t \"/tmp/a b\"; "
                                                    "umount --lazy /sys/kernel/tracing"));
    REQUIRE(command.says("listening"));
    REQUIRE(exporter.send(1) == 1);
    CHECK(command.end(0) == 0);
  }
  SECTION("only the file that takes events") {
    const std::string alone = in_namespace(
        "touch /tmp/data; mount --bind /sys/kernel/tracing/user_events_data /tmp/data; "
        "umount --lazy /sys/kernel/tracing; mount -t tmpfs t /sys/kernel/tracing; "
        "touch /sys/kernel/tracing/user_events_data; mount --bind /tmp/data /sys/kernel/tracing/user_events_data");
    CHECK(Command::run("status", alone) == 0);
    CHECK(Command::run("watch", alone) == 3);
    CHECK(Command::err() == "otelue: cannot listen: no directory of tracefs is mounted here, only files of it at most "
                            "(mount -t tracefs tracefs /sys/kernel/tracing)\n");
  }
  CHECK(text_of("/tmp/before") == text_of("/tmp/after"));
  CHECK(count_of(text_of("/tmp/after"), "tracefs ") >= 1);
}
