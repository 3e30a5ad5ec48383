"""A program in a pseudo-terminal: what it writes and when, what it is sent and when."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from ..processes import MARK
from ..say import LabError
from .screen import FRAME, Screen


class Console:
    """Times are nanoseconds of the clock of the day, which the other processes of the benchmark tell too."""

    def __init__(self, argv, state, env=None, columns=160, rows=50):
        self.argv = [str(word) for word in argv]
        self.chunks = []
        self.screen = Screen(columns, rows)
        self.fed = 0
        home = Path(state) / "home"
        home.mkdir(exist_ok=True)
        clean = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor",
                 "LANG": "C.UTF-8", MARK: str(state), **(env or {})}
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began = time.time_ns()
        self.process = subprocess.Popen(
            self.argv, stdin=slave, stdout=slave, stderr=slave, env=clean, cwd=home, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def read(self, seconds):
        """Take in what is written for so long; nothing else is done meanwhile."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 1 << 16)
                except OSError:
                    data = b""
                if not data:
                    self.process.wait()
                    raise LabError(f"{self.argv[0]} ended with {self.process.returncode}. It had written:\n{self.settle().text().rstrip()}")
                self.chunks.append((time.time_ns(), data))

    def settle(self):
        """The screen after all that was read."""
        for _ in self.frames():
            pass
        return self.screen

    def frames(self):
        """The screen after each further read, with the time, whether a frame ended there, and the bytes."""
        while self.fed < len(self.chunks):
            at, data = self.chunks[self.fed]
            self.fed += 1
            self.screen.feed(data)
            # The end of a frame may lie across two reads.
            before = self.chunks[self.fed - 2][1][1 - len(FRAME):] if self.fed > 1 else b""
            yield at, self.screen, FRAME in before + data, len(data)

    def press(self, keys):
        at = time.time_ns()
        os.write(self.master, keys.encode())
        return at

    def when(self, test, seconds, what, step=0.25):
        """When the screen first was so, in seconds after the start; reads on until it is."""
        until = time.monotonic() + seconds
        while True:
            for at, screen, _, _ in self.frames():
                if test(screen):
                    return (at - self.began) / 1e9
            if time.monotonic() > until:
                raise LabError(f"Waited {seconds} s in vain for {what} of {Path(self.argv[0]).name}. Its screen:\n{self.screen.text().rstrip()}")
            self.read(step)

    def resident(self):
        """Resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def cpu(self):
        """Seconds on a core so far, by the process's own clock: to the nanosecond, threads that ended included."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # clock_getcpuclockid(3), which Python has not

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)
