"""The plain loop: prototypes move to the softmax-weighted mean of the clusters.

This is the loop that most people would write first. On CLIP vectors it collapses at most
temperatures: image-text cosines lie in such a narrow band that the softmax is nearly uniform, so
every prototype moves to the mean of the data. From there the update is a power iteration that
leaves only the first principal component. It is included as a baseline and for teaching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import Float32Array, log_softmax
from protolabel.refinement.iteration import (
    Iteration,
    LoopInput,
    LoopResult,
    Passes,
    hold_pins,
    summarize,
)
from protolabel.refinement.prototypes import PrototypeModel, text_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.image_space import ImageSpace

__all__ = ["plain_loop"]


def plain_loop(given: LoopInput, passes: Passes) -> LoopResult:
    """Run the plain loop.

    Over clusters the first pass is coarse, on the meta-clusters, and every later pass is on the
    micro-clusters. With fewer meta-clusters than classes there is no coarse pass, because it would
    merge two classes. Pinned images keep their label but do not influence others, because this
    loop has no term for single images. Visual vectors are ignored.

    Returns
    -------
    LoopResult
        The alignments are the softmax weights of the clusters at the end.
    """
    images, classes, clusters = given.images.space, given.classes, given.clusters
    temperature = passes.temperature
    zero_shot = text_model(classes.vectors, classes.logit_scale)
    states = [summarize(zero_shot.text_votes(images), classes.vectors, 0.0, zero_shot)]
    prototypes: Float32Array = classes.vectors
    for step in range(passes.iterations):
        if given.is_trivial:
            states.append(states[0])
        else:
            if given.units == "images" or clusters is None:
                moved = _image_pass(images, prototypes, temperature)
            else:
                coarse = step == 0 and clusters.n_meta >= len(classes.names)
                units = clusters.meta_centroids if coarse else clusters.centroids
                gamma = _weights(units, prototypes, temperature)
                moved = _directions(gamma.T.astype(np.float64) @ units, prototypes)
            shift = float(np.linalg.norm(moved - prototypes, axis=1).mean())
            prototypes = moved
            model = text_model(prototypes, 1.0 / temperature)
            states.append(_state(images, model, shift, given.pins))
        passes.progress("refining", step + 1, passes.iterations)
    if clusters is None:
        micro = meta = np.empty((0, len(classes.names)), dtype=np.float32)
    else:
        micro = _weights(clusters.centroids, prototypes, temperature)
        meta = _weights(clusters.meta_centroids, prototypes, temperature)
    return LoopResult(tuple(states), micro, meta, None)


def _weights(units: Float32Array, prototypes: Float32Array, temperature: float) -> Float32Array:
    """Softmax over the classes of cosine / temperature, (units, C)."""
    return _softmax(units @ prototypes.T, temperature)


def _softmax(cosine: Float32Array, temperature: float) -> Float32Array:
    return np.exp(log_softmax(cosine / np.float32(temperature)))


def _image_pass(images: ImageSpace, prototypes: Float32Array, temperature: float) -> Float32Array:
    # The division by the sum of the weights is left out: only the direction of a prototype counts.
    weights = _softmax(images.products(prototypes), temperature)
    away = images.sums(weights)
    total = away + np.outer(weights.sum(axis=0, dtype=np.float64), images.mean)
    return _directions(total, prototypes)


def _directions(total: NDArray[np.float64], before: Float32Array) -> Float32Array:
    """Return unit rows; a class whose weights have all vanished keeps its prototype."""
    length = np.linalg.norm(total, axis=1, keepdims=True)
    moved: Float32Array = np.where(length > 0, total / np.where(length > 0, length, 1.0), before)
    return moved.astype(np.float32)


def _state(
    images: ImageSpace, model: PrototypeModel, shift: float, pins: NDArray[np.int64]
) -> Iteration:
    votes = hold_pins(model.text_votes(images), pins)
    return summarize(votes, model.text, shift, model)
