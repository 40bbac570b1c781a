"""Names and labels for sets that nobody has named, against published name-free methods.

    python tests/benchmarks/naming --bank NAMES.npz FEATURES.npz [...] [--methods ...]

A file holds ``image_features`` (N, d), ``labels`` (N,), ``class_names`` (C,) and ``text_features``
(C, d), the text vectors of the true names. The bank holds text ``vectors`` (M, d) of words with
``name`` (M,): the vocabulary of every method. The methods see images, vocabulary and, apart from
"count found", the true number of classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from folders import Bank, Folder, load, load_bank
from judging import accuracy, grades, rand_index
from methods import METHODS

COLUMNS = "| {:<30} | {:>6} | {:>18} | {:>5} | {:>8} | {:>5} |"


def main() -> None:
    """Read the command line, compute, print one table for each set and one of the means."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/naming", description=__doc__.splitlines()[0]
    )
    parser.add_argument("features", nargs="+", type=Path, metavar="FEATURES.npz")
    parser.add_argument("--bank", type=Path, required=True, help="words and their text vectors")
    parser.add_argument("--methods", nargs="+", choices=tuple(METHODS), default=list(METHODS))
    parser.add_argument("--wrong", action="store_true", help="list what counts as wrong")
    options = parser.parse_args()
    bank = load_bank(options.bank)
    print(f"{len(bank.words)} words")
    rows: dict[str, list[list[float]]] = {}
    for path in options.features:
        folder = load(path, bank)
        print(f"\n## {path.stem}: {len(folder.images)} images, {len(folder.names)} classes\n")
        head()
        for method in options.methods:
            row = judged(method, folder, bank, options.wrong)
            rows.setdefault(method, []).append(row)
            show(method, row)
    print(f"\n## Mean of {len(options.features)} sets\n")
    head()
    for method, some in rows.items():
        show(method, np.mean(some, axis=0).tolist())


def judged(method: str, folder: Folder, bank: Bank, listing: bool) -> list[float]:
    """Return groups, found (exact, synonym, neighbour), right, accuracy and ARI of a method."""
    found = METHODS[method](folder, bank)
    grade = grades(found.words, folder)
    if listing:
        wrong = [word for word, row in zip(found.words, grade, strict=True) if row.min() > 2]
        print("wrong:", ", ".join(wrong))
    best = grade.min(axis=0)
    return [
        len(found.words),
        *(float(np.mean(best <= least)) for least in (0, 1, 2)),
        float(np.mean(grade.min(axis=1) <= 2)),
        accuracy(found.labels, folder.truth),
        rand_index(found.labels, folder.truth),
    ]


def head() -> None:
    """Print the head of a table."""
    heads = ("method", "groups", "found =, syn., near", "right", "accuracy", "ARI")
    print(COLUMNS.format(*heads))
    print("|---|---|---|---|---|---|")


def show(method: str, row: list[float]) -> None:
    """Print a row."""
    groups, exact, synonym, near, right, hit, rand = row
    found = f"{exact:.2f}, {synonym:.2f}, {near:.2f}"
    print(
        COLUMNS.format(method, f"{groups:.0f}", found, f"{right:.2f}", f"{hit:.3f}", f"{rand:.3f}"),
        flush=True,
    )


if __name__ == "__main__":
    main()
