"""The Vault of a lab: start its servers, initialise, unseal and configure them."""

import json
from concurrent.futures import ThreadPoolExecutor

from . import addresses
from .parts import program
from .say import LabError
from .wire import Vault, wait

ROLE = "external-secrets"
# The headless Service by whose names the servers reach each other, as the charts have it.
INTERNAL = "vault-core-dev-internal"
VERSIONS = {"openbao": "2.7.2", "hashicorp": "1.21.4"}

POLICY = """
path "secret/data/*" { capabilities = ["read"] }
path "secret/metadata/*" { capabilities = ["read", "list"] }
"""


def replicas(block, kind, tls):
    """Pod name and addresses of each server. HashiCorp's core runs as one node.

    `address` is where the lab's own hands reach it, always in clear. With TLS that is a
    listener beside the one that the cluster sees at port 8200.
    """
    count = 3 if kind == "openbao" else 1
    return [{"namespace": "ameide-dev", "pod": f"vault-core-dev-{i}", "ip": block.at(addresses.REPLICAS + i),
             "address": f"{block.at(addresses.REPLICAS + i)}:{8202 if tls else 8200}"} for i in range(count)]


def start(processes, kind, servers, tls):
    """Start the servers. Each sees its pod's service account, and the cluster's names."""
    for server in servers:
        folder = processes.state / "vault" / server["pod"]
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "openbao":
            config = folder.with_suffix(".hcl")
            config.write_text(openbao_config(folder, server, servers[0], tls))
            argv = [program("openbao", "bao"), "server", f"-config={config}"]
        else:
            argv = [program("vault", "vault"), f"-address={server['address']}", f"-storage={folder}"]
        argv = [program("tools", "tools"), "crilog", processes.state / "logs" / f"{server['pod']}.cri.log", *argv]
        processes.start(server["pod"], argv, pod=(server["pod"], processes.state / "serviceaccount"))


def openbao_config(folder, server, first, tls):
    """`tls` is the folder of the Vault's certificates, or None."""
    scheme = "https" if tls else "http"
    trust = f"""
    leader_ca_cert_file = "{tls}/ca.crt\"""" if tls else ""
    join = "" if server is first else f"""
  retry_join {{
    leader_api_addr = "{scheme}://{first["ip"]}:8200"{trust}
  }}"""
    secure = f"""
listener "tcp" {{
  address         = "{server["ip"]}:8200"
  cluster_address = "{server["ip"]}:8201"
  tls_cert_file   = "{tls}/vault.crt"
  tls_key_file    = "{tls}/vault.key"
}}
""" if tls else ""
    return f"""ui            = false
disable_mlock = true
log_level     = "info"
api_addr      = "{scheme}://{server["ip"]}:8200"
cluster_addr  = "https://{server["pod"]}.{INTERNAL}:8201"
{secure}
listener "tcp" {{
  address         = "{server["address"]}"
  cluster_address = "{server["ip"]}:{8203 if tls else 8201}"
  tls_disable     = true
}}

storage "raft" {{
  path    = "{folder}"
  node_id = "{server["pod"]}"
  performance_multiplier = 1{join}
}}
"""


def initialise(processes, servers, shares, threshold, namespaces):
    """Initialise and configure the first server, then unseal all. Returns root token and shares.

    The login is configured before the others join: a server that is up when the
    configuration of kubernetes auth is written takes the CA only at its next look,
    up to 30 s later, and refuses every login until then.
    """
    first = Vault(servers[0]["address"])

    def alive():
        for server in servers:
            processes.check(server["pod"])

    wait("the first Vault server to answer", 30, first.seal_status, alive=alive)
    answer = first.must("PUT", "sys/init", {"secret_shares": shares, "secret_threshold": threshold})
    keys, token = answer["keys_base64"], answer["root_token"]
    unseal(servers[:1], keys, threshold)
    wait("the first Vault server to become active", 20, lambda: first.health() == 200, alive=alive)
    first.token = token
    mount(first)
    configure_login(first, namespaces)
    unseal(servers[1:], keys, threshold)
    return token, keys


def hosts(servers):
    """The names of the servers for each other, which in life the cluster's name server knows; here they are up before it is."""
    return "127.0.0.1 localhost\n" + "".join(f"{server['ip']} {server['pod']}.{INTERNAL}\n" for server in servers)


def unseal(servers, keys, threshold, patience=40):
    """Send the shares to every sealed server, each to each: every server is sealed on its own.

    A raft server that is still joining answers 200 and stays sealed; it is given
    time and asked again.
    """
    def one(server):
        vault = Vault(server["address"])

        def unsealed():
            status = vault.seal_status()
            if status is None or not status["initialized"]:
                return False
            if not status["sealed"]:
                return True
            if status["progress"]:
                vault.must("PUT", "sys/unseal", {"reset": True})
            for key in keys[:threshold]:
                answer = vault.call("PUT", "sys/unseal", {"key": key})
                if answer.status >= 300:
                    raise LabError(f"unseal of {server['pod']}: {answer.status} {answer.text[:200]}")
            return False

        wait(f"{server['pod']} to be unsealed", patience, unsealed, period=0.2)

    if servers:
        with ThreadPoolExecutor(len(servers)) as pool:
            list(pool.map(one, servers))


def active(servers, token):
    """The server that leads; writes go there, so that a read right after finds them."""
    def find():
        return next((server for server in servers if Vault(server["address"]).health() == 200), None)
    return Vault(wait("an active Vault server", 30, find)["address"], token)


def mount(vault):
    """The engine and the login method, as an installation has them."""
    vault.must("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
    vault.must("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    vault.must("PUT", "sys/policies/acl/external-secrets", {"policy": POLICY})


def fill(vault, values):
    def put(item):
        path, properties = item
        # A KV mount is upgraded in the background just after it was made.
        wait(f"secret/{path} to be written", 15, lambda: vault.call("POST", f"secret/data/{path}", {"data": properties}).status < 300)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, values.paths.items()))


def configure_login(vault, namespaces):
    """kubernetes auth in the in-cluster form: the pod's own token and CA, nothing pinned."""
    vault.must("POST", "auth/kubernetes/config", {
        "kubernetes_host": "https://kubernetes.default.svc", "disable_iss_validation": True, "disable_local_ca_jwt": False})
    vault.must("POST", f"auth/kubernetes/role/{ROLE}", {
        "bound_service_account_names": ["external-secrets"], "bound_service_account_namespaces": namespaces,
        "token_policies": ["external-secrets"], "token_ttl": "1h"})


def seal(servers, token):
    """Seal servers through the API a person would use; standbys first, so that none takes over meanwhile."""
    order = sorted(servers, key=lambda server: Vault(server["address"]).health() == 200)
    for server in order:
        Vault(server["address"], token).must("PUT", "sys/seal")


def read_keys(state):
    told = json.loads((state / "shares.json").read_text())
    return told["shares"], told["threshold"]
