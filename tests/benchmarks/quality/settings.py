"""What a folder may lack: names without images, rare classes, few images, names that mislead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from simulated import WORLDS, make
from tasks import Task, load, unit

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SETTINGS", "file_tasks", "further_names", "world_tasks"]

Pick = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _present(share: float) -> Pick:
    """Images of some classes only: a share of the classes, or so many; junk stays."""

    def pick(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        classes = np.unique(truth[truth >= 0])
        count = share if isinstance(share, int) else round(share * len(classes))
        return np.flatnonzero(np.isin(truth, rng.choice(classes, count, replace=False)))

    return pick


def _long_tail(ratio: float) -> Pick:
    """Class sizes fall geometrically, the largest `ratio` times the smallest."""

    def pick(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        classes = rng.permutation(np.unique(truth[truth >= 0]))
        most = int(np.bincount(truth[truth >= 0]).max())
        sizes = most * ratio ** -np.linspace(0, 1, len(classes))
        return _some(truth, rng, dict(zip(classes, np.maximum(1, sizes).astype(int), strict=True)))

    return pick


def _tiny(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    classes = rng.choice(np.unique(truth[truth >= 0]), 5, replace=False)
    return _some(truth, rng, dict.fromkeys(classes, 4))


def _some(truth: np.ndarray, rng: np.random.Generator, sizes: dict[int, int]) -> np.ndarray:
    parts = [rng.permutation(np.flatnonzero(truth == c))[:size] for c, size in sizes.items()]
    return np.sort(np.concatenate(parts))


def _all(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.arange(len(truth))


SETTINGS: dict[str, Pick] = {
    "all present": _all,
    "long tail 20:1": _long_tail(20),
    "long tail 50:1": _long_tail(50),
    "half absent": _present(0.5),
    "two present": _present(2),
    "one present": _present(1),
    "5 classes x 4": _tiny,
    "+40 names": _all,
}


def world_tasks(name: str, setting: str, draws: int) -> Iterator[Task]:
    """Yield one task per draw; every draw is a world of its own."""
    for seed in range(draws):
        task, distractors = make(WORLDS[name], seed)
        yield _draw(task, setting, seed, distractors)


def file_tasks(
    path: Path, setting: str, draws: int, bank: Path | None, part: float = 1.0
) -> Iterator[Task]:
    """Yield one task per draw of the images of a file; one only where nothing is drawn.

    Further names are drawn from the `vectors` of `bank`. A `part` of the images, 0..1, is drawn
    before all else.
    """
    whole = load(path)
    if setting == "+40 names" and bank is None:
        return
    further = further_names(whole, bank)
    for seed in range(1 if setting == "all present" and part == 1.0 else draws):
        some = np.random.default_rng([seed, 99]).permutation(len(whole.truth))
        task = whole.take(np.sort(some[: int(part * len(some))]))
        rng = np.random.default_rng([seed, 40])
        extra = further[rng.permutation(len(further))[:40]]
        yield _draw(task, setting, seed, extra)


def further_names(task: Task, bank: Path | None) -> np.ndarray:
    """Text vectors of a bank, (M, d), without those that nearly say what a class name says.

    An image could rightly be called by them. Empty without a bank.
    """
    if bank is None:
        return np.empty((0, task.text.shape[1]), np.float32)
    with np.load(bank, allow_pickle=False) as file:
        further = unit(file["vectors"])
    return further[(further @ task.text.T).max(axis=1) < 0.9]


def _draw(task: Task, setting: str, seed: int, distractors: np.ndarray) -> Task:
    rows = SETTINGS[setting](task.truth, np.random.default_rng(seed))
    drawn = task.take(rows)
    return drawn.with_names(distractors) if setting == "+40 names" else drawn
