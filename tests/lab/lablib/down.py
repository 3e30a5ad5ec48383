"""`lab down`: end exactly what `up` started, also after a crash of `up`."""

import shutil

from .places import lock_lab, state_of
from .processes import Processes
from .say import say


def down(options):
    state = state_of(options.name)
    if not state.exists():
        say(f"There is no lab named {options.name}; nothing to do.")
        return
    with lock_lab(options.name):
        if state.exists():
            take_down(state)
    say(f"The lab {options.name} is down.")


def take_down(state, keep_logs=False):
    """Idempotent. The state goes last, so that an interrupted `down` can be repeated."""
    Processes(state).stop_all()
    for path in state.iterdir():
        if keep_logs and path.name == "logs":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not keep_logs:
        state.rmdir()
