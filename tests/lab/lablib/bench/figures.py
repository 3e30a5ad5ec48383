"""A figure, what it is held to, and the one table that all of them are printed in."""

import math
from dataclasses import dataclass, field
from statistics import median


def p99(values):
    """The 99th percentile: the smallest value that at least 99 of 100 do not pass."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)]


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"


def size(value):
    return f"{value / 1024 / 1024:.0f} MiB" if value >= 10 * 1024 * 1024 else f"{value / 1024:.2f} KiB" if value >= 1024 else f"{value:.0f} B"


def percent(value):
    return f"{value * 100:.2f} %"


def whole(value):
    return f"{value:.0f}"


@dataclass
class Figure:
    """One row. `bound` is for the ratio to the peer where `relative`, else for the figure itself; a figure
    without a bound is told for comparison."""

    name: str
    values: list
    show: object
    bound: float | None = None
    peer_name: str = ""
    peer: list = field(default_factory=list)
    relative: bool = False
    note: str = ""

    @property
    def value(self):
        return median(self.values)

    @property
    def ratio(self):
        return self.value / median(self.peer) if self.peer and median(self.peer) else None

    def held(self):
        measured = self.ratio if self.relative else self.value
        return None if self.bound is None or measured is None else measured <= self.bound

    def cells(self):
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}" if self.ratio >= 0.1 else f"1/{1 / self.ratio:.0f}" if self.ratio else "0"
        if self.bound is None:
            bound, held = "", ""
        else:
            held = {True: "met", False: "missed", None: "no peer"}[self.held()]
            told = (f"{self.bound:g}" if self.bound >= 0.1 else f"1/{1 / self.bound:.0f}") if self.relative else self.show(self.bound)
            bound = f"<= {told}"
        peer = f"{self.show(median(self.peer))} ({self.peer_name})" if self.peer else ""
        return [self.name + (f" ({self.note})" if self.note else ""), self.show(self.value), peer, ratio, bound, held]


def table(figures):
    """The table, as Markdown that reads well as it is."""
    rows = [["figure", "measured", "peer in the same run", "ratio", "bound", ""], *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join("-" * max(3, width) for width in widths) + " |")
    return "\n".join(lines)
