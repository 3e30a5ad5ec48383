"""Faults, each with `fault(lab, options)` and `heal(lab)`: those of servers in modules of their own, those that a
diagnosis names as the cause of a store's or an ExternalSecret's trouble in `causes`, and those that other tools have in
`stand_ins`.

A fault is made through the API that a person would use, or by what would happen
to a process; never by patching a status or creating an Event. The names are those
of the scenarios of the simulation.
"""

from ..places import load, state_of
from ..processes import Processes
from ..wire import Kubernetes
from ..vaults import read_keys
from . import (apiserver_frozen, apiserver_stopped, causes, external_secrets_stopped, healthy, leader_sealed, namespace_sealed,
               partly_sealed, quorum_lost, sealed, stand_ins, vault_frozen, vault_restarted, vault_stopped, vault_uninitialised)

KNOWN = {
    "healthy": healthy,
    "sealed": sealed,
    "partly-sealed": partly_sealed,
    "leader-sealed": leader_sealed,
    "quorum-lost": quorum_lost,
    "vault-stopped": vault_stopped,
    "vault-restarted": vault_restarted,
    "vault-uninitialised": vault_uninitialised,
    "vault-frozen": vault_frozen,
    "apiserver-stopped": apiserver_stopped,
    "apiserver-frozen": apiserver_frozen,
    "external-secrets-stopped": external_secrets_stopped,
    **causes.KNOWN,
}
assert stand_ins and namespace_sealed  # have named their causes


class UnknownFault(Exception):
    """The caller exits 2."""


class Running:
    """A lab that is up, as the faults use it."""

    def __init__(self, name):
        self.told = load(name)
        self.name, self.state = name, state_of(name)
        self.processes = Processes(self.state)
        self.kubernetes = Kubernetes(self.told["api_server"], self.state / "certificates")
        self.servers = self.told["vault"]["replicas"]
        self.token = (self.state / "root-token").read_text().strip()

    def keys(self):
        return read_keys(self.state)


def find(options):
    if options.fault not in KNOWN:
        raise UnknownFault(f"There is no fault named {options.fault}. The known ones are: {', '.join(KNOWN)}.")
    return KNOWN[options.fault]


def fault(options):
    find(options).fault(Running(options.name), options)


def heal(options):
    found, lab = find(options), Running(options.name)
    if isinstance(found, causes.Cause):
        found.heal(lab, keep=options.keep)
    else:
        found.heal(lab)
