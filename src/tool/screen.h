// SPDX-License-Identifier: Apache-2.0
// A terminal as ncurses has it, which gets back its own state however this ends.
#ifndef OTELUE_SRC_TOOL_SCREEN_H
#define OTELUE_SRC_TOOL_SCREEN_H

#include <cstddef>
#include <string>
#include <vector>

namespace otelue::tool {

enum class Key { kNone, kCharacter, kUp, kDown, kPageUp, kPageDown, kHome, kEnd, kEnter, kEscape, kErase };

class Screen {
 public:
  Screen() = default;
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Whether standard output is a terminal that tables can be drawn on.
  static bool is_possible();
  // Empty, or why not.
  std::string open();

  bool is_utf8() const { return is_utf8_; }
  size_t width() const;
  size_t height() const;
  // Draws these lines from the top, those at `bright` in reverse, and nothing below.
  void draw(const std::vector<std::string>& lines, const std::vector<size_t>& bright);
  // A key that was pressed, if one was. A character is in *character.
  Key key(char* character);

 private:
  void* screen_ = nullptr;
  void* input_ = nullptr;  // a FILE of its own when standard input is no terminal
  bool is_utf8_ = false;
};

}  // namespace otelue::tool

#endif
