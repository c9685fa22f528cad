# SPDX-License-Identifier: Apache-2.0
"""The command on a terminal of its own: a pty, whose screen pyte draws."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios

import pyte
from command import TOOL


class Terminal:
    def __init__(self, *arguments, columns=120, lines=12, environment=None, is_job=False):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            if is_job:
                self.be_shell()
            variables = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(environment or {})}
            os.execvpe(TOOL, [TOOL, *arguments], {**os.environ, **variables})

    @staticmethod
    def be_shell():
        """Goes on in a child, a job that can be stopped; whenever it is, says so and lets it go on."""
        job = os.fork()
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            return
        while os.WIFSTOPPED(os.waitpid(job, os.WUNTRACED)[1]):
            os.tcsetpgrp(0, os.getpid())
            os.write(1, b"stopped")
            os.read(0, 1)
            os.tcsetpgrp(0, job)
            os.kill(job, signal.SIGCONT)
        os._exit(0)

    def read(self):
        """Takes what there is, or waits for more. False: the other end is closed."""
        if not select.select([self.fd], [], [], 300)[0]:
            raise TimeoutError(repr(self.lines()))
        try:
            block = os.read(self.fd, 65536)
        except OSError:
            return False
        self.raw += block
        self.stream.feed(block)
        return True

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def wait_for(self, condition):
        """Until the lines of the screen are as wanted, and the screen has been painted to its end, behind which there is
        a pause; the suite's time limit ends it otherwise."""
        while True:
            is_met = condition(self.lines())
            if is_met and not select.select([self.fd], [], [], 0.3)[0]:
                return self.lines()
            if not self.read():
                assert is_met, "it has ended: " + repr(self.lines())
                return self.lines()

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.fd)[:4]

    def end(self):
        """The exit status, once it has ended."""
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
