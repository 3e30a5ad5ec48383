"""A block of loopback addresses for each lab.

Every part of a lab listens on its usual port at an address of the lab's own
block 127.x.y.0/24. Ports therefore look as in life, labs do not meet each
other, and nothing has to search for free ports while it starts.
"""

import fcntl
import os
import socket
import zlib

from .places import cache, labs, read_json
from .say import LabError

API_SERVER = 1      # :443, so that https://kubernetes.default.svc needs no port
ETCD = 2            # :2379, :2380
KUBELET = 3         # :10250, kwok
CONTROLLERS = 4     # :10257
METRICS = 6         # :8080, External Secrets
REPLICAS = 11       # 11, 12, 13: the Vault servers, :8200 and :8201; with TLS :8202 and :8203 for the lab's own hands
NAMES = 53          # :53, the name server
SERVICE = 100       # :8200, the Service before the Vault servers


class Block:
    """The addresses of one lab."""

    def __init__(self, prefix):
        self.prefix = prefix

    def at(self, number):
        return f"{self.prefix}.{number}"


def claim(state):
    """Find a free block and write it into the lab's state, under a lock.

    The lock and the states keep labs of one cache apart; trying to bind keeps us
    away from labs of another cache and from anything else that listens.
    """
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / "claims.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        taken = {told for path in labs().glob("*/block") if path.parent != state for told in [read_json(path)]}
        # Starting places differ by state, so that two caches rarely try the same block first.
        start = zlib.crc32(str(state).encode())
        for step in range(20000):
            number = (start + step) % 40000
            prefix = f"127.{64 + number // 250}.{number % 250}"
            if prefix not in taken and free(prefix):
                (state / "block").write_text(f'"{prefix}"\n')
                return Block(prefix)
    raise LabError("No block 127.x.y.0/24 is free on this machine.")


def free(prefix):
    wanted = [(API_SERVER, 443), (ETCD, 2379), (ETCD, 2380), (KUBELET, 10250), (CONTROLLERS, 10257), (METRICS, 8080),
              (SERVICE, 8200), *((REPLICAS + i, port) for i in range(3) for port in (8200, 8201, 8202, 8203))]
    try:
        for number, port in wanted:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((f"{prefix}.{number}", port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((f"{prefix}.{NAMES}", 53))
    except PermissionError as error:
        raise LabError("The lab needs to be root: it uses the ports 53 and 443 of its own loopback addresses.") from error
    except OSError:
        return False
    return True


def check_root():
    if os.geteuid() != 0:
        raise LabError("The lab needs to be root: it uses low ports on loopback and gives processes their own mounts.")
