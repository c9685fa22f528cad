// SPDX-License-Identifier: Apache-2.0
// What otelue_shutdown() waits for, and what it does not. Exports go to a recording, with pauses that together are longer
// than it ever waits.
#include <otelue/otelue.hpp>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "catch.h"

namespace {

constexpr uint32_t kPoints = 30;

std::string batch_of(uint32_t points) {
  otelue::Batch batch;
  const auto gauge = batch.gauge(batch.scope("meter"), "gauge");
  for (uint32_t i = 0; i < points; ++i) batch.point(gauge, int64_t{i});
  const auto [data, size] = batch.finish();
  return {static_cast<const char*>(data), size};
}

struct Directory {
  Directory() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path = (std::filesystem::temp_directory_path() / "otelue-XXXXXX").string();
};

// An exporter that pauses for a second behind each point.
class Paced {
 public:
  explicit Paced(otelue_log_function log = nullptr, void* context = nullptr) {
    otelue_options options{};
    options.struct_size = sizeof options;
    options.packing = OTELUE_PACK_POINT;
    options.pacing_bytes = 1;
    options.pacing_microseconds = 1'000'000;
    REQUIRE(otelue_open_recording(&options, path().c_str(), log, context, &handle) == 0);
  }
  ~Paced() { otelue_close(handle); }

  std::string path() const { return directory_.path + "/recording"; }
  bool is_closed() const {
    otelue_exporter* other = nullptr;
    const int result = otelue_open_recording(nullptr, path().c_str(), nullptr, nullptr, &other);
    otelue_close(other);
    REQUIRE((result == 0 || result == -EBUSY));
    return result == 0;
  }
  void wait_for_event() const {
    struct stat found {};
    do {
      usleep(1000);
      REQUIRE(stat(path().c_str(), &found) == 0);
    } while (found.st_size <= static_cast<off_t>(sizeof(otelue_recording)));
  }

  otelue_exporter* handle = nullptr;

 private:
  Directory directory_;
};

// An export on a thread of its own.
class Export {
 public:
  explicit Export(const Paced& exporter) : thread_([this, &exporter] {
    const std::string batch = batch_of(kPoints);
    result.struct_size = sizeof result;
    returned = otelue_export(exporter.handle, batch.data(), batch.size(), &result);
  }) {}

  void join() { thread_.join(); }
  // Stops the thread, wherever it is, until go_on().
  void stop() {
    REQUIRE(pipe(stopped) == 0);
    REQUIRE(pipe(go) == 0);
    struct sigaction action {};
    action.sa_handler = [](int) {
      char byte = 0;
      if (write(stopped[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) abort();
    };
    REQUIRE(sigaction(SIGUSR1, &action, nullptr) == 0);
    char byte = 0;
    REQUIRE(pthread_kill(thread_.native_handle(), SIGUSR1) == 0);
    REQUIRE(read(stopped[0], &byte, 1) == 1);
  }
  void go_on() {
    const char byte = 0;
    REQUIRE(write(go[1], &byte, 1) == 1);
  }

  int returned = -1;
  otelue_result result{};

 private:
  static int stopped[2];
  static int go[2];
  std::thread thread_;
};
int Export::stopped[2];
int Export::go[2];

}  // namespace

TEST_CASE("shutdown ends the pauses of an export, which goes on without them") {
  Paced exporter;
  Export one(exporter);
  exporter.wait_for_event();
  CHECK(otelue_shutdown(exporter.handle) == 0);
  one.join();
  CHECK(one.returned == 0);
  CHECK(one.result.points_exported == kPoints);
  CHECK(exporter.is_closed());
}

TEST_CASE("shutdown does not wait for a thread that is stopped, and the export of that thread does the rest") {
  Paced exporter;
  Export one(exporter);
  exporter.wait_for_event();
  one.stop();
  CHECK(otelue_shutdown(exporter.handle) == -ETIMEDOUT);
  CHECK_FALSE(exporter.is_closed());
  const std::string batch = batch_of(1);
  CHECK(otelue_export(exporter.handle, batch.data(), batch.size(), nullptr) == -ESHUTDOWN);
  CHECK(otelue_shutdown(exporter.handle) == -ETIMEDOUT);
  one.go_on();
  one.join();
  CHECK(exporter.is_closed());
  CHECK(one.returned == 0);
  CHECK(one.result.points_exported == kPoints);
  CHECK(otelue_shutdown(exporter.handle) == 0);
}

TEST_CASE("a second shutdown returns no earlier than the first") {
  for (int round = 0; round < 20; ++round) {
    Paced exporter;
    Export one(exporter);
    exporter.wait_for_event();
    one.stop();
    std::atomic<int> under_way{0};
    std::mutex looking;  // is_closed() opens the file
    auto shut = [&] {
      ++under_way;
      // Each that says that all is done says the truth.
      const int result = otelue_shutdown(exporter.handle);
      const std::lock_guard<std::mutex> lock(looking);
      return result == -ETIMEDOUT || (result == 0 && exporter.is_closed());
    };
    std::atomic<int> right{0};
    std::thread first([&] { right += shut(); });
    std::thread second([&] { right += shut(); });
    while (under_way.load() < 2) std::this_thread::yield();
    one.go_on();
    first.join();
    second.join();
    one.join();
    CHECK(right.load() == 2);
  }
}

TEST_CASE("a log function may wait for the thread that shuts down") {
  struct Log {
    std::atomic<bool> was_called{false};
    std::atomic<bool> may_return{false};
  } log;
  Paced exporter(
      [](void* context, int32_t, const char*) {
        auto* one = static_cast<Log*>(context);
        one->was_called = true;
        while (!one->may_return) usleep(1000);
      },
      &log);
  std::thread thread([&] {
    std::string batch = batch_of(1);
    batch.resize(batch.size() - sizeof(otelue_point));  // whose value type is none
    otelue_batch header{};
    memcpy(&header, batch.data(), sizeof header);
    otelue_point point{};
    point.metric = header.points.off;
    batch.append(reinterpret_cast<const char*>(&point), sizeof point);
    otelue_export(exporter.handle, batch.data(), batch.size(), nullptr);
  });
  while (!log.was_called) usleep(1000);
  CHECK(otelue_shutdown(exporter.handle) == 0);
  CHECK(exporter.is_closed());
  log.may_return = true;
  thread.join();
}

TEST_CASE("nothing is exported after shutdown, and every call says so") {
  Paced exporter;
  CHECK(otelue_listening(exporter.handle, nullptr) == 1);
  CHECK(otelue_shutdown(exporter.handle) == 0);
  CHECK(otelue_shutdown(exporter.handle) == 0);
  const std::string batch = batch_of(1);
  otelue_result result{};
  result.struct_size = sizeof result;
  CHECK(otelue_export(exporter.handle, batch.data(), batch.size(), &result) == -ESHUTDOWN);
  CHECK(result.points_total == 0);
  CHECK(otelue_export_otlp(exporter.handle, "", 0, nullptr) == -ESHUTDOWN);
  CHECK(otelue_force_flush(exporter.handle) == -ESHUTDOWN);
  uint32_t step = 0;
  CHECK(otelue_listening(exporter.handle, &step) == 0);
  CHECK(step == OTELUE_STEP_SHUTDOWN);
  CHECK(otelue_enabled(exporter.handle) == 0);
}
