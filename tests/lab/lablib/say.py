"""What the lab tells the person who runs it."""

import sys
import time

_started = time.monotonic()


class LabError(Exception):
    """Something went wrong that a sentence explains; the caller prints it and exits 1."""


def say(text):
    """Print one sentence with the seconds since the command started."""
    print(f"[{time.monotonic() - _started:6.1f} s] {text}", flush=True)


def plain(text):
    print(text, flush=True)


def complain(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def last_lines(path, count=25):
    """The end of a log, for a message about the process that wrote it."""
    try:
        with open(path, errors="replace") as file:
            lines = file.read().splitlines()[-count:]
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join("    " + line for line in lines) or "    (the log is empty)"
