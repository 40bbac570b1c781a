"""Images that fit none of the names: how many are caught, how many others lost; missing names.

    python tests/benchmarks/quality/none_of_these.py [FEATURES.npz ...] [--bank NAMES.npz]

Without files: the simulated world with junk. From a file names are removed, so that their images
are junk. ``--bank`` holds text ``vectors`` (M, d) and a ``name`` (M,) for each; its different
names are the background, and what missing names are suggested from.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from simulated import WORLDS, make
from tasks import Task, load, unit

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.evaluation.calibration import error_auroc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STRICT = np.round(np.arange(0.1, 0.95, 0.1), 1)
WORLDS_WITH_JUNK = {
    "junk": WORLDS["junk"],
    "medium, 10 % junk": replace(WORLDS["medium"], junk=0.1),
    "hard, 20 % junk": replace(WORLDS["hard"], junk=0.2),
    "styles, 10 % junk": replace(WORLDS["styles"], junk=0.1),
}


@dataclass
class Row:
    """What one setting gives, draw by draw."""

    scores: dict[str, list[float]] = field(default_factory=dict)
    caught: list[np.ndarray] = field(default_factory=list)
    lost: list[np.ndarray] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)

    def add(self, labels: pl.Labels, fit: pl.Fit, task: Task) -> None:
        """Judge one draw."""
        real = task.truth >= 0
        counts = np.array([fit.unfit(s)[~real].mean() if (~real).any() else np.nan for s in STRICT])
        self.caught.append(counts)
        self.lost.append(np.array([fit.unfit(s)[real].mean() for s in STRICT]))
        lost = real & fit.unfit(0.5)
        if lost.any():
            self.wrong.append(float(np.mean(labels.label[lost] != task.truth[lost])))
        if (~real).any():
            text = task.vectors @ task.text.T
            best = np.exp(task.logit_scale * (text - text.max(axis=1, keepdims=True)))
            rivals = {
                "fit": fit.score,
                "margin": labels.margin,
                "MCM": 1 / best.sum(axis=1),
                "cosine": text.max(axis=1),
            }
            for name, score in rivals.items():
                self.scores.setdefault(name, []).append(error_auroc(score, real))


@lru_cache(maxsize=8)
def structure(key: Shared) -> tuple[pl.KnnGraph, pl.Clusters]:
    """Neighbours and clusters; the names have no say in them."""
    graph = pl.knn_graph(key.vectors, 15)
    clusters = pl.cluster(key.vectors, graph if graph.k == 15 else None, progress=silent)
    return graph, clusters


class Shared:
    """Vectors, equal where they are the same array."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def __hash__(self) -> int:
        return id(self.vectors)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shared) and self.vectors is other.vectors


def solve(task: Task, background: pl.ClassVectors | None) -> tuple[pl.Labels, pl.Fit]:
    """Label a task with the defaults, and measure the fit."""
    graph, clusters = structure(Shared(task.vectors))
    run = pl.refine(task.vectors, task.classes, clusters, graph=graph, progress=silent)
    labels = pl.label(run)
    return labels, pl.measure_fit(
        labels, task.vectors, graph, background=background, progress=silent
    )


def without(task: Task, gone: np.ndarray) -> Task:
    """Take names away; their images are of no class now."""
    kept = np.setdiff1d(np.arange(len(task.text)), gone)
    number = np.full(len(task.text), -1)
    number[kept] = np.arange(len(kept))
    truth = np.where(task.truth >= 0, number[task.truth], -1)
    return replace(task, text=task.text[kept], truth=truth, prompts=None)


def draws(task: Task, count: int) -> Iterator[tuple[str, Task, np.ndarray]]:
    """Yield setting, task, and the class of every image before names were removed."""
    names = len(task.text)
    least = np.bincount(task.truth).min()
    yield "no name removed", task, task.truth
    for removed in (1, 2, 3, 5):
        if removed > names - 2:
            continue
        for draw in range(count):
            rng = np.random.default_rng([removed, draw])
            gone = [draw % names] if removed == 1 else rng.choice(names, removed, replace=False)
            yield f"{removed} removed", without(task, np.array(gone)), task.truth
    if least < 40:
        return
    for draw in range(count):
        rng = np.random.default_rng([10, draw])
        gone = draw % names
        few = rng.permutation(np.flatnonzero(task.truth == gone))[: least // 10]
        rare = np.sort(np.concatenate([np.flatnonzero(task.truth != gone), few]))
        yield (
            "1 removed, a tenth of it",
            without(task.take(rare), np.array([gone])),
            task.truth[rare],
        )
        some = [rng.permutation(np.flatnonzero(task.truth == c))[:8] for c in range(names)]
        rows = np.sort(np.concatenate(some))
        yield "1 removed, 8 of each", without(task.take(rows), np.array([gone])), task.truth[rows]
        main, rest = rng.permutation(np.delete(np.arange(names), gone))[:2]
        some = [
            rng.permutation(np.flatnonzero(task.truth == c))[:size]
            for c, size in ((main, least), (rest, least // 10), (gone, least // 10))
        ]
        rows = np.sort(np.concatenate(some))
        yield "1 removed, 1 prevails", without(task.take(rows), np.array([gone])), task.truth[rows]


def read_bank(path: Path) -> pl.ClassVectors:
    """Read the different names of a bank, each with the mean of its vectors."""
    with np.load(path, allow_pickle=False) as file:
        vectors = unit(file["vectors"])
        names = [plain(name) for name in file["name"]]
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    means = np.stack([vectors[some].mean(axis=0) for some in rows.values()])
    return pl.ClassVectors(list(rows), means)


def plain(name: str) -> str:
    """Small letters, no underscores, no remarks in brackets."""
    return str(name).lower().replace("_", " ").split("(")[0].strip()


def right_words(path: Path, bank: pl.ClassVectors) -> list[set[str]]:
    """Words of the bank that name each class: its name, and the words of its prompt."""
    with np.load(path, allow_pickle=False) as file:
        prompts = file["text_prompts"] if "text_prompts" in file else file["class_names"]
        pairs = zip(file["class_names"], prompts, strict=True)
        words = [
            {plain(name), plain(name).rstrip("s"), plain(prompt).removeprefix("a ")}
            for name, prompt in pairs
        ]
    return [some & set(bank.names) for some in words]


@dataclass
class Missing:
    """How well missing names are pointed out and named."""

    clusters: list[bool] = field(default_factory=list)  # pointed out: is it really of no name
    images: list[float] = field(default_factory=list)  # share of the junk that lies in them
    rank: list[int] = field(default_factory=list)  # of the first right word

    def add(
        self,
        found: tuple[pl.MissingName, ...],
        task: Task,
        real: np.ndarray,
        words: list[set[str]],
    ) -> None:
        """Judge one draw."""
        junk = task.truth < 0
        good = [one for one in found if junk[one.images].mean() > 0.5]
        self.clusters += [one in good for one in found]
        if junk.any():
            self.images.append(sum(junk[one.images].sum() for one in good) / junk.sum())
        for one in good:
            name = words[np.bincount(real[one.images][junk[one.images]]).argmax()]
            order = [word in name for word, _ in one.suggestions]
            self.rank.append(order.index(True) if any(order) else 99)


def table(rows: dict[str, Row]) -> None:
    """Print AUROC, and caught and lost in percent for every strictness."""
    rivals = ("fit", "margin", "MCM", "cosine")
    print(f"{'':26}{'AUROC':>7}{'':21}  caught/lost in % at strictness")
    print(
        f"{'':26}"
        + "".join(f"{name:>7}" for name in rivals)
        + "  "
        + "".join(f"{s:>8}" for s in STRICT)
        + "  lost at 0.5: wrong anyway"
    )
    for name, row in rows.items():
        scores = "".join(
            f"{np.mean(row.scores[one]):7.3f}" if row.scores else f"{'-':>7}" for one in rivals
        )
        caught = 100 * np.mean(row.caught, axis=0)
        lost = 100 * np.mean(row.lost, axis=0)
        pairs = [
            f"{'-' if np.isnan(c) else round(c)}/{round(b)}"
            for c, b in zip(caught, lost, strict=True)
        ]
        cells = "".join(f"{pair:>8}" for pair in pairs)
        wrong = f"{100 * np.mean(row.wrong):.0f} %" if row.wrong else "-"
        print(f"{name:26}{scores}  {cells}  {wrong}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="*", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--bank", type=Path, help="text vectors of many names")
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", category=UserWarning)
    if not options.features:
        for known in (False, True):
            rows: dict[str, Row] = {}
            for name, world in WORLDS_WITH_JUNK.items():
                for seed in range(options.draws):
                    task, further = make(world, seed)
                    words = pl.ClassVectors([f"word {i}" for i in range(len(further))], further)
                    rows.setdefault(name, Row()).add(*solve(task, words if known else None), task)
            print(f"\nsimulated worlds, background: {'40 other names' if known else 'none'}")
            table(rows)
    bank = None if options.bank is None else read_bank(options.bank)
    for path in options.features:
        backgrounds = {"none": None}
        if bank is not None:
            backgrounds[f"{len(bank)} names of the bank"] = bank
        results = {said: ({}, {}) for said in backgrounds}
        for name, task, real in draws(load(path), options.draws):
            for said, background in backgrounds.items():
                rows, missing = results[said]
                labels, fit = solve(task, background)
                rows.setdefault(name, Row()).add(labels, fit, task)
                if bank is not None:
                    found = pl.missing_names(labels, task.vectors, fit, bank)
                    judge = missing.setdefault(name, Missing())
                    judge.add(found, task, real, right_words(path, bank))
        for said, (rows, missing) in results.items():
            print(f"\n{path.name}, background: {said}")
            table(rows)
            if missing:
                print(f"\n{path.name}, missing names from the bank; background: {said}")
                missing_table(missing)


def missing_table(rows: dict[str, Missing]) -> None:
    """Print clusters pointed out, how many rightly, the junk in them, and where its name is."""
    heads = ("pointed out", "rightly", "junk in them", "named first", "in first 5")
    print(f"{'':26}" + "".join(f"{head:>14}" for head in heads))
    for name, row in rows.items():
        rank = np.array(row.rank)
        shares = [np.mean(row.images), np.mean(rank < 1), np.mean(rank < 5)] if len(rank) else []
        cells = [len(row.clusters), sum(row.clusters), *(f"{100 * s:.0f} %" for s in shares)]
        print(f"{name:26}" + "".join(f"{cell:>14}" for cell in cells))


if __name__ == "__main__":
    main()
