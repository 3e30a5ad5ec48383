"""Start and end the processes of a lab, and nothing else.

A process is known by its id together with the time it started, so an id that
the kernel gave to another process meanwhile is never signalled. Each process
also carries the state folder of its lab in its environment: `down` finds by that
mark what a crash of `up` left behind before it could be written down.
"""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

from .places import IN_POD, read_json, write_json
from .say import LabError, last_lines

MARK = "SEALWATCH_LAB_STATE"


def started_at(pid):
    """When a process started, in ticks since boot; None when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Processes:
    """The processes of one lab, kept in processes.json of its state."""

    def __init__(self, state):
        self.state = Path(state)
        self.file = self.state / "processes.json"

    def all(self):
        return read_json(self.file, {})

    def _update(self, change):
        with open(self.state / "processes.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self.all()
            change(known)
            write_json(self.file, known)

    def log(self, name):
        return self.state / "logs" / f"{name}.log"

    def start(self, name, argv, env=None, pod=None):
        """Start a process in its own session, with its output in a log file.

        `pod` puts it where a container of a pod would be: (host name, folder with
        the service account's files or None), with the cluster's name server.
        """
        argv = [str(word) for word in argv]
        if pod:
            hostname, account = pod
            argv = ["unshare", "--mount", "--uts", "--propagation", "private", str(IN_POD),
                    hostname, str(self.state / "resolv.conf"), str(account or "-"), *argv]
        return self._launch(name, argv, {key: str(value) for key, value in (env or {}).items()})

    def _launch(self, name, argv, env):
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen(argv, env={**os.environ, **env, MARK: str(self.state)}, cwd=self.state,
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        entry = {"pid": child.pid, "started": started_at(child.pid), "argv": argv, "env": env, "log": str(self.log(name))}
        self._update(lambda known: known.__setitem__(name, entry))
        return child.pid

    def again(self, name):
        """Start a process anew, just as it was started before."""
        entry = self.all()[name]
        return self._launch(name, entry["argv"], entry["env"])

    def alive(self, name):
        entry = self.all().get(name)
        return bool(entry) and entry["started"] is not None and started_at(entry["pid"]) == entry["started"]

    def check(self, name):
        """Raise with the end of the log when a process has ended."""
        if not self.alive(name):
            raise LabError(f"The process {name} has ended. The last lines of its log {self.log(name)}:\n{last_lines(self.log(name))}")

    def send(self, name, number):
        """Signal a process and all it has started (each leads a session of its own)."""
        entry = self.all()[name]
        if started_at(entry["pid"]) != entry["started"]:
            return False
        os.killpg(entry["pid"], number)
        return True

    def stop(self, name, patience=10.0):
        """End one process: a polite signal to its session, then a hard one."""
        entry = self.all().get(name)
        if entry:
            end([(entry["pid"], entry["started"])], patience)

    def stop_all(self):
        """End all that was started, in reverse, and what only the mark betrays."""
        for names in (["external-secrets", "watcher", "kube-controller-manager", "kwok", "network"], None):
            known = self.all()
            chosen = [known[name] for name in (names or known) if name in known]
            end([(entry["pid"], entry["started"]) for entry in chosen], 1.0)
        end(self.strays(), 2.0)

    def strays(self):
        """Processes with this lab's mark in their environment (never ourselves)."""
        mark = f"{MARK}={self.state}".encode()
        found = []
        for path in Path("/proc").iterdir():
            if not path.name.isdigit() or int(path.name) == os.getpid():
                continue
            try:
                environment = (path / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in environment:
                found.append((int(path.name), started_at(path.name)))
        return found


def end(processes, patience):
    """End processes that are still the ones that were meant."""
    def left():
        return [(pid, started) for pid, started in processes if started is not None and started_at(pid) == started]

    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid, _ in left():
            signal_session(pid, number)
        until = time.monotonic() + patience
        while left() and time.monotonic() < until:
            reap()
            time.sleep(0.02)
        if not left():
            return


def signal_session(pid, number):
    """Signal a process and, when it leads a group, the group; a stopped one is woken first."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
            os.killpg(pid, signal.SIGCONT)
        else:
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        pass


def reap():
    """Collect children that have ended, where we are the parent."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
