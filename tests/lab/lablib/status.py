"""`lab status`: what runs, and where."""

import json

from .places import labs, read_json, state_of
from .processes import Processes
from .say import plain
from .wire import Vault


def status(options):
    names = [options.name] if options.name else sorted(path.name for path in labs().glob("*") if path.is_dir())
    found = [look(name) for name in names if state_of(name).exists()]
    if options.json:
        plain(json.dumps({"schema": "sealwatch/lab-status/v1", "labs": found}, indent=2))
        return
    if not found:
        plain(f"There is no lab named {options.name}." if options.name else "No lab is up.")
    for lab in found:
        show(lab)


def look(name):
    """The live state of one lab, without a secret in it."""
    state = state_of(name)
    lab = read_json(state / "lab.json")
    processes = Processes(state)
    answer = {"name": name, "state": str(state), "complete": lab is not None,
              "processes": [{"name": key, "pid": entry["pid"], "running": processes.alive(key), "log": entry["log"]}
                            for key, entry in processes.all().items()]}
    if lab:
        answer.update({key: lab[key] for key in ("api_server", "kubeconfig", "vault", "files")})
        for replica in answer["vault"]["replicas"]:
            seal = Vault(replica["address"]).seal_status()
            replica["sealed"] = seal["sealed"] if seal else None
    return answer


def show(lab):
    plain(f"Lab {lab['name']} in {lab['state']}" + ("" if lab["complete"] else " (its start did not finish)"))
    if lab["complete"]:
        plain(f"  API server  {lab['api_server']}")
        plain(f"  kubeconfig  {lab['kubeconfig']['admin']}")
        vault = lab["vault"]
        plain(f"  Vault       {vault['kind']} {vault['version']}, {vault['shares']} share(s), threshold {vault['threshold']}")
        words = {True: "sealed", False: "unsealed", None: "does not answer"}
        for replica in vault["replicas"]:
            plain(f"    {replica['pod']}  {replica['address']}  {words[replica['sealed']]}")
    for process in lab["processes"]:
        plain(f"  {process['name']:<26} {'pid ' + str(process['pid']) if process['running'] else 'ended'}")
