"""Correct names that win too few images, and names that win unrelated images.

Text vectors are biased: a weak name loses most of its images to similar names. The mean
probability of a name over the folder shows this bias (Frolic, NeurIPS 2024; GLA, NeurIPS 2023),
but the mean is also low for a name without images. Coherence distinguishes the two: the images of
a class that is present lie near one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import column_sums, row_argmax

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.common.vectors import Float32Array

__all__ = ["coherence", "effective_classes", "label_bias", "without_copies"]

MOST_BIAS = 3.0  # log-odds: a name that almost never wins is more likely absent
COHERENT_FROM, COHERENT_TO = 0.2, 0.4  # coherence at which a name is not trusted, and fully
FEWEST_IMAGES, FEWEST_FRACTION = 3, 0.3  # images, also of an even share, that a name has to win
COPY, COPY_RANK = 0.25, 5  # of the median distance to the 5th neighbour: nearer is a copy
PRESENT_FROM, PRESENT_TO = 0.3, 0.5  # effective classes for each name: most are absent, enough are


def effective_classes(mass: NDArray[np.floating]) -> float:
    """Return the effective number of classes of a folder, 1..C.

    Parameters
    ----------
    mass : (C,) floating
        Number of images of each class, whole or soft.
    """
    fraction = np.maximum(mass / mass.sum(), 1e-12)
    return float(np.exp(-(fraction * np.log(fraction)).sum()))


def coherence(
    neighbors: csr_array, g: Float32Array, around: Float32Array | None = None
) -> NDArray[np.float64]:
    """Return the fraction of the neighbours of each class's images that are in the class too.

    Parameters
    ----------
    neighbors : (N, N) sparse
        Symmetric vote matrix, from `KnnGraph.weights`.
    g : (N, C) float32
        Responsibilities.
    around : (N, C) float32, optional
        ``neighbors @ g``, where it is known.

    Returns
    -------
    (C,) float64
        About 0 (strangers) to 1 (a cluster of its own).
    """
    own = column_sums(g * (neighbors @ g if around is None else around))
    typical = float(neighbors.sum(dtype=np.float64)) / len(g)
    mass = column_sums(g)
    return np.asarray(own / np.maximum(typical * mass, 1e-9))


def label_bias(
    text_votes: Float32Array, neighbors: csr_array, pinned: NDArray[np.integer]
) -> Float32Array:
    """Return the log-odds to add to weak names, (C,) float32, 0 or more.

    A name is corrected if the images that it would win are coherent and numerous enough, and if
    enough of the names seem to be present in the folder. A pin proves that its name is present.

    Parameters
    ----------
    text_votes : (N, C) float32
        Log-probabilities of the text alone.
    neighbors : (N, N) sparse
        Symmetric vote matrix, from `without_copies`.
    pinned : (P,) integer
        Classes of the pins.
    """
    n, n_classes = text_votes.shape
    mass = column_sums(np.exp(text_votes))
    missing = -np.log(np.maximum(mass * n_classes / n, 1e-12))
    missing = np.clip(missing, 0.0, MOST_BIAS)
    won = np.zeros_like(text_votes)
    won[np.arange(n), row_argmax(text_votes + missing)] = 1.0
    enough = won.sum(axis=0) >= max(FEWEST_IMAGES, FEWEST_FRACTION * n / n_classes)
    present = effective_classes(mass) / n_classes
    belief = _ramp(coherence(neighbors, won), COHERENT_FROM, COHERENT_TO)
    belief = belief * enough * _ramp(present, PRESENT_FROM, PRESENT_TO)
    bias = missing * belief
    bias[pinned] = missing[pinned]
    return np.asarray(bias, dtype=np.float32)


def without_copies(neighbors: csr_array, graph: KnnGraph) -> csr_array:
    """Return the vote matrix without votes of near-duplicates, (N, N).

    Copies of an image always share its class, so they are no evidence that a class is coherent.
    Two images are copies if their distance is below a quarter of the median distance to the 5th
    neighbour.

    Parameters
    ----------
    neighbors : (N, N) sparse
        Symmetric vote matrix, from `KnnGraph.weights`.
    graph : KnnGraph
        The graph that it is from.

    Returns
    -------
    (N, N) scipy.sparse.csr_array of float32
    """
    from scipy.sparse import csr_array

    if graph.k == 0:
        return neighbors
    distance = 1.0 - graph.similarities
    typical = float(np.median(distance[:, min(COPY_RANK, graph.k) - 1]))
    image, column = np.nonzero(distance < COPY * typical)
    if not len(image):
        return neighbors
    pairs = (np.ones(len(image), dtype=np.float32), (image, graph.indices[image, column]))
    copies = csr_array(pairs, shape=neighbors.shape)
    return csr_array(neighbors - neighbors.multiply(copies.maximum(copies.T)))


def _ramp(x: NDArray[np.float64] | float, start: float, end: float) -> NDArray[np.float64]:
    """Rise from 0 at `start` to 1 at `end`."""
    return np.asarray(np.clip((x - start) / (end - start), 0.0, 1.0))
