"""A second view of the images: the visual vectors of an encoder without text.

It may separate the classes better than the first view. (Two independently trained spaces agree on
the true classes: TURTLE, Gadetsky et al., ICML 2024.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.common.vectors import Float32Array

__all__ = ["autocorrelation", "news", "novelty", "visual_weight"]

DOUBT = 0.05  # autocorrelation at which visual vectors are trusted by half
USELESS, USEFUL = 0.15, 0.4  # autocorrelation relative to the first view's: no trust, and all of it
NOTHING_NEW, NEW = 0.12, 0.18  # of the first view's, beyond what likeness in it explains
KNOWN, UNKNOWN = 0.85, 0.65  # explained by the first view, relative to a projection of it
RIDGE = 0.1  # of the mean squared length, in that regression

_BINS = 20  # of likeness, each with as many pairs of visual neighbours
_ASKED = 10_000  # images whose visual neighbours are looked at, at most
_COMPARED = 2_000  # images of which every pair is compared, and in the regression, at most


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
    alone = square / (square + DOUBT**2 + 1.0 / edges)
    if reference <= 0:
        return alone
    return alone * float(np.clip((known / reference - USELESS) / (USEFUL - USELESS), 0.0, 1.0))


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


def novelty(second: csr_array, first: csr_array, space: ImageSpace, g: Float32Array) -> float:
    """Return how far the visual vectors know more of the classes than the first view does, 0..1.

    A blurred copy of the first view, such as a projection to a few dimensions, shares its errors
    and has a high autocorrelation. Its neighbours agree as much as any two images that are as
    alike in the first view. Neighbours by other evidence agree more than that.

    Parameters
    ----------
    second, first : (N, N) sparse
        Vote matrices of the neighbours in the visual vectors, and in the vectors of the text.
    space : ImageSpace
        The vectors of the text's space.
    g : (N, C) float32
        Probabilities of the text votes.

    Returns
    -------
    float
        Rises from 0, where the autocorrelation beyond what the likeness in the first view
        explains is 12 % of the first view's own, to 1 at 18 %.
    """
    centred = g - g.mean(axis=0, dtype=np.float64).astype(np.float32)
    own = float(np.square(centred).sum(dtype=np.float64)) / len(g)
    reference = autocorrelation(first, g)
    likeness, agreement = _of_neighbors(second, space, centred)
    if own <= 0 or reference <= 0 or not len(likeness):
        return 0.0
    some = np.arange(0, len(g), -(-len(g) // _COMPARED))
    x, upper = space.unit(some), np.triu_indices(len(some), 1)
    pairs = (x @ x.T)[upper], (centred[some] @ centred[some].T)[upper]
    near = _of_neighbors(first, space, centred)
    known = [np.concatenate(two) for two in zip(pairs, near, strict=True)]
    edges = np.quantile(likeness, np.linspace(0.0, 1.0, _BINS + 1)[1:-1])
    place, there = np.digitize(known[0], edges), np.digitize(likeness, edges)
    count = np.bincount(place, minlength=_BINS)
    usual = np.bincount(place, known[1], _BINS) / np.maximum(count, 1)
    beyond = np.where(count[there] > 0, agreement - usual[there], 0.0)
    new = float(beyond.mean(dtype=np.float64)) / own / reference
    return float(np.clip((new - NOTHING_NEW) / (NEW - NOTHING_NEW), 0.0, 1.0))


def news(second: ImageSpace, first: ImageSpace) -> float:
    """Return how far the first view leaves the visual vectors unexplained, 0..1.

    A copy of the first view, such as a projection to a few dimensions, shares its errors. It can be
    predicted from the first view as well as any other projection of it; vectors that were learnt
    apart cannot. A ridge regression on half of the images predicts the other half, for the visual
    vectors and, as a control, for a random projection of the first view to as many dimensions.

    Parameters
    ----------
    second, first : ImageSpace
        The visual vectors, and the vectors of the text's space.

    Returns
    -------
    float
        Falls from 1, where the explained variance is 65 % of the control's, to 0 at 85 %.
    """
    rows = np.arange(0, len(first), -(-len(first) // _COMPARED))
    x, v = first.unit(rows), second.unit(rows)
    random = np.random.default_rng(0).normal(size=(first.dim, second.dim))
    control = _explained(x, unit_rows(((x - first.mean) @ random).astype(np.float32)))
    if control <= 0:
        return 0.0
    return float(np.clip((KNOWN - _explained(x, v) / control) / (KNOWN - UNKNOWN), 0.0, 1.0))


def _of_neighbors(
    neighbors: csr_array, space: ImageSpace, centred: Float32Array
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosine in the first view and agreement of the text votes for pairs of neighbours."""
    rows = np.arange(0, len(centred), -(-len(centred) // _ASKED))
    some = neighbors[rows].tocoo()
    likeness, agreement = (np.empty(some.nnz, np.float32) for _ in range(2))
    for start in range(0, some.nnz, _ASKED):
        part = slice(start, start + _ASKED)
        i, j = rows[some.row[part]], some.col[part]
        x, y = space.unit(i), space.unit(j)
        likeness[part] = np.einsum("ij,ij->i", x, y)
        agreement[part] = np.einsum("ij,ij->i", centred[i], centred[j])
    return likeness, agreement


def _explained(x: Float32Array, v: Float32Array) -> float:
    """Fraction of the variance of v that a ridge regression on x explains in the other half."""
    left = total = 0.0
    even, odd = slice(0, None, 2), slice(1, None, 2)
    for some, other in ((even, odd), (odd, even)):
        known = x[some] - x[some].mean(axis=0)
        alike = known @ known.T
        alike[np.diag_indices(len(alike))] += RIDGE * np.trace(alike) / len(alike)
        mean = v[some].mean(axis=0)
        guess = (x[other] - x[some].mean(axis=0)) @ known.T @ np.linalg.solve(alike, v[some] - mean)
        left += float(np.square(v[other] - mean - guess).sum(dtype=np.float64))
        total += float(np.square(v[other] - mean).sum(dtype=np.float64))
    return 1.0 - left / max(total, 1e-12)
