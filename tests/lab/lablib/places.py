"""Where things are: the checkout, the cache of programs, the state of each lab."""

import fcntl
import json
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

from .say import LabError, say

HERE = Path(__file__).resolve().parent.parent
GO = HERE / "go"
WORLD = HERE / "world"
CONFIG = HERE / "config"
IN_POD = HERE / "in-pod"


def cache():
    """The folder outside the checkout that holds programs and states."""
    told = os.environ.get("SEALWATCH_LAB_CACHE")
    if told:
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sealwatch-lab"


def labs():
    return cache() / "labs"


def state_of(name):
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
        raise LabError(f"{name!r} cannot be the name of a lab: use small letters, digits and hyphens.")
    return labs() / name


def write_private(path, text):
    """Write a file that only its owner may read, whole or not at all."""
    path = Path(path)
    handle, new = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp makes it 0600
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(new, path)


def write_json(path, value):
    write_private(path, json.dumps(value, indent=2) + "\n")


def read_json(path, default=None):
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        return default


def load(name):
    """lab.json of a lab that is up."""
    lab = read_json(state_of(name) / "lab.json")
    if lab is None:
        raise LabError(f"There is no lab named {name}. `lab up --name {name}` starts one.")
    return lab


@contextmanager
def lock(path, waiting):
    """Hold a file lock; say so when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_lab(name):
    """Only one `up` or `down` works on a lab at a time. The lock ends with its process, also by a crash."""
    return lock(labs() / f".{name}.lock", f"Another command is at work on the lab {name}; waiting for it.")
