// SPDX-License-Identifier: Apache-2.0
#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>

namespace otelue::tool {
namespace {

constexpr int kEscapeDelay = 25;  // milliseconds after which ESC is a key of its own

}  // namespace

bool Screen::is_possible() {
  const char* type = getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && type != nullptr && *type != '\0' && std::strcmp(type, "dumb") != 0;
}

std::string Screen::open() {
  if (isatty(STDOUT_FILENO) != 1) return "a table takes a terminal as standard output";
  setlocale(LC_CTYPE, "");
  is_utf8_ = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  // Keys come from the terminal even when a recording comes through standard input.
  FILE* input = stdin;
  if (isatty(STDIN_FILENO) != 1) {
    input = std::fopen("/dev/tty", "re");
    if (input == nullptr) input = std::fopen("/dev/null", "re");
    if (input == nullptr) return "no terminal to read keys from";
    input_ = input;
  }
  screen_ = newterm(nullptr, stdout, input);
  if (screen_ == nullptr) {
    const char* type = getenv("TERM");
    return std::string("a terminal of type ") + (type != nullptr ? type : "(none)") + " can show no table";
  }
  set_escdelay(kEscapeDelay);
  cbreak();
  noecho();
  nodelay(stdscr, true);
  keypad(stdscr, true);
  leaveok(stdscr, true);
  curs_set(0);
  return "";
}

Screen::~Screen() {
  if (screen_ != nullptr) {
    endwin();
    delscreen(static_cast<SCREEN*>(screen_));
  }
  if (input_ != nullptr) std::fclose(static_cast<FILE*>(input_));
}

size_t Screen::width() const { return static_cast<size_t>(std::max(getmaxx(stdscr), 1)); }
size_t Screen::height() const { return static_cast<size_t>(std::max(getmaxy(stdscr), 1)); }

void Screen::draw(const std::vector<std::string>& lines, const std::vector<size_t>& bright) {
  werase(stdscr);
  for (size_t i = 0; i < lines.size() && i < height(); ++i) {
    const bool is_bright = std::find(bright.begin(), bright.end(), i) != bright.end();
    if (is_bright) wattr_on(stdscr, A_REVERSE, nullptr);
    mvwaddnstr(stdscr, static_cast<int>(i), 0, lines[i].c_str(), static_cast<int>(lines[i].size()));
    if (is_bright) wattr_off(stdscr, A_REVERSE, nullptr);
  }
  wrefresh(stdscr);
}

Key Screen::key(char* character) {
  const int key = wgetch(stdscr);
  switch (key) {
    case ERR:
      return Key::kNone;
    case KEY_UP:
      return Key::kUp;
    case KEY_DOWN:
      return Key::kDown;
    case KEY_PPAGE:
      return Key::kPageUp;
    case KEY_NPAGE:
      return Key::kPageDown;
    case KEY_HOME:
      return Key::kHome;
    case KEY_END:
      return Key::kEnd;
    case KEY_ENTER:
    case '\r':
    case '\n':
      return Key::kEnter;
    case KEY_BACKSPACE:
    case 0x7f:
    case '\b':
      return Key::kErase;
    case 0x1b:
      return Key::kEscape;
    default:
      *character = static_cast<char>(key);
      if (key == KEY_RESIZE) *character = 0;
      return (key >= 0x20 && key < 0x100) || key == KEY_RESIZE ? Key::kCharacter : Key::kNone;
  }
}

}  // namespace otelue::tool
