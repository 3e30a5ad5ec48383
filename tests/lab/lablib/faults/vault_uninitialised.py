"""The Vault servers run on storage that is empty: it was lost, or is not mounted."""

import shutil
import time

from .. import vaults
from ..say import say
from ..wire import wait
from . import vault_stopped


def folders(lab, server):
    folder = lab.state / "vault" / server["pod"]
    return folder, folder.with_name(f"{server['pod']}.kept")


def fault(lab, options):
    for server in lab.servers:
        lab.processes.stop(server["pod"])
    for server in lab.servers:
        folder, kept = folders(lab, server)
        if not kept.exists():
            folder.rename(kept)
            folder.mkdir()
        lab.processes.again(server["pod"])
    for server in lab.servers:
        wait(f"{server['pod']} to answer", 30, lambda: (vaults.Vault(server["address"]).seal_status() or {}).get("initialized") is False,
             alive=lambda: lab.processes.check(server["pod"]))
    say(f"{len(lab.servers)} server(s) of the Vault have empty storage; seen since {time.time():.3f}.")


def heal(lab):
    for server in lab.servers:
        folder, kept = folders(lab, server)
        if kept.exists():
            lab.processes.stop(server["pod"])
            shutil.rmtree(folder)
            kept.rename(folder)
    vault_stopped.heal(lab)
