"""The anchored loop: every image is decided by five votes.

Its text, its prototype, its neighbours, its micro-cluster, and how common the class seems. The
prototypes live in the space of the images, each tied to its text by an anchor across the modality
gap (Liang et al., "Mind the Gap", NeurIPS 2022), so they can be wrong but cannot all fall onto
the mean of the data as the plain loop's do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.clustering import Clusters, cluster_means
from protolabel.iteration import Iteration, hold_pins, summarize
from protolabel.prototype_model import (
    PrototypeModel,
    relative_precision,
    squared_distances,
    text_model,
)
from protolabel.vectors import FloatArray, log_softmax, unit_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.progress import ProgressFn
    from protolabel.prompts import ClassVectors

__all__ = ["anchored_loop"]

TEXT_WEIGHT = 1.5  # lambda: the text vote
ANCHOR_WEIGHT = 4.0  # alpha: the anchor counts like so many images of its class
PRIOR_WEIGHT = 0.5  # eta: how far common classes are preferred
CLUSTER_WEIGHT = 1.0  # mu: the micro-cluster's vote
NEIGHBOR_WEIGHT = 2.0  # nu: the neighbours' vote
PIN_WEIGHT = 4.0  # a pinned image counts in its prototype like the anchor does

Floats = NDArray[np.float32]


def anchored_loop(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None,
    neighbors: csr_array,
    *,
    temperature: float,
    iterations: int,
    all_present: bool,
    pins: NDArray[np.int64],
    progress: ProgressFn,
) -> tuple[tuple[Iteration, ...], Floats, Floats]:
    """Run the anchored loop; see `protolabel.refine` for the parameters.

    Parameters
    ----------
    neighbors
        (N, N) sparse symmetric vote matrix W from `KnnGraph.weights`.

    Returns
    -------
    iterations, micro_alignment, meta_alignment
        T + 1 states, and the mean responsibilities of the clusters, (K, C) and (M, C).
    """
    text_weight, prior_weight = (1.0, 0.0) if all_present else (TEXT_WEIGHT, PRIOR_WEIGHT)
    n, n_classes = len(vectors), len(classes.names)
    zero_shot = text_model(classes.vectors, classes.logit_scale)
    text_votes = zero_shot.text_votes(vectors)
    states = [summarize(text_votes, classes.vectors, 0.0, zero_shot)]
    g = np.exp(hold_pins(text_votes.copy(), pins))

    if n < 3 or n_classes < 2:
        states += states * iterations
        return (*tuple(states),), *alignments(g, clusters)

    mean = _mean(vectors)
    anchors = _anchors(vectors, mean, classes.vectors, states[0].labels)
    # A pin speaks for more than its own image, so it weighs more in the mean of its class.
    weight = np.ones((n, 1), dtype=np.float32)
    weight[pins[:, 0]] = PIN_WEIGHT
    square = _mean_square(vectors, mean, weight)
    centres = anchors.astype(np.float64)
    for step in range(iterations):
        before = centres
        # In float64: a float32 sum down a column of a million rows loses its small terms.
        mass = g.sum(axis=0, dtype=np.float64)
        held = (weight * g).sum(axis=0, dtype=np.float64)[:, None]
        sums = _weighted_sums(vectors, mean, weight * g)
        centres = (sums + ANCHOR_WEIGHT * anchors) / (held + ANCHOR_WEIGHT)
        # Pooled variance within the classes from sums that are at hand, without another pass:
        # sum g (z - P)^2 = sum z^2 - 2 P sum g z + P^2 sum g.
        inside = (held * centres**2 - 2.0 * centres * sums).sum(axis=0)
        inside /= weight.sum(dtype=np.float64)
        relative = relative_precision(square + inside, n)
        near = centres.astype(np.float32)
        distance = squared_distances(vectors, mean, near, relative)
        spread = float(np.einsum("ic,ic->i", g, distance).mean(dtype=np.float64))
        scale = 1.0 / (2.0 * max(spread, 1e-12) * temperature)
        model = PrototypeModel(
            text=classes.vectors,
            text_scale=classes.logit_scale,
            text_weight=text_weight,
            mean=mean,
            centres=near,
            precision=(relative * scale).astype(np.float32),
            log_prior=(prior_weight * np.log((mass + 1.0) / (n + n_classes))).astype(np.float32),
        )
        votes = text_weight * text_votes - np.float32(scale) * distance + model.log_prior
        if clusters is not None:
            votes += CLUSTER_WEIGHT * _cluster_votes(g, clusters)
        for _ in range(2):
            log_g = hold_pins(log_softmax(votes + NEIGHBOR_WEIGHT * (neighbors @ g)), pins)
            g = np.exp(log_g)
        shift = float(np.linalg.norm(centres - before, axis=1).mean())
        states.append(summarize(log_g, mean + near, shift, model))
        progress("refining", step + 1, iterations)
    return tuple(states), *alignments(g, clusters)


def alignments(g: Floats, clusters: Clusters | None) -> tuple[Floats, Floats]:
    """Mean responsibilities of the images of each micro- and meta-cluster, (K, C) and (M, C)."""
    if clusters is None:
        empty = np.empty((0, g.shape[1]), dtype=np.float32)
        return empty, empty
    return (
        cluster_means(g, clusters.nearest, clusters.n_micro),
        cluster_means(g, clusters.meta_of_images, clusters.n_meta),
    )


def _mean(vectors: FloatArray) -> Floats:
    total = np.zeros(vectors.shape[1])
    for _, x in unit_blocks(vectors):
        total += x.sum(axis=0, dtype=np.float64)
    return (total / len(vectors)).astype(np.float32)


def _mean_square(vectors: FloatArray, mean: Floats, weight: Floats) -> NDArray[np.float64]:
    """Weighted mean of (x_ij - mean_j)^2 over the images, (d,)."""
    total = np.zeros(vectors.shape[1])
    for rows, x in unit_blocks(vectors):
        total += (weight[rows] * np.square(x - mean)).sum(axis=0, dtype=np.float64)
    return total / float(weight.sum(dtype=np.float64))


def _weighted_sums(vectors: FloatArray, mean: Floats, g: Floats) -> NDArray[np.float64]:
    """Return sum_i g_ic (x_i - mean), (C, d) float64."""
    sums = np.zeros((g.shape[1], vectors.shape[1]))
    for rows, x in unit_blocks(vectors):
        sums += g[rows].T @ (x - mean)
    return sums


def _anchors(vectors: FloatArray, mean: Floats, text: Floats, labels: NDArray[np.int32]) -> Floats:
    """Text vectors carried over the modality gap: centred, and scaled as the images spread.

    The scale is the least-squares one of the centred images on the centred text of their
    zero-shot labels.
    """
    direction = text - text.mean(axis=0)
    along = 0.0
    for rows, x in unit_blocks(vectors):
        products = np.einsum("ij,ij->i", x - mean, direction[labels[rows]])
        along += float(products.sum(dtype=np.float64))
    length = float(np.square(direction).sum(axis=1)[labels].sum())
    scale = along / length if length > 0 else 1.0
    anchors: Floats = np.float32(np.clip(scale, 0.05, 3.0)) * direction
    return anchors


def _cluster_votes(g: Floats, clusters: Clusters) -> Floats:
    """Mean responsibility of the rest of each image's micro-cluster; none for noise, (N, C)."""
    micro = clusters.micro
    inside = micro >= 0
    size = np.bincount(micro[inside], minlength=clusters.n_micro)
    total = cluster_means(g[inside], micro[inside], clusters.n_micro) * size[:, None]
    votes = np.zeros_like(g)
    others = np.maximum(size[micro[inside]] - 1, 1).astype(np.float32)[:, None]
    votes[inside] = (total[micro[inside]] - g[inside]) / others
    return votes
