// SPDX-License-Identifier: Apache-2.0
// Processes that have given up rights, or are refused system calls by a filter, and eBPF programs at the tracepoint.
// Runs on the test kernel.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "lab.h"

namespace {

// From now on these system calls of this process fail with an errno.
void refuse(std::initializer_list<int> calls, int error) {
  std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const int call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  CLAIM(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CLAIM(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

void drop_privileges() { CLAIM(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0); }
void enter_empty_root() {
  const std::string root = "/tmp/empty-" + std::to_string(getpid());
  CLAIM(mkdir(root.c_str(), 0700) == 0 && chroot(root.c_str()) == 0 && chdir("/") == 0);
}
void allow_no_descriptors() {
  const rlimit none{0, 0};
  CLAIM(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

int bpf(int command, bpf_attr* attr) { return static_cast<int>(syscall(SYS_bpf, command, attr, sizeof *attr)); }

// A program that does nothing, at the tracepoint, on one processor.
class Program {
 public:
  Program() {
    const bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_TRACEPOINT;
    load.insns = reinterpret_cast<uintptr_t>(code);
    load.insn_cnt = 2;
    load.license = reinterpret_cast<uintptr_t>("GPL");
    program_ = bpf(BPF_PROG_LOAD, &load);
    CLAIM(program_ >= 0);
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.size = sizeof attr;
    attr.sample_period = 1;
    std::ifstream("/sys/kernel/tracing/events/user_events/otlp_metrics/id") >> attr.config;
    event_ = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC));
    CLAIM(event_ >= 0);
    CLAIM(ioctl(event_, PERF_EVENT_IOC_SET_BPF, program_) == 0);
    CLAIM(ioctl(event_, PERF_EVENT_IOC_ENABLE, 0) == 0);
  }
  ~Program() {
    ::close(event_);
    ::close(program_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

 private:
  int program_ = -1;
  int event_ = -1;
};

}  // namespace

TEST_CASE("a child exports with what it inherited, whatever it has given up") {
  const struct {
    const char* name;
    void (*give_up)();
  } cases[] = {
      {"its user", drop_privileges},
      {"its root directory", enter_empty_root},
      {"descriptors", allow_no_descriptors},
      {"all of them", [] { enter_empty_root(), allow_no_descriptors(), drop_privileges(); }},
      {"open() and ioctl()", [] { refuse({SYS_open, SYS_openat, SYS_ioctl}, EPERM); }},
  };
  for (const auto& [name, give_up] : cases) {
    INFO(name);
    CHECK(lab::in_process([give_up = give_up] {
            const lab::Exporter exporter;
            lab::Process child([&](lab::Line& line) {
              give_up();
              for (const bool is_heard : {true, false, true}) {
                line.say("ready");
                line.hear();
                CLAIM(exporter.send(1, 3) == (is_heard ? 3 : 0));
                const otelue_status status = exporter.status();
                CLAIM(status.registered == 1 && status.heard_here == is_heard);
              }
              CLAIM(otelue_shutdown(exporter.handle()) == 0);
              return "";
            });
            std::unique_ptr<lab::Perf> perf;
            auto claim_that_all_arrived = [&] {
              if (perf != nullptr) CLAIM(perf->read() == lab::events_of(1, 3));
            };
            for (const bool is_heard : {true, false, true}) {
              const std::string words = child.line().hear();
              if (words != "ready") throw std::runtime_error(words);
              claim_that_all_arrived();
              perf.reset(is_heard ? new lab::Perf : nullptr);
              child.line().say("go");
            }
            CLAIM(child.line().hear() == "");
            claim_that_all_arrived();
            CLAIM(exporter.send(4, 3) == 3);
            CLAIM(perf->read() == lab::events_of(4, 3));
          }) == "");
  }
}

TEST_CASE("a filter that refuses ioctl() is named, and keeps nobody from what was registered before") {
  for (const int error : {EPERM, ENOSYS}) {
    CHECK(lab::in_process([error] {
            const lab::Exporter before;
            lab::Perf perf;
            refuse({SYS_ioctl}, error);
            const lab::Exporter behind;
            CLAIM(behind.run(lab::batch_of(1, 3)).points_unheard == 3);
            const otelue_status status = behind.status();
            CLAIM(status.registered == 0 && status.step == OTELUE_STEP_REGISTER && status.last_errno == error);
            CLAIM(status.message == std::string("the kernel refused to register otlp_metrics: ") + strerror(error));
            CLAIM(before.send(4, 3) == 3);
            CLAIM(before.status().step == OTELUE_STEP_REGISTERED);
            CLAIM(perf.read() == lab::events_of(4, 3));
            CLAIM(otelue_shutdown(before.handle()) == 0 && otelue_shutdown(behind.handle()) == 0);
          }) == "");
  }
}

TEST_CASE("a filter that refuses write() costs the points, which are counted with the reason") {
  for (const int error : {EPERM, ENOSYS}) {
    CHECK(lab::in_process([error] {
            const lab::Exporter exporter;
            const lab::Perf perf;
            CLAIM(exporter.send(1) == 1);
            refuse({SYS_write}, error);
            const otelue_result result = exporter.run(lab::batch_of(1, 3));
            CLAIM(result.points_unwritten == 3 && result.last_errno == error);
            CLAIM(result.first_bad_reason == OTELUE_REASON_WRITE);
            const otelue_status status = exporter.status();
            CLAIM(status.registered == 1 && status.step == OTELUE_STEP_PROBE && status.last_errno == error);
            CLAIM(otelue_shutdown(exporter.handle()) == 0);
          }) == "");
  }
}

TEST_CASE("an eBPF program at the tracepoint takes nothing from those who listen, and leaves nothing behind") {
  CHECK(lab::in_process([] {
          const lab::Exporter exporter;
          {
            const Program program;
            CLAIM(exporter.send(1, 3) == 3);
            lab::Perf perf;
            CLAIM(exporter.send(4, 3) == 3);
            CLAIM(perf.read() == lab::events_of(4, 3));
          }
          CLAIM(exporter.run(lab::batch_of(7, 3)).points_unheard == 3);
          CLAIM(!exporter.enabled());
        }) == "");
}
