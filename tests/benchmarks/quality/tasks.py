"""One labelling task: image vectors, the text of the class names, and the truth to judge by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

import protolabel as pl

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Task", "load", "unit"]


@dataclass(frozen=True, eq=False)
class Task:
    """What every method of the benchmark gets; it may look at everything but the truth.

    Attributes
    ----------
    vectors
        (N, d) float32 unit image vectors.
    truth
        (N,) int class index of every image; -1 is junk, an image of no class.
    text
        (C, d) float32 unit text vectors, one per class name.
    prompts
        (C, P, d) float32 unit text vectors of P prompts per class; None where a data set has one.
    logit_scale
        What multiplies a cosine, as the encoder learnt it.
    """

    vectors: np.ndarray
    truth: np.ndarray
    text: np.ndarray
    prompts: np.ndarray | None = None
    logit_scale: float = 100.0

    @property
    def classes(self) -> pl.ClassVectors:
        """The class names as the library takes them."""
        names = [f"class {number}" for number in range(len(self.text))]
        return pl.ClassVectors(names, self.text, logit_scale=self.logit_scale)

    def take(self, rows: np.ndarray) -> Task:
        """Return the task with these images only; every class name stays."""
        return replace(self, vectors=self.vectors[rows], truth=self.truth[rows])

    def with_names(self, text: np.ndarray) -> Task:
        """Return the task with further class names, of which there is no image."""
        more = np.concatenate([self.text, text])
        return replace(self, text=more, prompts=None)


def load(path: Path) -> Task:
    """Read an ``.npz`` with image_features (N, d), labels (N,) and text_features (C, d)."""
    with np.load(path, allow_pickle=False) as file:
        return Task(
            vectors=unit(file["image_features"]),
            truth=file["labels"].astype(np.int64),
            text=unit(file["text_features"]),
        )


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows as float32 of length 1."""
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)
