"""One fault for each cause that a diagnosis names, each in a namespace of its own beside the world.

`fault` makes the broken form, `heal` mends what is broken, asks External Secrets to look again, and then takes the
little world away (`--keep` leaves it, so that one can see that the cause is gone by the repair and not by the end of
what had it). Every step is what a person or a tool would do through an API, so that what is seen is what they would see.

Both say the moment since when somebody who asks is answered differently: times are counted from there.
"""

import base64
import json
import secrets
import signal
import time
from datetime import datetime, timezone

from .. import vaults, world
from ..parts import program
from ..places import state_of, write_private
from ..say import LabError, say
from ..wire import wait

API = "external-secrets.io/v1"
KNOWN = {}


def cause(slug):
    """The class decorated so makes this cause."""
    def register(kind):
        KNOWN[slug] = kind(slug)
        return kind
    return register


class Cause:
    """A healthy little world: an account, a role, a path, a store, an ExternalSecret. Its children break a part of it."""

    interval, key, wanted, target = "15s", None, "value", "app"
    store_kind, store_name = "SecretStore", "vault"

    def __init__(self, slug):
        self.slug = slug
        self.namespace = f"fault-{slug}"
        self.mount, self.method, self.role = "secret", "kubernetes", f"fault-{slug}"
        self.account, self.version = "reader", "v2"

    # What a fault and its repair do.

    def fault(self, lab, options=None):
        self.begin(lab)
        self.acts()
        self.breaks(lab)
        self.look_again(lab)
        say(f"{self.slug}: made, in the namespace {self.namespace}; seen since {self.since:.3f}.")

    def heal(self, lab, keep=False):
        self.begin(lab, anew=False)
        if self.stands():
            self.mends(lab)
            self.acts()
            self.look_again(lab)
            say(f"{self.slug}: mended; seen since {self.since:.3f}.")
        if not keep:
            self.take_away(lab)

    def acts(self):
        """What comes next is what somebody who asks is answered differently by."""
        self.since = time.time()

    def stands(self):
        """Whether there is something to mend: a fault may have been made by half, or not at all."""
        answer = self.kubernetes.ask("GET", f"/api/v1/namespaces/{self.namespace}")
        return answer.status == 200 and "deletionTimestamp" not in answer.json["metadata"]

    def take_away(self, lab):
        """All of it, and nothing of anybody else's; what was never made is no matter."""
        place = f"/api/v1/namespaces/{self.namespace}"
        for plural in ("clusterexternalsecrets", "clustersecretstores"):
            self.kubernetes.delete(f"/apis/{API}/{plural}/{self.namespace}")
        self.kubernetes.delete(place)
        own = f"fault-{self.slug}"
        for path in (f"auth/kubernetes/role/{own}", f"secret/metadata/fault/{self.slug}", f"sys/policies/acl/{own}", f"sys/auth/{own}"):
            answer = self.vault.call("DELETE", path)
            if answer.status >= 300 and answer.status != 404:
                raise LabError(f"Vault: DELETE {path} gave {answer.status} {answer.text[:300]}")
        wait(f"the namespace {self.namespace} to be gone", 60, lambda: self.kubernetes.ask("GET", place).status == 404)

    def begin(self, lab, anew=True):
        self.lab, self.kubernetes = lab, lab.kubernetes
        self.vault = vaults.active(lab.servers, lab.token)
        if anew:
            if not self.stands():
                place = f"/api/v1/namespaces/{self.namespace}"
                wait("an earlier one to be gone", 60, lambda: self.kubernetes.ask("GET", place).status == 404)
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
            self.apply_account(self.account)
            self.write_role()
            self.write_path({"value": secrets.token_hex(16)})
            self.apply_store()
            self.apply_reader()

    def breaks(self, lab):
        raise NotImplementedError

    def mends(self, lab):
        raise NotImplementedError

    # The parts.

    @property
    def path(self):
        return self.key or f"fault/{self.slug}"

    def apply(self, value):
        return self.kubernetes.apply(json.dumps(value))

    def apply_account(self, name):
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": self.namespace}})

    def write_role(self, **other):
        role = {"bound_service_account_names": [self.account], "bound_service_account_namespaces": [self.namespace],
                "token_policies": ["external-secrets"], "audience": "", "token_bound_cidrs": [], **other}
        self.vault.must("POST", f"auth/{self.method}/role/{self.role}", role)

    def write_path(self, data, path=None):
        path = path or self.path
        wait(f"{path} to be written", 15, lambda: self.vault.call("POST", f"{self.mount}/data/{path}", {"data": data}).status < 300)

    def auth(self):
        return {"kubernetes": {"mountPath": self.method, "role": self.role, "serviceAccountRef": {"name": self.account}}}

    def apply_store(self, **other):
        vault = {"server": self.lab.told["vault"]["url"], "path": self.mount, "version": self.version, "auth": self.auth()}
        metadata = {"name": self.store_name, "namespace": self.namespace}
        self.apply({"apiVersion": API, "kind": "SecretStore", "metadata": metadata,
                    "spec": {"provider": {"vault": {**vault, **other}}}})

    def reader(self, name="app", **other):
        spec = {"refreshInterval": self.interval, "secretStoreRef": {"kind": self.store_kind, "name": self.store_name},
                "target": {"name": self.target, "creationPolicy": "Owner"},
                "data": [{"secretKey": "value", "remoteRef": {"key": self.path, "property": self.wanted}}], **other}
        return {"apiVersion": API, "kind": "ExternalSecret", "metadata": {"name": name, "namespace": self.namespace}, "spec": spec}

    def apply_reader(self, name="app", **other):
        self.apply(self.reader(name, **other))

    def annotate(self, plural, name):
        path = f"/apis/{API}/namespaces/{self.namespace}/{plural}/{name}"
        if self.kubernetes.ask("GET", path).status == 200:
            self.kubernetes.annotate(path, "force-sync", str(time.time()))

    def look_again(self, lab):
        self.annotate("secretstores", self.store_name)
        self.annotate("externalsecrets", "app")

    def wait_synced(self, name="app"):
        path = f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/{name}"
        wait(f"{self.namespace}/{name} to be synced", 60, lambda: world.is_ready(self.kubernetes.get(path)))

    def drop_target(self):
        """External Secrets may have made it anew before one can see that it is gone."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets/{self.target}"

        def uid():
            answer = self.kubernetes.ask("GET", path)
            return answer.json["metadata"]["uid"] if answer.status == 200 else None
        before = uid()
        self.kubernetes.delete(path)
        wait("the Secret to be gone", 20, lambda: uid() is None or uid() != before)

    def place(self, secret):
        """A Secret of somebody else's where the target was. A sync that was under way may write the target once more."""
        def placed():
            self.kubernetes.delete(f"/api/v1/namespaces/{self.namespace}/secrets/{self.target}")
            owners = self.apply(secret)["metadata"].get("ownerReferences", [])
            return all(owner["kind"] != "ExternalSecret" for owner in owners)
        wait("the Secret to be another one", 30, placed)

    def own_method(self, **config):
        """A method of its own, so that what is wrong with it touches no other login."""
        self.method = f"fault-{self.slug}"
        if f"{self.method}/" not in self.vault.must("GET", "sys/auth"):
            self.vault.must("POST", f"sys/auth/{self.method}", {"type": "kubernetes"})
        if config is not None:
            self.configure(**config)
        self.write_role()
        self.apply_store()

    def configure(self, **other):
        config = {"kubernetes_host": "https://kubernetes.default.svc", "disable_iss_validation": True,
                  "disable_local_ca_jwt": False, **other}
        self.vault.must("POST", f"auth/{self.method}/config", config)

    def wait_let_in(self):
        """Every server has its own copy of a method's configuration, and a standby takes a new one up to 30 s later."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token"
        token = self.kubernetes.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                                              "spec": {"expirationSeconds": 3600}})["status"]["token"]

        def let_in(server):
            answer = vaults.Vault(server["address"]).call("POST", f"auth/{self.method}/login", {"role": self.role, "jwt": token})
            if answer.status != 200:
                raise LabError(f"{server['pod']} says {answer.status} {answer.text[:200]}")
            vaults.Vault(server["address"], answer.json["auth"]["client_token"]).call("POST", "auth/token/revoke-self")
            return True
        for server in self.lab.servers:
            wait(f"{server['pod']} to let {self.account} in", 60, lambda: let_in(server), period=0.3)

    def other_certificate(self):
        """A certificate that has signed nothing: not a CA of this cluster, and no key of its tokens."""
        return (state_of(self.lab.name) / "certificates" / "admin.crt").read_text()


# Login


@cause("auth-mount-missing")
class _(Cause):
    def breaks(self, lab):
        self.method = "nowhere"
        self.apply_store()

    def mends(self, lab):
        self.method = "kubernetes"
        self.apply_store()


class OwnMethod(Cause):
    """A method whose configuration is broken and then written as it should be."""

    def wrong(self):
        raise NotImplementedError

    def breaks(self, lab):
        self.own_method(**self.wrong())

    def mends(self, lab):
        self.method = f"fault-{self.slug}"
        # A write replaces all of it.
        self.vault.call("DELETE", f"sys/auth/{self.method}")
        self.own_method()
        self.wait_let_in()


@cause("auth-not-configured")
class _(OwnMethod):
    def breaks(self, lab):
        self.method = f"fault-{self.slug}"
        if f"{self.method}/" in self.vault.must("GET", "sys/auth"):
            self.vault.must("DELETE", f"sys/auth/{self.method}")
        self.vault.must("POST", f"sys/auth/{self.method}", {"type": "kubernetes"})
        self.write_role()
        self.apply_store()


@cause("auth-issuer-mismatch")
class _(OwnMethod):
    def wrong(self):
        return {"disable_iss_validation": False, "issuer": "https://another-cluster.example"}


@cause("auth-reviewer-invalid")
class _(OwnMethod):
    def wrong(self):
        return {"token_reviewer_jwt": "no.token.atall"}


@cause("auth-denied")
class _(OwnMethod):
    """The same, for somebody who may not make a login: then nothing tells this from its look-alikes."""

    def wrong(self):
        return {"token_reviewer_jwt": "no.token.atall"}


@cause("auth-reviewer-forbidden")
class _(OwnMethod):
    def wrong(self):
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token"
        token = self.kubernetes.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                                              "spec": {"expirationSeconds": 3600}})
        return {"token_reviewer_jwt": token["status"]["token"]}


@cause("auth-host-unreachable")
class _(OwnMethod):
    def wrong(self):
        return {"kubernetes_host": "https://no-such-host.default.svc"}


@cause("auth-ca-mismatch")
class _(OwnMethod):
    def wrong(self):
        return {"kubernetes_ca_cert": self.other_certificate()}


@cause("auth-jwt-keys-stale")
class _(OwnMethod):
    def wrong(self):
        return {"pem_keys": [self.other_certificate()]}


@cause("auth-role-missing")
class _(Cause):
    def breaks(self, lab):
        self.vault.must("DELETE", f"auth/{self.method}/role/{self.role}")

    def mends(self, lab):
        self.write_role()


class WrongRole(Cause):
    """A role that does not let the store in, and then does."""

    other = {}

    def breaks(self, lab):
        self.write_role(**self.other)

    def mends(self, lab):
        self.write_role()


@cause("auth-service-account-not-bound")
class _(WrongRole):
    other = {"bound_service_account_names": ["somebody-else"]}


@cause("auth-namespace-not-bound")
class _(WrongRole):
    other = {"bound_service_account_namespaces": ["elsewhere"]}


@cause("auth-audience-mismatch")
class _(WrongRole):
    other = {"audience": "vault"}


@cause("auth-cidr-bound")
class _(WrongRole):
    other = {"token_bound_cidrs": ["192.0.2.0/24"]}


@cause("service-account-missing")
class _(Cause):
    def breaks(self, lab):
        self.kubernetes.delete(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}")

    def mends(self, lab):
        self.apply_account(self.account)


class Token(Cause):
    """A store that reads with a token from a Secret."""

    def auth(self):
        return {"tokenSecretRef": {"name": "vault-token", "key": "token"}}

    def put_token(self, token):
        data = {"token": base64.b64encode(token.encode()).decode()}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token", "namespace": self.namespace}, "data": data})

    def good_token(self):
        return self.vault.must("POST", "auth/token/create", {"policies": ["external-secrets"], "ttl": "1h"})["auth"]["client_token"]

    def mends(self, lab):
        self.put_token(self.good_token())


@cause("store-token-invalid")
class _(Token):
    def breaks(self, lab):
        token = self.good_token()
        self.vault.must("POST", "auth/token/revoke", {"token": token})
        self.put_token(token)


@cause("auth-secret-missing")
class _(Token):
    def breaks(self, lab):
        self.kubernetes.delete(f"/api/v1/namespaces/{self.namespace}/secrets/vault-token")


# Path


@cause("path-missing")
class _(Cause):
    def breaks(self, lab):
        self.vault.must("DELETE", f"secret/metadata/{self.path}")

    def mends(self, lab):
        self.write_path({"value": secrets.token_hex(16)})


@cause("version-deleted")
class _(Cause):
    def breaks(self, lab):
        self.vault.must("DELETE", f"secret/data/{self.path}")

    def mends(self, lab):
        current = self.vault.must("GET", f"secret/metadata/{self.path}")["data"]["current_version"]
        self.vault.must("POST", f"secret/undelete/{self.path}", {"versions": [current]})


@cause("held-version-deleted")
class _(Cause):
    """Held to a version that is not the current one, which is deleted; a second one reads the current one and is well."""

    def apply_reader(self, name="app", **other):
        held = [{"secretKey": "value", "remoteRef": {"key": self.path, "property": self.wanted, "version": "1"}}]
        super().apply_reader(name, data=held, **other)

    def breaks(self, lab):
        self.write_path({"value": secrets.token_hex(16)})
        self.apply(self.reader("newest", target={"name": "newest"}))
        self.wait_synced("newest")
        self.acts()
        self.vault.must("POST", f"secret/delete/{self.path}", {"versions": [1]})

    def mends(self, lab):
        self.vault.must("POST", f"secret/undelete/{self.path}", {"versions": [1]})


@cause("version-destroyed")
class _(Cause):
    def breaks(self, lab):
        current = self.vault.must("GET", f"secret/metadata/{self.path}")["data"]["current_version"]
        self.vault.must("POST", f"secret/destroy/{self.path}", {"versions": [current]})

    def mends(self, lab):
        self.write_path({"value": secrets.token_hex(16)})


@cause("mount-missing")
class _(Cause):
    def breaks(self, lab):
        self.apply_store(path="nowhere")

    def mends(self, lab):
        self.apply_store()


@cause("kv-version-mismatch")
class _(Cause):
    def breaks(self, lab):
        self.apply_store(version="v1")

    def mends(self, lab):
        self.apply_store()


@cause("property-missing")
class _(Cause):
    def breaks(self, lab):
        self.write_path({"other": secrets.token_hex(16)})

    def mends(self, lab):
        self.write_path({"value": secrets.token_hex(16)})


@cause("policy-denies")
class _(Cause):
    def breaks(self, lab):
        self.vault.must("PUT", f"sys/policies/acl/{self.role}", {"policy": 'path "secret/data/elsewhere" { capabilities = ["read"] }'})
        self.write_role(token_policies=[self.role])

    def mends(self, lab):
        rule = f'path "secret/data/{self.path}" {{ capabilities = ["read"] }}'
        self.vault.must("PUT", f"sys/policies/acl/{self.role}", {"policy": rule})


@cause("placeholder-value")
class _(Cause):
    def breaks(self, lab):
        self.write_path({"value": "keycloak_generated_placeholder"})

    def mends(self, lab):
        self.write_path({"value": secrets.token_hex(16)})


# Store


@cause("store-missing")
class _(Cause):
    def breaks(self, lab):
        # One that was never synced may only be waiting for its store.
        self.wait_synced()
        self.acts()
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/secretstores/{self.store_name}")

    def mends(self, lab):
        self.apply_store()


@cause("store-not-allowed")
class _(Cause):
    store_kind = "ClusterSecretStore"

    def __init__(self, slug):
        super().__init__(slug)
        self.store_name = self.namespace

    def apply_store(self, namespaces=None, **other):
        auth = {"kubernetes": {"mountPath": self.method, "role": self.role,
                               "serviceAccountRef": {"name": self.account, "namespace": self.namespace}}}
        vault = {"server": self.lab.told["vault"]["url"], "path": self.mount, "version": self.version, "auth": auth}
        self.apply({"apiVersion": API, "kind": "ClusterSecretStore", "metadata": {"name": self.store_name},
                    "spec": {"provider": {"vault": vault}, "conditions": [{"namespaces": namespaces or [self.namespace]}]}})

    def breaks(self, lab):
        self.apply_store(["elsewhere"])

    def mends(self, lab):
        self.apply_store()


@cause("store-never-validated")
class _(Cause):
    """A store without a namespace for its account: each ExternalSecret logs in with one of its own namespace."""

    store_kind = "ClusterSecretStore"

    def __init__(self, slug):
        super().__init__(slug)
        self.store_name = self.namespace

    def apply_store(self, **account):
        auth = {"kubernetes": {"mountPath": self.method, "role": self.role, "serviceAccountRef": {"name": self.account, **account}}}
        vault = {"server": self.lab.told["vault"]["url"], "path": self.mount, "version": self.version, "auth": auth}
        self.apply({"apiVersion": API, "kind": "ClusterSecretStore", "metadata": {"name": self.store_name},
                    "spec": {"provider": {"vault": vault}}})

    def breaks(self, lab):
        self.wait_synced()

    def mends(self, lab):
        self.apply_store(namespace=self.namespace)


@cause("store-invalid")
class _(Cause):
    """A CA from a place that is not there: External Secrets says so, and no rule is about it."""

    def breaks(self, lab):
        self.apply_store(caProvider={"type": "ConfigMap", "name": "nowhere", "key": "ca.crt"})

    def mends(self, lab):
        self.apply_store()


# Vault


@cause("your-token-invalid")
class _(Cause):
    """The token that somebody reads with is revoked. It stands in the file `reader-token` of the lab after a `heal`."""

    def fault(self, lab, options=None):
        self.begin(lab, anew=False)
        self.acts()
        self.vault.must("POST", "auth/token/revoke", {"token": self.file.read_text()})
        say(f"{self.slug}: {self.file.name} is revoked; seen since {self.since:.3f}.")

    def heal(self, lab, keep=False):
        self.begin(lab, anew=False)
        if not self.file.exists():
            write_private(self.file, f"reader-{secrets.token_hex(16)}")
        token = self.file.read_text()
        if self.vault.call("POST", "auth/token/lookup", {"token": token}).status != 200:
            self.vault.must("POST", "auth/token/create", {"id": token, "policies": ["external-secrets"], "ttl": "8h", "no_parent": True})
        self.acts()
        say(f"{self.slug}: {self.file.name} is good; seen since {self.since:.3f}.")

    @property
    def file(self):
        return self.lab.state / "reader-token"


@cause("vault-dev-mode")
class _(Token):
    """A store of a Vault that somebody started with `-dev`. With OpenBao alone: the other core has no such mode."""

    process, root = "vault-dev-mode", "lab-dev-root"

    def address(self):
        return f"{self.lab.servers[0]['address'].rsplit('.', 1)[0]}.14:8200"

    def auth(self):
        return Cause.auth(self) if self.ordinary else super().auth()

    def begin(self, lab, anew=True):
        self.ordinary = True
        super().begin(lab, anew)
        if anew and not lab.processes.alive(self.process):
            lab.processes.start(self.process, [program("openbao", "bao"), "server", "-dev", f"-dev-root-token-id={self.root}",
                                               f"-dev-listen-address={self.address()}", "-dev-no-store-token"])

    def breaks(self, lab):
        self.wait_synced()
        dev = vaults.Vault(self.address(), self.root)
        data = {"data": {"value": secrets.token_hex(16)}}
        wait("the dev server to take a value", 30, lambda: dev.call("POST", f"secret/data/{self.path}", data).status < 300)
        self.put_token(self.root)
        self.ordinary = False
        self.acts()
        self.apply_store(server=f"http://{self.address()}")

    def mends(self, lab):
        self.apply_store()

    def take_away(self, lab):
        super().take_away(lab)
        lab.processes.stop(self.process)


# ExternalSecret


@cause("sync-stalled")
class SyncStalled(Cause):
    """External Secrets stands still (SIGSTOP): its pod is Ready, and its lease runs out."""

    path = "/apis/coordination.k8s.io/v1/namespaces/external-secrets/leases/external-secrets-controller"

    def has_run_out(self, lab):
        lease = lab.kubernetes.get(self.path)["spec"]
        renewed = datetime.fromisoformat(lease["renewTime"].replace("Z", "+00:00"))
        return (datetime.now(timezone.utc) - renewed).total_seconds() > lease["leaseDurationSeconds"]

    def fault(self, lab, options=None):
        lab.processes.send("external-secrets", signal.SIGSTOP)
        wait("the lease of External Secrets to run out", 60, lambda: self.has_run_out(lab))
        self.acts()
        say(f"{self.slug}: External Secrets stands still, and its lease has run out; seen since {self.since:.3f}.")

    def heal(self, lab, keep=False):
        # It finds that it leads no more and ends; its supervisor starts it anew, as a kubelet does.
        lab.processes.send("external-secrets", signal.SIGCONT)
        wait("the lease of External Secrets to be renewed", 90, lambda: not self.has_run_out(lab))
        self.acts()
        say(f"{self.slug}: External Secrets goes on; seen since {self.since:.3f}.")


@cause("sync-backing-off")
class _(Cause):
    interval = "1h"

    def breaks(self, lab):
        self.wait_synced()
        self.vault.must("DELETE", f"secret/metadata/{self.path}")
        super().look_again(lab)
        # Each try doubles the wait for the next one: right after one at 31 s the next is 32 s away. A loaded machine tries late.
        wait("a try that leaves half a minute to the next", 150, lambda: self.failing_for() >= 30, period=0.2)
        self.write_path({"value": secrets.token_hex(16)})
        self.acts()

    def failing_for(self):
        """How many seconds lie between the last try that failed and the first one."""
        events = self.kubernetes.get(f"/api/v1/namespaces/{self.namespace}/events?fieldSelector=involvedObject.name=app,type=Warning")
        said = [one for one in events["items"] if one["involvedObject"]["kind"] == "ExternalSecret" and one.get("lastTimestamp")]
        times = [datetime.fromisoformat(one[name]) for one in said for name in ("firstTimestamp", "lastTimestamp")]
        return (max(times) - min(times)).total_seconds() if times else 0

    def look_again(self, lab):
        """Not of itself: that would end it."""

    def mends(self, lab):
        super().look_again(lab)


@cause("stuck-deleting")
class _(Cause):
    """A finalizer whose controller never comes."""

    held = "lab.sealwatch/held"

    def finalizers(self, those):
        body = json.dumps({"metadata": {"finalizers": those}}).encode()
        path = f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/app"
        return self.kubernetes.ask("PATCH", f"{path}?fieldManager=kubectl", body=body, headers={"Content-Type": "application/merge-patch+json"})

    def breaks(self, lab):
        self.wait_synced()
        self.finalizers([self.held])
        self.acts()
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/app")

    def mends(self, lab):
        self.finalizers(None)


@cause("refresh-has-no-effect")
class _(Cause):
    def reader(self, name="app", policy="CreatedOnce", **other):
        return super().reader(name, **{"refreshPolicy": policy, **other})

    def breaks(self, lab):
        self.wait_synced()
        self.acts()
        template = {"engineVersion": "v2", "metadata": {"labels": {"lab.sealwatch/changed": "yes"}}}
        self.apply_reader(target={"name": "app", "creationPolicy": "Owner", "template": template})

    def mends(self, lab):
        self.apply_reader(policy="Periodic")


@cause("template-error")
class _(Cause):
    def breaks(self, lab):
        self.apply_reader(target={"name": "app", "template": {"engineVersion": "v2", "data": {"dsn": "{{ .missing }}"}}})

    def mends(self, lab):
        self.apply_reader(target={"name": "app", "template": {"engineVersion": "v2", "data": {"dsn": "{{ .value }}"}}})


@cause("target-owned-by-externalsecret")
class _(Cause):
    def breaks(self, lab):
        self.wait_synced()
        self.acts()
        self.apply_reader("second")

    def mends(self, lab):
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/second")


@cause("target-owned-by-controller")
class _(Cause):
    def breaks(self, lab):
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/app")
        self.drop_target()
        owner = self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": self.namespace}})
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "controller": True}
        self.place({"apiVersion": "v1", "kind": "Secret", "data": {"other": "eA=="},
                    "metadata": {"name": "app", "namespace": self.namespace, "ownerReferences": [reference]}})
        self.acts()
        self.apply_reader()

    def mends(self, lab):
        self.drop_target()


@cause("target-immutable")
class _(Cause):
    def breaks(self, lab):
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/app")
        self.drop_target()
        self.place({"apiVersion": "v1", "kind": "Secret", "immutable": True, "data": {"value": "eA=="},
                    "metadata": {"name": "app", "namespace": self.namespace}})
        self.acts()
        self.apply_reader()

    def mends(self, lab):
        self.drop_target()


@cause("target-missing")
class _(Cause):
    target = "made-by-another"

    def apply_reader(self, name="app", **other):
        super().apply_reader(name, target={"name": self.target, "creationPolicy": "Merge"}, **other)

    def breaks(self, lab):
        self.kubernetes.delete(f"/api/v1/namespaces/{self.namespace}/secrets/{self.target}")

    def mends(self, lab):
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.target, "namespace": self.namespace}})


@cause("target-deleted-by-policy")
class _(Cause):
    def apply_reader(self, name="app", **other):
        super().apply_reader(name, target={"name": "app", "creationPolicy": "Owner", "deletionPolicy": "Delete"}, **other)

    def breaks(self, lab):
        self.wait_synced()
        self.acts()
        self.vault.must("DELETE", f"secret/metadata/{self.path}")

    def mends(self, lab):
        self.write_path({"value": secrets.token_hex(16)})


@cause("target-two-writers")
class _(Cause):
    def apply_reader(self, name="app", **other):
        super().apply_reader(name, target={"name": "app", "creationPolicy": "Orphan"}, **other)

    def breaks(self, lab):
        self.apply_reader("second")
        self.wait_synced("second")

    def mends(self, lab):
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/second")


@cause("merged-from-two-places")
class _(Cause):
    """Two that merge one key into a Secret of somebody else's, from two paths."""

    def apply_reader(self, name="app", **other):
        if name == "app":
            self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.target, "namespace": self.namespace}})
        super().apply_reader(name, target={"name": self.target, "creationPolicy": "Merge"}, **other)

    def value(self):
        secret = self.kubernetes.get(f"/api/v1/namespaces/{self.namespace}/secrets/{self.target}")
        return secret.get("data", {}).get("value")

    def breaks(self, lab):
        self.wait_synced()
        before, path = self.value(), f"{self.path}/second"
        self.write_path({"value": secrets.token_hex(16)}, path)
        self.acts()
        self.apply_reader("second", data=[{"secretKey": "value", "remoteRef": {"key": path, "property": "value"}}])
        wait("the second to write its value", 60, lambda: self.value() != before)
        wait("the first to write its own again", 60, lambda: self.value() == before)

    def mends(self, lab):
        self.kubernetes.delete(f"/apis/{API}/namespaces/{self.namespace}/externalsecrets/second")
        self.vault.must("DELETE", f"{self.mount}/metadata/{self.path}/second")


@cause("value-behind")
class _(Cause):
    interval = "0"

    def breaks(self, lab):
        self.wait_synced()
        time.sleep(1.1)  # the status has whole seconds
        self.acts()
        self.write_path({"value": secrets.token_hex(16)})

    def mends(self, lab):
        self.interval = "15s"
        self.apply_reader()
        self.interval = "0"


class Generated(Cause):
    """An ExternalSecret that takes its value from a generator."""

    policy = "Periodic"

    def apply_reader(self, name="app", **other):
        generator = {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "password"}
        reader = self.reader(name, refreshInterval="1h", refreshPolicy=self.policy, dataFrom=[{"sourceRef": {"generatorRef": generator}}])
        del reader["spec"]["data"], reader["spec"]["secretStoreRef"]
        self.apply(reader)

    def apply_generator(self):
        self.apply({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password",
                    "metadata": {"name": "password", "namespace": self.namespace},
                    "spec": {"length": 24, "digits": 4, "symbols": 0, "noUpper": False, "allowRepeat": True}})


@cause("generator-missing")
class _(Generated):
    policy = "CreatedOnce"

    def breaks(self, lab):
        self.kubernetes.delete(f"/apis/generators.external-secrets.io/v1alpha1/namespaces/{self.namespace}/passwords/password")

    def mends(self, lab):
        self.apply_generator()


@cause("generator-rotates")
class _(Generated):
    def breaks(self, lab):
        self.apply_generator()
        self.apply_reader()

    def mends(self, lab):
        self.policy = "CreatedOnce"
        self.apply_reader()
        self.policy = "Periodic"


@cause("cluster-external-secret-failed")
class _(Cause):
    def apply_all(self, name):
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}
        self.apply({"apiVersion": API, "kind": "ClusterExternalSecret", "metadata": {"name": self.namespace},
                    "spec": {"externalSecretName": name, "namespaceSelectors": [selector], "refreshTime": "5s",
                             "externalSecretSpec": self.reader()["spec"]}})

    def breaks(self, lab):
        self.apply_all("app")

    def mends(self, lab):
        self.kubernetes.delete(f"/apis/{API}/clusterexternalsecrets/{self.namespace}")


# Jobs


class FailedJob(Cause):
    """A Job whose pods fail, and the same one whose pods do their work."""

    name, says = None, "403 Forbidden: the client may not be read"

    def apply_job(self, outcome):
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{self.name}"
        self.kubernetes.delete(path)
        wait("an earlier Job to be gone", 30, lambda: self.kubernetes.ask("GET", path).status == 404)
        container = {"name": "run", "image": f"registry.example/{self.name}:1"}
        template = {"metadata": {"annotations": {"lab.sealwatch/outcome": outcome, "lab.sealwatch/says": self.says}},
                    "spec": {"restartPolicy": "Never", "containers": [container]}}
        self.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": self.name, "namespace": self.namespace},
                    "spec": {"backoffLimit": 0, "template": template}})

    def breaks(self, lab):
        self.apply_job("fail")

    def mends(self, lab):
        self.apply_job("succeed")
        wait(f"the Job {self.name} to do its work", 60, self.has_succeeded)

    def has_succeeded(self):
        return world.is_true(world.condition(self.kubernetes.get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{self.name}"), "Complete"))


@cause("client-patcher-failed")
class _(FailedJob):
    name = "realm-client-patcher"


@cause("bootstrap-failed")
class _(FailedJob):
    name = "foundation-vault-bootstrap"


@cause("bootstrap-required-key-missing")
class _(FailedJob):
    name, says = "source-vault-bootstrap", "ERROR required key missing: ghcr-token"


@cause("client-patcher-not-run")
class _(Cause):
    """A placeholder, and no Job anywhere that would replace it: the one of the world was deleted after its time."""

    job = "/apis/batch/v1/namespaces/ameide-dev/jobs/platform-keycloak-realm-client-patcher"

    def breaks(self, lab):
        self.kubernetes.delete(self.job)
        wait("the Job to be gone", 30, lambda: self.kubernetes.ask("GET", self.job).status == 404)
        self.acts()
        self.write_path({"value": "keycloak_generated_placeholder"})

    def mends(self, lab):
        self.apply_job()
        self.write_path({"value": secrets.token_hex(16)})

    def take_away(self, lab):
        # Also after a fault that was made by half.
        self.apply_job()
        super().take_away(lab)

    def apply_job(self):
        if self.kubernetes.ask("GET", self.job).status == 404:
            scheme = self.lab.told["vault"]["url"].split(":")[0]
            world.apply_files(self.kubernetes, ["41-jobs.yaml"], {"VAULT_SCHEME": scheme})
