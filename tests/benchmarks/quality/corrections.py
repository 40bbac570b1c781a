"""Which images should a person correct next, and is the loop the best use of the corrections?

    python tests/benchmarks/quality/corrections.py FILE.npz ... [--bank NAMES.npz] [--worlds]

Two tables of accuracy over all images, pinned ones included, after 0, 1, 2, 4, 8 and 16 pins for
each class that is present (at most half of the images). The first compares orders: as many images
as there are classes are pinned, then the loop runs again. The second compares the loop with
few-shot heads on the same pins: those of our order, and as many at random of each class.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from heads import HEADS
from orders import ORDERS
from pins import Folder, Pins, open_folder
from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COUNTS = (0, 1, 2, 4, 8, 16)
Rows = dict[tuple[str, str], list[np.ndarray]]


def ordered_pins(folder: Folder, name: str) -> Iterator[Pins]:
    """Yield the pins of each of `COUNTS`, taken in the named order, as many a round as classes."""
    truth = folder.task.truth
    present = len(np.unique(truth[truth >= 0]))
    limit, pins = int(np.sum(truth >= 0)) // 2, {}
    for rounds in range(max(COUNTS) + 1):
        if rounds in COUNTS:
            yield dict(pins)
        queue = ORDERS[name](folder, folder.labels(pins), present)
        pins |= {int(i): int(truth[i]) for i in queue if truth[i] >= 0 and len(pins) < limit}


def balanced_pins(folder: Folder) -> Iterator[Pins]:
    """Yield so many random images of each class for each of `COUNTS`, at most half of them."""
    truth, rng = folder.task.truth, np.random.default_rng(0)
    order = [rng.permutation(np.flatnonzero(truth == c)) for c in np.unique(truth[truth >= 0])]
    for count in COUNTS:
        chosen = np.concatenate([rows[: min(count, len(rows) // 2)] for rows in order])
        yield {int(i): int(truth[i]) for i in chosen}


def accuracy(folder: Folder, label: np.ndarray, pins: Pins) -> float:
    """Accuracy over the images of a class, where pins are as they are."""
    label = label.copy()
    label[list(pins)] = list(pins.values())
    real = folder.task.truth >= 0
    return float(np.mean(label[real] == folder.task.truth[real]))


def measure(folder: Folder, orders: list[str], rows: Rows) -> None:
    """Add the accuracies of one folder, one array of `COUNTS` for each row of both tables."""
    for name in orders:
        found = list(ordered_pins(folder, name))
        scores = [accuracy(folder, folder.labels(pins).label, pins) for pins in found]
        rows["orders", name].append(np.array(scores))
        if name == "ours":
            _compare(folder, "our order", found, rows)
    _compare(folder, "random of each class", list(balanced_pins(folder)), rows)


def _compare(folder: Folder, choice: str, found: list[Pins], rows: Rows) -> None:
    methods: dict[str, Callable[[Pins], np.ndarray]] = {
        name: (lambda pins, head=head: head(folder.task, pins)) for name, head in HEADS.items()
    }
    methods["the loop"] = lambda pins: folder.labels(pins).label
    for name, method in methods.items():
        scores = [accuracy(folder, method(pins), pins) if pins else np.nan for pins in found]
        rows[f"heads, {choice}", name].append(np.array(scores))


def show(rows: Rows) -> str:
    """Both tables in Markdown: means over the folders."""
    lines: list[str] = []
    for table in dict.fromkeys(table for table, _ in rows):
        counts = COUNTS if table == "orders" else COUNTS[1:]
        lines += ["", "| " + " | ".join([table, *map(str, counts)]) + " |"]
        lines.append("|" + "---|" * (len(counts) + 1))
        means = {k: np.mean(v, axis=0) for k, v in rows.items() if k[0] == table}
        best = np.max(list(means.values()), axis=0)
        for (_, name), mean in means.items():
            cells = [
                f"**{value:.3f}**" if value > top - 0.0005 else f"{value:.3f}"
                for count, value, top in zip(COUNTS, mean, best, strict=True)
                if count in counts
            ]
            lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure folder by folder, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.npz")
    parser.add_argument("--bank", type=Path, help="further names for the setting +40 names")
    parser.add_argument("--worlds", nargs="*", choices=tuple(WORLDS), help="all if none is named")
    parser.add_argument(
        "--settings", nargs="+", choices=tuple(SETTINGS),
        default=["all present", "half absent", "+40 names"],
    )  # fmt: skip
    parser.add_argument("--orders", nargs="+", choices=tuple(ORDERS), default=list(ORDERS))
    options = parser.parse_args(arguments)
    worlds = list(WORLDS) if options.worlds == [] else options.worlds or []
    every: Rows = defaultdict(list)
    for source in [*options.files, *worlds]:
        for setting in options.settings:
            tasks = (
                world_tasks(source, setting, 1)
                if isinstance(source, str)
                else file_tasks(source, setting, 1, options.bank)
            )
            for task in tasks:
                rows: Rows = defaultdict(list)
                measure(open_folder(task), options.orders, rows)
                for key, value in rows.items():
                    every[key] += value
                name = source if isinstance(source, str) else source.stem
                print(f"\n## {name}, {setting}\n{show(rows)}", flush=True)
    print(f"\n## Mean of {len(next(iter(every.values())))} folders\n{show(every)}")


if __name__ == "__main__":
    main()
