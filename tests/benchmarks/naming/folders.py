"""A folder that nobody has named, as vectors, and the words that may name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Bank", "Folder", "load", "load_bank", "unit"]

_SAME = 0.9995  # cosine of two text vectors of one prompt, after rounding to float16


@dataclass(frozen=True, eq=False)
class Bank:
    """M distinct words and their text vectors, (M, d) float32 of length 1."""

    words: tuple[str, ...]
    vectors: np.ndarray


@dataclass(frozen=True, eq=False)
class Folder:
    """Images, and what is hidden from the methods.

    Attributes
    ----------
    images
        (N, d) float32 unit vectors.
    truth
        (N,) int class of every image.
    names
        For each of the C classes, the words that count as its name: that of the set, and the words
        of the bank that its text vector is made of.
    text
        (C, d) float32 unit text vectors of the true names.
    """

    images: np.ndarray
    truth: np.ndarray
    names: tuple[frozenset[str], ...]
    text: np.ndarray

    @property
    def count(self) -> int:
        """The true number of classes."""
        return len(self.names)


def load_bank(path: Path) -> Bank:
    """Read words; a word that comes from several sources gets the mean of its vectors."""
    with np.load(path, allow_pickle=False) as file:
        vectors, names = unit(file["vectors"]), [_clean(name) for name in file["name"]]
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name.casefold(), []).append(place)
    words = tuple(names[rows[0]] for rows in places.values())
    return Bank(words, unit(np.stack([vectors[rows].mean(axis=0) for rows in places.values()])))


def load(path: Path, bank: Bank) -> Folder:
    """Read a set, and find the words of the bank that stand for its true names."""
    with np.load(path, allow_pickle=False) as file:
        text = unit(file["text_features"])
        images, truth = unit(file["image_features"]), file["labels"].astype(np.int64)
        names = [_clean(name) for name in file["class_names"]]
    nearest = text @ bank.vectors.T
    words = tuple(
        frozenset({name} | {bank.words[i] for i in np.flatnonzero(row >= min(_SAME, row.max()))})
        for name, row in zip(names, nearest, strict=True)
    )
    return Folder(images, truth, words, text)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows as float32 of length 1."""
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _clean(name: str) -> str:
    return " ".join(re.sub(r"\(.*?\)", "", str(name)).replace("_", " ").split())
