#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a fault back that was once there: mutate.py NAME SOURCE OUTPUT copies a source with that fault in it."""

import pathlib
import sys

TRACEPOINT = "user_events/tracepoint.cc"
DESCRIPTORS = "process/descriptors.cc"

# Name: the file, what stands there, and what takes its place.
MUTANTS = {
    # A child closes what it inherited before it has anything of its own.
    "inherited_is_closed": (TRACEPOINT, "  retry_.reset();\n  heal_.reset();\n  own.is_native",
                            "  if (link.fd >= 0) forget(link);\n  heal_.reset();\n  own.is_native"),
    # Any file that is open for writing only is ours.
    "any_file_is_ours": (DESCRIPTORS, "return (found & kLasting) == ((flags | kMark) & kLasting) ? 0 : EBADF;",
                         "return (found & O_ACCMODE) == (flags & O_ACCMODE) ? 0 : EBADF;"),
    # Nothing is looked at behind a pause.
    "pause_is_trusted": (TRACEPOINT, "  if (!ensure_registered(link, news)) *link = {};", "  (void)link, (void)news;"),
    # A write that is refused with EBADF says that the listener has left.
    "ebadf_is_nobody": (TRACEPOINT, "    if (error == ENOENT) forget(*link);\n",
                        "    if (error == ENOENT) forget(*link);\n    if (error == EBADF) return kNobody;\n"),
    # Whoever finds another thread registering goes without.
    "loser_goes_without": (TRACEPOINT, "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);",
                           "  if (own_.get().lock != 0) return false;\n"
                           "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);"),
    # Registrations are discarded whoever has made them, and their descriptors left open.
    "others_are_forgotten": (TRACEPOINT, "  if (link_.compare_exchange_strong(packed, 0, std::memory_order_acq_rel)) {\n    close_if_ours(link);",
                             "  if ((void)packed, link_.exchange(0) != 0) {"),
    # Two threads register at once, and neither notices.
    "last_one_holds": (TRACEPOINT, "result == 0 && link_.compare_exchange_strong(none, pack(link), std::memory_order_acq_rel)",
                       "result == 0 && ((void)none, link_.store(pack(link)), true)"),
    "no_lock": (TRACEPOINT, "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);",
                "  const int error = check(link);"),
    # The failures of the parent hold a child back.
    "back_off_is_inherited": (TRACEPOINT, "  retry_.reset();\n  heal_.reset();\n  own.is_native", "  own.is_native"),
    # What the parent was opening stays open in a child.
    "opening_is_inherited": (TRACEPOINT, "  pending_.close_all(kDataFileFlags, link.fd);\n", ""),
    # The word is left as it is, or registration is, when it says something that is not true.
    "word_is_not_cleared": (TRACEPOINT, "    if (!is_heard) word_->clear();\n", ""),
    "word_is_not_healed": (TRACEPOINT, "  heal(link, found != Listeners::kNone, news);", "  (void)link, (void)found, (void)news;"),
    # After a close the kernel's bits still count.
    "word_lives_on": (TRACEPOINT, "  word_->shut();\n", ""),
    # A descriptor that bears the mark is closed, whoever in the process has opened it.
    "mark_is_enough_to_close": (TRACEPOINT, "  if (process::has_number(link.fd, number)) ::close(link.fd);",
                                "  (void)number, ::close(link.fd);"),
    "unregisters_nothing": (TRACEPOINT, "unregister(fd, word_->address(), bit);\n  }", "(void)fd;\n  }"),
}

if __name__ == "__main__":
    name, source, output = sys.argv[1:]
    file, before, after = MUTANTS[name]
    text = pathlib.Path(source).read_text()
    if source.endswith(file):
        assert text.count(before) == 1, f"{name}: {text.count(before)} places in {file}"
        text = text.replace(before, after)
    pathlib.Path(output).write_text(text)
