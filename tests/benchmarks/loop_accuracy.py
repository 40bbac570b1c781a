"""Accuracy of zero-shot, plain and anchored labels on image features with known classes.

    python tests/benchmarks/loop_accuracy.py FEATURES.npz [FEATURES.npz ...] [--draws 20]

A file holds ``image_features`` (N, d), ``labels`` (N,), ``class_names`` (C,) and
``text_features`` (C, d), any floating type; rows are brought to length 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import protolabel as pl
from protolabel.progress import silent

Subset = tuple[str, Iterator[np.ndarray]]


def load(path: Path) -> tuple[np.ndarray, np.ndarray, pl.ClassVectors]:
    """Read unit image vectors, labels and class vectors."""
    with np.load(path, allow_pickle=False) as file:
        images = file["image_features"].astype(np.float32)
        classes = pl.ClassVectors(
            [str(name) for name in file["class_names"]],
            file["text_features"].astype(np.float32),
        )
        labels = file["labels"].astype(int)
    return images / np.linalg.norm(images, axis=1, keepdims=True), labels, classes


def settings(labels: np.ndarray, draws: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Which images take part: all, and draws with names absent, rare or in tiny folders."""
    classes = np.unique(labels)

    def draw(number: int, pick) -> list[np.ndarray]:
        return [pick(np.random.default_rng(seed)) for seed in range(number)]

    def present(rng: np.random.Generator, count: int) -> np.ndarray:
        return np.flatnonzero(np.isin(labels, rng.choice(classes, count, replace=False)))

    def some(rng: np.random.Generator, sizes: dict[int, int]) -> np.ndarray:
        parts = [rng.permutation(np.flatnonzero(labels == c))[:size] for c, size in sizes.items()]
        return np.concatenate(parts)

    def long_tail(rng: np.random.Generator) -> np.ndarray:
        most = int(np.bincount(labels).max())
        size = np.maximum(1, most * 20.0 ** -np.linspace(0, 1, len(classes))).astype(int)
        return some(rng, dict(zip(rng.permutation(classes), size, strict=True)))

    yield "all present", [np.arange(len(labels))]
    yield "half absent", draw(draws, lambda rng: present(rng, len(classes) // 2))
    yield "two present", draw(draws, lambda rng: present(rng, 2))
    yield "long tail 20:1", draw(draws, long_tail)
    tiny = lambda rng: some(rng, dict.fromkeys(rng.choice(classes, 5, replace=False), 4))  # noqa: E731
    yield "5 classes x 4", draw(draws, tiny)


def accuracy(run: pl.Refinement, truth: np.ndarray) -> float:
    """Share of right labels at the last iteration."""
    return float(np.mean(run.iterations[-1].labels == truth))


def compare(path: Path, draws: int) -> None:
    """Print one table for one file."""
    images, labels, classes = load(path)
    print(f"\n{path.name}: {len(labels)} images, {len(classes)} classes, accuracy")
    print(f"{'':16}{'zero-shot':>10}{'anchored':>10}{'worst':>8}{'all_present':>13}")
    for name, subsets in settings(labels, draws):
        rows = []
        for chosen in subsets:
            vectors, truth = images[chosen], labels[chosen]
            graph = pl.knn_graph(vectors, 15)
            clusters = pl.cluster(vectors, graph if graph.k == 15 else None, progress=silent)
            run = pl.refine(vectors, classes, clusters, progress=silent)
            switch = pl.refine(vectors, classes, clusters, all_present=True, progress=silent)
            zero_shot = float(np.mean(run.iterations[0].labels == truth))
            rows.append((zero_shot, accuracy(run, truth), accuracy(switch, truth)))
        table = np.array(rows)
        mean, worst = table.mean(axis=0), (table[:, 1] - table[:, 0]).min()
        print(f"{name:16}{mean[0]:10.3f}{mean[1]:10.3f}{100 * worst:+8.1f}{mean[2]:13.3f}")
    print("plain, every image its own unit, 7 iterations")
    for temperature in (0.1, 0.05, 0.01):
        run = pl.refine(
            images, classes, method="plain", units="images", temperature=temperature,
            iterations=7, progress=silent,
        )  # fmt: skip
        print(f"  temperature {temperature:<5}{accuracy(run, labels):10.3f}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    for path in options.features:
        compare(path, options.draws)


if __name__ == "__main__":
    main()
