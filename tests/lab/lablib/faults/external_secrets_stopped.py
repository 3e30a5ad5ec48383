"""External Secrets is scaled to nothing, as a person does it; its process ends with its pod."""

import json

from .. import cluster
from ..addresses import Block
from ..say import LabError, say
from ..wire import wait

SCALE = "/apis/apps/v1/namespaces/external-secrets/deployments/external-secrets/scale"
PODS = "/api/v1/namespaces/external-secrets/pods?labelSelector=app.kubernetes.io/name%3Dexternal-secrets"


def scale(lab, replicas):
    answer = lab.kubernetes.ask("PATCH", SCALE + "?fieldManager=kubectl", body=json.dumps({"spec": {"replicas": replicas}}).encode(),
                                headers={"Content-Type": "application/merge-patch+json"})
    if answer.status != 200:
        raise LabError(f"Scaling External Secrets: the API server says {answer.status} {answer.text[:300]}")


def fault(lab, options):
    scale(lab, 0)
    wait("the pod of External Secrets to be gone", 30, lambda: not lab.kubernetes.items(PODS))
    lab.processes.stop("external-secrets")
    say("External Secrets is scaled to 0 and has ended.")


def heal(lab):
    scale(lab, 1)
    pod = wait("the pod of External Secrets to run", 30, lambda: next(
        (item["metadata"]["name"] for item in lab.kubernetes.items(PODS) if item["status"].get("phase") == "Running"), None))
    if not lab.processes.alive("external-secrets"):
        # The host name of the process is that of its pod; the new pod has a new one.
        deployment = lab.kubernetes.get(SCALE.removesuffix("/scale"))
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        cluster.start_external_secrets(lab.processes, lab.state, Block(lab.told["block"]), pod, arguments)
    say("External Secrets runs again.")
