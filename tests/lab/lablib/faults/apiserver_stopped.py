"""The API server has ended; etcd keeps its data. Healed, it listens at the same address again."""

from ..say import say
from ..wire import wait


def fault(lab, options):
    # Open watches would hold a polite end back for half a minute.
    lab.processes.stop("kube-apiserver", patience=2)
    say("The API server has ended.")


def heal(lab):
    if not lab.processes.alive("kube-apiserver"):
        lab.processes.again("kube-apiserver")

    def ready():
        answer = lab.kubernetes.try_ask("GET", "/readyz")
        return answer and answer.status == 200
    wait("the API server to be ready", 60, ready, alive=lambda: lab.processes.check("kube-apiserver"))
    say("The API server is ready again.")
