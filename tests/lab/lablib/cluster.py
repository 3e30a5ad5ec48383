"""The control plane of a lab: certificates, etcd, API server, controllers, kwok."""

import json
import os
import subprocess

from . import addresses, kubeconfigs
from .parts import BY_NAME, program
from .places import CONFIG
from .say import LabError

# A client certificate may carry the name of a service account: External Secrets
# then has exactly that account's rights, and its credentials never run out.
CLIENTS = {
    "admin": "lab-admin,system:masters",
    "limited": "limited,lab",
    "viewer": "viewer,lab",
    "tenant": "tenant,lab",
    "alone": "alone,lab",  # of the benchmark, where it may list ExternalSecrets; elsewhere it may do nothing
    "machine": "lab-machine,system:masters",
    "external-secrets": "system:serviceaccount:external-secrets:external-secrets,system:serviceaccounts,"
                        "system:serviceaccounts:external-secrets",
}


def certificates(state, block):
    folder = state / "certificates"
    api = block.at(addresses.API_SERVER)
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", api, "10.96.0.1"]
    what = ["--server", "apiserver=" + ",".join(names),
            "--server", f"kubelet=lab-node-1,lab-node-2,{block.at(addresses.KUBELET)}"]
    for name, subject in CLIENTS.items():
        what += ["--client", f"{name}={subject}"]
    make_certificates(folder, what)
    url = f"https://{api}"
    for user in CLIENTS:
        kubeconfigs.write(state / f"{user}.kubeconfig", url, folder, user)
    return folder, url


def vault_certificates(state, block, servers):
    """The Vault's certificate, of a CA of its own; and a CA beside it that signed nothing here.

    Its names are those by which the stores may call it. The addresses are for the servers among
    themselves, and for the Service's address.
    """
    names = [f"{host}.ameide-dev.svc{rest}" for host in ("vault-core-dev", "vault-core-dev-internal") for rest in ("", ".cluster.local")]
    names += [block.at(addresses.SERVICE), *(server["ip"] for server in servers)]
    folders = state / "certificates/vault", state / "certificates/stranger"
    for folder in folders:
        make_certificates(folder, ["--server", "vault=" + ",".join(names)])
    return folders


def make_certificates(folder, what):
    command = [program("tools", "tools"), "certs", "--dir", str(folder), *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"The certificates could not be made: {done.stderr.strip()}")


def start_api_server(processes, state, block, folder, audit=True):
    etcd = block.at(addresses.ETCD)
    processes.start("etcd", [
        program("etcd", "server"), "--name=lab", f"--data-dir={state}/etcd", "--unsafe-no-fsync",
        f"--listen-client-urls=http://{etcd}:2379", f"--advertise-client-urls=http://{etcd}:2379",
        f"--listen-peer-urls=http://{etcd}:2380", f"--initial-advertise-peer-urls=http://{etcd}:2380",
        f"--initial-cluster=lab=http://{etcd}:2380", "--log-level=warn"])
    api = block.at(addresses.API_SERVER)
    processes.start("kube-apiserver", [
        program("kubernetes", "kube-apiserver"), f"--etcd-servers=http://{etcd}:2379",
        f"--bind-address={api}", "--secure-port=443", f"--advertise-address={api}",
        f"--tls-cert-file={folder}/apiserver.crt", f"--tls-private-key-file={folder}/apiserver.key",
        f"--client-ca-file={folder}/ca.crt",
        f"--service-account-key-file={folder}/sa.pub", f"--service-account-signing-key-file={folder}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC",
        "--service-cluster-ip-range=10.96.0.0/16", "--allow-privileged", "--endpoint-reconciler-type=none",
        f"--kubelet-client-certificate={folder}/machine.crt", f"--kubelet-client-key={folder}/machine.key",
        "--kubelet-preferred-address-types=InternalIP", "--profiling=false",
        *([f"--audit-policy-file={CONFIG}/audit.yaml", f"--audit-log-path={state}/logs/audit.log"] if audit else [])])


def start_controllers(processes, state, block, folder):
    config = f"{state}/machine.kubeconfig"
    processes.start("kube-controller-manager", [
        program("kubernetes", "kube-controller-manager"), f"--kubeconfig={config}",
        f"--service-account-private-key-file={folder}/sa.key", f"--root-ca-file={folder}/ca.crt",
        # Addresses of pods are kwok's business.
        "--controllers=*,-node-ipam-controller", "--leader-elect=false",
        f"--bind-address={block.at(addresses.CONTROLLERS)}", "--secure-port=10257"])


def kwok_config(state, servers):
    """Where logs, exec and port-forward of a pod really go."""
    documents = [(CONFIG / "stages.yaml").read_text()]

    def add(kind, name, spec):
        documents.append(json.dumps({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}))

    for server in servers:
        selector = {"matchNamespaces": [server["namespace"]], "matchNames": [server["pod"]]}
        add("ClusterLogs", server["pod"], {"selector": selector, "logs": [{"logsFile": str(state / "logs" / f"{server['pod']}.cri.log")}]})
        add("ClusterPortForward", server["pod"], {"selector": selector, "forwards": [
            {"ports": [8200], "target": {"address": server["ip"], "port": 8200}}]})
        add("ClusterExec", server["pod"], {"selector": selector, "execs": [{"local": {"envs": [
            {"name": name, "value": f"http://{server['address']}"} for name in ("VAULT_ADDR", "BAO_ADDR")]}}]})
    add("ClusterLogs", "others", {"logs": [{"logsFile": str(state / "logs" / "container.cri.log")}]})
    path = state / "kwok.yaml"
    path.write_text("\n---\n".join(documents) + "\n")
    return path


def start_kwok(processes, state, block, folder, config):
    processes.start("kwok", [
        program("kwok", "kwok"), f"--kubeconfig={state}/machine.kubeconfig", f"--config={config}",
        "--manage-all-nodes", f"--node-ip={block.at(addresses.KUBELET)}", "--node-port=10250", "--cidr=10.244.0.1/16",
        f"--server-address={block.at(addresses.KUBELET)}:10250", "--enable-crds=Logs",
        f"--tls-cert-file={folder}/kubelet.crt", f"--tls-private-key-file={folder}/kubelet.key",
        "--node-lease-duration-seconds=40"],
        # kwok looks for the command of an exec on its own PATH: `bao` is found as in the pod.
        env={"HOME": state, "PATH": f"{BY_NAME['openbao'].home()}:{os.environ['PATH']}"})


def start_network(processes, state, block):
    processes.start("network", [
        program("tools", "tools"), "network", f"--kubeconfig={state}/machine.kubeconfig",
        f"--dns={block.at(addresses.NAMES)}:53", f"--block={block.prefix}", f"--backends={state}/backends.json",
        f"--service=ameide-dev/vault-core-dev={block.at(addresses.SERVICE)}",
        f"--outside=default/kubernetes={block.at(addresses.API_SERVER)}"])


def start_watcher(processes, state, servers):
    processes.start("watcher", [
        program("tools", "tools"), "watch", f"--kubeconfig={state}/machine.kubeconfig", f"--upstream={state}/upstream.json",
        f"--logs={state}/logs/jobs", f"--tokens={state}/serviceaccount",
        *[f"--vault={server['address']}" for server in servers]])


def start_external_secrets(processes, state, block, pod, arguments):
    """The operator, with the arguments that its Deployment names."""
    kept = [word for word in arguments if not word.startswith("--metrics-addr")]
    processes.start("external-secrets", [
        program("tools", "tools"), "keep", program("external-secrets", "external-secrets"), *kept,
        f"--metrics-addr={block.at(addresses.METRICS)}:8080"],
        env={"KUBECONFIG": f"{state}/external-secrets.kubeconfig"}, pod=(pod, None))
