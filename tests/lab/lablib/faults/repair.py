"""Steps that several faults share: force a check or a sync, and wait for it."""

import time

from .. import world
from ..say import LabError, say
from ..wire import wait

API = "/apis/external-secrets.io/v1"


def annotate_stores(lab, namespaces, only_failed=False):
    """What a person types: kubectl annotate secretstore NAME force-sync=$(date +%s) --overwrite."""
    for store in world.stores(lab.kubernetes):
        if store["metadata"]["namespace"] in namespaces and not (only_failed and world.is_ready(store)):
            meta = store["metadata"]
            lab.kubernetes.annotate(f"{API}/namespaces/{meta['namespace']}/secretstores/{meta['name']}", "force-sync", str(int(time.time())))


def annotate_failed(lab):
    """Annotate the ExternalSecrets that are not Ready; a Ready one needs nothing, and a generator would make a new value."""
    failed = [item for item in world.external_secrets(lab.kubernetes) if not world.is_ready(item)]
    for item in failed:
        meta = item["metadata"]
        lab.kubernetes.annotate(f"{API}/namespaces/{meta['namespace']}/externalsecrets/{meta['name']}", "force-sync", str(int(time.time())))
    return len(failed)


def wait_stores(lab, namespaces, ready, seconds):
    def test():
        found = [store for store in world.stores(lab.kubernetes) if store["metadata"]["namespace"] in namespaces]
        late = [world.name_of(store) for store in found if world.is_ready(store) != ready]
        if late:
            raise LabError(f"{', '.join(late)} {'not' if ready else 'still'} Ready")
        return bool(found)
    wait(f"the stores of {', '.join(namespaces)} to be {'Ready' if ready else 'not Ready'}", seconds, test, period=0.2)


def recover(lab, namespaces):
    """Stores first, then what failed: the other way round an ExternalSecret fails once more and backs off."""
    annotate_stores(lab, namespaces)
    wait_stores(lab, namespaces, True, 60)
    say(f"The stores of {', '.join(namespaces)} are Ready.")
    count, asked = annotate_failed(lab), time.monotonic()

    def synced():
        nonlocal asked
        late = [world.name_of(item) for item in world.external_secrets(lab.kubernetes) if not world.is_ready(item)]
        # What fails once more while the servers elect a leader backs off for minutes: it is asked again. So is a store,
        # which may have said Ready only because it had not looked yet.
        if late and time.monotonic() - asked > 10:
            annotate_stores(lab, namespaces, only_failed=True)
            annotate_failed(lab)
            asked = time.monotonic()
        if late:
            raise LabError("not Ready: " + ", ".join(late))
        return True
    wait("all ExternalSecrets to be Ready", 180, synced, period=0.2)
    say(f"{count} failed ExternalSecret(s) were annotated; all are Ready.")
