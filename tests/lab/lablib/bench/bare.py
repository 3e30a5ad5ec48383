"""A bare lab: etcd, the API server and what External Secrets defines. No controller runs in it, so that nothing
works beside what is measured, and what the benchmark writes stays as it was written."""

import json
import subprocess
import time
from contextlib import ExitStack

from .. import addresses, cluster, world
from ..down import take_down
from ..parts import BY_NAME, program
from ..places import lock_lab, state_of
from ..processes import Processes
from ..say import LabError, say
from ..wire import Kubernetes, Vault, wait

TOKEN = "bench-token"  # of a Vault in memory that holds nothing; a console is given it by its environment
PARTS = ("tools", "etcd", "openbao", "kubernetes", "external-secrets", "bench")

# `alone` may list ExternalSecrets and nothing else.
RIGHTS = [
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "bench-alone"},
     "rules": [{"apiGroups": ["external-secrets.io"], "resources": ["externalsecrets"], "verbs": ["list", "watch"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "bench-alone"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bench-alone"},
     "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alone"}]},
]


class Bare:
    """The lab, as a context: up within it, gone after it."""

    def __init__(self, name):
        self.name, self.state = name, state_of(name)

    def __enter__(self):
        addresses.check_root()
        # A second benchmark waits for this one; it would take its lab down.
        self.held = ExitStack()
        self.held.enter_context(lock_lab(self.name))
        if self.state.exists():
            take_down(self.state)  # a benchmark that was killed
        for folder in ("", "logs"):
            (self.state / folder).mkdir(parents=True, mode=0o700, exist_ok=True)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.state.exists():
            take_down(self.state)
        self.held.close()

    def start(self):
        self.processes = Processes(self.state)
        self.block = addresses.claim(self.state)
        self.certificates, self.url = cluster.certificates(self.state, self.block)
        cluster.start_api_server(self.processes, self.state, self.block, self.certificates, audit=False)
        self.kubernetes = Kubernetes(self.url, self.certificates)

        def alive():
            for name in self.processes.all():
                self.processes.check(name)

        def ready():
            answer = self.kubernetes.try_ask("GET", "/readyz")
            return answer and answer.status == 200
        wait("the API server to be ready", 60, ready, alive=alive)
        world.apply_crds(self.kubernetes, [BY_NAME["external-secrets"].home() / "crds.yaml"])
        for right in RIGHTS:
            self.kubernetes.apply(json.dumps(right))
        say(f"The bare lab {self.name} is up at {self.url}.")

    @property
    def etcd(self):
        return f"http://{self.block.at(addresses.ETCD)}:2379"

    @property
    def vault(self):
        """Where clients reach Vault: the counter of requests before it."""
        return f"{self.block.at(addresses.SERVICE)}:8200"

    def start_vault(self):
        """A Vault in memory, unsealed, with a KV engine, and the counter before it."""
        address = f"{self.block.at(addresses.REPLICAS)}:8200"
        self.processes.start("vault", [
            program("openbao", "bao"), "server", "-dev", f"-dev-root-token-id={TOKEN}", f"-dev-listen-address={address}", "-dev-no-store-token"])
        self.teller = f"{self.block.at(addresses.METRICS)}:8080"
        self.processes.start("counter", [program("bench", "bench"), "count", f"-listen={self.vault}", f"-to=http://{address}", f"-tell={self.teller}"])
        server = Vault(address, TOKEN)
        # The engine is upgraded in the background just after it was made.
        wait("Vault to take a secret", 30, lambda: server.call("POST", "secret/data/first", {"data": {"a": "b"}}).status < 300,
             alive=lambda: self.processes.check("vault"))
        return server

    def counts(self):
        """How many requests came to Vault so far, by method and kind of path."""
        return Vault(self.teller).ask("GET", "/").json

    def kubeconfig(self, user):
        return self.state / f"{user}.kubeconfig"

    def tool(self, *arguments, user="admin"):
        """The command line of a part of `go/bench` that talks to the API server."""
        return [program("bench", "bench"), arguments[0], f"-server={self.url}", f"-certificates={self.certificates}", f"-user={user}", *arguments[1:]]

    def raw_list(self, user="alone"):
        """How long a bare client takes for the streaming list of the ExternalSecrets: seconds, and bytes."""
        until = time.monotonic() + 60
        while True:
            done = subprocess.run(self.tool("list", user=user), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return json.loads(done.stdout)
            # While it has not heard of all that was put into etcd the API server ends the list; so it does when
            # it serves a resource anew, shortly after its definition came.
            if time.monotonic() > until:
                raise LabError(f"The bare list failed: {done.stderr.strip()}")
            time.sleep(1)

