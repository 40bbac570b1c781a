"""Does the guard speak where names are confused, and what does its advice gain?

    python tests/benchmarks/quality/advice.py [FILE.npz ...] [--bank NAMES.npz] [--draws 2]

Two names are confused if errors between them are at least five images and 1 % of the folder. The
guard names at most three pairs. Its advice is followed for these: five pins of each name, drawn at
random, beside as many pins of any images; and synonyms, where a bank has words for them. Gains are
of images that are not pinned: those of the named classes, and of the whole folder.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pins import Folder, open_folder
from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS
from tasks import unit

from protolabel.evaluation.diagnostics import named_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

FIVE = 5  # pins of each name, as the guard says
ALIKE, SAME = 0.9, 0.995  # cosines of a synonym, and of another spelling of the same words
SYNONYMS = 3
USED = ("all present", "half absent", "long tail 20:1", "+40 names")


@dataclass(frozen=True)
class Tried:
    """One folder: pairs that are confused, that the guard named, and points gained."""

    confused: int
    named: int
    rightly: int
    pins: float = np.nan
    pins_all: float = np.nan
    any_pins_all: float = np.nan
    synonyms: float = np.nan


def confused(label: np.ndarray, truth: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of classes with at least five errors between them, and 1 % of the images."""
    wrong = (truth >= 0) & (label != truth)
    pairs = Counter(map(tuple, np.sort([label[wrong], truth[wrong]], axis=0).T.tolist()))
    return {pair for pair, count in pairs.items() if count >= max(5, 0.01 * len(truth))}


def synonyms(text: np.ndarray, classes: np.ndarray, words: np.ndarray) -> np.ndarray | None:
    """Text with the mean of each class's name and the words nearest to it, None without words.

    A word counts if it is near the name and nearer to it than to any other name.
    """
    changed, found = text.copy(), False
    nearest = (words @ text.T).argmax(axis=1)
    for name in classes:
        near = words @ text[name]
        fits = np.flatnonzero((nearest == name) & (near >= ALIKE) & (near < SAME))
        some = fits[np.argsort(-near[fits])][:SYNONYMS]
        if len(some):
            found = True
            changed[name] = unit(np.vstack([text[name : name + 1], words[some]]).mean(axis=0))
    return changed if found else None


def tried(folder: Folder, words: np.ndarray | None) -> Tried:
    """Label a folder, listen to the guard, and do what it says."""
    task = folder.task
    labels, truth, rng = folder.labels({}), task.truth, np.random.default_rng(0)
    pairs = [(labels.names.index(a), labels.names.index(b)) for a, b, *_ in named_pairs(labels)]
    really = confused(labels.label, truth)
    counts = len(really), len(pairs), sum(tuple(sorted(pair)) in really for pair in pairs)
    classes = np.unique(pairs).astype(int)
    if not np.isin(truth, classes).any():
        return Tried(*counts)

    def gain(after: np.ndarray, images: np.ndarray) -> float:
        rows = images & (truth >= 0)
        return 100 * float(np.mean((after == truth)[rows]) - np.mean((labels.label == truth)[rows]))

    of_names = np.isin(truth, classes)
    picked = [rng.permutation(np.flatnonzero(truth == c)) for c in classes]
    rows = np.concatenate([some[: min(FIVE, len(some) // 2)] for some in picked])
    free = ~np.isin(np.arange(len(truth)), rows)
    after = folder.labels({int(i): int(truth[i]) for i in rows}).label
    others = rng.permutation(np.flatnonzero(truth >= 0))[: len(rows)]
    any_after = folder.labels({int(i): int(truth[i]) for i in others}).label
    free_of_any = ~np.isin(np.arange(len(truth)), others)
    more = None if words is None else synonyms(task.text, classes, words)
    again = None
    if more is not None:
        again = replace(folder, task=replace(task, text=more)).labels({}).label
    return Tried(
        *counts,
        pins=gain(after, free & of_names),
        pins_all=gain(after, free),
        any_pins_all=gain(any_after, free_of_any),
        synonyms=np.nan if again is None else gain(again, of_names),
    )


def show(rows: dict[str, list[Tried]]) -> str:
    """One line for each setting, and all of them."""
    heads = (
        "setting", "folders with a confused pair", "of these the guard speaks",
        "it speaks elsewhere", "pairs named", "of these confused", "confused pairs named",
        "five pins, named classes", "whole folder", "as many pins of any image",
        "synonyms, named classes",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    every = [row for some in rows.values() for row in some]
    for name, some in {**rows, "all": every}.items():
        risk = [row for row in some if row.confused]
        spoken, named = [row for row in risk if row.named], sum(row.named for row in some)
        rightly = sum(row.rightly for row in some)
        pairs = sum(row.confused for row in some)
        points = [
            np.array([getattr(row, field) for row in some])
            for field in ("pins", "pins_all", "any_pins_all", "synonyms")
        ]
        gains = [
            f"{np.nanmean(p):+.1f} of {np.isfinite(p).sum()}, worst {np.nanmin(p):+.1f}"
            if np.isfinite(p).any()
            else "-"
            for p in points
        ]
        elsewhere = sum(bool(row.named) for row in some if not row.confused)
        cells = [
            name, f"{len(risk)} of {len(some)}", str(len(spoken)),
            f"{elsewhere} of {len(some) - len(risk)}", str(named), str(rightly),
            f"{rightly} of {pairs}", *gains,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, try the advice, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--bank", type=Path, help="further names, and words for synonyms")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--settings", nargs="+", choices=tuple(SETTINGS), default=list(USED))
    options = parser.parse_args(arguments)
    words = None
    if options.bank is not None:
        with np.load(options.bank, allow_pickle=False) as file:
            words = unit(file["vectors"])
    rows: dict[str, list[Tried]] = {name: [] for name in options.settings}
    for setting in options.settings:
        for source in options.files or WORLDS:
            tasks = (
                world_tasks(source, setting, options.draws)
                if isinstance(source, str)
                else file_tasks(source, setting, options.draws, options.bank)
            )
            known = None if isinstance(source, str) else words
            rows[setting] += [tried(open_folder(task), known) for task in tasks]
    print(show(rows))


if __name__ == "__main__":
    main()
