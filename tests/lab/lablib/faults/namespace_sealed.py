"""A namespace of OpenBao that has a seal of its own (2.6 and later) is sealed; all else of the Vault serves.

The store, and what it reads, stand in that namespace, with a mount and a login of their own. Two of three shares open it: they
stand in the lab's `space-shares.json`, for its owner alone.
"""

import json
import secrets

from .. import vaults
from ..places import write_private
from ..say import LabError
from ..wire import wait
from .causes import Cause, cause

SPACE = "payments"
SEAL = 'seal "shamir" {\n shares = 3\n threshold = 2\n}'


class Inside(vaults.Vault):
    """The Vault, asked in the namespace."""

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json", "X-Vault-Token": self.token, "X-Vault-Namespace": SPACE}
        return self.ask(method, f"/v1/{path}", body=None if body is None else json.dumps(body).encode(), headers=headers)


@cause("namespace-sealed")
class _(Cause):
    role = "payments"

    def begin(self, lab, anew=True):
        if lab.told["vault"]["kind"] != "openbao":
            raise LabError("HashiCorp Vault Community has no namespaces; `namespace-sealed` needs OpenBao.")
        self.role, self.root = "payments", vaults.active(lab.servers, lab.token)
        self.vault, self.shares = Inside(self.root.address, lab.token), lab.state / "space-shares.json"
        if anew and self.is_absent():
            made = self.root.must("POST", f"sys/namespaces/{SPACE}", {"seal": SEAL})["data"]
            write_private(self.shares, json.dumps({"shares": made["key_shares"], "threshold": made["key_threshold"]}))
        if anew:
            self.unseal()
            if "kubernetes/" not in self.vault.must("GET", "sys/auth")["data"]:
                vaults.mount(self.vault)
                self.vault.must("POST", "auth/kubernetes/config", {
                    "kubernetes_host": "https://kubernetes.default.svc", "disable_iss_validation": True, "disable_local_ca_jwt": False})
        super().begin(lab, anew)
        # The parts of the world are looked for in the namespace.
        self.vault = Inside(self.root.address, lab.token)
        if anew:
            self.wait_synced()

    def write_role(self, **other):
        self.vault = Inside(self.root.address, self.lab.token)
        super().write_role(**other)

    def write_path(self, data, path=None):
        super().write_path({"value": secrets.token_hex(16)} if data else data, path or "card-processor")

    def apply_store(self, **other):
        super().apply_store(namespace=SPACE, **other)

    def reader(self, name="app", **other):
        self.key = "card-processor"
        return super().reader(name, **other)

    def status(self):
        return self.root.call("GET", f"sys/namespaces/{SPACE}/seal-status")

    def is_absent(self):
        """A namespace that never was is said so with 500, one that was deleted with 404."""
        answer = self.status()
        return answer.status == 404 or "doesn't exist" in answer.text

    def is_sealed(self):
        answer = self.status()
        if answer.status != 200:
            raise LabError(f"the seal of the namespace {SPACE} is not told: {answer.status} {answer.text[:200]}")
        return answer.json["data"]["sealed"]

    def unseal(self):
        if self.is_sealed():
            told = json.loads(self.shares.read_text())
            self.root.must("PUT", f"sys/namespaces/{SPACE}/unseal", {"reset": True})
            for share in told["shares"][: told["threshold"]]:
                self.root.must("PUT", f"sys/namespaces/{SPACE}/unseal", {"key": share})
        wait("the namespace to be open", 10, lambda: not self.is_sealed())

    def breaks(self, lab):
        self.root.must("PUT", f"sys/namespaces/{SPACE}/seal")
        wait("the namespace to be sealed", 10, self.is_sealed)

    def mends(self, lab):
        self.unseal()

    def take_away(self, lab):
        place = f"/api/v1/namespaces/{self.namespace}"
        self.kubernetes.delete(place)
        if not self.is_absent():
            self.unseal()
            self.root.must("DELETE", f"sys/namespaces/{SPACE}")
            wait("the Vault namespace to be gone", 30, self.is_absent)
        self.shares.unlink(missing_ok=True)
        wait(f"the namespace {self.namespace} to be gone", 60, lambda: self.kubernetes.ask("GET", place).status == 404)
