// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "catch.h"
#include "expected.h"
#include "otlp/event.h"

using otelue_core::otlp::Event;
using otelue_core::otlp::Limits;
using otelue_core::otlp::Writer;

namespace {

constexpr uint32_t kPoint = 9;

struct Buffer {
  explicit Buffer(size_t limit) : bytes(limit + Event::kSlack) {}
  std::vector<uint8_t> bytes;
};

auto writes(std::string text) {
  return [text](Writer& out) { out.bytes(text.data(), text.size()); };
}

uint32_t open(Event& event, uint64_t key, uint32_t field, const std::string& head, const std::string& tail) {
  return event.open(key, field, writes(head), writes(tail));
}

uint32_t append(Event& event, const std::string& point) { return event.append(kPoint, writes(point)); }

std::string finish(Event& event) {
  const auto bytes = event.finish();
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

// A level around its children, with its head and tail.
std::string level(uint32_t field, const std::string& head, const std::string& children, const std::string& tail) {
  return Expected().bytes(field, head + children + tail).str();
}
std::string points(const std::vector<std::string>& all) {
  Expected fields;
  for (const std::string& one : all) fields.bytes(kPoint, one);
  return fields.str();
}

}  // namespace

TEST_CASE("heads stand in front of the children of a level, and tails behind them") {
  Buffer buffer(4000);
  Event event(buffer.bytes.data(), {4000, 4000});
  REQUIRE(open(event, 1, 0, "<", ">") == 0);
  REQUIRE(open(event, 2, 3, "head", "tail") == 0);
  REQUIRE(open(event, 3, 500, "", "inner tail") == 0);
  REQUIRE(append(event, "one") == 0);
  REQUIRE(append(event, std::string(200, '2')) == 0);
  CHECK(event.depth() == 3);
  CHECK(event.key(1) == 2);
  CHECK(event.points() == 2);
  CHECK(finish(event) == "<" + level(3, "head", level(500, "", points({"one", std::string(200, '2')}), "inner tail"),
                                     "tail") + ">");
}

TEST_CASE("a level that got no points vanishes, whatever it changed") {
  Buffer buffer(4000);
  Event event(buffer.bytes.data(), {4000, 4000});
  const auto changing = [](uint32_t by) { return [by](Writer& out) { out.changes.strings_as_bytes += by; }; };
  const auto nothing = [](Writer&) {};
  REQUIRE(event.open(1, 1, changing(1), nothing) == 0);
  REQUIRE(append(event, "one") == 0);
  REQUIRE(event.open(2, 2, nothing, changing(10)) == 0);
  event.close_to(1);
  REQUIRE(event.open(3, 3, changing(100), nothing) == 0);
  REQUIRE(append(event, "two") == 0);
  REQUIRE(event.open(4, 4, changing(1000), nothing) == 0);
  CHECK(finish(event) == level(1, "", points({"one"}) + level(3, "", points({"two"}), ""), ""));
  CHECK(event.changes().strings_as_bytes == 101);
}

TEST_CASE("an event without points is empty") {
  Buffer buffer(100);
  Event event(buffer.bytes.data(), {100, 100});
  CHECK(finish(event).empty());
  REQUIRE(open(event, 1, 1, "head", "tail") == 0);
  CHECK(finish(event).empty());
}

TEST_CASE("the next event has the levels that the last one began with, and no others") {
  for (const size_t size : {size_t{1}, size_t{100}, size_t{120}, size_t{3000}}) {
    const std::string head(size / 2, 'h'), tail(size / 3, 't');
    Buffer buffer(8000);
    Event event(buffer.bytes.data(), {8000, 8000});
    REQUIRE(open(event, 1, 1, head, tail) == 0);
    REQUIRE(open(event, 2, 2, "x", tail) == 0);
    REQUIRE(append(event, "one") == 0);
    REQUIRE(open(event, 3, 3, "later", "later") == 0);
    REQUIRE(append(event, "two") == 0);
    const std::string inner = level(3, "later", points({"two"}), "later");
    CHECK(finish(event) == level(1, head, level(2, "x", points({"one"}) + inner, tail), tail));
    for (int again = 0; again < 3; ++again) {
      event.restart();
      REQUIRE(event.depth() == 2);
      CHECK(event.key(1) == 2);
      CHECK(event.points() == 0);
      REQUIRE(append(event, std::string(size, '3')) == 0);
      CHECK(finish(event) == level(1, head, level(2, "x", points({std::string(size, '3')}), tail), tail));
    }
  }
}

TEST_CASE("several points stop at the target, and a first one may go beyond it up to the limit") {
  const size_t around = level(1, "head", "", "tail").size();
  for (size_t target = 200; target < 400; ++target) {
    Buffer buffer(1000);
    Event event(buffer.bytes.data(), {target, 1000});
    REQUIRE(open(event, 1, 1, "head", "tail") == 0);
    std::vector<std::string> all;
    while (append(event, "a point of 20 bytes.") == 0) all.push_back("a point of 20 bytes.");
    const std::string whole = level(1, "head", points(all), "tail");
    CHECK(finish(event) == whole);
    CHECK(whole.size() <= target);
    all.push_back(all.back());
    CHECK(level(1, "head", points(all), "tail").size() > target);
  }
  for (size_t size = 900; size < 1000; ++size) {
    Buffer buffer(1000);
    Event event(buffer.bytes.data(), {200, 1000});
    REQUIRE(open(event, 1, 1, "head", "tail") == 0);
    // Tag and length of a point of this size take 3 bytes, the length of what is around it one more.
    const bool fits = around + 1 + 3 + size <= 1000;
    CHECK(append(event, std::string(size, 'x')) == (fits ? 0 : Event::kFull));
    CHECK(event.points() == (fits ? 1 : 0));
    // What goes beyond the target fills the event up to the limit.
    if (fits) CHECK(append(event, "") == (around + 1 + 3 + size + 2 <= 1000 ? 0 : Event::kFull));
  }
}

TEST_CASE("room() is what the first point may take, to the byte") {
  for (size_t limit = 20; limit < 400; ++limit) {
    for (const std::string& head : {std::string("head"), std::string(100, 'h'), std::string(126, 'h')}) {
      Buffer buffer(limit);
      Event event(buffer.bytes.data(), {limit, limit});
      if (open(event, 1, 1, head, "") != 0) continue;
      const ptrdiff_t room = event.room();
      if (room < 0) {
        CHECK(append(event, "") == Event::kFull);
        continue;
      }
      CHECK(append(event, std::string(static_cast<size_t>(room) + 1, 'x')) == Event::kFull);
      CHECK(append(event, std::string(static_cast<size_t>(room), 'x')) == 0);
      CHECK(finish(event).size() <= limit);
    }
  }
}

TEST_CASE("what fails leaves the event as it was, and says why") {
  Buffer buffer(100);
  Event event(buffer.bytes.data(), {100, 100});
  REQUIRE(open(event, 1, 1, "head", "tail") == 0);
  REQUIRE(append(event, "one") == 0);
  CHECK(open(event, 2, 2, std::string(200, 'h'), "") == Event::kFull);
  CHECK(open(event, 2, 2, "", std::string(200, 't')) == Event::kFull);
  CHECK(event.open(2, 2, [](Writer& out) { out.fail(7); }, writes("tail")) == 7);
  CHECK(append(event, std::string(200, 'x')) == Event::kFull);
  CHECK(event.append(kPoint, [](Writer& out) {
    out.bytes("some", 4);
    ++out.changes.values_emptied;
    out.fail(8);
    out.fail(9);
  }) == 8);
  CHECK(finish(event) == level(1, "head", points({"one"}), "tail"));
  CHECK(event.changes().values_emptied == 0);
}
