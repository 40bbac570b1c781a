"""How often do the intervals of an audit hold, and how long are they?

    python tests/benchmarks/audit_coverage.py [FILE.npz ...] [--bank NAMES.npz] [--audits 1000]

Each file is labelled in every setting of the quality benchmark; without files, the simulated
worlds are. Then audits of 40 and 100 images are drawn again and again, and their intervals are
compared with the fraction of labels that is right, and with the interval of Clopper and Pearson.
Folders with fewer images than an audit are left out: they are checked whole.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).parent / "quality"))
from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.evaluation import (
    anytime_interval,
    draw_sample,
    fixed_size_interval,
)

SIZES = (40, 100)
ROUNDING = 1e-9


def clopper_pearson(x: int, n: int) -> float:
    """Width of the interval for x of n, at 95 %."""
    low = 0.0 if x == 0 else beta.ppf(0.025, x, n - x + 1)
    high = 1.0 if x == n else beta.ppf(0.975, x + 1, n - x)
    return high - low


def measure(labels: tuple[np.ndarray, ...], count: int, options: argparse.Namespace) -> np.ndarray:
    """Coverage and mean width of both intervals, and the mean width of Clopper and Pearson."""
    label, agreement, right = labels
    rng = np.random.default_rng(0)
    truth, known = right.mean(), {}
    rows, stopped = [], []
    for number in range(options.audits):
        sample = right[draw_sample(label, agreement, count, rng)]
        x = int(sample.sum())
        if x not in known:
            known[x] = fixed_size_interval(sample, len(right))
        low, high = known[x]
        holds = low - ROUNDING <= truth <= high + ROUNDING
        rows.append((holds, high - low, clopper_pearson(x, count)))
        if number < options.anytime:  # a miss at any look counts, as someone may have stopped there
            ends = [anytime_interval(sample[:n], len(right)) for n in range(20, count + 1, 20)]
            missed = any(not a - ROUNDING <= truth <= b + ROUNDING for a, b in ends)
            stopped.append((not missed, ends[-1][1] - ends[-1][0]))
    return np.array([*np.mean(rows, axis=0), *np.mean(stopped, axis=0)])


def report(name: str, labels: tuple[np.ndarray, ...], options: argparse.Namespace) -> list:
    """Print a line for each size, and return their numbers."""
    found = []
    for count in SIZES:
        if count < len(labels[0]):
            got = measure(labels, count, options)
            found.append((count, *got))
            held, width, theirs, always, longer = got
            print(
                f"{name:<30} {len(labels[0]):>5} images, {labels[2].mean():.3f} right, {count:>3}: "
                f"fixed {held:.3f}, width {width:.3f}, {width / theirs:.2f} of Clopper-Pearson; "
                f"anytime {always:.3f}, {longer / theirs:.2f}",
                flush=True,
            )
    return found


def main() -> None:
    """Measure, and print a summary of all folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--anytime", type=int, default=100, help="audits that are followed")
    options = parser.parse_args()
    found: list = []
    for setting in SETTINGS:
        tasks = [
            (file.stem, task)
            for file in options.files
            for task in file_tasks(file, setting, 1, options.bank)
        ]
        if not options.files:
            tasks = [(name, task) for name in WORLDS for task in world_tasks(name, setting, 1)]
        for name, task in tasks:
            clusters = pl.cluster(task.vectors, progress=silent)
            run = pl.refine(task.vectors, task.classes, clusters, progress=silent)
            labels = pl.label(run)
            right = labels.label == task.truth
            found += report(f"{name}, {setting}", (labels.label, labels.agreement, right), options)
    summarise(found)


def summarise(found: list) -> None:
    """Print the least coverage and the mean widths for each size."""
    for count in SIZES:
        rows = np.array([row[1:] for row in found if row[0] == count])
        if len(rows):
            held, width, theirs, always, longer = rows.mean(axis=0)
            print(
                f"{count} images, {len(rows)} folders: fixed covers {held:.3f} (least "
                f"{rows[:, 0].min():.3f}), width {width:.3f}, {1 - width / theirs:.1%} below "
                f"Clopper-Pearson ({theirs:.3f}); anytime covers {always:.3f} (least "
                f"{rows[:, 3].min():.3f}), width {longer / theirs:.2f} of it"
            )


if __name__ == "__main__":
    main()
