"""Servers of the Vault stand still (SIGSTOP), all or one (`--pod`): they accept connections and never answer."""

import signal

from .. import vaults
from ..say import say
from .vault_stopped import chosen


def fault(lab, options):
    servers = chosen(lab, options)
    for server in servers:
        lab.processes.send(server["pod"], signal.SIGSTOP)
    say(f"{len(servers)} server(s) of the Vault stand still.")


def heal(lab):
    for server in lab.servers:
        lab.processes.send(server["pod"], signal.SIGCONT)
    vaults.active(lab.servers, lab.token)
    say("All servers of the Vault go on.")
