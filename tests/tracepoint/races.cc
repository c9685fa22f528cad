// SPDX-License-Identifier: Apache-2.0
// Everything at once, for ThreadSanitizer: two exporters and some that come and go, through every function, while
// listeners come and go, descriptors are closed, and processes are forked. With --plant it has a race of its own, which
// has to be reported: the fake kernel hides none.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "fake_kernel.h"
#include "points.h"

namespace {

constexpr int kRounds = 10'000;

std::atomic<bool> is_wrong{false};
int planted = 0;

void expect(bool holds, int line = __builtin_LINE()) {
  if (!holds && !is_wrong.exchange(true)) printf("what line %d expects is not so\n", line);
}

void use(otelue_exporter* exporter, const std::string& batch, bool has_planted_race) {
  otelue_status status{};
  status.struct_size = sizeof status;
  otelue_statistics statistics{};
  statistics.struct_size = sizeof statistics;
  for (int i = 0; i < kRounds; ++i) {
    expect(adds_up(export_points(exporter, batch)));
    expect(otelue_export_otlp(exporter, "\n", 1, nullptr) <= 0);
    uint32_t step = 0;
    otelue_listening(exporter, &step);
    otelue_enabled(exporter);
    expect(otelue_get_status(exporter, &status) == 0);
    const bool is_before = status.step == OTELUE_STEP_FIND || status.step == OTELUE_STEP_OPEN;
    expect(status.step == OTELUE_STEP_REGISTER || (status.registered == 0) == is_before);
    expect(status.heard_here <= status.registered);
    expect(otelue_get_statistics(exporter, &statistics) == 0);
    if (has_planted_race) ++planted;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const bool has_planted_race = count > 1 && strcmp(arguments[1], "--plant") == 0;
  const std::string batch = batch_of_points();
  const otelue_options options = one_point_per_event();
  const otelue_log_function log = [](void*, int32_t, const char*) {};
  fake::reset();
  otelue_exporter* exporters[2] = {};
  for (auto& exporter : exporters) expect(otelue_open(&options, log, nullptr, &exporter) == 0);

  std::atomic<bool> stop{false};
  std::vector<std::thread> world;
  auto repeat = [&](const std::function<void()>& deed) {
    world.emplace_back([&stop, deed] {
      while (!stop) {
        deed();
        usleep(500);
      }
    });
  };
  repeat([] {
    const fake::Quietly lock;
    fake::kernel().listen(fake::kernel().listeners > 0 ? -1 : +1);
  });
  repeat([] {
    const fake::Quietly lock;
    for (const int number : fake::kernel().first.ours()) {
      if (number % 2 == 0) fake::kernel().close(fake::kernel().first, number);
    }
  });
  repeat([&] {
    otelue_exporter* exporter = nullptr;
    expect(otelue_open(&options, log, nullptr, &exporter) == 0);
    std::thread second([&] { expect(otelue_shutdown(exporter) == 0); });
    export_points(exporter, batch);
    expect(otelue_shutdown(exporter) == 0);
    second.join();
  });
  repeat([&] {
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      for (otelue_exporter* exporter : exporters) {
        if (!adds_up(export_points(exporter, batch)) || otelue_shutdown(exporter) != 0) _exit(1);
      }
      _exit(0);
    }
    int status = -1;
    expect(waitpid(child, &status, 0) == child && status == 0);
    usleep(20'000);
  });

  std::vector<std::thread> users;
  for (int i = 0; i < 4; ++i) users.emplace_back([&, i] { use(exporters[i % 2], batch, has_planted_race); });
  for (auto& user : users) user.join();
  std::thread other([&] { expect(otelue_shutdown(exporters[0]) == 0); });
  for (otelue_exporter* exporter : exporters) expect(otelue_shutdown(exporter) == 0);
  other.join();
  stop = true;
  for (auto& one : world) one.join();
  printf("%s\n", is_wrong ? "something is wrong" : "all is well");
  return is_wrong ? 1 : 0;
}
