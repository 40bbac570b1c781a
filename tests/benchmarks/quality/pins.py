"""How labels improve with pins: images whose label a person fixed, chosen at random or by doubt.

    python tests/benchmarks/quality/pins.py [FILE.npz ...] [--worlds [NAME ...]] [--draws 10]

A file holds image_features (N, d), labels (N,) and text_features (C, d). Every accuracy is over the
images that are not pinned. "random" pins so many images of every class; "uncertain" pins so many
times C of the images with the smallest margin, C a round, each run with the pins before. The
columns: accuracy with no pins over the same images; with pins, and the half width of its 95 %
interval over the draws; that of the class that fares worst; share of draws that pins made worse;
nearest class mean and Tip-Adapter (Zhang et al., ECCV 2022) on the same pins.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from simulated import WORLDS, make
from tasks import Task, load

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Folder", "nearest_mean", "open_folder", "random_pins", "tip_adapter", "uncertain_pins"]

PINS = (0, 1, 2, 5, 10)
CHOICES = ("random", "uncertain")

Pins = dict[int, int]


@dataclass(frozen=True, eq=False)
class Folder:
    """A task with its graph and its clusters, which do not depend on pins."""

    task: Task
    graph: pl.KnnGraph
    clusters: pl.Clusters

    def labels(self, pins: Pins) -> pl.Labels:
        """Labels of the default loop, steered by pins."""
        run = pl.refine(
            self.task.vectors, self.task.classes, self.clusters,
            graph=self.graph, pins=pins, progress=silent,
        )  # fmt: skip
        return pl.label(run)


def open_folder(task: Task) -> Folder:
    """Compute what every run over the task shares."""
    task = replace(task, vectors=unit_rows(task.vectors))
    graph = pl.knn_graph(task.vectors)
    return Folder(task, graph, pl.cluster(task.vectors, graph, progress=silent))


def random_pins(folder: Folder, rng: np.random.Generator) -> Iterator[Pins]:
    """Yield the pins of each number in `PINS`: so many of each class, more are the same and more.

    At most half of the images of a class are pinned.
    """
    truth = folder.task.truth
    order = [rng.permutation(np.flatnonzero(truth == c)) for c in range(len(folder.task.text))]
    for count in PINS:
        chosen = [rows[: min(count, len(rows) // 2)] for rows in order]
        yield {int(i): int(truth[i]) for i in np.concatenate(chosen)}


def uncertain_pins(folder: Folder, rng: np.random.Generator) -> Iterator[Pins]:
    """Yield as many pins as `random_pins`, taken in rounds from the least certain images."""
    del rng
    truth = folder.task.truth
    size = np.bincount(truth[truth >= 0], minlength=len(folder.task.text))
    pins: Pins = {}
    for count in PINS:
        budget = int(np.minimum(count, size // 2).sum())
        while len(pins) < budget:
            queue = folder.labels(pins).least_certain
            queue = queue[(truth[queue] >= 0) & ~np.isin(queue, list(pins))]
            some = queue[: min(len(size), budget - len(pins))]
            pins |= {int(i): int(truth[i]) for i in some}
        yield dict(pins)


def nearest_mean(task: Task, pins: Pins) -> np.ndarray:
    """Class whose pins have the nearest mean; a class without pins is never given, (N,) int."""
    image, label = _columns(pins)
    classes = np.unique(label)
    means = np.stack([task.vectors[image[label == c]].mean(axis=0) for c in classes])
    score = 2 * task.vectors @ means.T - np.square(means).sum(axis=1)
    return classes[score.argmax(axis=1)]


def tip_adapter(task: Task, pins: Pins, *, alpha: float = 1.0, beta: float = 5.5) -> np.ndarray:
    """Zero-shot logits and a vote of the pins by their similarity, training-free, (N,) int."""
    image, label = _columns(pins)
    logits = task.logit_scale * task.vectors @ task.text.T
    likeness = np.exp(-beta * (1.0 - task.vectors @ task.vectors[image].T))
    return (logits + alpha * likeness @ np.eye(len(task.text))[label]).argmax(axis=1)


def _columns(pins: Pins) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(pins), dtype=int), np.array(list(pins.values()), dtype=int)


def measure(folder: Folder, pins: Pins, before: np.ndarray) -> dict[str, float]:
    """Accuracies over the images that are not pinned."""
    task = folder.task
    free = task.truth >= 0
    free[list(pins)] = False
    truth = task.truth[free]

    def right(labels: np.ndarray) -> float:
        return float(np.mean(labels[free] == truth))

    after = folder.labels(pins).label
    recall = [np.mean(after[free][truth == c] == c) for c in np.unique(truth)]
    found = {"no pins": right(before), "pins": right(after), "worst class": float(min(recall))}
    found["made worse"] = float(found["pins"] < found["no pins"])
    if pins:
        found["nearest mean"] = right(nearest_mean(task, pins))
        found["Tip-Adapter"] = right(tip_adapter(task, pins))
    return found


def table(name: str, folders: list[Folder], draws: int) -> str:
    """Draw the pins of each folder so often, and tell the means, (choice, pins) a row."""
    head = ("no pins", "pins", "", "worst class", "made worse", "nearest mean", "Tip-Adapter")
    lines = [f"{name}", f"{'choice':10} {'pins':>4} " + " ".join(f"{h:>12}" for h in head)]
    befores = [folder.labels({}).label for folder in folders]
    for choice, pick in zip(CHOICES, (random_pins, uncertain_pins), strict=True):
        rows: list[list[dict[str, float]]] = [[] for _ in PINS]
        for folder, before in zip(folders, befores, strict=True):
            # What is uncertain does not depend on the draw.
            for draw in range(draws if choice == "random" else 1):
                chosen = pick(folder, np.random.default_rng(draw))
                for row, pins in zip(rows, chosen, strict=True):
                    row.append(measure(folder, pins, before))
        for count, row in zip(PINS, rows, strict=True):
            cells = []
            for column in head:
                values = [one[column or "pins"] for one in row if (column or "pins") in one]
                if not values:
                    cells.append(f"{'':>12}")
                elif column:
                    cells.append(f"{np.mean(values):12.3f}")
                else:
                    wide = 1.96 * np.std(values, ddof=1) / len(values) ** 0.5 if values[1:] else 0
                    cells.append(f"{'±':>6}{wide:6.3f}")
            lines.append(f"{choice:10} {count:4d} " + " ".join(cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument(
        "--worlds", nargs="*", choices=tuple(WORLDS), help="all where none is named"
    )
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args(arguments)
    for path in given.files:
        print(table(path.stem, [open_folder(load(path))], given.draws), "\n", flush=True)
    for name in WORLDS if given.worlds == [] else given.worlds or ():
        worlds = [open_folder(make(WORLDS[name], seed)[0]) for seed in range(given.draws)]
        print(table(name, worlds, 1), "\n", flush=True)


if __name__ == "__main__":
    main()
