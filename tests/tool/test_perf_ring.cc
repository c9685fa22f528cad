// SPDX-License-Identifier: Apache-2.0
// Rings that were recorded (tests/rings), which the Collector receiver reads as well: argv[1] is their file.
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "event_format.h"
#include "perf_listener.h"
#include "perf_ring.h"

using otelue::tool::Event;
using otelue::tool::PerfRecord;
using otelue::tool::PerfRing;
using otelue::tool::read_sample;

namespace {

struct Recorded {
  std::string name;
  uint64_t tail = 0, head = 0;
  std::string data;
  std::vector<std::string> expected;
};

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

std::vector<Recorded> read_all(const char* path) {
  std::vector<Recorded> rings;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word, hex;
    size_t number = 0;
    words >> word;
    if (word.empty() || word == "#") continue;
    if (word == "ring") {
      rings.push_back({line.substr(5), 0, 0, "", {}});
    } else if (word == "size" && words >> number) {
      rings.back().data.resize(number);
    } else if (word == "tail") {
      words >> rings.back().tail;
    } else if (word == "head") {
      words >> rings.back().head;
    } else if (word == "data" && words >> number >> hex) {
      const std::string bytes = from_hex(hex);
      rings.back().data.replace(number, bytes.size(), bytes);
    } else {
      rings.back().expected.push_back(line);
    }
  }
  return rings;
}

std::string describe(const PerfRecord& record) {
  if (record.type == PERF_RECORD_LOST) {
    uint64_t count = 0;
    std::memcpy(&count, record.body.data() + sizeof count, sizeof count);
    return "lost " + std::to_string(count);
  }
  if (record.type != PERF_RECORD_SAMPLE) return "record " + std::to_string(record.type);
  otelue_event_format format{};
  format.protocol_offset = 8;
  format.version_offset = 12;
  format.buffer_offset = 20;
  Event event;
  if (!read_sample(format, record, &event).empty()) return "malformed";
  const std::string text = "event " + std::to_string(event.pid) + ' ' + std::to_string(event.cpu) + ' ' +
                           std::to_string(record.time) + ' ' + to_hex(event.payload);
  return event.payload.empty() ? text.substr(0, text.size() - 1) : text;
}

// What the listener makes of a ring, and whether it gave all of it back.
std::vector<std::string> read(const Recorded& recorded, bool* is_back) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const int fd = memfd_create("ring", 0);
  const size_t bytes = recorded.data.size();
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(page + bytes)) != 0) std::abort();
  auto* memory = static_cast<char*>(mmap(nullptr, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (memory == MAP_FAILED) std::abort();
  auto* control = reinterpret_cast<perf_event_mmap_page*>(memory);
  control->data_head = recorded.head;
  control->data_tail = recorded.tail;
  std::memcpy(memory + page, recorded.data.data(), bytes);

  std::vector<std::string> seen;
  PerfRing ring(0, fd);
  if (ring.map(bytes / page) != 0) std::abort();
  ring.look();
  while (const PerfRecord* record = ring.peek()) {
    seen.push_back(describe(*record));
    ring.pop();
  }
  if (ring.count_damaged() > 0) seen.emplace_back("damaged");
  *is_back = control->data_tail == recorded.head;
  munmap(memory, page + bytes);
  return seen;
}

}  // namespace

int main(int, char** argv) {
  const std::vector<Recorded> rings = read_all(argv[1]);
  if (rings.size() < 20) {
    std::cerr << argv[1] << " has " << rings.size() << " rings\n";
    return 1;
  }
  int failed = 0;
  for (const Recorded& ring : rings) {
    bool is_back = false;
    const std::vector<std::string> seen = read(ring, &is_back);
    if (is_back && seen == ring.expected) continue;
    ++failed;
    std::cerr << ring.name << (is_back ? "" : ": the tail is not at the head") << '\n';
    for (const auto& line : seen) std::cerr << "  " << line.substr(0, 100) << '\n';
  }
  std::cout << rings.size() << " rings, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}
