"""How long until every Secret arrives again after a seal: left alone, annotated all at once as the wiki says, and with the
runbook `recover`. One lab, the same ExternalSecrets, one seal after the other."""

import argparse
import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from .. import vaults, world
from ..down import take_down
from ..faults import Running
from ..faults.repair import API
from ..places import state_of
from ..processes import MARK as MARKED
from ..say import LabError, say
from ..up import up
from ..wire import wait

STORES, EACH = 20, 10
SEAL = 300  # seconds that Vault is sealed, and between two checks of a store: each store fails once
ROLE = "herd"
LONGEST = 1200  # a back-off is 420 s at most, and comes after the check of the store


class Recovery:
    """A lab with a herd of ExternalSecrets, as a context."""

    def __init__(self, name, binary, stores, seal):
        self.name, self.binary, self.seal = name, binary, seal
        self.namespaces = [f"herd-{number:02}" for number in range(stores)]

    def __enter__(self):
        up(argparse.Namespace(name=self.name, vault="openbao", tls=False, shares=1, threshold=1, concurrent=1,
                              store_requeue_interval=f"{self.seal}s"))
        try:
            self.lab = Running(self.name)
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if state_of(self.name).exists():
            take_down(state_of(self.name))

    def fill(self):
        vault = vaults.active(self.lab.servers, self.lab.token)
        vault.must("POST", f"auth/kubernetes/role/{ROLE}", {
            "bound_service_account_names": ["reader"], "bound_service_account_namespaces": self.namespaces,
            "token_policies": ["external-secrets"], "token_ttl": "1h"})
        auth = {"kubernetes": {"mountPath": "kubernetes", "role": ROLE, "serviceAccountRef": {"name": "reader"}}}
        server = {"server": self.lab.told["vault"]["url"], "path": "secret", "version": "v2", "auth": auth}
        for namespace in self.namespaces:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": namespace}})
            self.apply({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "vault", "namespace": namespace},
                        "spec": {"provider": {"vault": server}}})
        wait("the stores of the herd to be Ready", 120, lambda: all(world.is_ready(store) for store in self.stores()), period=0.5)
        for namespace in self.namespaces:
            for number in range(EACH):
                vault.must("POST", f"secret/data/{namespace}/{number}", {"data": {"value": f"{namespace}-{number}"}})
                self.apply({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                            "metadata": {"name": f"app-{number}", "namespace": namespace},
                            "spec": {"refreshInterval": f"{max(3, self.seal // 10)}s", "secretStoreRef": {"kind": "SecretStore", "name": "vault"},
                                     "data": [{"secretKey": "value", "remoteRef": {"key": f"{namespace}/{number}", "property": "value"}}]}})
        self.synced_since(0, LONGEST)
        say(f"{len(self.readers())} ExternalSecrets on {len(self.stores())} stores are synced.")

    def apply(self, value):
        self.lab.kubernetes.apply(json.dumps(value))

    def stores(self):
        return [item for item in world.stores(self.lab.kubernetes) if item["metadata"]["namespace"] in self.namespaces]

    def readers(self):
        return [item for item in world.external_secrets(self.lab.kubernetes) if item["metadata"]["namespace"] in self.namespaces]

    def synced_since(self, moment, patience):
        """When all stores are Ready and all ExternalSecrets synced after this moment; statuses tell whole seconds."""
        def synced():
            late = [world.name_of(item) for item in [*self.stores(), *self.readers()] if not world.is_ready(item)]
            late += [world.name_of(item) for item in self.readers()
                     if datetime.fromisoformat(item["status"]["refreshTime"]).timestamp() < int(moment)]
            if late:
                raise LabError(f"{len(late)} are not, such as {late[0]}")
            return time.time()
        return wait("everything to be synced", patience, synced, period=0.25)

    def fail(self):
        """Seals Vault for as long as is said, and sees to it that everything failed meanwhile."""
        vaults.seal(self.lab.servers, self.lab.token)
        began = time.monotonic()
        wait("every ExternalSecret to fail", self.seal + 120, lambda: not any(world.is_ready(item) for item in self.readers()), period=1)
        time.sleep(max(0.0, self.seal - (time.monotonic() - began)))
        down = sum(not world.is_ready(store) for store in self.stores())
        say(f"Sealed for {time.monotonic() - began:.0f} s: all {len(self.readers())} ExternalSecrets fail, {down} of {len(self.stores())} stores are not Ready.")

    def opened(self):
        """When every server is unsealed and one leads."""
        def is_open():
            statuses = [vaults.Vault(server["address"]).seal_status() for server in self.lab.servers]
            return all(status and not status["sealed"] for status in statuses) and vaults.active(self.lab.servers, self.lab.token) and time.time()
        return wait("every server to be unsealed", 120, is_open, period=0.1)

    def unseal(self):
        keys, threshold = self.lab.keys()
        vaults.unseal(self.lab.servers, keys, threshold)
        return self.opened()

    # The three ways. Each tells the seconds from the unseal until all is synced.

    def left_alone(self):
        self.fail()
        opened = self.unseal()
        return self.synced_since(opened, LONGEST) - opened

    def annotated_at_once(self):
        """What the wiki does, by somebody who is quick: every store, and right after it every ExternalSecret."""
        self.fail()
        opened = self.unseal()
        with ThreadPoolExecutor(8) as pool:
            for plural, items in (("secretstores", self.stores()), ("externalsecrets", self.readers())):
                paths = [f"{API}/namespaces/{item['metadata']['namespace']}/{plural}/{item['metadata']['name']}" for item in items]
                list(pool.map(lambda path: self.lab.kubernetes.annotate(path, "force-refresh", str(int(time.time()))), paths))
        return self.synced_since(opened, LONGEST) - opened

    def recovered(self):
        """With the runbook, which unseals, too: from the moment when its last share was taken."""
        self.fail()
        keys, _ = self.lab.keys()
        home = self.lab.state / "home"
        (home / "config/sealwatch").mkdir(parents=True, exist_ok=True)
        (home / "config/sealwatch/config.toml").write_text('[[context]]\ncontext = "*"\npolicy = "local"\n')
        share = home / "share"
        share.touch(0o600)
        share.write_text(keys[0] + "\n")
        known = {name: value for name, value in os.environ.items() if name == "PATH"}
        environment = {**known, MARKED: str(self.lab.state), "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"),
                       "XDG_STATE_HOME": str(home / "state"), "KUBECONFIG": str(self.lab.state / "admin.kubeconfig"),
                       "VAULT_ADDR": self.lab.told["vault"]["url"], "VAULT_TOKEN": self.lab.token}
        command = [self.binary, "--write", "runbook", "run", "recover", "--yes", "--share-file", share, "-o", "json"]
        found = {}
        watcher = threading.Thread(target=lambda: found.update(opened=self.opened()))
        watcher.start()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST)
        ended = time.time()
        watcher.join()
        report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        if done.returncode or report.get("result") != "proved":
            raise LabError(f"recover gave {done.returncode}, {report.get('result')}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        say(f"The runbook said that all is proved {ended - found['opened']:.1f} s after the unseal.")
        return self.synced_since(found["opened"], LONGEST) - found["opened"]
