"""The Vault servers have ended, all or one (`--pod`): connections are refused. After a start they are sealed."""

from .. import vaults
from ..say import LabError, say
from . import repair


def chosen(lab, options):
    """The servers that a fault is for."""
    servers = [server for server in lab.servers if options.pod in (None, server["pod"])]
    if not servers:
        raise LabError(f"There is no Vault server {options.pod}; there are {', '.join(server['pod'] for server in lab.servers)}.")
    return servers


def fault(lab, options):
    servers = chosen(lab, options)
    for server in servers:
        lab.processes.stop(server["pod"])
    say(f"{len(servers)} server(s) of the Vault have ended.")


def heal(lab):
    for server in lab.servers:
        if not lab.processes.alive(server["pod"]):
            lab.processes.again(server["pod"])
    keys, threshold = lab.keys()
    vaults.unseal(lab.servers, keys, threshold)
    vaults.active(lab.servers, lab.token)
    say(f"{len(lab.servers)} server(s) of the Vault run again and are unsealed.")
    repair.recover(lab, ["ameide-dev", "ameide-staging", "ameide-prod"])
