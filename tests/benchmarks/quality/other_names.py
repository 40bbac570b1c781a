"""Feature files in which the same images have other names.

    python tests/benchmarks/quality/other_names.py FEATURES.npz ... --bank NAMES.npz --into FOLDER

Names are often poor, and no public set says how poor. For each file, this writes one in which every
class has another name (``all``), and one in which half of them have (``half``): a name of the bank
that is among the five nearest to the right one. Files that `kinds.json` knows also get one in which
classes of one kind bear its name (``kinds``), such as "vehicle". The tables of quality read them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tasks import load, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks import Task

KINDS: dict[str, dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("kinds.json").read_text(encoding="utf-8")
)
CHOICE = 5  # nearest names of the bank, one of which is taken
SAME, RELATED = 0.95, 0.8  # cosines: from here on the same name, and from here on one to call it by


def renamed(task: Task, bank: np.ndarray, share: float, seed: int = 0) -> Task:
    """Return the task with other names for a share, 0..1, of its classes.

    A class without a name in `bank`, (M, d), that is related to its own keeps its name.
    """
    rng = np.random.default_rng(seed)
    count = len(task.text)
    cosine = bank @ task.text.T
    nearest = cosine.argmax(axis=1)
    text = task.text.copy()
    for number in rng.permutation(count)[: round(share * count)]:
        near = np.flatnonzero((nearest == number) & (cosine[:, number] < SAME))
        near = near[cosine[near, number] > RELATED]
        near = near[np.argsort(-cosine[near, number], kind="stable")][:CHOICE]
        if len(near):
            text[number] = bank[rng.choice(near)]
    return replace(task, text=text, prompts=None)


def by_kind(
    task: Task, names: list[str], kinds: dict[str, list[str]], bank: dict[str, list[np.ndarray]]
) -> Task:
    """Return the task with the kinds for classes; images of a class of no kind are left out.

    Parameters
    ----------
    names
        Of the classes.
    kinds
        Classes of each kind; the name of a kind may be several words, apart by ``|``.
    bank
        Text vectors of each word.
    """
    kind = np.full(len(names), -1)
    for number, members in enumerate(kinds.values()):
        kind[[names.index(name) for name in members]] = number
    words = [[vector for word in name.split("|") for vector in bank[word]] for name in kinds]
    text = unit(np.array([np.mean(vectors, axis=0) for vectors in words]))
    rows = np.flatnonzero(kind[task.truth] >= 0)
    kept = task.take(rows)
    return replace(kept, truth=kind[kept.truth], text=text, prompts=None)


def variants(file: Path, bank_file: Path) -> Iterator[tuple[str, Task]]:
    """Yield the tasks of a file with other names."""
    task = load(file)
    with np.load(bank_file, allow_pickle=False) as bank:
        vectors, words = unit(bank["vectors"]), [str(name).lower() for name in bank["name"]]
    yield "all", renamed(task, vectors, 1.0)
    yield "half", renamed(task, vectors, 0.5, seed=1)
    if file.stem in KINDS:
        with np.load(file, allow_pickle=False) as known:
            names = [str(name) for name in known["class_names"]]
        by_word: dict[str, list[np.ndarray]] = {}
        for word, vector in zip(words, vectors, strict=True):
            by_word.setdefault(word, []).append(vector)
        yield "kinds", by_kind(task, names, KINDS[file.stem], by_word)


def main() -> None:
    """Read the command line, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="+", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--bank", type=Path, required=True, help="text vectors and their names")
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for file in options.features:
        for name, task in variants(file, options.bank):
            np.savez(
                options.into / f"{file.stem}-{name}.npz",
                image_features=task.vectors,
                labels=task.truth,
                text_features=task.text,
            )


if __name__ == "__main__":
    main()
