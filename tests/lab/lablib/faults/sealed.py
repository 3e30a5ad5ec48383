"""All servers of the Vault are sealed, long enough that the stores and the
ExternalSecrets have failed and their back-off has grown."""

import time

from .. import vaults, world
from ..say import LabError, say
from ..wire import wait
from . import repair

SEEN = ["ameide-dev", "ameide-staging"]  # whose stores are checked again at once; ameide-prod notices by itself
ALL = [*SEEN, "ameide-prod"]
SHORT = ["15s", "20s", "25s", "30s"]  # the intervals of the world that let an ExternalSecret fail soon
RELEASE = "later/release.yaml"


def fault(lab, options):
    remove_release(lab)
    vaults.seal(lab.servers, lab.token)
    began = time.monotonic()
    say(f"{len(lab.servers)} server(s) of the Vault are sealed.")
    world.apply_files(lab.kubernetes, [RELEASE], {})
    say("A release was made meanwhile: its Secret cannot be written, so its pod cannot start.")
    repair.annotate_stores(lab, SEEN)
    repair.wait_stores(lab, SEEN, False, 90)
    say(f"The stores of {', '.join(SEEN)} are no longer Ready, {time.monotonic() - began:.1f} s after the seal.")

    def failed():
        short = {name: [item for item in world.external_secrets(lab.kubernetes, name) if item["spec"].get("refreshInterval", "1h") in SHORT] for name in SEEN}
        late = [world.name_of(item) for items in short.values() for item in items if (world.condition(item) or {}).get("status") != "False"]
        if late:
            raise LabError("not yet failed: " + ", ".join(late))
        return {name: len(items) for name, items in short.items()}
    count = wait("the ExternalSecrets with a short interval to fail", 150, failed, period=0.5)
    say(f"ExternalSecrets that have failed: {', '.join(f'{number} in {name}' for name, number in count.items())}, "
        f"{time.monotonic() - began:.1f} s after the seal.")
    wait("the pod of the release to be refused", 30, lambda: waiting_pod(lab), period=0.3)
    rest = options.hold - (time.monotonic() - began)
    if rest > 0:
        say(f"Holding for another {rest:.0f} s, so that back-off grows.")
        time.sleep(rest)
    say(f"Sealed for {time.monotonic() - began:.0f} s.")


def waiting_pod(lab):
    pods = lab.kubernetes.items("/api/v1/namespaces/ameide-dev/pods?labelSelector=app.kubernetes.io/name%3Dagents-runtime")
    return any(status.get("state", {}).get("waiting", {}).get("reason") == "CreateContainerConfigError"
               for pod in pods for status in pod.get("status", {}).get("containerStatuses", []))


def remove_release(lab):
    """An earlier run of this fault left the release behind; its Secret would be there already."""
    base = "/apis/external-secrets.io/v1/namespaces/ameide-dev/externalsecrets/agents-runtime-token-sync"
    lab.kubernetes.delete("/apis/apps/v1/namespaces/ameide-dev/deployments/agents-runtime")
    lab.kubernetes.delete(base)
    gone = ["/api/v1/namespaces/ameide-dev/secrets/agents-runtime-token", base]
    wait("an earlier release to be gone", 30, lambda: all(lab.kubernetes.ask("GET", path).status == 404 for path in gone) and not
         lab.kubernetes.items("/api/v1/namespaces/ameide-dev/pods?labelSelector=app.kubernetes.io/name%3Dagents-runtime"))


def heal(lab):
    keys, threshold = lab.keys()
    vaults.unseal(lab.servers, keys, threshold)
    vaults.active(lab.servers, lab.token)
    say(f"{len(lab.servers)} server(s) of the Vault are unsealed.")
    repair.recover(lab, ALL)
    remove_release(lab)
    say("The release of the outage is removed again; the world is as it started.")
