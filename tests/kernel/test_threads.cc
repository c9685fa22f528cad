// SPDX-License-Identifier: Apache-2.0
// Threads that register and end, small stacks, signals, and shutdown amid exports. Runs on the test kernel.
//
// The kernel ties an enable word to the lineage of the thread that registered it: to that thread and those that it or
// they create afterwards. A process of its own for each test lets no lineage reach into the next one.
#include <dirent.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "instance.h"
#include "lab.h"

namespace {

// A thread that does one job after another.
class Worker {
 public:
  Worker() : thread_([this] { work(); }) {}
  ~Worker() {
    run({});
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns when it is done; throws what it throws.
  void run(std::function<void()> job) {
    std::promise<void> done;
    job_ = std::move(job);
    done_ = &done;
    turn_ = true;
    turn_.notify_one();
    done.get_future().get();
  }

 private:
  void work() {
    for (bool is_last = false; !is_last;) {
      turn_.wait(false);
      turn_ = false;
      is_last = job_ == nullptr;
      try {
        if (!is_last) job_();
        done_->set_value();
      } catch (...) {
        done_->set_exception(std::current_exception());
      }
    }
  }

  std::atomic<bool> turn_{false};
  std::function<void()> job_;
  std::promise<void>* done_ = nullptr;
  std::thread thread_;
};

using Listener = std::unique_ptr<lab::Perf>;

// An export with a listener, and one without: each delivers what it should, and sets the enable word right.
void claim_that_word_follows(const lab::Exporter& exporter) {
  Listener perf(new lab::Perf);
  CLAIM(exporter.send(1, 2) == 2);
  CLAIM(exporter.enabled());
  CLAIM(perf->read() == lab::events_of(1, 2));
  perf.reset();
  CLAIM(exporter.run(lab::batch_of(3)).points_unheard == 1);
  CLAIM(!exporter.enabled());
}

// The bytes of stack that a call takes on a thread with a stack of so many bytes.
size_t stack_used(size_t stack_bytes, const std::function<void()>& call) {
  struct Painted {
    unsigned char* stack;
    const std::function<void()>* call;
    size_t used;
    static void* run(void* context) {
      auto* self = static_cast<Painted*>(context);
      auto* here = static_cast<unsigned char*>(__builtin_frame_address(0));
      // Not what is in use, nor what is just below it.
      std::fill(self->stack, here - 1024, static_cast<unsigned char>(0xa5));
      (*self->call)();
      auto* lowest = std::find_if(self->stack, here, [](unsigned char c) { return c != 0xa5; });
      self->used = static_cast<size_t>(here - lowest);
      return nullptr;
    }
  } painted{static_cast<unsigned char*>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)),
            &call, 0};
  pthread_attr_t attributes;
  pthread_t thread;
  CLAIM(painted.stack != MAP_FAILED);
  CLAIM(pthread_attr_init(&attributes) == 0);
  CLAIM(pthread_attr_setstack(&attributes, painted.stack, stack_bytes) == 0);
  CLAIM(pthread_create(&thread, &attributes, Painted::run, &painted) == 0);
  CLAIM(pthread_join(thread, nullptr) == 0);
  munmap(painted.stack, stack_bytes);
  return painted.used;
}

// A batch of one point, whose attribute holds more lists within each other than an event may.
struct Nested {
  explicit Nested(uint32_t kind) : batch(1 << 16, '\0') {
    otelue_builder b;
    otelue_builder_init(&b, batch.data(), batch.size());
    otelue_value value = otelue_value_int(1);
    for (int depth = 0; depth < 64; ++depth) {
      const otelue_attribute attribute = otelue_attribute_of(&b, "k", value);
      value = kind == OTELUE_ARRAY ? otelue_value_array(&b, &value, 1) : otelue_value_kvlist(&b, &attribute, 1);
    }
    const otelue_attribute attribute = otelue_attribute_of(&b, "nested", value);
    attributes = otelue_build_attributes(&b, &attribute, 1);
    otelue_metric metric{};
    metric.kind = OTELUE_GAUGE;
    otelue_point point{};
    point.metric = otelue_build_metric(&b, &metric);
    point.value_type = OTELUE_INT;
    point.attributes = attributes;
    otelue_build_point(&b, &point);
    size_t size = 0;
    if (otelue_builder_finish(&b, &size) != 0) throw std::length_error("batch");
    batch.resize(size);
  }

  std::string batch;
  otelue_ref attributes;
};

lab::Payloads sorted(lab::Payloads payloads) {
  std::sort(payloads.begin(), payloads.end());
  return payloads;
}

volatile sig_atomic_t signals = 0;

}  // namespace

TEST_CASE("a thread that registers may end before a listener comes") {
  CHECK(lab::in_process([] {
          std::unique_ptr<lab::Exporter> exporter;
          std::thread([&] { exporter.reset(new lab::Exporter); }).join();
          claim_that_word_follows(*exporter);
          CLAIM(exporter->registrations() == 2);
        }) == "");
}

TEST_CASE("a thread that registers may end after a listener has come") {
  CHECK(lab::in_process([] {
          std::unique_ptr<lab::Exporter> exporter;
          Listener perf;
          std::thread([&] {
            exporter.reset(new lab::Exporter);
            perf.reset(new lab::Perf);
          }).join();
          CLAIM(exporter->enabled());
          CLAIM(exporter->send(1, 2) == 2);
          CLAIM(perf->read() == lab::events_of(1, 2));
          perf.reset();
          CLAIM(exporter->enabled());  // nobody keeps the word any more
          CLAIM(exporter->run(lab::batch_of(3)).points_unheard == 1);
          CLAIM(!exporter->enabled());
          claim_that_word_follows(*exporter);
        }) == "");
}

TEST_CASE("a status sets the enable word right as an export does") {
  CHECK(lab::in_process([] {
          std::unique_ptr<lab::Exporter> exporter;
          std::thread([&] { exporter.reset(new lab::Exporter); }).join();
          Listener perf(new lab::Perf);
          CLAIM(!exporter->enabled());
          std::thread([&] { exporter->status(); }).join();
          CLAIM(exporter->enabled());
          perf.reset();
          CLAIM(exporter->enabled());
          const auto status = exporter->status();
          CLAIM(status.enabled == 0 && status.heard_here == 0 && status.registered == 1 && status.step == 0);
          CLAIM(status.message == std::string("otlp_metrics is registered, nobody listens"));
          CLAIM(!exporter->enabled());
        }) == "");
}

TEST_CASE("a thread that is older than the registration exports, also when the one that registered has ended") {
  CHECK(lab::in_process([] {
          Worker older;
          std::unique_ptr<lab::Exporter> exporter;
          {
            Worker registers;
            registers.run([&] { exporter.reset(new lab::Exporter); });
            older.run([&] { claim_that_word_follows(*exporter); });
            CLAIM(exporter->registrations() == 1);
          }
          older.run([&] { claim_that_word_follows(*exporter); });
        }) == "");
}

TEST_CASE("a thread that is older than the registration may shut it down") {
  CHECK(lab::in_process([] {
          Worker older;
          const lab::Exporter exporter;
          older.run([&] { CLAIM(otelue_shutdown(exporter.handle()) == 0); });
          CLAIM(!exporter.enabled());
          const lab::Exporter next;
          claim_that_word_follows(next);
          CLAIM(exporter.status().step == OTELUE_STEP_SHUTDOWN);
        }) == "");
}

TEST_CASE("the enable word is right after each of 100 lineages has ended, and costs each a registration at most") {
  CHECK(lab::in_process([] {
          std::unique_ptr<lab::Exporter> exporter;
          std::thread([&] { exporter.reset(new lab::Exporter); }).join();
          for (int round = 0; round < 100; ++round) {
            const bool is_heard = round % 2 == 0;
            const Listener perf(is_heard ? new lab::Perf : nullptr);
            std::thread([&] { exporter->send(round); }).join();
            CLAIM(exporter->enabled() == is_heard);
            if (is_heard) CLAIM(perf->read() == lab::events_of(round, 1));
          }
          CLAIM(exporter->registrations() > 64);
          CLAIM(exporter->registrations() <= 101);
        }) == "");
}

TEST_CASE("the enable word is right after each of 100 forks, whose copies the kernel is slow to write to") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          for (int round = 0; round < 100; ++round) {
            const lab::Process child([](lab::Line& line) { return line.hear(); });
            const bool is_heard = round % 2 == 0;
            const Listener perf(is_heard ? new lab::Perf : nullptr);
            CLAIM(exporter.send(round) == is_heard);
            CLAIM(exporter.enabled() == is_heard);
            if (is_heard) CLAIM(perf->read() == lab::events_of(round, 1));
            CLAIM(exporter.status().step == OTELUE_STEP_REGISTERED);
          }
        }) == "");
}

TEST_CASE("an export takes 24 KiB of stack at most, or 80 KiB when large events are allowed") {
  constexpr size_t kStack = 128 * 1024;
  otelue_options options{};
  options.flags = OTELUE_ALLOW_LARGE_EVENTS;
  options.max_event_bytes = OTELUE_LARGEST_MAX_EVENT_BYTES;
  const lab::Exporter largest(options);
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_REQUEST));
  const std::string huge = lab::padded_batch({65000});
  const std::string large = lab::padded_batch_of(8168);
  const std::string many = lab::padded_batch(std::vector<size_t>(300, 100));
  const std::string request = lab::encode(large).at(0);
  const Nested arrays(OTELUE_ARRAY), lists(OTELUE_KVLIST);

  auto used_by = [&](const lab::Exporter& by, const std::string& batch, uint32_t points) {
    int returned = -1;
    otelue_result result{};
    result.struct_size = sizeof result;
    const size_t used = stack_used(kStack, [&] {
      returned = otelue_export(by.handle(), batch.data(), batch.size(), &result);
    });
    CHECK(returned == 0);
    CHECK(result.points_exported == points);
    return used;
  };
  {
    // This kernel's ftrace leaves out what is too large for it without a word; perf would complain.
    instance* ftrace = instance_open();
    REQUIRE(ftrace != nullptr);
    const size_t used = used_by(largest, huge, 1);
    instance_close(ftrace);
    CAPTURE(used);
    CHECK(used > 64 * 1024);
    CHECK(used <= 80 * 1024);
  }
  size_t most = used_by(exporter, large, 0);  // nobody listens
  {
    lab::Perf perf;
    most = std::max(most, used_by(exporter, large, 1));
    most = std::max(most, used_by(exporter, many, 300));
    most = std::max(most, used_by(exporter, arrays.batch, 1));
    most = std::max(most, used_by(exporter, lists.batch, 1));
    for (const std::string& one : {request, lab::encode(arrays.batch).at(0), lab::encode(lists.batch).at(0)}) {
      int returned = -1;
      most = std::max(most, stack_used(kStack, [&] {
        returned = otelue_export_otlp(exporter.handle(), one.data(), one.size(), nullptr);
      }));
      CHECK(returned == 0);
    }
    const lab::Payloads received = perf.read();
    CHECK(std::count(received.begin(), received.end(), request) == 2);
  }
  auto note_else = [&](const std::function<void()>& call) { most = std::max(most, stack_used(kStack, call)); };
  otelue_exporter* handle = nullptr;
  std::string set(OTELUE_DEFAULT_MAX_EVENT_BYTES, '\0');
  std::string event(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK, '\0');
  size_t written = 0;
  otelue_cursor cursor{};
  otelue_status status{};
  status.struct_size = sizeof status;
  note_else([&] { otelue_open(nullptr, nullptr, nullptr, &handle); });
  note_else([&] { otelue_get_status(handle, &status); });
  for (const Nested& nested : {arrays, lists}) {
    note_else([&] {
      cursor = {};
      otelue_encode_next(nested.batch.data(), nested.batch.size(), nullptr, &cursor, event.data(), event.size(), &written,
                         nullptr);
    });
    CHECK(written > 64);
    const std::string one = event.substr(0, written);
    note_else([&] {
      cursor = {};
      otelue_split_next(one.data(), one.size(), nullptr, &cursor, event.data(), event.size(), &written, nullptr);
    });
    CHECK(written == one.size());
    note_else([&] {
      otelue_encode_attributes(nested.batch.data(), nested.batch.size(), nested.attributes.off, nested.attributes.len,
                               set.data(), set.size(), &written, nullptr, nullptr);
    });
    CHECK(written > 64);
  }
  note_else([&] { otelue_shutdown(handle); });
  note_else([&] { otelue_close(handle); });
  CHECK(status.registered == 1);
  CAPTURE(most);
  CHECK(most > 8 * 1024);
  CHECK(most <= 24 * 1024);
}

TEST_CASE("threads with stacks of 64 KiB export side by side while a listener attaches") {
  const lab::Exporter exporter(lab::packing(OTELUE_PACK_METRIC));
  const std::string batch = lab::padded_batch(std::vector<size_t>(20, 1000));
  std::vector<pthread_t> threads(4);
  struct Shared {
    const lab::Exporter& exporter;
    const std::string& batch;
    std::atomic<int> unheard{0};
    std::atomic<int> heard{0};
  } shared{exporter, batch};
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 64 * 1024) == 0);
  for (pthread_t& thread : threads) {
    auto run = [](void* context) -> void* {
      auto* share = static_cast<Shared*>(context);
      for (int heard = 0; heard < 10;) {
        const bool is_heard = share->exporter.run(share->batch).points_exported == 20;
        heard += is_heard;
        ++(is_heard ? share->heard : share->unheard);
      }
      return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, &shared) == 0);
  }
  CHECK(lab::eventually([&] { return shared.unheard > 40; }));
  const lab::Perf perf;
  for (const pthread_t thread : threads) REQUIRE(pthread_join(thread, nullptr) == 0);
  CHECK(shared.heard == 40);
}

TEST_CASE("signals at a high rate disturb no export") {
  const lab::Exporter exporter;
  lab::Perf perf;
  struct sigaction action {};
  action.sa_handler = [](int) { signals = signals + 1; };  // and no SA_RESTART
  REQUIRE(sigaction(SIGALRM, &action, nullptr) == 0);
  const itimerval fast{{0, 100}, {0, 100}};
  const itimerval off{};
  REQUIRE(setitimer(ITIMER_REAL, &fast, nullptr) == 0);
  lab::Payloads received;
  int64_t exported = 0;
  for (int64_t first = 0; signals < 500 || first < 2000; first += 50) {
    exported += exporter.send(first, 50);
    for (auto& payload : perf.read()) received.push_back(std::move(payload));
  }
  REQUIRE(setitimer(ITIMER_REAL, &off, nullptr) == 0);
  CHECK(exporter.status().last_errno == 0);
  CHECK(sorted(received) == sorted(lab::events_of(0, exported)));
}

TEST_CASE("shutdown waits for exports of other threads, which then get -ESHUTDOWN, and nothing comes later") {
  for (int round = 0; round < 20; ++round) {
    const lab::Exporter exporter;
    lab::Perf perf;
    std::atomic<int> begun{0};
    std::vector<std::thread> threads;
    std::vector<int64_t> exported(3);
    std::vector<int> last(3);
    for (size_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        for (int64_t n = 0; last[i] == 0; n += 4) {
          const std::string batch = lab::batch_of(static_cast<int64_t>(i) * 1'000'000 + n, 4);
          otelue_result result{};
          result.struct_size = sizeof result;
          last[i] = otelue_export(exporter.handle(), batch.data(), batch.size(), &result);
          exported[i] += result.points_exported;
          ++begun;
        }
      });
    }
    REQUIRE(lab::eventually([&] { return begun > round; }));
    CHECK(otelue_shutdown(exporter.handle()) == 0);
    const lab::Payloads received = perf.read();
    for (auto& thread : threads) thread.join();
    CHECK(perf.read() == lab::Payloads{});
    CHECK(last == std::vector<int>(3, -ESHUTDOWN));
    lab::Payloads expected;
    for (size_t i = 0; i < 3; ++i) {
      for (auto& event : lab::events_of(static_cast<int64_t>(i) * 1'000'000, exported[i])) expected.push_back(event);
    }
    CHECK(sorted(received) == sorted(expected));
  }
}

TEST_CASE("an exporter may be closed twice, and is shut down for whoever still uses it") {
  otelue_exporter* exporter = nullptr;
  REQUIRE(otelue_open(nullptr, nullptr, nullptr, &exporter) == 0);
  const std::string batch = lab::batch_of(1);
  otelue_close(exporter);
  otelue_close(exporter);
  otelue_close(nullptr);
  CHECK(otelue_export(exporter, batch.data(), batch.size(), nullptr) == -ESHUTDOWN);
  CHECK(otelue_export_otlp(exporter, batch.data(), batch.size(), nullptr) == -ESHUTDOWN);
  CHECK(otelue_force_flush(exporter) == -ESHUTDOWN);
  CHECK(otelue_shutdown(exporter) == 0);
  CHECK(otelue_enabled(exporter) == 0);
  otelue_status status{};
  status.struct_size = sizeof status;
  CHECK(otelue_get_status(exporter, &status) == 0);
  CHECK(status.step == OTELUE_STEP_SHUTDOWN);
  CHECK(status.registered == 0);
  CHECK(status.message == std::string("the exporter is shut down"));
}
