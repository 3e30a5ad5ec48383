"""The API server stands still (SIGSTOP): connections stay open, and nothing comes over them any more."""

import signal

from ..say import say
from . import apiserver_stopped


def fault(lab, options):
    lab.processes.send("kube-apiserver", signal.SIGSTOP)
    say("The API server stands still.")


def heal(lab):
    lab.processes.send("kube-apiserver", signal.SIGCONT)
    apiserver_stopped.heal(lab)
