// SPDX-License-Identifier: Apache-2.0
// The library in a program that is not linked with it, as plugins are: $OTELUE_LIBRARY. Runs on the test kernel.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "catch.h"
#include "lab.h"

namespace {

class Library {
 public:
  Library() : handle_(dlopen(std::getenv("OTELUE_LIBRARY"), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    get(open, "otelue_open");
    get(run_export, "otelue_export");
    get(enabled, "otelue_enabled");
    get(close, "otelue_close");
  }
  ~Library() { dlclose(handle_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  decltype(&otelue_open) open;
  decltype(&otelue_export) run_export;
  decltype(&otelue_enabled) enabled;
  decltype(&otelue_close) close;

 private:
  template <typename Function>
  void get(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(handle_, name));
    if (function == nullptr) throw std::runtime_error(dlerror());
  }

  void* handle_;
};

// Exports one point. False: it is not known to have been.
bool send(const Library& library, otelue_exporter* exporter, int64_t value) {
  const std::string batch = lab::batch_of(value);
  otelue_result result{};
  result.struct_size = sizeof result;
  return library.run_export(exporter, batch.data(), batch.size(), &result) == 0 && result.points_exported == 1;
}

long resident_bytes() {
  long total = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("loading, exporting, closing and unloading 1,000 times delivers every point and holds on to little") {
  std::unique_ptr<lab::Perf> perf;
  long before = 0;
  int failed = 0;
  int undelivered = 0;
  for (int64_t round = 0; round < 1000; ++round) {
    if (round == 100) before = resident_bytes();
    const Library library;
    otelue_exporter* exporter = nullptr;
    REQUIRE(library.open(nullptr, nullptr, nullptr, &exporter) == 0);
    if (perf == nullptr) perf.reset(new lab::Perf);
    failed += !send(library, exporter, round);
    undelivered += perf->read() != lab::events_of(round, 1);
    library.close(exporter);
  }
  CHECK(failed == 0);
  CHECK(undelivered == 0);
  // An exporter's memory is never given back: some 500 bytes each.
  CHECK(resident_bytes() - before < 2'000'000);
}

TEST_CASE("a library that is unloaded without a close leaves an exporter that works") {
  otelue_exporter* exporter = nullptr;
  {
    const Library library;
    REQUIRE(library.open(nullptr, nullptr, nullptr, &exporter) == 0);
  }
  lab::Perf perf;
  const Library library;
  CHECK(library.enabled(exporter) == 1);
  CHECK(send(library, exporter, 1));
  CHECK(perf.read() == lab::events_of(1, 1));
  library.close(exporter);
}
