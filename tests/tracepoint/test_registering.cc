// SPDX-License-Identifier: Apache-2.0
// How an exporter comes to a registration, and what it does until it has one.
#include <cerrno>
#include <string>
#include <vector>

#include "catch.h"
#include "fake_kernel.h"
#include "points.h"

namespace {

using fake::Call;

constexpr char kUsual[] = "/sys/kernel/tracing/user_events_data";
constexpr char kOlder[] = "/sys/kernel/debug/tracing/user_events_data";

constexpr uint64_t kMillisecond = 1'000'000;

std::vector<uint64_t> attempts;  // in milliseconds since the exporter was opened
Call attempt;
uint64_t start = 0;

int note_attempt(Call call, int) {
  const uint64_t at = (fake::kernel().now - start) / kMillisecond;
  if (call == attempt && (attempts.empty() || attempts.back() != at)) attempts.push_back(at);
  return 0;
}
int refuse_ioctl(Call call, int) {
  note_attempt(call, 0);
  return call == Call::kIoctl ? ENOMEM : 0;
}

struct OnFakeKernel {
  OnFakeKernel() {
    fake::reset();
    fake::wait = [](const uint32_t*, uint32_t, uint64_t until) { fake::kernel().now = until; };
    start = fake::kernel().now;
    attempts.clear();
  }
  ~OnFakeKernel() {
    otelue_close(exporter);
    fake::before = nullptr;
    fake::wait = nullptr;
  }

  void open() { REQUIRE(otelue_open(nullptr, nullptr, nullptr, &exporter) == 0); }
  otelue_result run() { return export_points(exporter, batch_of_points()); }
  // An export each millisecond.
  void run_for(uint64_t milliseconds) {
    for (uint64_t i = 0; i < milliseconds; ++i) {
      fake::kernel().now += kMillisecond;
      run();
    }
  }

  otelue_exporter* exporter = nullptr;
};

}  // namespace

TEST_CASE("what fails is tried again after 0.1 s, then twice as long each time, up to 5 s") {
  OnFakeKernel lab;
  fake::kernel().places[kUsual] = EACCES;
  fake::kernel().listen(+1);
  attempt = Call::kOpen;
  fake::before = note_attempt;
  lab.open();
  lab.run_for(20'000);
  CHECK(attempts == std::vector<uint64_t>{0, 100, 300, 700, 1500, 3100, 6300, 11'300, 16'300});
  fake::kernel().places[kUsual] = 0;
  fake::kernel().now += 1300 * kMillisecond;
  CHECK(lab.run().points_exported == 3);
  CHECK(status_of(lab.exporter).step == OTELUE_STEP_REGISTERED);
}

TEST_CASE("a word that cannot be set right costs no point, and is tried again like that") {
  OnFakeKernel lab;
  lab.open();
  fake::kernel().first.enablers.clear();  // the threads that registered have ended
  fake::kernel().listen(+1);
  attempt = Call::kIoctl;
  fake::before = refuse_ioctl;
  start = fake::kernel().now;
  CHECK(lab.run().points_exported == 3);
  CHECK(otelue_enabled(lab.exporter) == 0);
  CHECK(status_of(lab.exporter).step == OTELUE_STEP_REGISTER);
  CHECK(status_of(lab.exporter).registered == 1);
  lab.run_for(7000);
  CHECK(attempts == std::vector<uint64_t>{0, 100, 300, 700, 1500, 3100, 6300});
  fake::before = nullptr;
  fake::kernel().now += 4300 * kMillisecond;
  CHECK(lab.run().points_exported == 3);
  CHECK(otelue_enabled(lab.exporter) == 1);
  CHECK(status_of(lab.exporter).step == OTELUE_STEP_REGISTERED);
}

TEST_CASE("whatever is the matter with the usual place, the file is looked for elsewhere") {
  for (const int error : {ENOENT, EACCES, EPERM, EROFS, ENOTDIR, ELOOP, ENODEV, ENXIO}) {
    for (const bool is_in_debugfs : {true, false}) {
      OnFakeKernel lab;
      fake::kernel().listeners = 1;
      fake::kernel().places[kUsual] = error;
      fake::kernel().places[kOlder] = is_in_debugfs ? 0 : error;
      if (!is_in_debugfs) {
        fake::kernel().mounts =
            "22 28 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
            "31 25 0:28 / /srv/a\\040b rw shared:9 - tracefs tracefs rw\n";
        fake::kernel().places["/srv/a b/user_events_data"] = 0;
      }
      lab.open();
      CHECK(lab.run().points_exported == 3);
    }
  }
}

TEST_CASE("where the file is nowhere to be opened, the usual place says why") {
  OnFakeKernel lab;
  fake::kernel().places[kUsual] = EROFS;
  fake::kernel().mounts = "31 25 0:28 / /srv rw shared:9 - tracefs tracefs rw\n";
  fake::kernel().places["/srv/user_events_data"] = EACCES;
  lab.open();
  const otelue_status status = status_of(lab.exporter);
  CHECK(status.registered == 0);
  CHECK(status.step == OTELUE_STEP_OPEN);
  CHECK(status.last_errno == EROFS);
  CHECK(status.message == std::string("cannot open user_events_data: Read-only file system"));
}

TEST_CASE("somebody who listens, though not here, is somebody") {
  OnFakeKernel lab;
  lab.open();
  fake::kernel().first.enablers.clear();  // so the word stays 0, and a probe is asked
  fake::kernel().is_elsewhere = true;
  fake::kernel().listen(+1);
  const otelue_result result = lab.run();
  CHECK(result.listening == 1);
  CHECK(result.points_exported == 3);
  CHECK(otelue_enabled(lab.exporter) == 1);
  const otelue_status status = status_of(lab.exporter);
  CHECK(status.registered == 1);
  CHECK(status.heard_here == 0);
  CHECK(status.message ==
        std::string("otlp_metrics is registered and enabled, but nobody listens to this thread on this processor"));
}

TEST_CASE("listeners that come amid exports cost no registrations, though the word is late") {
  OnFakeKernel lab;
  lab.open();
  for (int visit = 0; visit < 80; ++visit) {
    fake::kernel().is_late = true;
    fake::kernel().listen(+1);
    CHECK(lab.run().points_exported == 3);
    fake::kernel().catch_up();
    CHECK(otelue_enabled(lab.exporter) == 1);
    fake::kernel().listen(-1);
    CHECK(lab.run().points_unheard == 3);
    fake::kernel().catch_up();
    CHECK(otelue_enabled(lab.exporter) == 0);
  }
  otelue_statistics statistics{};
  statistics.struct_size = sizeof statistics;
  CHECK(otelue_get_statistics(lab.exporter, &statistics) == 0);
  CHECK(statistics.registrations == 1);
  CHECK(fake::kernel().first.enablers.size() == 1);
}

TEST_CASE("the descriptor is 64 or above where that may be, and never one of the first three") {
  struct Case {
    int lowest, limit;
    std::vector<int> descriptors;
  };
  for (const auto& [lowest, limit, descriptors] : std::vector<Case>{
           {0, 1024, {64}}, {3, 1024, {64}}, {70, 1024, {70}}, {0, 64, {3}}, {2, 4, {3}}, {5, 6, {5}}, {0, 3, {}}}) {
    OnFakeKernel lab;
    fake::kernel().lowest = lowest;
    fake::kernel().limit = limit;
    lab.open();
    CHECK(fake::kernel().first.ours() == descriptors);
    CHECK(status_of(lab.exporter).registered == (descriptors.empty() ? 0 : 1));
  }
}

TEST_CASE("a kernel without numbers left for events says so") {
  OnFakeKernel lab;
  fake::before = [](Call call, int) { return call == Call::kIoctl ? ENODEV : 0; };
  lab.open();
  CHECK(status_of(lab.exporter).last_errno == ENODEV);
  CHECK(status_of(lab.exporter).message ==
        std::string("the kernel has no number left for another event (it has 65,535 for all kinds of them)"));
}

TEST_CASE("a shutdown unregisters the bit that was registered, and no other") {
  OnFakeKernel lab;
  lab.open();
  static int unregistered;
  unregistered = 0;
  fake::before = [](Call call, int detail) {
    unregistered += call == Call::kIoctl && detail == 1;
    return 0;
  };
  CHECK(otelue_shutdown(lab.exporter) == 0);
  CHECK(unregistered == 1);
  CHECK(fake::kernel().first.enablers.empty());
  CHECK(fake::kernel().first.ours().empty());
}

TEST_CASE("10,000 times open and shutdown leave nothing in the kernel") {
  const OnFakeKernel lab;
  for (int i = 0; i < 10'000; ++i) {
    otelue_exporter* exporter = nullptr;
    REQUIRE(otelue_open(nullptr, nullptr, nullptr, &exporter) == 0);
    otelue_close(exporter);
  }
  CHECK(fake::kernel().first.enablers.empty());
  CHECK(fake::kernel().first.ours().empty());
}
