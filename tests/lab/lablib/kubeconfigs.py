"""kubeconfig files with everything embedded, so that one file is enough to work."""

import base64
from pathlib import Path

from .places import write_private


def write(path, url, certificates, user):
    """A kubeconfig for the client certificate `user`; its context is always named `lab`."""
    def data(name):
        return base64.b64encode(Path(certificates, name).read_bytes()).decode()

    write_private(path, f"""apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster:
    server: {url}
    certificate-authority-data: {data("ca.crt")}
users:
- name: {user}
  user:
    client-certificate-data: {data(user + ".crt")}
    client-key-data: {data(user + ".key")}
contexts:
- name: lab
  context:
    cluster: lab
    user: {user}
    namespace: ameide-dev
""")
