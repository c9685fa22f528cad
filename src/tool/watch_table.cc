// SPDX-License-Identifier: Apache-2.0
#include "watch_table.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "io.h"
#include "printer.h"
#include "screen.h"
#include "series.h"
#include "table.h"
#include "text.h"

namespace otelue::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kDrawEvery{250};
constexpr milliseconds kLookEvery{50};  // for keys
constexpr size_t kLongestInput = 200;
constexpr const char* kHelp = "q quits, s sorts by the next column, r reverses, / filters, arrows and pages scroll";

uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// Words as `metric=a`, `attribute=b=c`, `service=d` or `pid=7`; others are parts of the metric's name.
Filter parse_filter(const std::string& text) {
  Filter filter;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t at = word.find('=');
    const std::string name = word.substr(0, at == std::string::npos ? 0 : at);
    const std::string value = name.empty() ? word : word.substr(at + 1);
    if (name == "attribute") {
      filter.attribute = value;
    } else if (name == "service") {
      filter.service = value;
    } else if (name == "pid") {
      filter.pid = static_cast<uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else {
      filter.metric = name == "metric" ? value : word;
    }
  }
  return filter;
}

class Table {
 public:
  Table(const WatchOptions& options, Source& source, RecordingWriter* record)
      : options_(options), source_(source), record_(record), series_(options.count) {
    view_.filter = options.filter;
    view_.sort = options.sort;
    view_.is_reversed = options.is_reversed;
  }

  int run() {
    std::string trouble;
    {
      Screen screen;
      if (trouble = screen.open(); !trouble.empty()) return complain(trouble), kCannot;
      view_.is_utf8 = screen.is_utf8();
      loop(screen);
      source_.stop(sink());
      draw(screen);
    }
    trouble = !trouble_.empty() ? trouble_ : source_.error();
    if (!trouble.empty()) complain(trouble);
    for (const std::string& notice : notices_) complain(notice);
    complain(std::to_string(totals_.events) + " events, " + std::to_string(series_.points()) + " points, " +
             std::to_string(bytes_) + " bytes, " + std::to_string(totals_.lost) + " lost, " +
             std::to_string(totals_.undecodable) + " undecodable");
    if (!trouble.empty()) return kCannot;
    return totals_.lost == 0 && totals_.undecodable == 0 ? kDone : kIncomplete;
  }

 private:
  Sink sink() {
    Sink sink;
    sink.event = [this](const Event& event) {
      if (is_over()) return;
      if (record_ != nullptr) trouble_ = record_->event(event);
      ++totals_.events;
      bytes_ += event.payload.size();
      latest_ = std::max(latest_, event.time_unix_nano);
      if (!series_.take(event)) ++totals_.undecodable;
    };
    sink.lost = [this](uint64_t count, int cpu) {
      if (record_ != nullptr && trouble_.empty()) trouble_ = record_->lost(count, cpu);
      totals_.lost += count;
    };
    sink.damaged = [this](const std::string&) {
      ++totals_.events;
      ++totals_.undecodable;
    };
    sink.notice = [this](const std::string& what) {
      notices_.push_back(what);
      if (notices_.size() > kMostNotices) notices_.erase(notices_.begin());
    };
    return sink;
  }

  bool is_over() const { return !trouble_.empty() || has_quit_ || series_.is_full(); }

  void loop(Screen& screen) {
    const auto end =
        options_.seconds == 0 ? Clock::time_point::max() : Clock::now() + std::chrono::seconds(options_.seconds);
    const Sink into = sink();
    auto drawn = Clock::time_point{};
    bool has_more = true;
    while (!is_over() && !is_interrupted() && Clock::now() < end) {
      const auto left = std::min(std::chrono::ceil<milliseconds>(end - Clock::now()), kLookEvery);
      if (has_more) {
        has_more = source_.poll(static_cast<int>(left.count()), into);
        if (!has_more && !source_.error().empty()) return;
      } else {
        wait_for(interruption(), 0, static_cast<int>(left.count()));  // what a recording had stays to be looked at
      }
      const bool has_key = take_keys(screen);
      if (has_key || Clock::now() - drawn >= kDrawEvery) {
        draw(screen);
        drawn = Clock::now();
      }
    }
  }

  void draw(Screen& screen) {
    const size_t height = screen.height();
    rows_ = height > 3 ? height - 3 : 1;
    // In a recording nothing grows older.
    auto lines = lay_out(series_, totals_, &view_, options_.file.empty() ? now() : latest_, screen.width(),
                         height > 1 ? height - 1 : height);
    if (height > 3) {
      lines.resize(height - 1);
      const std::string last = is_typing_         ? "filter: " + printable(input_) + '_'
                               : notices_.empty() ? kHelp
                                                  : printable(notices_.back());
      lines.push_back(fitted(last, screen.width(), view_.is_utf8));
    }
    // What was lost must not be overlooked.
    screen.draw(lines, totals_.lost > 0 ? std::vector<size_t>{0, 1} : std::vector<size_t>{1});
  }

  bool take_keys(Screen& screen) {
    bool has_any = false;
    char character = 0;
    for (Key key; (key = screen.key(&character)) != Key::kNone; has_any = true) {
      if (is_typing_) {
        type(key, character);
      } else {
        take(key, character);
      }
    }
    return has_any;
  }

  void type(Key key, char character) {
    if (key == Key::kEscape) is_typing_ = false;
    if (key == Key::kErase && !input_.empty()) input_.pop_back();
    if (key == Key::kCharacter && character != 0 && input_.size() < kLongestInput) input_ += character;
    if (key == Key::kEnter) {
      view_.filter = parse_filter(input_);
      view_.first = 0;
      is_typing_ = false;
    }
  }

  void take(Key key, char character) {
    const size_t page = std::max<size_t>(rows_, 1);
    switch (key) {
      case Key::kUp:
        view_.first -= std::min<size_t>(view_.first, 1);
        break;
      case Key::kDown:
        ++view_.first;  // the layout keeps it within the rows
        break;
      case Key::kPageUp:
        view_.first -= std::min(view_.first, page);
        break;
      case Key::kPageDown:
        view_.first += page;
        break;
      case Key::kHome:
        view_.first = 0;
        break;
      case Key::kEnd:
        view_.first = AllSeries::kMostSeries;
        break;
      case Key::kCharacter:
        if (character == 'q') has_quit_ = true;
        if (character == 'r') view_.is_reversed = !view_.is_reversed;
        if (character == 's') view_.sort = static_cast<Column>((static_cast<size_t>(view_.sort) + 1) % kColumns);
        if (character == '/') is_typing_ = true, input_.clear();
        break;
      default:
        break;
    }
  }

  static constexpr size_t kMostNotices = 100;

  const WatchOptions& options_;
  Source& source_;
  RecordingWriter* const record_;
  AllSeries series_;
  Totals totals_;
  View view_;
  uint64_t bytes_ = 0;
  uint64_t latest_ = 0;  // arrival
  size_t rows_ = 1;
  bool has_quit_ = false;
  bool is_typing_ = false;
  std::string input_;
  std::string trouble_;
  std::vector<std::string> notices_;
};

}  // namespace

int watch_table(const WatchOptions& options, Source& source, RecordingWriter* record) {
  return Table(options, source, record).run();
}

}  // namespace otelue::tool
