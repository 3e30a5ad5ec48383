"""Causes that other tools have: what they would say is said here by a stand-in.

Flux and the Vault Secrets Operator are not on the registries of Go modules and Python packages as programs that run
here. A stand-in asks the real API server or the real Vault what such a tool asks, and writes into the status of an object
of its own what that tool writes. A proof that rests on one says so.
"""

import base64
import json
import secrets
import time

from ..wire import wait
from .causes import Cause, cause

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# How long a console takes at most to see that a kind is served that was not.
NOTICED = 18


class StandIn(Cause):
    """A tool with a kind of its own, whose status it writes."""

    group = served_as = kind = plural = tool = None

    def begin(self, lab, anew=True):
        super().begin(lab, anew)
        if anew:
            self.define()

    def define(self):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        name = f"{self.plural}.{self.group}"
        fresh = self.kubernetes.ask("GET", f"{DEFINITIONS}/{name}").status == 404
        self.apply({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": self.group, "scope": "Namespaced", "names": {"kind": self.kind, "plural": self.plural},
                     "versions": [{"name": self.served_as, "served": True, "storage": True, "subresources": {"status": {}},
                                   "schema": {"openAPIV3Schema": schema}}]}})
        wait(f"{self.kind} to be served", 30, lambda: self.kubernetes.ask("GET", self.place()).status == 200)
        if fresh:
            time.sleep(NOTICED)

    def place(self, name=""):
        return f"/apis/{self.group}/{self.served_as}/namespaces/{self.namespace}/{self.plural}" + (f"/{name}" if name else "")

    def apply_own(self, spec):
        self.apply({"apiVersion": f"{self.group}/{self.served_as}", "kind": self.kind,
                    "metadata": {"name": "app", "namespace": self.namespace}, "spec": spec})

    def tells(self, status):
        path = f"{self.place('app')}/status?fieldManager={self.tool}"
        body = json.dumps({"status": status}).encode()
        answer = self.kubernetes.ask("PATCH", path, body=body, headers={"Content-Type": "application/merge-patch+json"})
        assert answer.status == 200, answer.text[:300]

    def take_away(self, lab):
        super().take_away(lab)
        self.kubernetes.delete(f"{DEFINITIONS}/{self.plural}.{self.group}")


@cause("api-version-gone")
class _(StandIn):
    """External Secrets 0.17 no longer serves v1beta1, and Flux applies an ExternalSecret of that version."""

    group, served_as, kind, plural = "kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"
    tool, old = "kustomize-controller", "external-secrets.io/v1beta1"

    def begin(self, lab, anew=True):
        super().begin(lab, anew)
        if anew:
            self.apply_own({"interval": "10m", "path": "./app", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}})
            self.reconcile()

    def is_served(self):
        answer = self.kubernetes.ask("GET", f"/apis/{self.old}")
        return answer.status == 200 and any(one["kind"] == "ExternalSecret" for one in answer.json["resources"])

    def serve(self, served):
        path = f"{DEFINITIONS}/externalsecrets.external-secrets.io"
        versions = [one["name"] for one in self.kubernetes.get(path)["spec"]["versions"]]
        patch = [{"op": "replace", "path": f"/spec/versions/{versions.index('v1beta1')}/served", "value": served}]
        answer = self.kubernetes.ask("PATCH", path, body=json.dumps(patch).encode(), headers={"Content-Type": "application/json-patch+json"})
        assert answer.status == 200, answer.text[:300]
        wait("the API server to serve what it should", 30, lambda: self.is_served() == served)

    def reconcile(self):
        """What kustomize-controller 1 writes when it applies, or when its discovery finds no such kind."""
        served = self.is_served()
        said = ("ReconciliationSucceeded", "Applied revision: main@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738") if served else (
            "ReconciliationFailed", f"ExternalSecret/{self.namespace}/app dry-run failed: "
            f'no matches for kind "ExternalSecret" in version "{self.old}"')
        self.tells({"conditions": [{"type": "Ready", "status": str(served), "reason": said[0], "message": said[1],
                                    "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}]})

    def breaks(self, lab):
        self.serve(False)
        self.acts()
        self.reconcile()

    def mends(self, lab):
        self.serve(True)
        self.reconcile()

    def take_away(self, lab):
        # Also after a fault that was made by half.
        self.serve(True)
        super().take_away(lab)


@cause("lease-expired")
class _(StandIn):
    """A certificate with a lease at Vault that nobody renews: the Vault Secrets Operator has stopped."""

    group, served_as, kind, plural = "secrets.hashicorp.com", "v1beta1", "VaultDynamicSecret", "vaultdynamicsecrets"
    tool = "vault-secrets-operator"

    def begin(self, lab, anew=True):
        super().begin(lab, anew)
        self.engine = f"fault-{self.slug}"
        if anew:
            if f"{self.engine}/" not in self.vault.must("GET", "sys/mounts"):
                self.vault.must("POST", f"sys/mounts/{self.engine}", {"type": "pki"})
                self.vault.must("POST", f"{self.engine}/root/generate/internal", {"common_name": "lab.example", "ttl": "24h"})
            self.vault.must("POST", f"{self.engine}/roles/app", {"allow_any_name": True, "generate_lease": True, "no_store": False, "max_ttl": "12h"})
            self.apply_own({"mount": self.engine, "path": "issue/app", "destination": {"name": "leased", "create": True}})

    def take_lease(self, ttl):
        """What the operator does at a sync: it asks, writes the Secret, and writes down the lease."""
        answer = self.vault.must("POST", f"{self.engine}/issue/app", {"common_name": f"{secrets.token_hex(4)}.example", "ttl": ttl})
        number = base64.b64encode(answer["data"]["serial_number"].encode()).decode()
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "leased", "namespace": self.namespace}, "data": {"serial_number": number}})
        lease = {"id": answer["lease_id"], "duration": answer["lease_duration"], "renewable": answer["renewable"], "requestID": answer["request_id"]}
        self.tells({"secretLease": lease, "lastRenewalTime": int(time.time()), "lastGeneration": 1, "secretMAC": "bGFi"})
        return answer["lease_id"]

    def breaks(self, lab):
        lease = self.take_lease("8s")
        gone = lambda: self.vault.call("PUT", "sys/leases/lookup", {"lease_id": lease}).status == 400  # noqa: E731
        wait("Vault to say that the lease has ended", 60, gone)
        self.acts()

    def mends(self, lab):
        self.take_lease("1h")

    def take_away(self, lab):
        self.vault.call("DELETE", f"sys/mounts/fault-{self.slug}")
        super().take_away(lab)
