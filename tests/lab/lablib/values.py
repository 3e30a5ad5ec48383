"""The secret values of one lab, all random.

Each value contains the word CANARY, so that a test can search screens, logs and
files for a leak. The list of all of them is kept in the state folder, readable
by its owner only, and never goes to Kubernetes.
"""

import base64
import json
import secrets


def canary(kind):
    return f"CANARY-{kind}-{secrets.token_urlsafe(18)}"


def docker_config(username, token):
    auth = base64.b64encode(f"{username}:{token}".encode()).decode()
    return json.dumps({"auths": {"ghcr.io": {"username": username, "password": token, "auth": auth}}}, separators=(",", ":"))


class Values:
    """KV paths with their properties, and which Job writes which of them."""

    def __init__(self):
        username, token = canary("ghcr-username"), canary("ghcr-token")
        bootstrap = {
            "ghcr-token": {"value": docker_config(username, token)},
            "ghcr-username": {"value": username},
            "langfuse-public-key": {"value": canary("langfuse-public-key")},
            "langfuse-secret-key": {"value": canary("langfuse-secret-key")},
            "anthropic-api-key": {"value": canary("anthropic-api-key")},
            "openai-api-key": {"value": canary("openai-api-key")},
        }
        patcher = {"platform-app-client-secret": {"value": canary("platform-app-client-secret")}}
        others = {
            "grafana-admin-credentials": {"username": canary("grafana-admin-username"), "password": canary("grafana-admin-password")},
            "minio-root-credentials": {"root-user": canary("minio-root-user"), "root-password": canary("minio-root-password")},
            "agents-runtime-token": {"value": canary("agents-runtime-token")},
            **{f"staging/{name}": {"value": canary(f"staging-{name}")} for name in
               ("www-session-key", "graph-api-token", "inference-gateway-token", "workflows-runtime-token", "chat-session-key", "transformation-db-password")},
        }
        self.jobs = {"vault-bootstrap": bootstrap, "client-patcher": patcher}
        self.paths = {**bootstrap, **patcher, **others}
        self.extra = [token, base64.b64encode(f"{username}:{token}".encode()).decode()]

    def canaries(self, root_token, shares):
        """Everything that must never be seen outside Vault and the Secrets."""
        found = [value for properties in self.paths.values() for value in properties.values()]
        return {"values": sorted(set(found + self.extra)), "root_token": root_token, "shares": shares}
