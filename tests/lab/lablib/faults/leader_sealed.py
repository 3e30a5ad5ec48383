"""The leader of the Vault is sealed while the other servers, which are open, have no vote: they elect nobody.

So it is in the first 10 s after a server joined, before autopilot gives it a vote (hashicorp/vault#21166, and seen on OpenBao
2.7.2 by sealing the leader of a lab that was just up). Here the votes are taken through the API.
"""

import time

from .. import vaults
from ..say import LabError, say
from ..wire import wait
from . import repair


def voters(lab):
    """The servers that have a vote, as any open server tells."""
    for server in lab.servers:
        answer = vaults.Vault(server["address"], lab.token).call("GET", "sys/storage/raft/configuration")
        if answer.status == 200:
            return {peer["node_id"] for peer in answer.json["data"]["config"]["servers"] if peer["voter"]}
    raise LabError("No server tells who has a vote.")


def leads(lab):
    return [server for server in lab.servers if vaults.Vault(server["address"]).health() == 200]


def fault(lab, options):
    if len(lab.servers) < 3:
        raise LabError("This lab has one Vault server; `leader-sealed` needs three (`lab up --vault openbao`).")
    leaders = leads(lab)
    others = [server for server in lab.servers if server not in leaders]
    if len(leaders) != 1 or any(vaults.Vault(server["address"]).health() != 429 for server in others):
        raise LabError("Not every server of the Vault is open; it is not well already.")
    [leader] = leaders
    for server in others:
        vaults.Vault(leader["address"], lab.token).must("POST", "sys/storage/raft/demote", {"server_id": server["pod"]})
    wait("the others to lose their votes", 40, lambda: voters(lab) == {leader["pod"]})
    vaults.seal([leader], lab.token)
    since = time.time()
    time.sleep(5)
    if leads(lab):
        raise LabError("Another server leads.")
    say(f"{leader['pod']} led and is sealed, the others are open and elect nobody; seen since {since:.3f}.")


def heal(lab):
    keys, threshold = lab.keys()
    vaults.unseal(lab.servers, keys, threshold)
    leader = vaults.active(lab.servers, lab.token)
    for server in lab.servers:
        leader.call("POST", "sys/storage/raft/promote", {"server_id": server["pod"]})
    wait("every server to have a vote again", 40, lambda: len(voters(lab)) == len(lab.servers))
    say("All servers of the Vault are unsealed and have a vote.")
    repair.recover(lab, ["ameide-dev", "ameide-staging", "ameide-prod"])
