"""How good the labels are: every table of the page on quality, on any features.

    python tests/benchmarks/quality [FEATURES.npz ...] [--bank NAMES.npz] [--draws 20]

A file holds ``image_features`` (N, d), ``labels`` (N,) and ``text_features`` (C, d); rows are
brought to length 1. Without files: the simulated worlds of `simulated.py`. ``--bank`` names a file
with text ``vectors`` (M, d) and their ``name`` (M,), from which further names are drawn.
``--tables`` chooses among the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import advice
import corrections
import none_of_these
import numpy as np
import pins
import views
from methods import METHODS
from rows import Part, Row, compute
from settings import SETTINGS
from simulated import WORLDS, make
from special import SPECIAL
from tables import (
    accuracy,
    agreement,
    agreement_by_setting,
    behind,
    losses,
    regimes,
    summary,
)

sys.path.append(str(Path(__file__).parents[1]))
import audit_coverage
import plain_collapse

if TYPE_CHECKING:
    from collections.abc import Callable


def labels(options: argparse.Namespace) -> None:
    """Ours and published methods in every setting, and what the agreement is worth."""
    rows = computed(options, options.settings)
    print("\n## Accuracy over the images\n\n" + accuracy(rows, "micro"))
    print("\n## Accuracy, mean over the classes\n\n" + accuracy(rows, "macro"))
    print("\n## Settings\n\n" + regimes(rows))
    print("\n## Behind another method by more than half a point\n\n" + behind(rows))
    print("\n## Below zero-shot\n\n" + losses(rows))
    print("\n## All rows\n\n" + summary(rows))
    print("\n## Agreement\n\n" + agreement(rows))
    print("\n## Agreement by setting\n\n" + agreement_by_setting(rows))


def special(options: argparse.Namespace) -> None:
    """The same in folders that are hard in a way of their own."""
    rows = computed(options, list(SPECIAL))
    print("\n## Special folders, accuracy over the images\n\n" + accuracy(rows, "micro"))
    print("\n## Special folders, means\n\n" + regimes(rows))
    print("\n## Special folders, behind another method\n\n" + behind(rows))
    print("\n## Special folders, below zero-shot\n\n" + losses(rows))
    print("\n## Special folders, all rows\n\n" + summary(rows))


def computed(options: argparse.Namespace, settings: list[str]) -> list[Row]:
    """Compute the rows of all sources in these settings, in order, and save them if asked."""
    methods = [name for name in METHODS if name in {*options.methods, "zero-shot"}]
    parts = [
        Part(source, setting, options.draws, options.bank, methods, options.part)
        for source in [*options.features, *options.worlds]
        for setting in settings
    ]
    rows: list[Row] = []
    for number, some in enumerate(compute(parts, options.jobs), 1):
        rows += some
        print(f"\r{number} of {len(parts)} settings", end="", flush=True)
    print()
    place = {(part.dataset, part.setting): i for i, part in enumerate(parts)}
    order = {name: i for i, name in enumerate(methods)}
    rows.sort(key=lambda row: (place[row.dataset, row.setting], row.draw, order[row.method]))
    if options.save:
        known = json.loads(options.save.read_text()) if options.save.exists() else []
        options.save.write_text(json.dumps(known + [asdict(row) for row in rows], indent=1))
    return rows


def delegated(
    title: str, main: Callable[[list[str]], None], *, draws: bool = True, bank: bool = True,
    worlds: bool = False, files_only: bool = False,
) -> Callable[[argparse.Namespace], None]:  # fmt: skip
    """Print the tables of a script that can also be run by itself, over the same sources."""

    def table(options: argparse.Namespace) -> None:
        if files_only and not options.features:
            return
        print(f"\n## {title}\n", flush=True)
        arguments = [str(path) for path in options.features]
        if bank and options.bank and options.features:
            arguments += ["--bank", str(options.bank)]
        if worlds and not options.features:
            arguments += ["--worlds", *options.worlds]
        if draws:
            arguments += ["--draws", str(options.draws)]
        main(arguments)

    return table


TABLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "labels": labels,
    "special": special,
    "audit": delegated("Audit", audit_coverage.main, draws=False),
    "corrections": delegated("Corrections", corrections.main, draws=False, worlds=True),
    "pins": delegated("Pins, on the other images", pins.main, bank=False, worlds=True),
    "advice": delegated("The guard and its advice", advice.main),
    "views": delegated("A second view", views.main, bank=False),
    "none of these": delegated("None of these", none_of_these.main),
    "plain": delegated(
        "The plain loop", plain_collapse.main, draws=False, bank=False, files_only=True
    ),
}


def main() -> None:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/quality", description=__doc__.splitlines()[0]
    )
    parser.add_argument("features", nargs="*", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--bank", type=Path, help="further names for the setting +40 names")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument(
        "--part", type=float, default=1.0,
        help="of the images of a file, with which each draw of the labels begins",
    )  # fmt: skip
    parser.add_argument("--tables", nargs="+", choices=tuple(TABLES), default=list(TABLES))
    parser.add_argument("--worlds", nargs="*", choices=tuple(WORLDS), help="simulated worlds")
    parser.add_argument(
        "--settings", nargs="+", choices=tuple(SETTINGS), default=list(SETTINGS),
        help="what a folder may lack; by default all, a long tail and absent names included",
    )  # fmt: skip
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--save", type=Path, help="add every row to a JSON file")
    parser.add_argument("--describe", action="store_true", help="the worlds' figures, and no more")
    options = parser.parse_args()
    if options.describe:
        describe()
        return
    if options.worlds is None:
        options.worlds = [] if options.features else list(WORLDS)
    for name in options.tables:
        TABLES[name](options)


def describe() -> None:
    """Print what real CLIP vectors are compared by, for every world."""
    print(f"{'world':12}{'zero-shot':>10}{'text':>14}{'right text':>12}{'images':>9}{'nearest':>9}")
    for name, world in WORLDS.items():
        task, _ = make(world, 0)
        real = task.truth >= 0
        cosine = task.vectors @ task.text.T
        images = task.vectors @ task.vectors.T
        np.fill_diagonal(images, np.nan)
        accuracy = np.mean(cosine.argmax(axis=1)[real] == task.truth[real])
        right = cosine[real, task.truth[real]].mean()
        print(
            f"{name:12}{accuracy:10.3f}{cosine.mean():8.3f} ±{cosine.std():.3f}{right:12.3f}"
            f"{np.nanmean(images):9.3f}{np.nanmax(images, axis=1).mean():9.3f}"
        )


if __name__ == "__main__":
    main()
