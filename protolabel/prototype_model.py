"""How one image is scored against every class, apart from its neighbours and its cluster.

The loops fit this model, the classifier applies it to new images, an export saves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.vectors import FloatArray, log_softmax, remember, unit_blocks, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "PrototypeModel",
    "fit_prototypes",
    "relative_precision",
    "squared_distances",
    "text_model",
]

SHRINKAGE = 100.0  # images after which a coordinate's own variance counts for half


@dataclass(frozen=True, eq=False)
class PrototypeModel:
    """Scores of C classes for unit vectors of d dimensions.

    For an image x with z = x - mean, class c scores ::

        text_weight * log softmax_c(text_scale * x . text_c)
        - sum_j precision_j (z_j - centre_cj)^2 + log_prior_c

    Zero-shot has no precision and a text weight of 1; the plain loop has its prototypes in the
    place of the text; the anchored loop uses every term.

    Attributes
    ----------
    text
        (C, d) float32 unit rows.
    text_scale, text_weight
        The logit scale that multiplies a cosine, and the weight of the text vote.
    mean
        (d,) float32, the mean image: what separates image space from text space.
    centres
        (C, d) float32 prototypes relative to `mean`.
    precision
        (d,) float32, not negative: how much a squared distance along each coordinate counts.
    log_prior
        (C,) float32, how common a class seems.
    """

    text: NDArray[np.float32]
    text_scale: float
    text_weight: float
    mean: NDArray[np.float32]
    centres: NDArray[np.float32]
    precision: NDArray[np.float32]
    log_prior: NDArray[np.float32]

    @property
    def prototypes(self) -> NDArray[np.float32]:
        """(C, d) float32 unit rows: where each class stands among the images, else its text."""
        return unit_rows(self.mean + self.centres) if self.precision.any() else self.text

    def text_votes(self, vectors: FloatArray) -> NDArray[np.float32]:
        """Log-probabilities (N, C) float32 of the text side alone, weight 1; not to be changed."""
        key = (self.text.tobytes(), self.text_scale)
        return remember(vectors, "text votes", key, lambda: self._text_votes(vectors))

    def _text_votes(self, vectors: FloatArray) -> NDArray[np.float32]:
        votes = np.empty((len(vectors), len(self.text)), dtype=np.float32)
        for rows, x in unit_blocks(vectors):
            votes[rows] = log_softmax(np.float32(self.text_scale) * (x @ self.text.T))
        votes.flags.writeable = False
        return votes

    def scores(self, vectors: FloatArray) -> NDArray[np.float32]:
        """Scores (N, C) float32; their softmax over the classes is the responsibility."""
        scores = np.broadcast_to(self.log_prior, (len(vectors), len(self.text)))
        if self.text_weight:
            scores = scores + self.text_weight * self.text_votes(vectors)
        if self.precision.any():
            scores = scores - squared_distances(vectors, self.mean, self.centres, self.precision)
        return np.asarray(scores, dtype=np.float32)


def text_model(text: NDArray[np.float32], scale: float) -> PrototypeModel:
    """Return the model that knows only the text: zero-shot with logit scale `scale`."""
    n_classes, dim = text.shape
    return PrototypeModel(
        text=text,
        text_scale=scale,
        text_weight=1.0,
        mean=np.zeros(dim, np.float32),
        centres=np.zeros((n_classes, dim), np.float32),
        precision=np.zeros(dim, np.float32),
        log_prior=np.zeros(n_classes, np.float32),
    )


def fit_prototypes(
    unit: NDArray[np.float32],
    label: NDArray[np.integer],
    n_classes: int,
    *,
    temperature: float,
    prior_weight: float,
) -> PrototypeModel:
    """Learn prototypes from labelled unit vectors: the loop's model without its text.

    Parameters
    ----------
    unit
        (N, d) float32 unit rows.
    label
        (N,) class index; every class has an image.
    """
    n, dim = unit.shape
    mean = unit.mean(axis=0, dtype=np.float64).astype(np.float32)
    z = unit - mean
    mass = np.bincount(label, minlength=n_classes)
    centres = np.zeros((n_classes, dim), dtype=np.float32)
    np.add.at(centres, label, z)
    centres /= mass[:, None]
    within = np.square(z - centres[label]).mean(axis=0, dtype=np.float64)
    relative = relative_precision(within, n)
    spread = float(squared_distances(unit, mean, centres, relative)[np.arange(n), label].mean())
    prior = prior_weight * np.log((mass + 1.0) / (n + n_classes))
    return PrototypeModel(
        text=np.zeros((n_classes, dim), np.float32),
        text_scale=0.0,
        text_weight=0.0,
        mean=mean,
        centres=centres,
        precision=relative * np.float32(1.0 / (2.0 * max(spread, 1e-12) * temperature)),
        log_prior=prior.astype(np.float32),
    )


def relative_precision(within: NDArray[np.float64], n: int) -> NDArray[np.float32]:
    """Mean variance over each coordinate's own, (d,) float32, shrunk where images are few.

    Parameters
    ----------
    within
        (d,) variance of each coordinate pooled within the classes.
    n
        Number of images that it was estimated on.
    """
    own = n / (n + SHRINKAGE)
    variance = np.maximum(own * within + (1.0 - own) * within.mean(), 1e-12)
    return np.asarray(variance.mean() / variance, dtype=np.float32)


def squared_distances(
    vectors: FloatArray,
    mean: NDArray[np.float32],
    centres: NDArray[np.float32],
    precision: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return sum_j precision_j (x_ij - mean_j - centre_cj)^2 as (N, C) float32, block by block."""
    weighted = centres * precision
    constant = np.einsum("cj,cj->c", weighted, centres)
    distances = np.empty((len(vectors), len(centres)), dtype=np.float32)
    for rows, x in unit_blocks(vectors):
        z = x - mean
        own = np.einsum("ij,ij,j->i", z, z, precision, optimize=True)
        distances[rows] = own[:, None] - 2.0 * (z @ weighted.T) + constant
    np.maximum(distances, 0.0, out=distances)  # rounding can leave a tiny negative one
    return distances
