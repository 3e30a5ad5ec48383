"""`lab up`: from nothing to a world in which every Secret has arrived."""

import base64
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from . import addresses, cluster, vaults, world
from .down import take_down
from .parts import BY_NAME, install, needed
from .places import lock_lab, state_of, write_json, write_private
from .processes import Processes
from .say import LabError, complain, plain, say
from .values import Values
from .wire import STOPPING, Kubernetes, headline, wait

NAMESPACES = {"dev": "ameide-dev", "staging": "ameide-staging", "prod": "ameide-prod", "external_secrets": "external-secrets"}
VAULT_NAMESPACES = ["ameide-dev", "ameide-staging", "ameide-prod"]


def up(options):
    addresses.check_root()
    install(needed(options.vault), quiet=True)
    with lock_lab(options.name):
        start(options, state_of(options.name))


def start(options, state):
    if Processes(state).strays() or any(Processes(state).alive(name) for name in Processes(state).all()):
        raise LabError(f"The lab {options.name} is up already, or half of it still runs. `lab down --name {options.name}` ends it.")
    shutil.rmtree(state, ignore_errors=True)
    for folder in ("", "logs", "logs/jobs", "vault", "serviceaccount"):
        (state / folder).mkdir(parents=True, mode=0o700, exist_ok=True)
    started = time.monotonic()
    try:
        Lab(options, state).start()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            complain("Interrupted.")
        else:
            complain(f"{error}")
        complain(f"The lab {options.name} is taken down again; its logs stay in {state / 'logs'}.")
        take_down(state, keep_logs=True)
        if isinstance(error, (LabError, KeyboardInterrupt)):
            raise SystemExit(1) from None
        raise
    say(f"The lab {options.name} is up, after {time.monotonic() - started:.1f} s.")
    plain(f"  export KUBECONFIG={state / 'admin.kubeconfig'}")


class Lab:
    """One start of a lab. Steps that do not depend on each other run side by side."""

    def __init__(self, options, state):
        self.options, self.state = options, state
        self.processes = Processes(state)
        self.block = addresses.claim(state)
        self.servers = vaults.replicas(self.block, options.vault, options.tls)
        self.tls = self.stranger = None
        self.values = Values()

    def start(self):
        say(f"The lab {self.options.name} uses {self.block.prefix}.0/24 and {self.state}.")
        self.folder, self.url = cluster.certificates(self.state, self.block)
        if self.options.tls:
            self.tls, self.stranger = cluster.vault_certificates(self.state, self.block, self.servers)
        self.prepare_files()
        cluster.start_api_server(self.processes, self.state, self.block, self.folder)
        vaults.start(self.processes, self.options.vault, self.servers, self.tls)
        with ThreadPoolExecutor(2) as pool:
            vault = pool.submit(self.start_vault)
            control = pool.submit(self.start_control_plane)
            try:
                for step in as_completed([vault, control]):
                    step.result()
            except BaseException:
                # The other step must not wait out its patience.
                STOPPING.set()
                raise
        self.join_both()
        self.write_lab()

    def prepare_files(self):
        shutil.copyfile(self.folder / "ca.crt", self.state / "serviceaccount/ca.crt")
        (self.state / "serviceaccount/namespace").write_text("ameide-dev")
        (self.state / "resolv.conf").write_text(
            f"nameserver {self.block.at(addresses.NAMES)}\n"
            "search svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:2\n")
        (self.state / "hosts").write_text(vaults.hosts(self.servers))
        write_json(self.state / "backends.json", {f"{s['namespace']}/{s['pod']}": s["ip"] for s in self.servers})
        write_json(self.state / "upstream.json", self.values.jobs)
        (self.state / "logs/container.cri.log").write_text(
            "2026-01-02T03:04:05.000000000Z stdout F this pod is played by kwok and writes no log\n")

    def start_vault(self):
        token, shares = vaults.initialise(self.processes, self.servers, self.options.shares, self.options.threshold, VAULT_NAMESPACES)
        write_private(self.state / "root-token", token + "\n")
        write_json(self.state / "shares.json", {"shares": shares, "threshold": self.options.threshold})
        write_json(self.state / "canaries.json", self.values.canaries(token, shares))
        self.token, self.shares = token, shares
        self.vault = vaults.active(self.servers, token)
        vaults.fill(self.vault, self.values)
        say(f"Vault ({self.options.vault}, {len(self.servers)} server{'s' * (len(self.servers) > 1)}) is unsealed and has {len(self.values.paths)} secrets.")

    def start_control_plane(self):
        self.kubernetes = Kubernetes(self.url, self.folder)

        def alive():
            self.processes.check("etcd")
            self.processes.check("kube-apiserver")

        def ready():
            answer = self.kubernetes.try_ask("GET", "/readyz")
            return answer and answer.status == 200
        wait("the API server to be ready", 60, ready, alive=alive)
        say("The API server is ready.")
        cluster.start_controllers(self.processes, self.state, self.block, self.folder)
        crds = [BY_NAME["external-secrets"].home() / "crds.yaml", BY_NAME["kwok"].home() / "crd-logs.yaml"]
        with ThreadPoolExecutor(1) as pool:
            definitions = pool.submit(world.apply_crds, self.kubernetes, crds)
            world.apply_files(self.kubernetes, ["00-cluster.yaml", "05-people.yaml", "10-external-secrets.yaml", "20-vault.yaml"], self.placeholders())
            definitions.result()
        cluster.start_kwok(self.processes, self.state, self.block, self.folder, cluster.kwok_config(self.state, self.servers))
        cluster.start_network(self.processes, self.state, self.block)
        cluster.start_watcher(self.processes, self.state, self.servers)
        say("Controllers, kwok, network and watcher are started; the custom resources are served.")

    def placeholders(self):
        openbao = self.options.vault == "openbao"
        return {"VAULT_SCHEME": "https" if self.tls else "http", **self.authorities(),"VAULT_REPLICAS": len(self.servers), "CONCURRENT": self.options.concurrent,
                "STORE_REQUEUE_INTERVAL": self.options.store_requeue_interval,
                "VAULT_IMAGE": f"quay.io/openbao/openbao:{vaults.VERSIONS['openbao']}" if openbao else f"hashicorp/vault:{vaults.VERSIONS['hashicorp']}",
                "VAULT_COMMAND": "bao" if openbao else "vault"}

    def authorities(self):
        """How each store names the Vault's CA: in itself, in a Secret, in a ConfigMap; in clear not at all."""
        kept = '"name": "vault-ca", "key": "ca.crt"'
        said = {
            "CA_DEV": f'caBundle: {base64.b64encode((self.tls / "ca.crt").read_bytes()).decode()}',
            "CA_STAGING": f'caProvider: {{"type": "Secret", {kept}}}',
            "CA_PROD": f'caProvider: {{"type": "ConfigMap", {kept}}}',
        } if self.tls else {}
        return {name: said.get(name, "") for name in ("CA_DEV", "CA_STAGING", "CA_PROD")}

    def publish_authorities(self):
        """What the stores of ameide-staging and ameide-prod point at."""
        for kind, field, namespace in (("Secret", "stringData", "ameide-staging"), ("ConfigMap", "data", "ameide-prod")):
            self.kubernetes.apply(json.dumps({
                "apiVersion": "v1", "kind": kind, "metadata": {"name": "vault-ca", "namespace": namespace},
                field: {"ca.crt": (self.tls / "ca.crt").read_text()}}), manager="trust-manager")

    def join_both(self):
        """What needs Vault and Kubernetes: the login, the stores, the ExternalSecrets."""
        self.kubernetes.apply(json.dumps({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "vault-auto-credentials", "namespace": "ameide-dev", "labels": {"app.kubernetes.io/instance": "vault-core-dev"}},
            "stringData": {"root-token": self.token, **{
                "unseal-key" + (f"-{i + 1}" if i else ""): share for i, share in enumerate(self.shares)}}}), manager="vault-auto-init")
        if self.tls:
            self.publish_authorities()
        alive = self.check_machinery
        wait("a token for the Vault pods", 30, (self.state / "serviceaccount/token").exists, alive=alive)
        running = "/api/v1/namespaces/external-secrets/pods"
        pod = wait("the pod of External Secrets", 30, lambda: next(
            (item["metadata"]["name"] for item in self.kubernetes.items(running) if item.get("status", {}).get("phase") == "Running"), None), alive=alive)
        # Behind the Service before the first store is checked, so that the world starts without a stain.
        wait("the Service of Vault to pass requests", 30, lambda: vaults.Vault(f"{self.block.at(addresses.SERVICE)}:8200", ca=self.tls and self.tls / "ca.crt").seal_status(), alive=alive)
        arguments = self.kubernetes.get("/apis/apps/v1/namespaces/external-secrets/deployments/external-secrets")["spec"]["template"]["spec"]["containers"][0]["args"]
        cluster.start_external_secrets(self.processes, self.state, self.block, pod, arguments)
        # Stores, then ExternalSecrets, then consumers: each finds what it needs, and the
        # world starts without a warning that a console would have to explain.
        everything = [document for name in ("30-dev.yaml", "31-staging.yaml", "32-prod.yaml") for document in world.render(name, self.placeholders())]
        last = [document for document in everything if headline(document)[1] == "ExternalSecret"]
        for document in everything:
            if document not in last:
                self.kubernetes.apply(document)
        wait("the stores to be Ready", 60, lambda: self.all_ready(world.stores(self.kubernetes), 3), alive=alive)
        for document in last:
            self.kubernetes.apply(document)
        wait("the ExternalSecrets to be Ready", 60, lambda: self.all_ready(world.external_secrets(self.kubernetes), len(last)), alive=alive)
        say(f"{len(last)} ExternalSecrets are synced.")
        world.apply_files(self.kubernetes, ["40-consumers.yaml", "41-jobs.yaml"], self.placeholders())
        self.bootstrap_once()
        wait("pods and Jobs to be well", 60, self.consumers_well, period=0.2, alive=alive)

    def check_machinery(self):
        for name in self.processes.all():
            self.processes.check(name)

    def bootstrap_once(self):
        """Run the CronJob once, as `kubectl create job --from` does; its schedule comes later."""
        base = "/apis/batch/v1/namespaces/ameide-dev"
        cron = self.kubernetes.get(f"{base}/cronjobs/foundation-vault-bootstrap-vault-bootstrap")
        template = cron["spec"]["jobTemplate"]
        name = f"{cron['metadata']['name']}-{int(time.time()) // 60}"
        self.kubernetes.create(f"{base}/jobs?fieldManager=kubectl-create", {
            "apiVersion": "batch/v1", "kind": "Job", "spec": template["spec"],
            "metadata": {"name": name, "labels": template["metadata"].get("labels", {}),
                         "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
                         "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": cron["metadata"]["name"],
                                              "uid": cron["metadata"]["uid"], "controller": True}]}})

    @staticmethod
    def all_ready(items, count):
        late = [world.name_of(item) for item in items if not world.is_ready(item)]
        if late or len(items) < count:
            raise LabError(f"{len(items)} of {count} are there; not Ready: {', '.join(late[:8])}")
        return True

    def consumers_well(self):
        late = [f"pod {world.name_of(pod)} is {pod['status'].get('phase')}" for pod in self.kubernetes.items("/api/v1/pods")
                if pod["status"].get("phase") not in ("Running", "Succeeded")]
        late += [f"job {world.name_of(job)} has not succeeded" for job in self.kubernetes.items("/apis/batch/v1/jobs")
                 if not (job.get("status") or {}).get("succeeded")]
        waiting = [world.name_of(item) for item in self.kubernetes.items("/apis/apps/v1/deployments") + self.kubernetes.items("/apis/apps/v1/statefulsets")
                   if (item.get("status") or {}).get("readyReplicas", 0) < item["spec"]["replicas"]]
        if late or waiting:
            raise LabError(", ".join([*late, *waiting][:8]))
        return True

    def write_lab(self):
        state = self.state
        write_json(state / "lab.json", {
            "schema": "sealwatch/lab/v1", "name": self.options.name, "state": str(state), "block": self.block.prefix,
            "context": "lab", "api_server": self.url,
            "kubeconfig": {user: str(state / f"{user}.kubeconfig") for user in ("admin", "limited", "viewer", "tenant")},
            "namespaces": NAMESPACES,
            "vault": {
                "kind": self.options.vault, "version": vaults.VERSIONS[self.options.vault],
                "shares": self.options.shares, "threshold": self.options.threshold,
                "url": f"{'https' if self.tls else 'http'}://vault-core-dev.ameide-dev.svc.cluster.local:8200",
                "ca": str(self.tls / "ca.crt") if self.tls else None,
                "strangers_ca": str(self.stranger / "ca.crt") if self.tls else None,
                "service": {"namespace": "ameide-dev", "name": "vault-core-dev", "address": f"{self.block.at(addresses.SERVICE)}:8200"},
                "replicas": [{key: server[key] for key in ("namespace", "pod", "address")} for server in self.servers]},
            "external_secrets": {"version": "0.16.2", "concurrent": self.options.concurrent,
                                 "store_requeue_interval": self.options.store_requeue_interval,
                                 "metrics": f"http://{self.block.at(addresses.METRICS)}:8080/metrics"},
            "files": {"shares": str(state / "shares.json"), "root_token": str(state / "root-token"), "canaries": str(state / "canaries.json"),
                      "upstream": str(state / "upstream.json"), "audit_log": str(state / "logs/audit.log"),
                      "processes": str(state / "processes.json")},
            "logs": {name: entry["log"] for name, entry in self.processes.all().items()},
            "pids": {name: entry["pid"] for name, entry in self.processes.all().items()}})
