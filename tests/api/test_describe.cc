// SPDX-License-Identifier: Apache-2.0
// otelue_describe(): the sentence for each outcome, literally.
#include <otelue/otelue.hpp>

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "catch.h"

namespace {

otelue_result result_of(uint32_t total, uint32_t exported) {
  otelue_result result{};
  result.struct_size = sizeof result;
  result.listening = 1;
  result.points_total = total;
  result.points_exported = exported;
  result.events = exported > 0 ? 1 + exported / 100 : 0;
  return result;
}

std::string describe(const std::string& data, int returned, const otelue_result* result) {
  std::string text(4096, '?');
  const int size = otelue_describe(data.data(), data.size(), returned, result, text.data(), text.size());
  REQUIRE(size >= 0);
  REQUIRE(text[static_cast<size_t>(size)] == '\0');
  text.resize(static_cast<size_t>(size));
  return text;
}
std::string describe(int returned, const otelue_result& result) {
  std::string text(4096, '?');
  text.resize(static_cast<size_t>(otelue_describe(nullptr, 0, returned, &result, text.data(), text.size())));
  return text;
}

// A gauge of that name with `points` points, below a resource with one attribute and a scope.
std::string batch_of(std::string_view name, int points, std::string_view resource = "shop") {
  otelue::Batch batch;
  batch.set_resource({{"service.name", resource}}, "schema");
  const auto gauge = batch.gauge(batch.scope("meter", "1.0", {{"scope", "x"}}, "schema"), name);
  for (int i = 0; i < points; ++i) batch.point(gauge, i);
  const auto [data, size] = batch.finish();
  return {static_cast<const char*>(data), size};
}

std::string field(unsigned number, const std::string& bytes) {
  REQUIRE(bytes.size() < 16384);
  const char length[2] = {static_cast<char>(bytes.size() | 0x80), static_cast<char>(bytes.size() >> 7)};
  std::string head(1, static_cast<char>(number << 3 | 2));
  head += bytes.size() < 128 ? std::string(1, static_cast<char>(bytes.size())) : std::string(length, 2);
  return head + bytes;
}

// A request with one scope and these metrics, which have two gauge points each.
std::string request_of(const std::vector<std::string>& names, const std::string& resource) {
  std::string metrics = field(1, field(1, "meter"));
  for (const std::string& name : names) {
    const std::string point = field(1, std::string("\x31\1\0\0\0\0\0\0\0", 9));
    metrics += field(2, field(1, "old name") + field(1, name) + field(5, point + point));
  }
  return field(1, field(1, resource) + field(2, metrics) + field(3, "schema"));
}

otelue_result lost(uint32_t point, uint32_t reason) {
  otelue_result result = result_of(1000, 998);
  result.first_bad_point = point;
  result.first_bad_reason = reason;
  switch (reason) {
    case OTELUE_REASON_TOO_LARGE:
    case OTELUE_REASON_HEAD_TOO_LARGE:
      result.points_too_large = 2;
      break;
    case OTELUE_REASON_WRITE:
      result.points_unwritten = 2;
      break;
    default:
      result.points_invalid = 2;
      break;
  }
  return result;
}

template <typename Change>
std::string described_header(Change&& change) {
  std::string batch = batch_of("gauge", 3);
  otelue_batch header;
  std::memcpy(&header, batch.data(), sizeof header);
  change(header);
  std::memcpy(batch.data(), &header, sizeof header);
  otelue_cursor cursor{};
  size_t written = 0;
  std::vector<char> out(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK);
  const int returned = otelue_encode_next(batch.data(), batch.size(), nullptr, &cursor, out.data(), out.size(),
                                          &written, nullptr);
  CHECK(returned == (header.version != 1 || header.flags != 0 ? -EOPNOTSUPP : -EBADMSG));
  return describe(batch, returned, nullptr);
}

}  // namespace

TEST_CASE("an export without loss is described by its numbers") {
  CHECK(describe(0, result_of(1000, 1000)) == "all 1000 points were exported in 11 events");
  CHECK(describe(0, result_of(1, 1)) == "1 point was exported in 1 event");
  CHECK(describe(0, result_of(0, 0)) == "there were no points to export");

  otelue_result changed = result_of(10, 10);
  changed.exemplars_dropped = 1;
  CHECK(describe(0, changed) ==
        "all 10 points were exported in 1 event; 1 exemplar, too large or malformed, left out");
  changed.strings_as_bytes = 2;
  changed.values_emptied = 3;
  CHECK(describe(0, changed) ==
        "all 10 points were exported in 1 event; 1 exemplar, too large or malformed, left out; "
        "2 strings, not UTF-8, sent as bytes; 3 values, nested too deep, sent empty");
}

TEST_CASE("nobody listens and cannot register are told apart") {
  otelue_result unheard = result_of(7, 0);
  unheard.listening = 0;
  unheard.points_unheard = 7;
  CHECK(describe(0, unheard) == "none of 7 points was exported: nobody listens");
  const std::pair<uint32_t, const char*> steps[] = {
      {OTELUE_STEP_FIND,
       "user_events_data was not found, so the kernel lacks CONFIG_USER_EVENTS or tracefs is not mounted"},
      {OTELUE_STEP_OPEN, "user_events_data, or the recording, cannot be opened"},
      {OTELUE_STEP_REGISTER, "the kernel refused to register the tracepoint"},
      {OTELUE_STEP_PROBE, "the kernel refused a probe"},
      {OTELUE_STEP_WRITE, "the kernel refused an event"},
      {OTELUE_STEP_SHUTDOWN, "the exporter was shut down"},
      {99, "the tracepoint cannot be used"},
  };
  for (const auto& [step, words] : steps) {
    unheard.step = step;
    CHECK(describe(0, unheard) == std::string("none of 7 points was exported: ") + words);
  }
  // A request that nobody hears is not read.
  otelue_result unread{};
  unread.struct_size = sizeof unread;
  CHECK(describe(request_of({"a"}, ""), 0, &unread) == "nothing was exported: nobody listens");
  CHECK(describe(batch_of("a", 0), 0, &unread) == "there were no points to export");

  otelue_result left = result_of(1000, 400);
  left.points_unheard = 600;
  CHECK(describe(0, left) == "400 of 1000 points were exported in 5 events; then nobody listened any longer");
  left = result_of(2, 0);
  left.points_unheard = 2;
  CHECK(describe(0, left) == "none of 2 points was exported: nobody listened any longer");
}

TEST_CASE("lost points are counted by class, and the first is named") {
  const std::string batch = batch_of("http.requests", 20);
  otelue_result result = lost(17, OTELUE_REASON_TEXT);
  CHECK(describe(batch, OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 17: "
        "a name, unit, schema URL or key is not UTF-8");
  result.points_too_large = 1;
  result.points_unwritten = 5;
  result.points_unheard = 92;
  CHECK(describe(batch, OTELUE_PARTIAL, &result) ==
        "8 of 1000 points were not exported (2 invalid, 1 too large, 5 not written), and nobody listened any longer to "
        "92 others; first http.requests, point 17: a name, unit, schema URL or key is not UTF-8");
  result = lost(3, OTELUE_REASON_WRITE);
  result.points_total = 1;
  result.points_unwritten = 1;
  result.last_errno = 28;
  CHECK(describe(batch, OTELUE_PARTIAL, &result) ==
        "1 of 1 point was not exported; first http.requests, point 3: the event could not be written (errno 28)");
  // A point that is not there, and input that is not at hand.
  result = lost(20, OTELUE_REASON_KIND);
  CHECK(describe(batch, OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first point 20: the metric's kind is unknown");
  CHECK(describe(OTELUE_PARTIAL, result) ==
        "2 of 1000 points were not exported; first point 20: the metric's kind is unknown");
}

TEST_CASE("a point that is too large is described with what surrounds it") {
  // Resource: 2 + 2 + 14 + 2 + 2 + 4 bytes ("service.name": "shop"), scope: 2 + 7 + 5 + 14, schema URLs: 8 each, and 3
  // for each of the two messages around them.
  otelue_result result = lost(1, OTELUE_REASON_TOO_LARGE);
  CHECK(describe(batch_of("http.requests", 2), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 1: too large for an event, of which resource "
        "and scope are 76 bytes");
  // Four lengths take another byte.
  CHECK(describe(batch_of("http.requests", 2, std::string(8044, 'x')), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 1: too large for an event, of which resource "
        "and scope are 8120 bytes");
  CHECK(describe(batch_of("http.requests", 2, std::string(13000, 'x')), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 1: too large for an event, of which resource "
        "and scope are more than 12288 bytes");

  result = lost(3, OTELUE_REASON_HEAD_TOO_LARGE);
  CHECK(describe(request_of({"a", "http.requests"}, std::string(9000, 'x')), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 3: resource, scope and metric leave no room "
        "for a point in an event; resource and scope are 9026 bytes");
  result.first_bad_reason = OTELUE_REASON_TOO_LARGE;
  CHECK(describe(request_of({"a", "http.requests"}, "xxxx"), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 3: too large for an event, of which resource "
        "and scope are 29 bytes");
  result.first_bad_point = 4;
  CHECK(describe(request_of({"a", "http.requests"}, "xxxx"), OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first point 4: too large for an event");
}

TEST_CASE("what the encoder says is described") {
  otelue::Batch batch;
  const auto gauge = batch.gauge(batch.scope("meter"), "g");
  batch.point(gauge, 1);
  batch.point(gauge, 2, {{"k", std::string(9000, 'x')}});
  batch.point(gauge, 3, {{"\xff", 1}});
  const auto [data, size] = batch.finish();
  otelue_cursor cursor{};
  otelue_result result{};
  result.struct_size = sizeof result;
  std::vector<char> out(OTELUE_DEFAULT_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK);
  size_t written = 0;
  while (otelue_encode_next(data, size, nullptr, &cursor, out.data(), out.size(), &written, &result) == 1) {
  }
  CHECK(describe({static_cast<const char*>(data), size}, OTELUE_PARTIAL, &result) ==
        "2 of 3 points were not exported (1 invalid, 1 too large); first g, point 1: too large for an event, of which "
        "resource and scope are 15 bytes");
}

TEST_CASE("a refused call is described by what is wrong") {
  const std::string batch = batch_of("gauge", 3);
  CHECK(described_header([](otelue_batch& h) { h.header_size = 40; }) ==
        "nothing was exported: the batch is malformed: header_size is 40, not 32");
  CHECK(described_header([](otelue_batch& h) { h.version = 2; }) ==
        "nothing was exported: the batch is malformed: version is 2, and this library reads 1 to 1");
  CHECK(described_header([](otelue_batch& h) { h.flags = 4; }) ==
        "nothing was exported: the batch is malformed: flags is 4, and this library knows none");
  CHECK(described_header([](otelue_batch& h) { h.reserved = 5; }) ==
        "nothing was exported: the batch is malformed: reserved is 5, not 0");
  CHECK(described_header([](otelue_batch& h) { h.total_size = 31; }) ==
        "nothing was exported: the batch is malformed: total_size is 31, less than the header");
  CHECK(described_header([](otelue_batch& h) { h.total_size = 1000000; }) ==
        "nothing was exported: the batch is malformed: total_size is 1000000, and only " +
            std::to_string(batch.size()) + " bytes were handed in");
  CHECK(described_header([](otelue_batch& h) { h.points.off = 33; }) ==
        "nothing was exported: the batch is malformed: points.off is 33, not a multiple of 8");
  CHECK(described_header([](otelue_batch& h) { h.points.off = 24; }) ==
        "nothing was exported: the batch is malformed: points.off is 24, inside the header");
  CHECK(described_header([](otelue_batch& h) { h.points = {64, 1000}; }) ==
        "nothing was exported: the batch is malformed: 1000 points from offset 64 on reach beyond total_size, " +
            std::to_string(batch.size()));
  CHECK(described_header([](otelue_batch& h) { h.magic = __builtin_bswap32(h.magic); }) ==
        "nothing was exported: the batch is in another machine's byte order");
  CHECK(described_header([](otelue_batch& h) { h.magic = 0xffffffff; }) ==
        "nothing was exported: this is neither a batch, which begins with OTELUE_BATCH_MAGIC, nor a well-formed request");
  CHECK(describe(batch.substr(0, 12), -EBADMSG, nullptr) ==
        "nothing was exported: the batch is malformed: 12 bytes are less than its header");
  CHECK(describe("", -EBADMSG, nullptr) == "nothing was exported: there are no bytes");
  CHECK(describe(request_of({"a"}, ""), -EBADMSG, nullptr) ==
        "nothing was exported: this is an encoded request and not a batch");
  CHECK(describe(batch, -ESHUTDOWN, nullptr) == "nothing was exported: the exporter is shut down");
  CHECK(describe(batch, -EINVAL, nullptr) == "nothing was exported: invalid argument");
}

TEST_CASE("a batch and a request are told apart in either byte order") {
  // On a big-endian machine the magic number is also the tag of field 8, of four bytes: here it is 45 55 54 4f 00.
  const std::string odd = std::string("\x45\x55\x54\x4f\0", 5) + request_of({"http.requests"}, "xxxx");
  const otelue_result result = lost(1, OTELUE_REASON_KIND);
  CHECK(describe(odd, OTELUE_PARTIAL, &result) ==
        "2 of 1000 points were not exported; first http.requests, point 1: the metric's kind is unknown");
  CHECK(describe(std::string("OTUE") + request_of({"http.requests"}, "xxxx"), -EBADMSG, nullptr).find(
            "http.requests") == std::string::npos);
}

TEST_CASE("without a result, or with an old caller's, the sentence says what is known") {
  CHECK(describe("", 0, nullptr) == "every point was exported, or nobody listens");
  CHECK(describe("", OTELUE_PARTIAL, nullptr) == "some points were not exported");
  otelue_result old = lost(17, OTELUE_REASON_KIND);
  for (uint32_t size : {4u, 28u}) {
    old.struct_size = size;
    CHECK(describe(OTELUE_PARTIAL, old) == "some points were not exported");
  }
  old.struct_size = 32;
  CHECK(describe(OTELUE_PARTIAL, old) == "2 of 1000 points were not exported");
  old.struct_size = sizeof old + 100;  // a newer caller: the rest is not looked at
  CHECK(describe(OTELUE_PARTIAL, old) ==
        "2 of 1000 points were not exported; first point 17: the metric's kind is unknown");
  old.struct_size = 3;
  CHECK(otelue_describe(nullptr, 0, 0, &old, nullptr, 0) == -EINVAL);
  CHECK(otelue_describe(nullptr, 0, 0, nullptr, nullptr, 1) == -EINVAL);
}

TEST_CASE("names cannot mislead a reader, a log or a terminal") {
  const otelue_result result = lost(0, OTELUE_REASON_KIND);
  auto shown = [&](const std::string& name) {
    const std::string begin = "2 of 1000 points were not exported; first ";
    const std::string end = ", point 0: the metric's kind is unknown";
    const std::string text = describe(batch_of(name, 1), OTELUE_PARTIAL, &result);
    REQUIRE(text.size() >= begin.size() + end.size());
    CHECK(text.substr(0, begin.size()) == begin);
    CHECK(text.substr(text.size() - end.size()) == end);
    CHECK(describe(request_of({name}, ""), OTELUE_PARTIAL, &result) == text);
    return text.substr(begin.size(), text.size() - begin.size() - end.size());
  };
  CHECK(shown("a.b_c-d/e9") == "a.b_c-d/e9");
  CHECK(shown("a, point 1: fine; first b") == "\"a, point 1: fine; first b\"");
  CHECK(shown("say \"so\" \\o/") == "\"say \\\"so\\\" \\\\o/\"");
  CHECK(shown("a\n2026 b") == "\"a\\u{a}2026 b\"");
  CHECK(shown("\x1b[31m") == "\"\\u{1b}[31m\"");
  CHECK(shown("\x7f") == "\"\\u{7f}\"");
  CHECK(shown("größe €𝄞") == "\"größe €𝄞\"");
  CHECK(shown("\xff\xc3") == "\"\\xff\\xc3\"");
  CHECK(shown("\xc0\x80\xed\xa0\x80") == "\"\\xc0\\x80\\xed\\xa0\\x80\"");  // overlong, surrogate
  CHECK(shown("\xc2\x80\xc2\x9f") == "\"\\u{80}\\u{9f}\"");
  CHECK(shown("\xc2\xa0") == "\"\xc2\xa0\"");
  const std::pair<const char*, const char*> hidden[] = {
      {"\xd8\x9c", "61c"},      {"\xe2\x80\x8e", "200e"}, {"\xe2\x80\x8f", "200f"}, {"\xe2\x80\xa8", "2028"},
      {"\xe2\x80\xa9", "2029"}, {"\xe2\x80\xaa", "202a"}, {"\xe2\x80\xae", "202e"}, {"\xe2\x81\xa6", "2066"},
      {"\xe2\x81\xa9", "2069"}, {"\xef\xbb\xbf", "feff"}};
  for (const auto& [bytes, number] : hidden) CHECK(shown(bytes) == "\"\\u{" + std::string(number) + "}\"");
  CHECK(shown("\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa") == "\"\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa\"");  // their neighbours
  CHECK(shown(std::string(100, 'n')) == std::string(100, 'n'));
  CHECK(shown(std::string(101, 'n')) == std::string(100, 'n') + "...");
  CHECK(shown(std::string(99, 'n') + "é") == std::string(99, 'n') + "...");
  CHECK(shown(std::string(101, '\x80')) == [] {
    std::string escaped = "\"";
    for (int i = 0; i < 97; ++i) escaped += "\\x80";
    return escaped + "...\"";
  }());
}

TEST_CASE("a sentence that does not fit ends behind a whole character") {
  const otelue_result result = lost(0, OTELUE_REASON_KIND);
  const std::string batch = batch_of("größe €𝄞", 1);
  const std::string whole = describe(batch, OTELUE_PARTIAL, &result);
  CHECK(otelue_describe(batch.data(), batch.size(), OTELUE_PARTIAL, &result, nullptr, 0) ==
        static_cast<int>(whole.size()));
  for (size_t capacity = 1; capacity <= whole.size() + 1; ++capacity) {
    std::string text(capacity + 1, '?');
    REQUIRE(otelue_describe(batch.data(), batch.size(), OTELUE_PARTIAL, &result, text.data(), capacity) ==
            static_cast<int>(whole.size()));
    REQUIRE(text[capacity] == '?');
    size_t fits = capacity - 1;
    while (fits < whole.size() && (static_cast<unsigned char>(whole[fits]) & 0xc0) == 0x80) --fits;
    REQUIRE(std::string(text.c_str()) == whole.substr(0, fits));
  }
}

TEST_CASE("nothing outside the input is read, whatever its bytes") {
  // The input ends where memory ends.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<char*>(mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  REQUIRE(mprotect(memory + 2 * page, page, PROT_NONE) == 0);
  uint64_t random = 1;
  size_t named = 0;
  for (const std::string& whole : {batch_of("http.requests", 20), request_of({"http.requests", "b"}, "xxxx")}) {
    REQUIRE(whole.size() < 2 * page);
    for (int i = 0; i < 20000; ++i) {
      std::string data = whole;
      random = random * 6364136223846793005u + 1442695040888963407u;
      data[static_cast<size_t>(random >> 33) % data.size()] ^= static_cast<char>(1 << (random >> 60) % 8);
      if (i % 2 == 0) data.resize(static_cast<size_t>(random >> 20) % (data.size() + 1));
      char* at = memory + 2 * page - data.size();
      std::memcpy(at, data.data(), data.size());
      const otelue_result result = lost(static_cast<uint32_t>(i % 24), OTELUE_REASON_TOO_LARGE);
      char text[300];
      const int size = otelue_describe(at, data.size(), i % 3 == 0 ? -EBADMSG : 1, &result, text, sizeof text);
      REQUIRE(size > 20);
      named += std::string_view(text).find("first http.requests, ") != std::string_view::npos;
    }
  }
  CHECK(named > 1000);
  munmap(memory, 3 * page);
}

TEST_CASE("a small stack is enough, however deep attributes are nested") {
  static std::string batch;
  static int size = 0;
  otelue::Value nested = 1;
  for (int i = 0; i < 80; ++i) nested = otelue::Value::array({nested});
  otelue::Batch builder;
  builder.set_resource({{"nested", nested}, {"long", std::string(60000, 'x')}});
  builder.point(builder.gauge({}, std::string(60000, '\x80')), 1, {{"nested", nested}});
  const auto [data, batch_size] = builder.finish();
  batch.assign(static_cast<const char*>(data), batch_size);
  auto run = [](void*) -> void* {
    const otelue_result result = lost(0, OTELUE_REASON_TOO_LARGE);
    char text[1000];
    size = otelue_describe(batch.data(), batch.size(), 1, &result, text, sizeof text);
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_t thread;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 32768) == 0);
  REQUIRE(pthread_create(&thread, &attributes, run, nullptr) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  CHECK(size > 400);
}
