"""Talk to the API server and to Vault over HTTP, with nothing but the standard library."""

import http.client
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

from .say import LabError

MANAGER = "argocd-controller"  # the field manager that applies the world, as in life


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.text = body.decode(errors="replace")

    @property
    def json(self):
        return json.loads(self.text)


class Wire:
    """Kept-alive connections to one server, one for each thread."""

    def __init__(self, url, context=None, timeout=30):
        parts = urllib.parse.urlsplit(url)
        self.url, self.host, self.port, self.context, self.timeout = url, parts.hostname, parts.port, context, timeout
        self.local = threading.local()

    def _connection(self):
        if getattr(self.local, "connection", None) is None:
            if self.context:
                self.local.connection = http.client.HTTPSConnection(self.host, self.port or 443, context=self.context, timeout=self.timeout)
            else:
                self.local.connection = http.client.HTTPConnection(self.host, self.port or 80, timeout=self.timeout)
        return self.local.connection

    def ask(self, method, path, body=None, headers=None):
        """One request. A connection that the server closed meanwhile is opened once more."""
        for attempt in (1, 2):
            connection = self._connection()
            fresh = connection.sock is None
            try:
                connection.request(method, path, body=body, headers=headers or {})
                response = connection.getresponse()
                return Answer(response.status, response.read())
            except (OSError, http.client.HTTPException):
                connection.close()
                if attempt == 2 or fresh:
                    raise

    def try_ask(self, *args, **kwargs):
        """Like ask, with None where the server does not answer."""
        try:
            return self.ask(*args, **kwargs)
        except (OSError, http.client.HTTPException):
            return None


class Kubernetes(Wire):
    """The API server, as the administrator of the lab."""

    def __init__(self, url, certificates):
        context = ssl.create_default_context(cafile=f"{certificates}/ca.crt")
        context.load_cert_chain(f"{certificates}/admin.crt", f"{certificates}/admin.key")
        super().__init__(url, context)
        self.plurals = {}

    def get(self, path):
        answer = self.ask("GET", path)
        if answer.status != 200:
            raise LabError(f"GET {path}: the API server says {answer.status} {answer.text[:300]}")
        return answer.json

    def items(self, path):
        return self.get(path).get("items", [])

    def path(self, api_version, kind, namespace, name):
        root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
        if (api_version, kind) not in self.plurals:
            for resource in self.get(root)["resources"]:
                if "/" not in resource["name"]:
                    self.plurals[api_version, resource["kind"]] = resource["name"], resource["namespaced"]
        plural, namespaced = self.plurals[api_version, kind]
        return root + (f"/namespaces/{namespace or 'default'}" if namespaced else "") + f"/{plural}/{name}"

    def apply(self, text, manager=MANAGER):
        """Server-side apply of one manifest (YAML or JSON text)."""
        api_version, kind, namespace, name = headline(text)
        path = self.path(api_version, kind, namespace, name)
        answer = self.ask("PATCH", f"{path}?fieldManager={manager}&force=true", body=text.encode(),
                          headers={"Content-Type": "application/apply-patch+yaml"})
        if answer.status not in (200, 201):
            raise LabError(f"Applying {kind} {namespace or ''}/{name}: the API server says {answer.status} {answer.text[:600]}")
        return answer.json

    def annotate(self, path, key, value, manager="kubectl-annotate"):
        """What `kubectl annotate --overwrite` sends."""
        patch = json.dumps({"metadata": {"annotations": {key: value}}})
        answer = self.ask("PATCH", f"{path}?fieldManager={manager}", body=patch.encode(),
                          headers={"Content-Type": "application/merge-patch+json"})
        if answer.status != 200:
            raise LabError(f"Annotating {path}: the API server says {answer.status} {answer.text[:300]}")

    def create(self, path, value):
        answer = self.ask("POST", path, body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})
        if answer.status not in (200, 201, 202):
            raise LabError(f"POST {path}: the API server says {answer.status} {answer.text[:300]}")
        return answer.json

    def delete(self, path):
        answer = self.ask("DELETE", path, body=b'{"propagationPolicy":"Background"}', headers={"Content-Type": "application/json"})
        if answer.status not in (200, 202, 404):
            raise LabError(f"DELETE {path}: the API server says {answer.status} {answer.text[:300]}")


class Vault(Wire):
    """One Vault server."""

    def __init__(self, address, token=None, ca=None):
        context = ssl.create_default_context(cafile=ca) if ca else None
        super().__init__(f"http{'s' if ca else ''}://{address}", context, timeout=15)
        self.address, self.token = address, token

    def call(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["X-Vault-Token"] = self.token
        return self.ask(method, f"/v1/{path}", body=None if body is None else json.dumps(body).encode(), headers=headers)

    def must(self, method, path, body=None):
        answer = self.call(method, path, body)
        if answer.status >= 300:
            # The request may hold a value, the answer does not.
            raise LabError(f"Vault at {self.address}: {method} {path} gave {answer.status} {answer.text[:300]}")
        return answer.json if answer.text.strip() else None

    def seal_status(self):
        answer = self.try_ask("GET", "/v1/sys/seal-status")
        return answer.json if answer and answer.status == 200 else None

    def health(self):
        answer = self.try_ask("GET", "/v1/sys/health")
        return answer.status if answer else None


def headline(text):
    """apiVersion, kind, namespace and name of a manifest.

    The standard library reads no YAML, and the API server does: all we need from
    a manifest are the four fields that make its address.
    """
    if text.lstrip().startswith("{"):
        value = json.loads(text)
        return value["apiVersion"], value["kind"], value["metadata"].get("namespace"), value["metadata"]["name"]

    def top(key):
        found = re.search(rf"^{key}:\s*['\"]?([^\s'\"]+)", text, re.MULTILINE)
        if not found:
            raise LabError(f"A manifest has no {key}: {text[:80]!r}")
        return found.group(1)

    metadata = re.search(r"^metadata:\n((?:[ \t]+.*\n?|\n)+)", text, re.MULTILINE)
    fields = dict(re.findall(r"^  (name|namespace):\s*['\"]?([^\s'\"]+)", metadata.group(1) if metadata else "", re.MULTILINE))
    if "name" not in fields:
        raise LabError(f"A manifest has no metadata.name: {text[:80]!r}")
    return top("apiVersion"), top("kind"), fields.get("namespace"), fields["name"]


STOPPING = threading.Event()  # set when the command gives up, so that no thread waits out its patience


def wait(what, seconds, test, period=0.1, alive=None):
    """Try until the test gives something true; say what was last seen when time is up."""
    until = time.monotonic() + seconds
    last = None
    while True:
        if STOPPING.is_set():
            raise LabError(f"Gave up waiting for {what}.")
        if alive:
            alive()
        try:
            value = test()
            if value:
                return value
            last = "not yet"
        except (OSError, http.client.HTTPException, socket.timeout, LabError, KeyError) as error:
            last = str(error)
        if time.monotonic() > until:
            raise LabError(f"Waited {seconds} s in vain for {what}. Last seen: {last}")
        time.sleep(period)
