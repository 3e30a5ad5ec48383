"""How each figure is measured: on the screen of the console, from outside."""

import json
import os
import random
import re
import subprocess
import time
from statistics import median

from ..parts import program
from ..processes import MARK as MARKED
from ..say import LabError
from .bare import TOKEN
from .console import Console
from .fill import LAST, MARKS

ROW = re.compile(r"team-\d\d|app-\d{5}")            # a row of an object, or of a namespace with its count
SELECTED = re.compile(r"[▸◆]\s*\S?\s+((?:team|app|mark|zz)-[^\s│]+)")
MARK = re.compile(r"mark-0\S*\s.*?due (\d+)d")
TYPED = re.compile(r"filter / (\S*)")
PAGE_DOWN = "\x1b[6~"
PATIENCE = 15.0  # seconds after which a key or a change counts as never seen


def complete(count):
    """The heading says how many there are, and no longer that it is so far."""
    digits = f"{count:,}".replace(",", "[, .]?")
    return re.compile(rf"\b{digits}\b(?! so far)")


class Sealwatch:
    """The release binary on a lab."""

    def __init__(self, bare, binary):
        self.bare, self.binary = bare, binary

    def start(self, user="alone", vault=False):
        env = {"BAO_ADDR": f"http://{self.bare.vault}", "BAO_TOKEN": TOKEN} if vault else {}
        return Console([self.binary, "--kubeconfig", self.bare.kubeconfig(user), "-A", "--no-mouse"], self.bare.state, env)


class K9s:
    """k9s, showing the same table."""

    def __init__(self, bare):
        self.bare = bare

    def start(self, user="alone"):
        config = self.bare.state / "home/k9s"
        config.mkdir(parents=True, exist_ok=True)
        # It would ask the network for its newest release.
        (config / "config.yaml").write_text("k9s:\n  skipLatestRevCheck: true\n")
        argv = [program("k9s", "k9s"), "--kubeconfig", self.bare.kubeconfig(user), "-A", "-c", "externalsecrets", "--readonly", "--logoless", "--splashless"]
        return Console(argv, self.bare.state, {"K9S_CONFIG_DIR": str(config), "K9S_LOGS_DIR": str(self.bare.state / "logs")})


def kubectl(bare):
    """`kubectl get` of the same, in seconds."""
    started = time.monotonic()
    done = subprocess.run([program("kubectl", "kubectl"), "--kubeconfig", bare.kubeconfig("alone"), "get", "externalsecrets.external-secrets.io", "-A"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, env={"HOME": str(bare.state / "home")})
    if done.returncode:
        raise LabError(f"kubectl failed: {done.stderr.strip()[-500:]}")
    return time.monotonic() - started


def start_up(start, count, patience, raw):
    """First rows and complete table, in seconds from the start of the process. The console is given back, running."""
    console = start()
    try:
        # Recorded first and looked at afterwards: on two cores looking costs the console time.
        console.read(1.5 * raw + 0.3)
        first = console.when(lambda screen: ROW.search(screen.text()), patience, "the first rows", step=raw + 0.2)
        whole = complete(count)
        done = first if whole.search(console.screen.text()) else console.when(
            lambda screen: whole.search(screen.text()), patience, "the complete table", step=raw + 0.2)
    except BaseException:
        console.end()
        raise
    return console, first, done


def idle(console, window, settle, rounds):
    """The part of a core that is used while nothing changes, in windows of so many seconds."""
    console.read(settle)
    parts = []
    for _ in range(rounds):
        before, at = console.cpu(), time.monotonic()
        console.read(window)
        parts.append((console.cpu() - before) / (time.monotonic() - at))
    return parts


def open_table(console):
    """Puts the cursor on the table of ExternalSecrets, with the rows that are well shown."""
    for key in ("\t", "\t", "z"):
        console.press(key)
        console.read(0.7)
    console.settle()


def is_poll(what):
    """Whether a request is one that every Vault is asked again and again, whatever is referenced there, or one for the
    names of properties: those are no part of classifying, and are read slowly in the background for as long as it takes.
    """
    beside = ("sys/seal-status", "sys/health", "sys/leader", "sys/ha-status", "autopilot", "/subkeys/")
    return any(word in what for word in beside)


def filtering(console, times):
    """Types a filter, letter by letter, and takes it away again; for each letter the time until a frame showed it."""
    took = []
    for number in range(times):
        console.press("/")
        console.read(0.5)
        took += presses(console, f"app-{number}9", 0.12, lambda screen: TYPED.findall(screen.text()))
        console.press("\x1b")
        console.read(0.5)
        console.press("\x1b")
        console.read(0.5)
    return took


def selected(screen):
    found = SELECTED.search(screen.text())
    return found.group(1) if found else None


def presses(console, keys, pause, seen):
    """Presses keys at uneven times and gives, for each, the time until a frame showed it, in seconds. The next one
    is pressed when the last one was seen.

    `seen(screen)` is what the key changes and nothing else does.
    """
    took = []
    for key in keys:
        shown = seen(console.settle())
        pressed, shown_at = console.press(key), None
        # What comes is looked at when the pause is over, so that looking delays no reading.
        console.read(pause * random.uniform(0.7, 1.3))
        until = time.monotonic() + PATIENCE
        while shown_at is None:
            shown_at = next((at for at, screen, frame, _ in console.frames() if frame and seen(screen) != shown), None)
            if shown_at is None:
                if time.monotonic() > until:
                    raise LabError(f"The key {key!r} was never seen on the screen:\n{console.screen.text().rstrip()}")
                console.read(0.05)
        took.append((shown_at - pressed) / 1e9)
    return took


def bytes_per_move(console, count=40):
    """Bytes of the frame that shows one move of the cursor, for each of so many moves."""
    console.settle()
    sizes = []
    for _ in range(count):
        before, length = selected(console.screen), 0
        console.press("j")
        moved, until = False, time.monotonic() + PATIENCE
        while not moved and time.monotonic() < until:
            console.read(0.06)
            for _, screen, frame, more in console.frames():
                # What was written before the frame of the move, such as the clock's, is not its own.
                length += 0 if moved else more
                if frame and not moved:
                    moved = selected(screen) != before
                    length = length if moved else 0
        if not moved:
            raise LabError(f"A move of the cursor was not seen:\n{console.screen.text().rstrip()}")
        sizes.append(length)
    return sizes


class Changes:
    """Changes at a steady pace, made by another process."""

    def __init__(self, bare, count, rate, seconds, marks=0.0):
        # Into a file: a pipe that nobody reads would hold the changes up after a while.
        self.out = bare.state / "changes.jsonl"
        with open(self.out, "w") as out:
            self.process = subprocess.Popen(
                bare.tool("change", f"-etcd={bare.etcd}", f"-count={count}", f"-rate={rate}", f"-seconds={seconds}", f"-marks={marks}", f"-mark={MARKS[0]}", f"-mark-namespace={LAST}"),
                stdout=out, env={**os.environ, MARKED: str(bare.state)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def read_on(self, console):
        """Takes in what the console writes until the last change is made, and a little more."""
        while self.process.poll() is None:
            console.read(0.2)
        console.read(0.5)

    def told(self):
        """What it told, once it has ended: sent and answered by change of the mark, heard by the bare watch, the sums."""
        self.process.wait()
        lines = [json.loads(line) for line in self.out.read_text().splitlines()]
        sums = lines[-1] if lines else {}
        if "done" not in sums or sums["failed"]:
            raise LabError(f"Changes failed: {sums}")
        return ([line for line in lines if "sent" in line], [line for line in lines if "heard" in line], sums)


def shown_days(screen):
    found = MARK.search(screen.text())
    return 365 - int(found.group(1)) if found else None


def change_to_frame(console, bare, count, rate, seconds, marks=8.0):
    """For each change of the mark the time until a frame showed it, and until a bare watch heard of it, both from
    when the change was sent, in seconds; and what the changes came to."""
    console.settle()
    with Changes(bare, count, rate, seconds, marks) as changes:
        changes.read_on(console)
        sent, heard, sums = changes.told()
    frames, shown = [], shown_days(console.screen)
    until = time.monotonic() + PATIENCE
    while True:
        for at, screen, frame, _ in console.frames():
            if frame and (now := shown_days(screen)) != shown:
                shown = now
                frames.append((now, at))
        if shown == sent[-1]["days"] or time.monotonic() > until:
            break
        console.read(0.2)  # it is behind: how far is what is measured

    def delays(seen):
        found = []
        for number, change in enumerate(sent):
            # A later change on the screen stands for this one too: it was drawn over.
            fitting = {later["days"] for later in sent[number:number + 8]}
            at = next((at for days, at in seen if at >= change["sent"] and days in fitting), None)
            found.append(PATIENCE if at is None else min(PATIENCE, (at - change["sent"]) / 1e9))
        return found
    ours, theirs = delays(frames), delays([(line["days"], line["heard"]) for line in heard])
    for who, delayed in (("on the screen", ours), ("by a bare watch", theirs)):
        if not delayed or median(delayed) >= PATIENCE:
            raise LabError(f"The {len(sent)} changes of the mark were not seen {who}. The screen:\n{console.screen.text().rstrip()}")
    return ours, theirs, sums
