"""How good the labels are: ours against zero-shot and published methods, on any features.

    python tests/benchmarks/quality [FEATURES.npz ...] [--bank NAMES.npz] [--draws 20]

A file holds ``image_features`` (N, d), ``labels`` (N,) and ``text_features`` (C, d); rows are
brought to length 1. Without files: the simulated worlds of `simulated.py`. ``--bank`` names a file
with text ``vectors`` (M, d), from which further names are drawn.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from methods import METHODS
from rows import Part, Row, compute
from settings import SETTINGS
from simulated import WORLDS, make
from tables import accuracy, agreement, behind, losses, regimes, summary


def main() -> None:
    """Read the command line, compute, print."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/quality", description=__doc__.splitlines()[0]
    )
    parser.add_argument("features", nargs="*", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--bank", type=Path, help="further names for the setting +40 names")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--worlds", nargs="*", choices=tuple(WORLDS), help="simulated worlds")
    parser.add_argument(
        "--settings", nargs="+", choices=tuple(SETTINGS), default=list(SETTINGS),
        help="what a folder may lack; by default all, a long tail and absent names included",
    )  # fmt: skip
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--save", type=Path, help="write every row as JSON")
    parser.add_argument("--describe", action="store_true", help="the worlds' figures, and no more")
    options = parser.parse_args()
    if options.describe:
        describe()
        return
    worlds = options.worlds
    if worlds is None:
        worlds = [] if options.features else list(WORLDS)
    methods = [name for name in METHODS if name in {*options.methods, "zero-shot"}]
    parts = [
        Part(source, setting, options.draws, options.bank, methods)
        for source in [*options.features, *worlds]
        for setting in options.settings
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
        options.save.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print("\n## Accuracy over the images\n\n" + accuracy(rows, "micro"))
    print("\n## Accuracy, mean over the classes\n\n" + accuracy(rows, "macro"))
    print("\n## Settings\n\n" + regimes(rows))
    print("\n## Behind another method by more than half a point\n\n" + behind(rows))
    print("\n## Below zero-shot\n\n" + losses(rows))
    print("\n## All rows\n\n" + summary(rows))
    print("\n## Agreement\n\n" + agreement(rows))


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
