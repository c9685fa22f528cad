// SPDX-License-Identifier: Apache-2.0
// Runs the tracepoint's own code on a fake kernel, through all interleavings of a few threads, forked children, closed
// and reused descriptors and listeners, up to a number of switches between them:
//
//   explore README
//
// All promises hold, and the states that are visited are those of the table in README.
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "fake_kernel.h"
#include "turns.h"
#include "user_events/tracepoint.h"

namespace {

using otelue_core::EnableWord;
using otelue_core::News;
using otelue_core::Target;
using otelue_core::user_events::Tracepoint;
using Listeners = Target::Listeners;
using turns::Actor;

constexpr int kPoints = 2;
constexpr int kOlder = 1;  // a lineage

// What each process has at the same addresses.
struct Memory {
  EnableWord word;
  Tracepoint tracepoint;
};
alignas(Memory) unsigned char memory_bytes[sizeof(Memory)];
Memory& memory() { return *std::launder(reinterpret_cast<Memory*>(memory_bytes)); }

std::set<std::string> states;
std::string problem;

// The state of the first process's registration, in the words of the table.
void note_state() {
  const fake::Process& process = fake::kernel().first;
  uint32_t word = 0;
  memcpy(&word, fake::kernel().word_of(process, const_cast<uint32_t*>(static_cast<const uint32_t*>(
                                                    memory().word.address()))),
         sizeof word);
  const std::vector<int> ours = process.ours();
  const bool is_taken = std::any_of(process.files.begin(), process.files.end(), [](const auto& file) {
    return !file.second->is_ours;
  });
  states.insert(std::string(!ours.empty() ? "ours" : is_taken ? "another's" : "none") + " " +
                (static_cast<int32_t>(word) > 0 ? "1" : "0") + " " + (fake::kernel().listeners > 0 ? "yes" : "no"));
}

// ---- What actors do

struct Outcome {
  int exported = 0, unheard = 0, unwritten = 0;
  bool was_always_heard = true;  // somebody listened all the time
  bool is_over = false;
};

void expect(bool holds, const std::string& what) {
  if (!holds && problem.empty()) problem = what;
}

// As Exporter::write_events() does it, with a pause between two points.
void export_points(Actor& actor, Outcome& outcome) {
  Tracepoint& tracepoint = memory().tracepoint;
  fake::Task& task = actor.task;
  task.was_misled = task.has_met_the_instant = false;
  uint8_t buffer[Target::kFrameBytes + 8] = {};
  uint8_t* const payload = buffer + Target::kFrameBytes;
  News news;
  Target::Link link;
  Listeners listeners = tracepoint.find_listeners(&link, news);
  const bool is_heard = listeners == Listeners::kHere || listeners == Listeners::kElsewhere;
  for (int i = 0; is_heard && i < kPoints; ++i) {
    if (i > 0) {
      task.checked_at = fake::Task::kNothingIsExcused;  // what was seen before a pause is out of date
      turns::yield();
      tracepoint.renew(&link, news);
    }
    memcpy(payload, actor.name.data(), 1);
    payload[1] = static_cast<uint8_t>('0' + i);
    const int result = tracepoint.write(&link, payload, 2, news);
    if (result == Target::kNobody) {
      listeners = Listeners::kNone;
      break;
    }
    ++(result == 0 ? outcome.exported : outcome.unwritten);
    expect(result <= 0, "a write has an unknown result");
  }
  outcome.unheard = kPoints - outcome.exported - outcome.unwritten;
  tracepoint.settle(link, listeners, news);
  outcome.is_over = true;
}

void check_export(const Actor& actor, const Outcome& outcome) {
  const auto& received = fake::kernel().received;
  const auto arrived = std::count_if(received.begin(), received.end(), [&](const std::string& payload) {
    return payload.substr(0, 1) == actor.name.substr(0, 1);
  });
  const bool may_register = actor.task.process->may_open;
  expect(outcome.is_over, actor.name + ": did not come back");
  if (!actor.task.has_met_the_instant) {
    expect(arrived == outcome.exported, actor.name + ": exported is not what arrived");
  }
  if (outcome.was_always_heard && may_register && !actor.task.was_misled) {
    expect(outcome.exported == kPoints, actor.name + ": lost " + std::to_string(kPoints - outcome.exported) +
                                            " points while somebody listened all the time");
  }
}

// When all is quiet: a status is clean, the word right, one descriptor open; and after a close nothing is left.
void check_rest(fake::Process& process, int lineage) {
  fake::Task task{&process, lineage};
  fake::current = &task;
  fake::run_as(&process);
  fake::kernel().now += 10'000'000'000;
  Tracepoint& tracepoint = memory().tracepoint;
  News news;
  Target::Link link;
  const std::string who = "process " + std::to_string(process.pid) + ": ";
  for (int i = 0; i < 2; ++i) {
    const Listeners found = tracepoint.probe(&link, news);
    tracepoint.settle(link, found, news);
    if (i == 0) continue;
    const bool has_rights = process.may_open || !process.ours().empty();
    expect(has_rights == (found != Listeners::kUnregistered), who + "is not registered");
    if (!has_rights) return;
    expect(tracepoint.standing().step == OTELUE_STEP_REGISTERED, who + "the status is not clean");
    expect((found == Listeners::kHere) == (fake::kernel().listeners > 0), who + "does not know who listens");
    expect(memory().word.is_set() == (fake::kernel().listeners > 0), who + "the word is out of date");
    expect(process.ours().size() == 1, who + "has " + std::to_string(process.ours().size()) + " descriptors");
  }
  tracepoint.close(news);
  expect(process.ours().empty(), who + "a descriptor is left after a close");
  expect(std::none_of(process.enablers.begin(), process.enablers.end(),
                      [&](const fake::Enabler& enabler) { return enabler.lineage == lineage; }),
         who + "a registration is left after a close");
  fake::kernel().listen(+1);
  expect(!memory().word.is_set(), who + "the word says that somebody listens after a close");
  fake::kernel().listen(-1);
}

// ---- Scenarios

struct Scenario {
  const char* name;
  // T, U: exports. V: one of a lineage that is older than the registration. F: forks a child. C: which exports.
  // D: which exports without rights of its own. l: a listener comes. L: leaves. e: the lineage that registered ends.
  // t: time passes. What becomes of the descriptor: c: it is closed. o: it is another file. d: it is another library's
  // opening of the data file. m: it is that of another copy of this library, of another release.
  const char* actors;
  bool is_registered;
  int listeners;
  bool is_second = false;  // registered on a second descriptor, as the first was closed
};
constexpr Scenario kScenarios[] = {
    {"an export while the descriptor is closed", "Tc", true, 1},
    {"an export while the descriptor becomes another file", "To", true, 1},
    {"an export while the descriptor becomes another library's", "Td", true, 1},
    {"an export while a listener comes", "Tl", true, 0},
    {"an export while a listener leaves", "TL", true, 1},
    {"two first exports", "TU", false, 1},
    {"two exports while the descriptor is closed", "TUc", true, 1},
    {"two exports while the descriptor becomes another file", "TUo", true, 1},
    {"a child, which may open the file", "FC", true, 1},
    {"a child, which may not", "FD", true, 1},
    {"a child, and an export beside it", "TFC", true, 1},
    {"a child that is forked while its parent registers", "TFC", false, 1},
    {"a child whose descriptor is closed, and a listener that comes", "FCcl", true, 0},
    {"an export while a listener leaves and the descriptor is closed", "TcL", true, 1},
    {"an export that nobody hears while the descriptor becomes another file", "To", true, 0},
    {"an export while a listener comes and the descriptor becomes another file", "Tol", true, 0},
    {"two exports while the descriptor becomes another copy's", "TUm", true, 1},
    {"two first exports, one of which takes long", "TUt", false, 1},
    {"an export of an older lineage", "V", true, 1},
    {"an export of an older lineage, when the one that registered ends", "Vel", true, 0},
    {"an export of an older lineage, when the one that registered ends and a listener leaves", "VeL", true, 1},
    {"the same, when that one had registered twice", "VeL", true, 1, true},
    {"an export of an older lineage, when the other has ended and its descriptor is gone", "VecL", true, 1},
    {"the same, when the descriptor becomes another file", "VeoL", true, 1},
    {"the same, when a listener comes instead", "Veol", true, 0},
};

// One run of a scenario by the choices at hand.
void play(const Scenario& scenario) {
  fake::reset();
  fake::kernel().listeners = scenario.listeners;
  fake::Process& parent = fake::kernel().first;
  fake::Task task{&parent};
  fake::current = &task;
  memset(memory_bytes, 0, sizeof memory_bytes);
  new (memory_bytes) Memory;
  parent.may_open = scenario.is_registered;
  News news;
  memory().tracepoint.open(&memory().word, news);
  parent.may_open = true;
  if (!scenario.is_registered) fake::kernel().now += 1'000'000'000;

  if (scenario.is_second) {
    fake::kernel().close(parent, parent.ours().at(0));
    Target::Link link;
    memory().tracepoint.probe(&link, news);
  }

  problem.clear();
  std::vector<Actor> all;
  std::vector<Outcome> outcomes(strlen(scenario.actors));
  all.reserve(outcomes.size());
  fake::Process* child = nullptr;
  uint32_t is_forked = 0;
  auto taken = [&](fake::Opening::Kind kind, bool is_copy = false) {
    const std::vector<int> ours = parent.ours();
    if (ours.empty()) return;
    auto opening = std::make_shared<fake::Opening>();
    opening->kind = kind;
    opening->flags = O_WRONLY;
    if (kind == fake::Opening::Kind::kData && !is_copy) opening->events.push_back("theirs");
    if (is_copy) opening->flags = parent.at(ours.back())->flags;
    opening->is_copy = is_copy;
    fake::kernel().put(parent, ours.back(), opening);
  };
  for (const char* kind = scenario.actors; *kind != '\0'; ++kind) {
    Actor actor;
    actor.name = std::string(1, *kind);
    actor.task.process = &parent;
    actor.is_instant = true;
    Outcome& outcome = outcomes[static_cast<size_t>(kind - scenario.actors)];
    outcome.was_always_heard = scenario.listeners > 0 && strpbrk(scenario.actors, "L") == nullptr;
    switch (*kind) {
      case 'V':
      case 'T':
      case 'U':
        actor.is_instant = false;
        actor.task.lineage = *kind == 'V' ? kOlder : 0;
        actor.work = [&outcome](Actor& self) { export_points(self, outcome); };
        break;
      case 'F':
        actor.work = [&](Actor& self) {
          child = fake::kernel().fork(self.task);
          is_forked = 1;
        };
        break;
      case 'C':
      case 'D':
        actor.is_instant = false;
        actor.work = [&child, &is_forked, &outcome](Actor& self) {
          if (child == nullptr) {
            self.waits_for = &is_forked;
            self.value = 0;
            self.until = UINT64_MAX;
            turns::yield();
          }
          if (self.name == "D") child->may_open = false;
          self.task.process = child;
          fake::run_as(child);
          export_points(self, outcome);
        };
        break;
      case 'c':
        actor.work = [&parent](Actor&) {
          const std::vector<int> ours = parent.ours();
          if (!ours.empty()) fake::kernel().close(parent, ours.back());
        };
        break;
      case 'o':
        actor.work = [&](Actor&) { taken(fake::Opening::Kind::kOthers); };
        break;
      case 'd':
        actor.work = [&](Actor&) { taken(fake::Opening::Kind::kData); };
        break;
      case 'm':
        actor.work = [&](Actor&) { taken(fake::Opening::Kind::kData, true); };
        break;
      case 'e':
        actor.work = [&parent](Actor&) {
          std::erase_if(parent.enablers, [](const fake::Enabler& enabler) { return enabler.lineage == 0; });
        };
        break;
      case 't':
        actor.work = [](Actor&) { fake::kernel().now += 200'000'000; };
        break;
      case 'l':
        actor.work = [](Actor&) { fake::kernel().listen(+1); };
        break;
      case 'L':
        actor.work = [](Actor&) { fake::kernel().listen(-1); };
        break;
    }
    all.push_back(std::move(actor));
  }
  turns::run(all, note_state);
  for (size_t i = 0; i < all.size(); ++i) {
    if (strchr("TUVC", all[i].name[0]) != nullptr) check_export(all[i], outcomes[i]);
    if (all[i].name == "D") {
      expect(outcomes[i].exported == kPoints, "D: a child without rights of its own lost points");
    }
  }
  const int lineage = strchr(scenario.actors, 'V') != nullptr ? kOlder : 0;
  if (child != nullptr) check_rest(*child, lineage);
  check_rest(parent, lineage);
  if (!fake::kernel().violations.empty()) expect(false, fake::kernel().violations[0]);
  fake::current = nullptr;
}

// All runs of a scenario. Returns their number; stops at a problem.
size_t explore(const Scenario& scenario) {
  size_t runs = 0;
  turns::choices.clear();
  while (true) {
    ++runs;
    play(scenario);
    if (!problem.empty()) return runs;
    if (!turns::has_next_order()) return runs;
  }
}

// The states of the table: its rows begin with `descriptor`, the word, and whether somebody listens.
std::set<std::string> states_of_table(const char* path) {
  std::set<std::string> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string bar, descriptor, word, listens;
    if (in >> bar >> descriptor >> bar >> word >> bar >> listens && bar == "|" && (word == "0" || word == "1")) {
      rows.insert(descriptor + " " + word + " " + listens);
    }
  }
  return rows;
}

}  // namespace

int main(int, char** arguments) {
  fake::is_simulated = true;
  fake::place_words_in(memory_bytes, sizeof memory_bytes);
  fake::before = [](fake::Call call, int) {
    if (call <= fake::Call::kRead) turns::yield();
    return 0;
  };
  fake::wait = [](const uint32_t* word, uint32_t value, uint64_t until) {
    if (turns::running == nullptr) {
      fake::kernel().now = until;
      return;
    }
    turns::running->waits_for = word;
    turns::running->value = value;
    turns::running->until = until;
    turns::yield();
  };
  size_t total = 0;
  for (const Scenario& scenario : kScenarios) {
    const size_t runs = explore(scenario);
    total += runs;
    printf("%zu runs: %s\n", runs, scenario.name);
    if (!problem.empty()) {
      printf("FAILED: %s\n", problem.c_str());
      return 1;
    }
  }
  const std::set<std::string> table = states_of_table(arguments[1]);
  for (const std::string& state : states) {
    if (table.count(state) == 0) printf("not in the table: %s\n", state.c_str());
  }
  for (const std::string& row : table) {
    if (states.count(row) == 0) printf("in the table alone: %s\n", row.c_str());
  }
  printf("%zu runs, %zu states\n", total, states.size());
  return table == states ? 0 : 1;
}
