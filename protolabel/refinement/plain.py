"""The plain loop: prototypes move to the softmax-weighted mean of the clusters.

The loop that most people would write first. On CLIP vectors it collapses at most temperatures:
image-text cosines lie in a band so narrow that the softmax is nearly uniform, every prototype
moves to the mean of the data, and from there the update is a power iteration that leaves only the
top principal component. It is here as a method, and as a lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.common.vectors import FloatArray, log_softmax, unit_blocks
from protolabel.refinement.iteration import Iteration, hold_pins, summarize
from protolabel.refinement.prototypes import PrototypeModel, text_model

if TYPE_CHECKING:
    from protolabel.clustering.clusters import Clusters
    from protolabel.common.progress import ProgressFn
    from protolabel.embedding.prompts import ClassVectors

__all__ = ["plain_loop"]

Floats = NDArray[np.float32]


def plain_loop(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None,
    *,
    temperature: float,
    iterations: int,
    by_image: bool,
    pins: NDArray[np.int64],
    progress: ProgressFn,
) -> tuple[tuple[Iteration, ...], Floats, Floats]:
    """Run the plain loop; see `protolabel.refine` for the parameters.

    Over clusters the first pass is coarse, on the meta-clusters, and every later pass is on the
    micro-clusters. With fewer meta-clusters than classes there is no coarse pass: two classes would
    leave it as one. Pinned images keep their label and do not steer: this loop has no place where
    a single image could.

    Returns
    -------
    iterations, micro_alignment, meta_alignment
        T + 1 states, and the softmax weights of the clusters at the end, (K, C) and (M, C).
    """
    n = len(vectors)
    zero_shot = text_model(classes.vectors, classes.logit_scale)
    states = [summarize(zero_shot.text_votes(vectors), classes.vectors, 0.0, zero_shot)]
    prototypes = classes.vectors
    for step in range(iterations):
        if n >= 3 and len(classes.names) >= 2:
            if by_image or clusters is None:
                moved = _image_pass(vectors, prototypes, temperature)
            else:
                coarse = step == 0 and clusters.n_meta >= len(classes.names)
                units = clusters.meta_centroids if coarse else clusters.centroids
                gamma = _weights(units, prototypes, temperature)
                moved = _directions(gamma.T.astype(np.float64) @ units, prototypes)
            shift = float(np.linalg.norm(moved - prototypes, axis=1).mean())
            prototypes = moved
            model = text_model(prototypes, 1.0 / temperature)
            states.append(_state(vectors, model, shift, pins))
        else:
            states.append(states[0])
        progress("refining", step + 1, iterations)
    if clusters is None:
        empty = np.empty((0, len(classes.names)), dtype=np.float32)
        return tuple(states), empty, empty
    micro = _weights(clusters.centroids, prototypes, temperature)
    meta = _weights(clusters.meta_centroids, prototypes, temperature)
    return tuple(states), micro, meta


def _weights(units: Floats, prototypes: Floats, temperature: float) -> Floats:
    """Softmax over the classes of cosine / temperature, (units, C)."""
    return np.exp(log_softmax((units @ prototypes.T) / np.float32(temperature)))


def _image_pass(vectors: FloatArray, prototypes: Floats, temperature: float) -> Floats:
    # The division by the sum of the weights is left out: only the direction of a prototype counts.
    total = np.zeros(prototypes.shape)
    for _, x in unit_blocks(vectors):
        total += _weights(x, prototypes, temperature).T @ x
    return _directions(total, prototypes)


def _directions(total: NDArray[np.float64], before: Floats) -> Floats:
    """Return unit rows; a class whose weights have all vanished stays where it was."""
    length = np.linalg.norm(total, axis=1, keepdims=True)
    moved: Floats = np.where(length > 0, total / np.where(length > 0, length, 1.0), before)
    return moved.astype(np.float32)


def _state(
    vectors: FloatArray, model: PrototypeModel, shift: float, pins: NDArray[np.int64]
) -> Iteration:
    votes = hold_pins(model.text_votes(vectors).copy(), pins)
    return summarize(votes, model.text, shift, model)
