"""External Secrets is scaled to nothing, as a person does it; its process ends with its pod."""

import json

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
    wait("the pod of External Secrets to run", 30, lambda: any(
        item.get("status", {}).get("phase") == "Running" for item in lab.kubernetes.items(PODS)))
    if not lab.processes.alive("external-secrets"):
        lab.processes.again("external-secrets")
    say("External Secrets runs again.")
