"""How often do the intervals of an audit hold, and how long are they?

    python tests/benchmarks/audit_coverage.py [FILE.npz ...] [--bank NAMES.npz] [--audits 1000]

Each file is labelled in every setting of the quality benchmark; without files, the simulated
worlds are. Then audits of 40 and 100 images are drawn again and again, and their intervals are
compared with the fraction of labels that is right, and with the interval of Clopper and Pearson.
Folders with fewer images than an audit are left out: they are checked whole. ``--betting`` follows
so many audits of each folder with two published methods as well.
"""

from __future__ import annotations

import argparse
import sys
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import betaln
from scipy.stats import beta, hypergeom

sys.path.insert(0, str(Path(__file__).parent / "quality"))
from typing import TYPE_CHECKING

from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.evaluation import (
    anytime_interval,
    draw_sample,
    fixed_size_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES = (40, 100)
ROUNDING = 1e-9
ALPHA = 0.05
RIVALS = ("betting", "betting on the agreement", "mixture")
Interval = tuple[float, float]


@cache
def clopper_pearson(x: int, n: int) -> Interval:
    """The interval for x of n, at 95 %."""
    low = 0.0 if x == 0 else beta.ppf(0.025, x, n - x + 1)
    return low, 1.0 if x == n else beta.ppf(0.975, x + 1, n - x)


def betting(right: np.ndarray, agreement: np.ndarray, folder: np.ndarray, use: float) -> Interval:
    """A confidence sequence by betting, without replacement.

    Hedged capital (Waudby-Smith and Ramdas, JRSS B 2024) with a mixture of stakes. The agreement
    is a control variate with the weight `use` (Shekhar et al., ICML 2023): its mean over the
    `folder` is known. `right` and `agreement` are those of the sample, in the order of the draw.
    """
    count, n = len(folder), len(right)
    m = np.unique(np.linspace(0, count, 401).round())[:, None] / count
    before = np.arange(n)
    seen = np.concatenate([[0], np.cumsum(right)[:-1]])
    mean = (count * m - seen) / (count - before)  # of those left, if m is true
    known = (folder.sum() - np.concatenate([[0], np.cumsum(agreement)[:-1]])) / (count - before)
    away = right - use * (agreement - known) - mean
    stakes = np.linspace(0.02, 0.98, 25)[:, None, None]
    up = stakes / (np.clip(mean, 0, 1) + use * (1 - known) + 1e-9)  # no more than there is
    down = stakes / (1 - np.clip(mean, 0, 1) + use * known + 1e-9)
    wealth = [np.log1p(np.maximum(sign * s * away, ROUNDING - 1)).cumsum(axis=-1)
              for sign, s in ((1, up), (-1, down))]  # fmt: skip
    capital = 0.5 * sum(np.exp(np.minimum(w, 50)).mean(axis=0) for w in wealth)
    possible = (mean >= -ROUNDING) & (mean <= 1 + ROUNDING)
    kept = m[((capital < 1 / ALPHA) & possible).all(axis=-1), 0]
    step = max(0.0, 1 / 400 - 1 / count)  # between two numbers that are tested
    return max(kept[0] - step, 0.0), min(kept[-1] + step, 1.0)


def mixture(right: np.ndarray, folder: np.ndarray) -> Interval:
    """Prior over posterior (Waudby-Smith and Ramdas, NeurIPS 2020), around the mean agreement."""
    count, n = len(folder), np.arange(1, len(right) + 1)
    k, x = np.arange(count + 1)[:, None], np.cumsum(right)
    a = 20 * np.clip(folder.mean(), 0.025, 0.975)
    choices = -np.log(n + 1) - betaln(n - x + 1, x + 1)
    prior = choices + betaln(x + a, n - x + 20 - a) - betaln(a, 20 - a)
    kept = np.flatnonzero((prior - hypergeom.logpmf(x, count, k, n) < -np.log(ALPHA)).all(axis=1))
    return kept[0] / count, kept[-1] / count


def followed(sample: np.ndarray, right: np.ndarray, agreement: np.ndarray) -> dict[str, Interval]:
    """The intervals of the published methods, for a sample in the order of the draw."""
    values = right[sample].astype(float), agreement[sample].astype(float), agreement.astype(float)
    intervals = betting(*values, 0.0), betting(*values, 0.5), mixture(values[0], values[2])
    return dict(zip(RIVALS, intervals, strict=True))


def measure(labels: tuple[np.ndarray, ...], count: int, options: argparse.Namespace) -> dict:
    """Every interval of every audit: (A, 3) of whether it holds, its width, Clopper-Pearson's."""
    label, agreement, right = labels
    rng = np.random.default_rng(0)
    truth, expected = right.mean(), float(agreement.mean(dtype=float))
    found: dict[str, list] = {}
    known: dict[int, Interval] = {}
    for number in range(options.audits):
        drawn = draw_sample(label, agreement, count, rng)
        sample = right[drawn]
        x = int(sample.sum())
        if x not in known:
            known[x] = fixed_size_interval(sample, len(right), expected)
        # Each interval lies in those before it: if the last holds, they held at every image.
        ends = {"fixed": known[x], "anytime": anytime_interval(sample, len(right), expected)}
        if number < options.betting:
            ends |= followed(drawn, right, agreement)
        low, high = clopper_pearson(x, count)
        for name, (a, b) in ends.items():
            holds = a - ROUNDING <= truth <= b + ROUNDING
            found.setdefault(name, []).append((holds, b - a, high - low))
    return {name: np.mean(rows, axis=0) for name, rows in found.items()}


def folders(options: argparse.Namespace) -> Iterator[tuple[str, tuple[np.ndarray, ...]]]:
    """Yield the name of each folder, and its labels: class, agreement, and whether it is right."""
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
            yield f"{name}, {setting}", (labels.label, labels.agreement, right)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each folder and size, and a summary of all folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--bank", type=Path)
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--betting", type=int, default=0, help="audits to bet on")
    options = parser.parse_args(arguments)
    every: dict[int, list] = {count: [] for count in SIZES}
    for name, labels in folders(options):
        for count in SIZES:
            if count >= len(labels[0]):
                continue
            found = measure(labels, count, options)
            every[count].append(found)
            shown = "; ".join(
                f"{kind} {held:.3f}, {width / theirs:.2f}"
                for kind, (held, width, theirs) in found.items()
            )
            right = f"{len(labels[0]):>5} images, {labels[2].mean():.3f} right, {count:>3}"
            print(f"{name:<30} {right}: {shown}", flush=True)
    heads = ["images", "folders", "interval", "held", "lowest", "width", "Clopper-Pearson"]
    print("\n| " + " | ".join(heads) + " |")
    print("|---|---|---|---|---|---|---|")
    for count, rows in every.items():
        for kind in rows[0] if rows else ():
            held, width, theirs = np.array([row[kind] for row in rows]).T
            least, mean = held.min(), width.mean()
            print(
                f"| {count} | {len(rows)} | {kind} | {held.mean():.3f} | {least:.3f} | "
                f"{mean:.3f} | {mean / theirs.mean() - 1:+.1%} |"
            )


if __name__ == "__main__":
    main()
