"""The seed world: manifests in world/*.yaml, applied as a GitOps controller applies them."""

import re
import string
from concurrent.futures import ThreadPoolExecutor

from .places import WORLD
from .say import LabError
from .wire import wait


def documents(text):
    return [part for part in re.split(r"^---\s*$", text, flags=re.MULTILINE) if re.search(r"^kind:", part, re.MULTILINE)]


def render(name, values):
    try:
        return documents(string.Template((WORLD / name).read_text()).substitute(values))
    except (KeyError, ValueError) as error:
        raise LabError(f"{name} uses a placeholder that the lab does not know: {error}") from error


def apply_files(kubernetes, names, values):
    """Apply files in order, and the documents of each in order: a namespace stands before what is in it."""
    for name in names:
        for document in render(name, values):
            kubernetes.apply(document)


def apply_crds(kubernetes, paths):
    """Apply custom resource definitions and wait until the API server serves them."""
    found = [document for path in paths for document in documents(path.read_text())]
    # Definitions do not depend on each other, and each takes the API server a moment.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(kubernetes.apply, found))

    def established():
        items = kubernetes.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        return len(items) >= len(found) and all(is_true(condition(item, "Established")) for item in items)
    wait("the custom resource definitions to be served", 30, established)


def condition(item, kind="Ready"):
    # Both status and conditions may be absent or null in an object that is new.
    return next((c for c in (item.get("status") or {}).get("conditions") or [] if c["type"] == kind), None)


def is_true(found):
    return bool(found) and found["status"] == "True"


def is_ready(item):
    return is_true(condition(item))


def external_secrets(kubernetes, namespace=None):
    where = f"/namespaces/{namespace}" if namespace else ""
    return kubernetes.items(f"/apis/external-secrets.io/v1{where}/externalsecrets")


def stores(kubernetes, namespace=None):
    where = f"/namespaces/{namespace}" if namespace else ""
    return kubernetes.items(f"/apis/external-secrets.io/v1{where}/secretstores")


def name_of(item):
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"
