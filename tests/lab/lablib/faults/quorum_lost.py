"""All servers of the Vault but a standby are sealed, the leader because it was killed and started anew: the last one is open
and has nobody to elect it.

Seen on OpenBao 2.7.2: a standby that is left so goes on naming its last leader. A leader that is sealed in good order hands
over first, and the server that takes over goes on saying that it leads although nobody follows it.
"""

import signal
import time

from .. import vaults
from ..say import LabError, say
from ..wire import wait
from . import vault_stopped


def fault(lab, options):
    if len(lab.servers) < 3:
        raise LabError("This lab has one Vault server; `quorum-lost` needs three (`lab up --vault openbao`).")
    role = {server["pod"]: vaults.Vault(server["address"]).health() for server in lab.servers}
    leaders = [server for server in lab.servers if role[server["pod"]] == 200]
    standbys = [server for server in lab.servers if role[server["pod"]] == 429]
    if len(leaders) != 1 or not standbys:
        raise LabError("No leader or no standby answers; the Vault is not well already.")
    last = standbys[0]
    vaults.seal(standbys[1:], lab.token)
    pod = leaders[0]["pod"]
    lab.processes.send(pod, signal.SIGKILL)
    wait(f"{pod} to end", 10, lambda: not lab.processes.alive(pod))
    lab.processes.again(pod)

    for server in (*standbys[1:], *leaders):
        wait(f"{server['pod']} to be sealed", 30, lambda: vaults.Vault(server["address"]).health() == 503)

    def writes():
        return vaults.Vault(last["address"], lab.token).call("POST", "secret/data/fault/quorum-lost", {"data": {}}).status < 300
    if writes():
        raise LabError(f"{last['pod']} takes a write without the others.")
    say(f"{last['pod']} is open and takes no write, the other servers are sealed; seen since {time.time():.3f}.")


def heal(lab):
    vault_stopped.heal(lab)
