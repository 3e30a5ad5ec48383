"""One standby of the Vault is sealed: the Service still sends it a share of the requests."""

from .. import vaults
from ..say import LabError, say
from . import repair


def fault(lab, options):
    if len(lab.servers) < 2:
        raise LabError("This lab has one Vault server; `partly-sealed` needs several (`lab up --vault openbao`).")
    standby = [server for server in lab.servers if vaults.Vault(server["address"]).health() == 429]
    if not standby:
        raise LabError("No standby answers; the Vault is not well already.")
    vaults.seal(standby[-1:], lab.token)
    say(f"{standby[-1]['pod']} is sealed, the other servers are not.")


def heal(lab):
    keys, threshold = lab.keys()
    vaults.unseal(lab.servers, keys, threshold)
    say("All servers of the Vault are unsealed.")
    repair.recover(lab, ["ameide-dev", "ameide-staging", "ameide-prod"])
