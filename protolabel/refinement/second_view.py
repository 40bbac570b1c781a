"""A second view of the images: the visual vectors of an encoder without text.

It may separate the classes better than the first view. (Two independently trained spaces agree on
the true classes: TURTLE, Gadetsky et al., ICML 2024.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.neighbors import knn_graph
from protolabel.common.threads import one_matrix_thread
from protolabel.common.vectors import unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.common.vectors import Float32Array

__all__ = ["autocorrelation", "mixed_classes", "new_information", "visual_weight"]

HALF_WEIGHT = 0.05  # autocorrelation at which visual vectors are trusted by half
RELATIVE_FROM, RELATIVE_TO = 0.15, 0.4  # of the first view's autocorrelation: no trust, and full
INFORMATION_FROM, INFORMATION_TO = 0.05, 0.09  # beyond copy and chance, of the first view's
OWN_FROM, OWN_TO = 0.3, 0.5  # part that the first view cannot predict: a copy, and a second view
MIXED_FROM, MIXED_TO = 0.45, 0.8  # how much more two classes meet than in the first view
MIXED_WEIGHT = 0.6  # of its weight, what a class shares with another that is not told apart from it
RIDGE = 0.1  # of the mean squared length, in the regression

_COMPARED = 2_000  # images that are compared with copies of the first view, at most
_COPIES = 3
_SAMPLED = 10_000  # images whose neighbours show which classes are mixed, at most


def visual_weight(second: csr_array, first: csr_array, g: Float32Array) -> float:
    """Return the weight of the visual vectors, 0..1, from the text votes alone.

    With I the autocorrelation of the text votes over the visual neighbours, the weight is
    ``I^2 / (I^2 + 0.05^2 + 1/edges)``, where the last term is what chance gives in a small folder,
    times a rise from 0 at 15 % of the autocorrelation in the first view to 1 at 40 % of it: raw
    pixels carry some information about the classes, but much less than the vectors they would
    overrule.

    Parameters
    ----------
    second, first : (N, N) sparse
        Vote matrices of the neighbours in the visual vectors, and in the vectors of the text.
    g : (N, C) float32
        Probabilities of the text votes.
    """
    edges = float(second.nnz) / 2
    known, reference = autocorrelation(second, g), autocorrelation(first, g)
    if edges == 0 or known <= 0:
        return 0.0
    square = known**2
    alone = square / (square + HALF_WEIGHT**2 + 1.0 / edges)
    if reference <= 0:
        return alone
    return alone * _rise(known / reference, RELATIVE_FROM, RELATIVE_TO)


def autocorrelation(neighbors: csr_array, g: Float32Array) -> float:
    """Return Moran's I (Biometrika 1950) of responsibilities over neighbours, about -1..1.

    It is 0 if neighbours agree on classes no more than random images do, as in vectors that
    encode only style. Text and visual vectors err independently, so their agreement is evidence.

    Parameters
    ----------
    neighbors : (N, N) sparse
        Vote matrix of the neighbours.
    g : (N, C) float32
        Responsibilities.
    """
    total = float(neighbors.sum(dtype=np.float64))
    centred = g - g.mean(axis=0, dtype=np.float64).astype(np.float32)
    own = float(np.square(centred).sum(dtype=np.float64)) / len(g)
    if own <= 0 or total <= 0:
        return 0.0
    return float((centred * (neighbors @ centred)).sum(dtype=np.float64)) / total / own


def new_information(second: ImageSpace, first: ImageSpace, g: Float32Array, k: int) -> float:
    """Return how far the visual vectors know more than a copy of the first view would, 0..1.

    A copy of the first view, such as a projection to a few dimensions with noise, shares its
    errors. How far the visual vectors are one is measured by a ridge regression on the first view:
    half of the images predict the other half. Random projections of the first view with noise,
    which can be predicted as well as the visual vectors, show how much the neighbours in such a
    copy agree.

    Parameters
    ----------
    second, first : ImageSpace
        The visual vectors, and the vectors of the text's space.
    g : (N, C) float32
        Probabilities of the text votes.
    k : int
        Neighbours that vote on an image.

    Returns
    -------
    float
        Rises from 0, where the autocorrelation beyond that of a copy, and beyond chance (one over
        the root of the number of neighbours that vote), is 5 % of the first view's own, to 1 at
        9 %. Vectors that can be predicted, all but 30 %, are a copy whatever their neighbours
        say, because in a small folder these may agree by luck; at 50 % nothing is taken off.
    """
    rows = np.arange(0, len(first), -(-len(first) // _COMPARED))
    x, v, votes = first.unit(rows), second.unit(rows), g[rows]

    def agreement(vectors: Float32Array) -> float:
        return autocorrelation(knn_graph(vectors, k).weights(k), votes)

    random = np.random.default_rng(0)

    def draw() -> tuple[Float32Array, Float32Array]:
        """Return a random projection, a rotation if nothing has to be lost, and noise like it."""
        sizes = sorted((first.dim, second.dim), reverse=True)
        with one_matrix_thread():
            axes = np.linalg.qr(random.normal(size=sizes).astype(np.float32))[0]
        shown = (x - first.mean) @ (axes if first.dim >= second.dim else axes.T)
        noise = random.normal(size=shown.shape).astype(np.float32)
        return shown / max(float(shown.std()), 1e-12), noise

    reference, drawn = agreement(x), [draw() for _ in range(_COPIES)]
    chance = (0.5 * max(len(rows) * k, 1)) ** -0.5
    most, least = (_explained(x, unit_rows(part)) for part in drawn[0])
    if reference <= 0 or most <= least:
        return 0.0
    noisy = np.float32(np.clip((most - _explained(x, v)) / (most - least), 0.0, 1.0))
    copies = [
        agreement(unit_rows(np.sqrt(1 - noisy) * shown + np.sqrt(noisy) * noise))
        for shown, noise in drawn
    ]
    new = (agreement(v) - float(np.mean(copies))) / reference - chance
    return _rise(float(noisy), OWN_FROM, OWN_TO) * _rise(new, INFORMATION_FROM, INFORMATION_TO)


def mixed_classes(second: csr_array, first: csr_array, g: Float32Array) -> csr_array | None:
    """Return how the visual vectors mix classes that the first view tells apart.

    A view in which two classes look the same would let the larger one win the images of both. The
    responsibilities that it is shown are therefore shared among such classes. Two classes are
    mixed as far as their images are neighbours more often than chance, relative to the images of
    either, in the visual vectors beyond the first view: text that confuses two names confuses
    them in both.

    Parameters
    ----------
    second, first : (N, N) sparse
        Vote matrices of the neighbours in the visual vectors, and in the vectors of the text.
    g : (N, C) float32
        Probabilities of the text votes.

    Returns
    -------
    (C, C) scipy.sparse.csr_array of float32, or None
        Rows sum to 1: what responsibility for a class becomes. None if no classes are mixed.
    """
    from scipy.sparse import csr_array

    more = _class_adjacency(second, g) - _class_adjacency(first, g)
    mixed = MIXED_WEIGHT * np.clip((more - MIXED_FROM) / (MIXED_TO - MIXED_FROM), 0.0, 1.0)
    if not mixed.any():
        return None
    np.fill_diagonal(mixed, 1.0)
    mixed /= mixed.sum(axis=1, keepdims=True)
    return csr_array(mixed.astype(np.float32))


def _rise(value: float, start: float, end: float) -> float:
    """Return 0 up to `start`, 1 from `end` on, and a straight line between."""
    return float(np.clip((value - start) / (end - start), 0.0, 1.0))


def _class_adjacency(neighbors: csr_array, g: Float32Array) -> Float32Array:
    """How often two classes are neighbours, beyond chance, (C, C): 1 as often as each is its own.

    One image is added to each class, because few images say little.
    """
    rows = np.arange(0, len(g), -(-len(g) // _SAMPLED))
    met: Float32Array = g[rows].T @ (neighbors[rows] @ g)
    met = 0.5 * (met + met.T)
    mass = met.sum(axis=1)
    met -= np.outer(mass, mass / max(float(mass.sum()), 1e-12))
    own = np.sqrt(np.maximum(met.diagonal(), 0.0) + 1.0)
    met /= own[:, None] * own
    np.fill_diagonal(met, 0.0)
    return met


def _explained(x: Float32Array, v: Float32Array) -> float:
    """Fraction of the variance of v that a ridge regression on x explains in the other half."""
    left = total = 0.0
    even, odd = slice(0, None, 2), slice(1, None, 2)
    for some, other in ((even, odd), (odd, even)):
        known = x[some] - x[some].mean(axis=0)
        alike = known @ known.T
        alike[np.diag_indices(len(alike))] += RIDGE * np.trace(alike) / len(alike)
        mean = v[some].mean(axis=0)
        with one_matrix_thread():
            dual = np.linalg.solve(alike, v[some] - mean)
        guess = (x[other] - x[some].mean(axis=0)) @ known.T @ dual
        left += float(np.square(v[other] - mean - guess).sum(dtype=np.float64))
        total += float(np.square(v[other] - mean).sum(dtype=np.float64))
    return 1.0 - left / max(total, 1e-12)
