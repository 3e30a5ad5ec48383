"""The Vault servers have ended: connections are refused. After a start they are sealed."""

from .. import vaults
from ..say import say
from . import repair


def fault(lab, options):
    for server in lab.servers:
        lab.processes.stop(server["pod"])
    say(f"{len(lab.servers)} server(s) of the Vault have ended.")


def heal(lab):
    for server in lab.servers:
        if not lab.processes.alive(server["pod"]):
            lab.processes.again(server["pod"])
    keys, threshold = lab.keys()
    vaults.unseal(lab.servers, keys, threshold)
    vaults.active(lab.servers, lab.token)
    say(f"{len(lab.servers)} server(s) of the Vault run again and are unsealed.")
    repair.recover(lab, ["ameide-dev", "ameide-staging", "ameide-prod"])
