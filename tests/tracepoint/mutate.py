#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a fault into a source: mutate.py NAME SOURCE OUTPUT. Without arguments, one line for each fault: its name, the
program that must find it, and its source."""

import pathlib
import sys

TRACEPOINT = "user_events/tracepoint.cc"
DATA_FILE = "user_events/data_file.cc"

# Name: the program, the source, what stands there, and what takes its place.
MUTANTS = {
    # A child closes what it inherited before it has anything of its own.
    "inherited_is_closed": (
        "interleavings", TRACEPOINT,
        "  retry_.reset();\n  heal_.reset();\n  own.is_native",
        "  if (link.fd >= 0) forget(link);\n  heal_.reset();\n  own.is_native",
    ),
    # Any file that is open for writing only is ours.
    "any_file_is_ours": (
        "interleavings", "process/descriptors.cc",
        "return (found & kLasting) == ((flags | kMark) & kLasting) ? 0 : EBADF;",
        "return (found & O_ACCMODE) == (flags & O_ACCMODE) ? 0 : EBADF;",
    ),
    # Nothing is looked at behind a pause.
    "pause_is_trusted": (
        "interleavings", TRACEPOINT,
        "  if (!ensure_registered(link, news)) *link = {};",
        "  (void)link, (void)news;",
    ),
    # A write that is refused with EBADF says that the listener has left.
    "ebadf_is_nobody": (
        "interleavings", TRACEPOINT,
        "    if (error == ENOENT) forget(*link);\n",
        "    if (error == ENOENT) forget(*link);\n    if (error == EBADF) return kNobody;\n",
    ),
    # Whoever finds another thread registering goes without.
    "loser_goes_without": (
        "interleavings", TRACEPOINT,
        "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);",
        "  if (own_.get().lock != 0) return false;\n"
        "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);",
    ),
    # Registrations are discarded whoever has made them, and their descriptors left open.
    "others_are_forgotten": (
        "interleavings", TRACEPOINT,
        "  if (link_.compare_exchange_strong(packed, 0, std::memory_order_acq_rel)) {\n    close_if_ours(link);",
        "  if ((void)packed, link_.exchange(0) != 0) {",
    ),
    # Two threads register at once, and neither notices.
    "last_one_holds": (
        "interleavings", TRACEPOINT,
        "link_.compare_exchange_strong(none, pack(link), std::memory_order_acq_rel)",
        "((void)none, link_.store(pack(link)), true)",
    ),
    "no_lock": (
        "interleavings", TRACEPOINT,
        "  const process::Lock lock(own_.get().lock, kPatience);\n  const int error = check(link);",
        "  const int error = check(link);",
    ),
    # The failures of the parent hold a child back.
    "back_off_is_inherited": (
        "interleavings", TRACEPOINT,
        "  retry_.reset();\n  heal_.reset();\n  own.is_native",
        "  own.is_native",
    ),
    # What the parent was opening stays open in a child.
    "opening_is_inherited": (
        "interleavings", TRACEPOINT,
        "  pending_.close_all(kDataFileFlags, link.fd);\n",
        "",
    ),
    # The word is left as it is, or registration is, when it says something that is not true.
    "word_is_not_cleared": (
        "interleavings", TRACEPOINT,
        "    if (!is_heard) word_->clear();\n",
        "",
    ),
    "word_is_not_healed": (
        "interleavings", TRACEPOINT,
        "  heal(link, found != Listeners::kNone, news);",
        "  (void)link, (void)found, (void)news;",
    ),
    # After a close the kernel's bits still count.
    "word_lives_on": ("interleavings", TRACEPOINT, "  word_->shut();\n", ""),
    # A descriptor that bears the mark is closed, whoever in the process has opened it.
    "mark_is_enough_to_close": (
        "interleavings", TRACEPOINT,
        "  if (process::has_number(link.fd, number)) ::close(link.fd);",
        "  (void)number, ::close(link.fd);",
    ),
    # Whoever does not know our index is asked again and again.
    "stranger_is_not_forgotten": (
        "interleavings", TRACEPOINT,
        "    // It bears our mark and does not know our index: another copy's, of another release.\n    forget(*link);",
        "    break;",
    ),
    "unregisters_nothing": (
        "interleavings", TRACEPOINT,
        "unregister(fd, word_->address(), bit);\n  }",
        "(void)fd;\n  }",
    ),
    # Each refused registration leaves a descriptor open.
    "refused_one_stays_open": (
        "failures", TRACEPOINT,
        "  if (check_data_file(link.fd) != EBADF) ::close(link.fd);\n",
        "",
    ),
    "back_off_is_a_minute": (
        "registering", TRACEPOINT,
        "kLongestDelay = 5'000'000'000;",
        "kLongestDelay = 60'000'000'000;",
    ),
    "healing_does_not_back_off": ("registering", TRACEPOINT, "    if (!heal_.take()) return;\n", ""),
    "elsewhere_is_nobody": (
        "registering", TRACEPOINT,
        "error == EFAULT ? Listeners::kHere : Listeners::kElsewhere;",
        "error == EFAULT ? Listeners::kHere : Listeners::kNone;",
    ),
    "all_bits_are_unregistered": (
        "registering", TRACEPOINT,
        "  const uint32_t bits = bits_.load(std::memory_order_relaxed);",
        "  const uint32_t bits = UINT32_MAX >> 1;",
    ),
    "debugfs_is_not_tried": (
        "registering", DATA_FILE,
        ', "/sys/kernel/debug/tracing/user_events_data"}) {',
        "}) {",
    ),
    "no_permission_ends_the_search": (
        "registering", DATA_FILE,
        "    if (const int fd = open_at(path); fd >= 0) return fd;\n  }\n  Lines lines;",
        "    if (const int fd = open_at(path); fd >= 0 || fd == -EACCES) return fd;\n  }\n  Lines lines;",
    ),
    # A child that a signal handler has forked leaves a gate that it has not entered.
    "gate_underflows": ("interrupted", "process/gate.cc", "while (inside > 0 && !count", "while (!count"),
    # A child's new exporter gets memory that an inherited one has.
    "wiped_memory_is_used": (
        "interrupted", "process/memory.cc",
        "chunk != nullptr && chunk->used.load(std::memory_order_relaxed) != 0",
        "chunk != nullptr",
    ),
    "threads_can_be_cancelled": (
        "interrupted", "abi/abi.cc",
        "    const Quiet guard;\n    return call",
        "    return call",
    ),
    "forks_do_not_wait": ("interrupted", "process/forks.cc", "  wait_for_none(holders, now() + kSecond);\n", ""),
    "pauses_do_not_end": ("interrupted", "process/gate.cc", "while (state_.load() == kOpen && now()", "while (now()"),
    "pacing_starts_once": ("cost", "exporter.cc", "\n      since_pause = 0;", ""),
    "every_write_is_checked": (
        "cost", TRACEPOINT,
        "    fill_head(head, link->write_index, static_cast<uint32_t>(size) << 16);\n",
        "    fill_head(head, link->write_index, static_cast<uint32_t>(size) << 16);\n    check(link);\n",
    ),
}

if len(sys.argv) == 1:
    for name, (program, file, _, _) in MUTANTS.items():
        print(name, program, file)
else:
    name, source, output = sys.argv[1:]
    _, file, before, after = MUTANTS[name]
    text = pathlib.Path(source).read_text()
    assert text.count(before) == 1, f"{name}: {text.count(before)} places in {file}"
    pathlib.Path(output).write_text(text.replace(before, after))
