"""The order of the benchmark, and what it prints."""

import os
import platform
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from statistics import median

from .. import parts
from ..places import HERE, write_json
from ..say import LabError, plain, say
from . import measure
from .bare import PARTS, Bare
from .figures import Figure, p99, percent, seconds, size, table, whole
from .fill import Fill
from .recovery import EACH, SEAL, STORES, Recovery

FEW, MANY = 10_000, 100_000
SECRETS, PODS, PATHS = 10_000, 5_000, 10_000
EXTRA = 3  # the ExternalSecrets of the last namespace
RATE = 200  # changes a second
GROUPS = ["recovery", "alone", "otherwise", "large"]  # the first in a lab of its own, with all controllers
SETTLED = 6  # seconds after which memory is read
ROOT = HERE.parent.parent
BINARY = ROOT / "target/release/sealwatch"


def bench(options):
    binary = Path(options.binary).resolve()
    if not binary.exists():
        raise LabError(f"There is no {binary}. `cargo build --release` makes it.")
    wanted = [*PARTS, *(() if options.no_peers else ("kubectl", "k9s"))]
    parts.install([parts.BY_NAME[name] for name in wanted], quiet=True)
    run = Run(binary, options)
    wanted = options.only or GROUPS
    in_bare = [name for name in GROUPS if name in wanted and name != "recovery"]
    with ExitStack() as labs:
        try:
            # Only one lab works at a time.
            if "recovery" in wanted:
                run.recovery()
            if in_bare or options.hold:
                run.begin(labs.enter_context(Bare(options.name)))
            for name in in_bare:
                getattr(run, name)()
        finally:
            if run.figures:
                plain("")
                plain(run.heading())
                plain(table(run.figures))
        if options.json:
            write_json(options.json, [{"figure": figure.name, "values": figure.values, "peer": figure.peer, "bound": figure.bound,
                                       "held": figure.held()} for figure in run.figures])
        if options.readme:
            into_readme(run.heading() + "\n" + table(run.figures))
        if options.hold:
            plain(f"The lab is held until this ends: SEALWATCH_LAB_KUBECONFIG={run.bare.kubeconfig('admin')}")
            while True:
                time.sleep(3600)
    if run.wrong:
        raise LabError("What is counted and does not depend on the machine is wrong:\n" + "\n".join(run.wrong))


def into_readme(text):
    """Puts the table where the README keeps it."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split("<!-- figures: made by `tests/lab/bench --readme` -->\n")
    after = rest.split("<!-- end of figures -->\n")[1]
    readme.write_text(f"{before}<!-- figures: made by `tests/lab/bench --readme` -->\n{text}\n<!-- end of figures -->\n{after}")


class Run:
    def __init__(self, binary, options):
        self.binary, self.options, self.bare = binary, options, None
        scale = Fraction(options.scale)
        self.full = scale == 1
        self.scaled = lambda number: max(1, int(number * scale))
        self.few, self.many = self.scaled(FEW), self.scaled(MANY)
        self.rounds = options.rounds or (5 if self.full else 3)
        self.figures, self.wrong = [], []
        self.peers = not options.no_peers

    def heading(self):
        model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
        memory = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0]) // 1024 // 1024
        filled = (f"{self.few:,} ExternalSecrets in 50 namespaces, {self.scaled(SECRETS):,} Secrets, {self.scaled(PODS):,} Pods; "
                  f"medians of {self.rounds}; ") if self.bare else ""
        return (f"{filled}{os.cpu_count()} cores ({model}), {memory} GiB"
                + (".\n" if self.full else ". Small: it shows that all is measured; the bounds are for the full size.\n"))

    def add(self, *args, **kwargs):
        figure = Figure(*args, **kwargs)
        self.figures.append(figure)
        say(" | ".join(cell for cell in figure.cells() if cell))
        return figure

    def begin(self, bare):
        self.bare = bare
        self.fill = Fill(bare)
        self.sealwatch = measure.Sealwatch(bare, self.binary)
        started = time.monotonic()
        self.fill.begin()
        self.fill.external_secrets(self.few)
        self.fill.secrets(self.scaled(SECRETS))
        self.fill.pods(self.scaled(PODS))
        say(f"The world is filled in {time.monotonic() - started:.1f} s.")
        self.vault = self.bare.start_vault()
        raw = self.bare.raw_list()  # the first one also waits until the API server has heard of all that was put
        say(f"A bare list has {size(raw['bytes'])}.")

    # As a user who may list ExternalSecrets only

    def start_ups(self, count, patience, settle, then=lambda console, last: None):
        """The console started again and again, each time beside a bare list."""
        raws, firsts, wholes, residents = [], [], [], []
        for number in range(self.rounds):
            raws.append(self.bare.raw_list()["seconds"])
            console, first, done = measure.start_up(self.sealwatch.start, count, patience, raws[-1])
            with console:
                firsts.append(first)
                wholes.append(done)
                console.read(settle)
                residents.append(console.resident())
                then(console, number == self.rounds - 1)
        return {"peer_name": "raw list", "peer": raws, "relative": True}, firsts, wholes, residents

    def alone(self):
        ours = []

        def then(console, last):
            if last:
                ours.extend(measure.idle(console, 12 if self.full else 2, 2, self.rounds))
        raw, firsts, wholes, residents = self.start_ups(self.few + EXTRA, 60, SETTLED, then)
        theirs, their_residents, their_idle, gets = [], [], [], []
        for number in range(self.rounds if self.peers else 0):
            gets.append(measure.kubectl(self.bare))
            console, _, done = measure.start_up(measure.K9s(self.bare).start, self.few + EXTRA, 90, median(raw["peer"]))
            with console:
                theirs.append(done)
                console.read(SETTLED)
                their_residents.append(console.resident())
                if number == self.rounds - 1:
                    their_idle = measure.idle(console, 6 if self.full else 2, 2, self.rounds)
        self.add("first rows on screen", firsts, seconds, 0.2, **raw)
        self.add("complete table", wholes, seconds, 1.25, **raw)
        if self.peers:
            self.add("kubectl get, for comparison", gets, seconds, None, **raw)
            self.add("k9s, complete table, for comparison", theirs, seconds, None, **raw)
        self.add("resident memory", residents, size, 1 / 15, "k9s", their_residents, relative=True)
        self.add("CPU when nothing changes, of a core", ours, percent, 0.001, "k9s", their_idle)
        self.few_whole, self.few_resident = wholes, residents

    # As an administrator, with Secrets, Pods and Vault

    def otherwise(self):
        started = time.monotonic()
        paths = self.scaled(PATHS)
        self.fill.paths(paths, self.vault)
        say(f"{paths:,} paths are in Vault, after {time.monotonic() - started:.1f} s.")
        before = self.bare.counts()
        with self.sealwatch.start("admin", vault=True) as console:
            console.read(1)
            console.when(lambda screen: measure.complete(self.few + EXTRA).search(screen.text()), 60, "the complete table")
            asked = self.classified(console, before, paths)
            self.add(f"requests to classify {paths:,} paths in 200 folders", [asked], whole, 450)
            if asked > 450:
                self.wrong.append(f"{asked} requests classify {paths} paths; 450 are the bound.")
            measure.open_table(console)
            console.press("j" * 20)
            console.read(1)
            moves = measure.bytes_per_move(console)
            self.add("bytes for one cursor move at 160x50", moves, size, 1536)
            self.keys(console)
            self.changes(console)

    def classified(self, console, before, paths):
        """How many requests it took until no path is unknown."""
        def asked():
            now = self.bare.counts()
            of_paths = {what: count - before.get(what, 0) for what, count in now.items() if not measure.is_poll(what)}
            return sum(of_paths.values()), of_paths
        def known():
            text = console.settle().text()
            return "not read" not in text and measure.complete(paths + 1).search(text)
        # A server may pause for seconds; what is asked once all is known would be too much, and is counted too.
        last, since, began = None, time.monotonic(), time.monotonic()
        while time.monotonic() - since < 4 or (not known() and time.monotonic() - began < 60):
            console.read(0.5)
            now = asked()
            if now != last:
                last, since = now, time.monotonic()
        if not known():
            text = console.settle().text()
            raise LabError(f"Not all of the {paths + 1} paths are known after {last[0]} requests. The screen:\n{text.rstrip()}")
        say("Requests: " + ", ".join(f"{count} {what}" for what, count in sorted(last[1].items(), key=lambda item: -item[1])))
        return last[0]

    def keys(self, console):
        count, pause = (200, 0.055) if self.full else (40, 0.05)
        slowest, rates = [], []
        for _ in range(self.rounds):
            with measure.Changes(self.bare, self.few, RATE, count * pause * 1.1 + 1) as changes:
                console.read(0.5)
                slowest.append(p99(measure.presses(console, "j" * count, pause, measure.selected)))
                changes.read_on(console)
                rates.append(changes.told()[2]["rate"])
        self.add(f"key press to frame at {median(rates):.0f} changes/s, p99", slowest, seconds, 0.016)

    def changes(self, console):
        console.press("G")
        console.read(0.5)
        slowest, bare, rates = [], [], []
        for _ in range(self.rounds):
            ours, theirs, sums = measure.change_to_frame(console, self.bare, self.few, RATE, 12 if self.full else 4)
            slowest.append(p99(ours))
            bare.append(p99(theirs))
            rates.append(sums["rate"])
        self.add(f"change in the cluster to frame at {median(rates):.0f} changes/s, p99", slowest, seconds, 0.05, "bare watch", bare)

    # Ten times as many

    def large(self):
        if not hasattr(self, "few_whole"):
            _, _, self.few_whole, self.few_resident = self.start_ups(self.few + EXTRA, 60, SETTLED)
        started = time.monotonic()
        self.fill.external_secrets(self.many)
        say(f"{self.many:,} ExternalSecrets, after {time.monotonic() - started:.1f} s more.")
        self.bare.raw_list()
        scrolls, filters = [], []

        keys = ["j"] * 8 + [measure.PAGE_DOWN] * 3 + ["k"]

        def then(console, _):
            measure.open_table(console)
            scrolls.append(p99(measure.presses(console, keys * (8 if self.full else 2), 0.05, measure.selected)))
            filters.append(p99(measure.filtering(console, 6 if self.full else 2)))
        raw, firsts, wholes, residents = self.start_ups(self.many + EXTRA, 300, SETTLED, then)
        many = f"{self.many:,}"
        further = [(resident - median(self.few_resident)) / (self.many - self.few) for resident in residents]
        self.add(f"first rows of {many}", firsts, seconds, None, **raw)
        self.add(f"complete table of {many}, to the raw list", wholes, seconds, None, **raw)
        self.add(f"complete table of {many}, to that of {self.few:,}", wholes, seconds, 11, f"{self.few:,}", self.few_whole, relative=True)
        self.add(f"memory of each further ExternalSecret of {many}", further, size, 1.2 * 1024)
        self.add(f"scrolling {many}, p99", scrolls, seconds, 0.016)
        self.add(f"filtering {many}, p99", filters, seconds, 0.016)

    # After a seal

    def recovery(self):
        stores, seal = self.scaled(STORES), self.scaled(SEAL)
        with Recovery(f"{self.options.name}-recovery", self.binary, stores, seal) as herd:
            alone, at_once, ours = [way() for way in (herd.left_alone, herd.annotated_at_once, herd.recovered)]
        what = f"{stores * EACH} ExternalSecrets on {stores} store{'s' * (stores > 1)} synced after a seal of {seal} s"
        peer = {"peer_name": "left alone", "peer": [alone], "relative": True}
        self.add(f"{what}, annotated all at once", [at_once], seconds, None, **peer)
        self.add(f"{what}, with recover", [ours], seconds, None, **peer)
