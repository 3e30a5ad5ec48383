"""Servers of the Vault start anew, all or one (`--pod`), as after a node's end: each is sealed."""

from .. import vaults
from ..say import say
from ..wire import wait
from . import vault_stopped


def fault(lab, options):
    servers = vault_stopped.chosen(lab, options)
    for server in servers:
        lab.processes.stop(server["pod"])
        lab.processes.again(server["pod"])
    for server in servers:
        wait(f"{server['pod']} to be sealed", 30, lambda: vaults.Vault(server["address"]).health() == 503,
             alive=lambda: lab.processes.check(server["pod"]))
    say(f"{len(servers)} server(s) of the Vault have started anew and are sealed.")


def heal(lab):
    vault_stopped.heal(lab)
