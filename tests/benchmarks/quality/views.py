"""A second view of the images: what it costs where it knows little, and gains where it knows more.

    python tests/benchmarks/quality/views.py [FILE.npz ...] [--draws 2]

Without files, the simulated worlds. "noise" is random vectors; "12", "32" and "128" are random
projections of the first view to so many dimensions, which repeat it with a loss; "64 noisy" and
"512 noisy" are such projections with as much noise; "sharp" and "plain" are simulated views that
were learnt apart from the first, in which classes lie well apart, or six of ten neighbours share
the class; in "pairs" every two classes look the same, and in "one pair" the first two.
`second_eyes.py` has views of pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl
from protolabel.common.progress import silent

sys.path.append(str(Path(__file__).parents[2]))
from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS
from tasks import Task, unit
from worlds import visual_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USED = ("all present", "half absent", "long tail 20:1")
DIMENSIONS = (12, 32, 128)
NOISY = (64, 512)


def accuracies(
    vectors: np.ndarray, classes: pl.ClassVectors, truth: np.ndarray, views: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (view, [zero-shot, first view only, with the view, its weight, its neighbours])."""
    graph = pl.knn_graph(vectors, 15)
    clusters = pl.cluster(vectors, graph, progress=silent)
    alone = pl.refine(vectors, classes, clusters, graph=graph, progress=silent)
    right = lambda run, t: float(np.mean(run.iterations[t].labels == truth))  # noqa: E731
    for name, visual in views.items():
        near = pl.knn_graph(visual, 15)
        clusters = pl.cluster(vectors, near, visual=visual, progress=silent)
        run = pl.refine(
            vectors, classes, clusters, visual=visual, graph=graph, visual_graph=near,
            progress=silent,
        )  # fmt: skip
        same = float(np.mean(truth[near.indices[:, :5]] == truth[:, None]))
        row = [right(alone, 0), right(alone, -1), right(run, -1), run.visual_weight, same]
        yield name, np.array(row)


def views(task: Task, seed: int) -> dict[str, np.ndarray]:
    """Second views of a task's images."""
    rng, width = np.random.default_rng(seed), task.vectors.shape[1]
    made = {"noise": unit(rng.normal(size=(len(task.vectors), 96)))}
    for size in DIMENSIONS:
        made[str(size)] = unit(task.vectors @ rng.normal(size=(width, size)))
    away = task.vectors - task.vectors.mean(axis=0)
    for size in NOISY:
        copy = away @ rng.normal(size=(width, size))
        made[f"{size} noisy"] = unit(copy / copy.std() + rng.normal(size=copy.shape))
    for kind in ("sharp", "plain", "pairs"):
        made[kind] = visual_view(task.truth, kind, seed)
    first_two = np.where(task.truth == 1, 0, task.truth)
    return made | {"one pair": visual_view(first_two, "sharp", seed)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--settings", nargs="+", choices=tuple(SETTINGS), default=list(USED))
    options = parser.parse_args(arguments)
    rows: dict[str, list[tuple[str, np.ndarray]]] = {}
    for source in options.files or WORLDS:
        for setting in options.settings:
            tasks = (
                world_tasks(source, setting, options.draws)
                if isinstance(source, str)
                else file_tasks(source, setting, options.draws, None)
            )
            name = source if isinstance(source, str) else source.stem
            for seed, whole in enumerate(tasks):
                task = whole.take(np.flatnonzero(whole.truth >= 0))
                found = accuracies(task.vectors, task.classes, task.truth, views(task, seed))
                for view, row in found:
                    rows.setdefault(view, []).append((f"{name}, {setting}", row))
    print("| view | folders | first view | with it | gain | worst | lose half a point | weight |")
    print("|" + "---|" * 8)
    for view, some in rows.items():
        values = np.array([row for _, row in some])
        gain = 100 * (values[:, 2] - values[:, 1])
        worst = int(gain.argmin())
        cells = [
            view, str(len(some)), f"{values[:, 1].mean():.3f}", f"{values[:, 2].mean():.3f}",
            f"{gain.mean():+.1f}", f"{gain[worst]:+.1f} ({some[worst][0]})",
            str(int(np.sum(gain < -0.5 - 1e-9))), f"{values[:, 3].mean():.2f}",
        ]  # fmt: skip
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
