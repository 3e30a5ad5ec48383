"""Does the console grow while changes keep coming? An hour of them, its memory every minute."""

import time
from fractions import Fraction
from pathlib import Path

from .. import parts
from ..say import LabError, plain, say
from . import measure
from .bare import PARTS, Bare
from .fill import MARKS, Fill
from .figures import size

ALLOWED = 1024 * 1024  # bytes an hour: below what an allocator moves by itself


def slope(samples):
    """Bytes a second, by least squares; samples are (seconds, bytes)."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def soak(options):
    binary = Path(options.binary).resolve()
    if not binary.exists():
        raise LabError(f"There is no {binary}. `cargo build --release` makes it.")
    parts.install([parts.BY_NAME[name] for name in PARTS], quiet=True)
    scale = Fraction(options.scale)
    count, others, paths = int(10_000 * scale), int(5_000 * scale), int(10_000 * scale)
    with Bare(options.name) as bare:
        vault = bare.start_vault()
        fill = Fill(bare)
        fill.begin()
        fill.external_secrets(count)
        fill.secrets(count)
        fill.pods(others)
        fill.paths(paths, vault)
        bare.raw_list()
        say(f"{count:,} ExternalSecrets, {count:,} Secrets, {others:,} Pods and {paths:,} paths are there.")
        with measure.Sealwatch(bare, binary).start("admin", vault=True) as console:
            run(console, bare, count, options)


def run(console, bare, count, options):
    console.read(15 if options.minutes >= 10 else 5)
    measure.open_table(console)
    console.press("G")
    console.read(1)
    seconds, step = options.minutes * 60, min(60.0, options.minutes * 60 / 10)
    samples, used = [], []
    with measure.Changes(bare, count, options.rate, seconds, 1.0) as changes:
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            before, at = console.cpu(), time.monotonic()
            console.read(min(step, max(0.1, seconds - (at - started))))
            console.settle()
            console.chunks.clear()  # an hour of frames is not kept
            console.fed = 0
            now = time.monotonic()
            samples.append((now - started, console.resident()))
            used.append((console.cpu() - before) / (now - at))
            say(f"minute {samples[-1][0] / 60:5.1f}: {samples[-1][1] / 1024 / 1024:7.2f} MiB resident, {used[-1] * 100:5.1f} % of a core")
        changes.read_on(console)
        sent, _, sums = changes.told()
    shown = measure.shown_days(console.settle())
    half = samples[len(samples) // 2:]
    hourly = slope(half) * 3600
    plain("")
    plain(f"{sums['done']:,} changes in {sums['seconds'] / 60:.1f} min ({sums['rate']:.0f} a second), {sums['late']} left out.")
    plain(f"Resident: {size(samples[0][1])} at first, {size(samples[-1][1])} at last, between {size(min(b for _, b in half))} and "
          f"{size(max(b for _, b in half))} in the last half, where it grows by {hourly / 1024:+.0f} KiB an hour.")
    plain(f"CPU: {sum(used) / len(used) * 100:.1f} % of a core.")
    if sent and shown != sent[-1]["days"]:
        raise LabError(f"fault: the last change of {MARKS[0]} is not on the screen (it shows {shown}, not {sent[-1]['days']}):\n{console.screen.text().rstrip()}")
    # A short run says whether this works, not whether it grows.
    if options.minutes >= 30 and hourly > ALLOWED:
        raise LabError(f"fault: it grows by more than {size(ALLOWED)} an hour.")
    plain("ok")
