"""The world of the benchmark: ten thousand ExternalSecrets in 50 namespaces, their Secrets, Pods and paths.

One object of each sort is made through the API, as its maker makes it. The others are copies of what the API
server stored for it, put straight into etcd, with the number in their names, their namespace and their uid
replaced by ones of the same length. They are what the API server would have stored, some forty times faster.
"""

import base64
import datetime
import http.client
import json
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from ..say import LabError
from .bare import TOKEN

NAMESPACES = 50
FOLDERS = 200
LAST = "zz-last"  # a namespace after all others, with three ExternalSecrets more; one of them is the mark
MARKS = ["mark-0-credentials", "mark-1-credentials", "mark-2-credentials"]
BATCH = 100  # puts of one transaction of etcd, which takes 128

ES = "/apis/external-secrets.io/v1/namespaces/{}/externalsecrets"
NEVER_CHANGED = "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"  # generation 1, no annotations, no labels


def namespace(number):
    return f"team-{number % NAMESPACES:02}"


def app(number):
    return f"app-{number:05}"


def folder(number):
    return f"folder-{number % FOLDERS:03}"


def path(number):
    return f"{folder(number)}/{app(number)}"


def fails(number):
    """Two of the two hundred in each namespace."""
    return number // NAMESPACES % 100 == 7


WELL, FAILING = 0, 7 * NAMESPACES  # the objects that are made through the API, both in team-00


def now(minutes=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Fill:
    def __init__(self, bare):
        self.bare, self.kubernetes = bare, bare.kubernetes
        self.made = 0

    def begin(self):
        """Namespaces, the store, and one object of each sort."""
        for name in [*(f"team-{i:02}" for i in range(NAMESPACES)), LAST]:
            self.kubernetes.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        self.store()
        self.es("team-00", f"{app(WELL)}-credentials", path(WELL), well=True)
        self.es("team-00", f"{app(FAILING)}-credentials", path(FAILING), well=False)
        for name in MARKS:
            self.es(LAST, name, "first", well=True)
        self.secret()
        self.pod()

    def store(self):
        self.kubernetes.apply(json.dumps({
            "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": "vault"},
            "spec": {"provider": {"vault": {"server": f"http://{self.bare.vault}", "path": "secret", "version": "v2", "auth": {
                "tokenSecretRef": {"name": "vault-token", "key": "token", "namespace": LAST}}}}}}))
        self.status("/apis/external-secrets.io/v1/clustersecretstores/vault", {"capabilities": "ReadWrite", "conditions": [
            self.ready("True", "Valid", "store validated")]})
        self.kubernetes.apply(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-token", "namespace": LAST},
                                          "stringData": {"token": TOKEN}}))

    @staticmethod
    def ready(status, reason, message):
        return {"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": now()}

    def status(self, where, status):
        answer = self.kubernetes.ask("PATCH", f"{where}/status?fieldManager=external-secrets", json.dumps({"status": status}).encode(),
                                     {"Content-Type": "application/merge-patch+json"})
        if answer.status != 200:
            raise LabError(f"The status of {where}: the API server says {answer.status} {answer.text[:300]}")

    def es(self, space, name, key, well):
        self.kubernetes.apply(json.dumps({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": name, "namespace": space},
            "spec": {
                # Longer than any measurement: nothing comes due meanwhile. The mark shows days.
                "refreshInterval": "8760h" if space == LAST else "24h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
                "target": {"name": name, "creationPolicy": "Owner"},
                "data": [{"secretKey": key_, "remoteRef": {"key": key, "property": key_}} for key_ in ("username", "password")]}}))
        condition = self.ready("True", "SecretSynced", "secret synced") if well else self.ready(
            "False", "SecretSyncedError", "could not get secret data from provider")
        self.status(f"{ES.format(space)}/{name}", {
            "binding": {"name": name}, "refreshTime": now(), "syncedResourceVersion": NEVER_CHANGED, "conditions": [condition]})

    def secret(self):
        name = f"{app(WELL)}-credentials"
        owner = self.kubernetes.get(f"{ES.format('team-00')}/{name}")["metadata"]
        self.kubernetes.create(f"/api/v1/namespaces/team-00/secrets?fieldManager=externalsecrets.external-secrets.io/{name}", {
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": False,
            "metadata": {
                "name": name, "labels": {"reconcile.external-secrets.io/managed": "true"},
                "annotations": {"reconcile.external-secrets.io/data-hash": "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930000"},
                "ownerReferences": [{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": name, "uid": owner["uid"],
                                     "controller": True, "blockOwnerDeletion": True}]},
            "data": {key: base64.b64encode(b"benchmark").decode() for key in ("username", "password")}})

    def pod(self):
        # Without its controller no namespace has the account that a pod needs.
        self.kubernetes.apply(json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": False,
                                          "metadata": {"name": "default", "namespace": "team-00"}}))
        name, secret = f"{app(WELL)}-0", f"{app(WELL)}-credentials"
        self.kubernetes.create("/api/v1/namespaces/team-00/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app(WELL)}},
            "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "registry.example/app:1", "env": [
                {"name": key.upper(), "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for key in ("username", "password")]}]}})
        yes = [{"type": kind, "status": "True", "lastTransitionTime": now()} for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
        status = {"phase": "Running", "startTime": now(1), "conditions": yes, "containerStatuses": [{
            "name": "app", "image": "registry.example/app:1", "imageID": "sha256:0", "ready": True, "started": True, "restartCount": 0,
            "state": {"running": {"startedAt": now(1)}}}]}
        answer = self.kubernetes.ask("PATCH", f"/api/v1/namespaces/team-00/pods/{name}/status", json.dumps({"status": status}).encode(),
                                     {"Content-Type": "application/merge-patch+json"})
        if answer.status != 200:
            raise LabError(f"The status of a pod: the API server says {answer.status} {answer.text[:300]}")

    def external_secrets(self, upto):
        """ExternalSecrets up to this number."""
        numbers = [number for number in range(self.made, upto) if number not in (WELL, FAILING)]
        for base, chosen in ((WELL, [n for n in numbers if not fails(n)]), (FAILING, [n for n in numbers if fails(n)])):
            self.copy("/registry/external-secrets.io/externalsecrets/{}/{}-credentials", base, chosen)
        self.made = max(self.made, upto)

    def secrets(self, count):
        self.copy("/registry/secrets/{}/{}-credentials", WELL, range(1, count))

    def pods(self, count):
        self.copy("/registry/pods/{}/{}-0", WELL, range(1, count))

    def copy(self, key, base, numbers):
        etcd = Etcd(self.bare.etcd)
        stored = etcd.get(key.format(namespace(base), app(base)))
        uids = {self.kubernetes.get(f"{ES.format(namespace(base))}/{app(base)}-credentials")["metadata"]["uid"]}
        if "externalsecrets" not in key:
            kind = key.split("/")[2]
            uids.add(self.kubernetes.get(f"/api/v1/namespaces/{namespace(base)}/{kind}/{key.rsplit('/', 1)[1].format(app(base))}")["metadata"]["uid"])

        def puts(chosen):
            out = []
            for n in chosen:
                value = stored
                for old, new in ((namespace(base), namespace(n)), (app(base), app(n)), (folder(base), folder(n)),
                                 *((uid, f"{uid[:24]}{n:012}") for uid in uids)):
                    value = value.replace(old.encode(), new.encode())
                out.append((key.format(namespace(n), app(n)), value))
            etcd.put(out)

        numbers = list(numbers)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(puts, (numbers[at:at + BATCH] for at in range(0, len(numbers), BATCH))))

    def paths(self, count, vault):
        """The paths that the ExternalSecrets read."""
        def put(number):
            vault.must("POST", f"secret/data/{path(number)}", {"data": {"username": "benchmark", "password": "benchmark"}})
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(count)))


class Etcd:
    """etcd over its gateway for HTTP."""

    def __init__(self, url):
        self.host = urllib.parse.urlsplit(url).netloc

    def ask(self, path_, value):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request("POST", f"/v3/kv/{path_}", json.dumps(value), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise LabError(f"etcd says {answer.status} {body[:200]!r}")
        return json.loads(body)

    @staticmethod
    def text(data):
        return base64.b64encode(data).decode()

    def get(self, key):
        found = self.ask("range", {"key": self.text(key.encode())}).get("kvs")
        if not found:
            raise LabError(f"etcd holds no {key}.")
        return base64.b64decode(found[0]["value"])

    def put(self, pairs):
        self.ask("txn", {"success": [{"requestPut": {"key": self.text(key.encode()), "value": self.text(value)}} for key, value in pairs]})
