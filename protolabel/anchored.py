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
from protolabel.image_space import ImageSpace, axis_weights, image_space, squared_distances
from protolabel.iteration import Iteration, hold_pins, summarize
from protolabel.prototype_model import PrototypeModel, reread_votes, text_model
from protolabel.vectors import FloatArray, log_softmax, remember, unit_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.agreement import Witnesses
    from protolabel.progress import ProgressFn
    from protolabel.prompts import ClassVectors

__all__ = ["anchored_loop"]

ANCHOR_WEIGHT = 4.0  # alpha: the anchor counts like so many images of its class
CLUSTER_WEIGHT = 1.0  # mu: the micro-cluster's vote
NEIGHBOR_WEIGHT = 3.0  # nu: the neighbours' vote
PIN_WEIGHT = 4.0  # a pin counts in its prototype like the anchor, in its cluster like 4 images
GOOD_NAME = 2.0  # so many pins without contradiction are taken as given for every name
PRIOR_WEIGHT = 1.0  # eta: how far common classes are preferred, where names may be absent
TEXT_WEIGHT_FEW, TEXT_WEIGHT_MANY = 2.0, 0.5  # lambda, by the images that stand behind a prototype
FEW_IMAGES = 10.0  # behind each prototype: text weight half-way between the two
EVEN_FROM, EVEN_TO = 0.5, 0.95  # share of the names that the folder seems to hold: half, or all
PRIOR_TEMPERATURE = 0.1  # softer distances would leave the prior too strong: it softens as well

Floats = NDArray[np.float32]


def anchored_loop(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None,
    neighbors: csr_array,
    witnesses: Witnesses,
    *,
    temperature: float,
    iterations: int,
    pins: NDArray[np.int64],
    progress: ProgressFn,
) -> tuple[tuple[Iteration, ...], Floats, Floats]:
    """Run the anchored loop; see `protolabel.refine` for the parameters.

    Parameters
    ----------
    neighbors
        (N, N) sparse symmetric vote matrix W from `KnnGraph.weights`.
    witnesses
        Who is asked for the agreement; they decide no label.

    Returns
    -------
    iterations, micro_alignment, meta_alignment
        T + 1 states, and the mean responsibilities of the clusters, (K, C) and (M, C).
    """
    n, n_classes = len(vectors), len(classes.names)
    zero_shot = text_model(classes.vectors, classes.logit_scale)
    text_votes = zero_shot.text_votes(vectors)
    states = [summarize(text_votes, classes.vectors, 0.0, zero_shot)]
    reread, readings = _readings(text_votes, pins)
    text_votes = reread_votes(text_votes, reread, readings)
    g = np.exp(hold_pins(text_votes.copy(), pins))

    if n < 3 or n_classes < 2:
        states += states * iterations
        return (*tuple(states),), *alignments(g, clusters)

    space: ImageSpace = remember(vectors, "image space", None, lambda: image_space(vectors))
    anchors = _anchors(vectors, space.mean, classes.vectors, states[0].labels)
    # A pin speaks for more than its own image, so it weighs more in the mean of its class.
    weight = np.ones((n, 1), dtype=np.float32)
    weight[pins[:, 0]] = PIN_WEIGHT
    total = float(weight.sum(dtype=np.float64))
    square = float(weight[:, 0] @ space.square.astype(np.float64)) / total
    square_along = weight[:, 0] @ np.square(space.along, dtype=np.float64) / total
    centres = anchors.astype(np.float64)
    for step in range(iterations):
        before = centres
        # In float64: a float32 sum down a column of a million rows loses its small terms.
        mass = g.sum(axis=0, dtype=np.float64)
        text_weight, prior_weight = _trust(mass, temperature)
        held = (weight * g).sum(axis=0, dtype=np.float64)[:, None]
        sums = _weighted_sums(vectors, space.mean, weight * g)
        centres = (sums + ANCHOR_WEIGHT * anchors) / (held + ANCHOR_WEIGHT)
        # Variance within the classes from sums that are at hand, without another pass:
        # sum g (z - P)^2 = sum z^2 - 2 P sum g z + P^2 sum g.
        within = square + _moved(held, centres, sums).sum() / total
        axes = space.axes.T.astype(np.float64)
        along = square_along + _moved(held, centres @ axes, sums @ axes).sum(axis=0) / total
        weights = axis_weights(along, float(within) / len(space.mean), n)
        near = centres.astype(np.float32)
        distance = squared_distances(vectors, space, near, weights)
        spread = float(np.einsum("ic,ic->i", g, distance).mean(dtype=np.float64))
        model = PrototypeModel(
            text=classes.vectors,
            text_scale=classes.logit_scale,
            text_weight=text_weight,
            reread=reread,
            readings=readings,
            mean=space.mean,
            centres=near,
            axes=space.axes,
            axis_weights=weights,
            sharpness=1.0 / (2.0 * max(spread, 1e-12) * temperature),
            log_prior=(prior_weight * np.log((mass + 1.0) / (n + n_classes))).astype(np.float32),
        )
        votes = np.float32(text_weight) * text_votes + model.log_prior
        votes -= np.float32(model.sharpness) * distance
        if clusters is not None:
            votes += CLUSTER_WEIGHT * _cluster_votes(g, clusters, weight)
        for _ in range(2):
            log_g = hold_pins(log_softmax(votes + NEIGHBOR_WEIGHT * (neighbors @ g)), pins)
            g = np.exp(log_g)
        shift = float(np.linalg.norm(centres - before, axis=1).mean())
        sure = witnesses.log_confidence(log_g, states[0].labels, pins)
        states.append(summarize(log_g, space.mean + near, shift, model, sure))
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


def _trust(mass: NDArray[np.float64], temperature: float) -> tuple[float, float]:
    """Weights of the text vote and of the prior, from what the folder seems to hold.

    The exponential of the entropy of the class shares is how many classes the folder is like. Where
    that is all the names, no class is preferred for being common and prototypes count for more;
    where it is half of them or fewer, names are absent and common classes are preferred. A
    prototype of few images is uncertain, so the text counts for more.

    Parameters
    ----------
    mass
        (C,) how many images each class seems to have.
    """
    n, n_classes = mass.sum(), len(mass)
    share = np.maximum(mass / n, 1e-12)
    alike = float(np.exp(-(share * np.log(share)).sum()))
    even = float(np.clip((alike / n_classes - EVEN_FROM) / (EVEN_TO - EVEN_FROM), 0.0, 1.0))
    few = FEW_IMAGES / (n / alike + FEW_IMAGES)
    text_weight = few * TEXT_WEIGHT_FEW + (1.0 - few) * TEXT_WEIGHT_MANY * (1.0 - 0.5 * even)
    prior_weight = PRIOR_WEIGHT * (1.0 - even) * min(1.0, PRIOR_TEMPERATURE / temperature)
    return float(text_weight), float(prior_weight)


def _moved(
    held: NDArray[np.float64], centres: NDArray[np.float64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Change of the sum of squares of each class by taking it around its centre, not the mean."""
    return held * centres**2 - 2.0 * centres * sums


def _weighted_sums(vectors: FloatArray, mean: Floats, g: Floats) -> NDArray[np.float64]:
    """Return sum_i g_ic (x_i - mean), (C, d) float64."""
    sums = -np.outer(g.sum(axis=0, dtype=np.float64), mean)
    for rows, x in unit_blocks(vectors):
        sums += g[rows].T @ x
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


def _cluster_votes(g: Floats, clusters: Clusters, weight: Floats) -> Floats:
    """Mean responsibility of the rest of each image's micro-cluster; none for noise, (N, C).

    Parameters
    ----------
    weight
        (N, 1) how much each image counts.
    """
    inside = clusters.micro >= 0
    micro, own, counts = clusters.micro[inside], weight[inside] * g[inside], weight[inside, 0]
    size = np.bincount(micro, minlength=clusters.n_micro)
    total = cluster_means(own, micro, clusters.n_micro) * size[:, None]
    others = np.bincount(micro, counts, minlength=clusters.n_micro)[micro] - counts
    votes = np.zeros_like(g)
    votes[inside] = (total[micro] - own) / np.maximum(others, 1.0).astype(np.float32)[:, None]
    return votes


def _readings(text_votes: Floats, pins: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """How images of the pinned classes read: the text is an annotator who may confuse names.

    After Dawid and Skene (Applied Statistics, 1979), from the pins alone. Where pins of a class
    read as other names, so may the rest of the class. With m the probability that the text gives
    to other names, summed over the P pins of a class, a share of (m / (P + 2))^2 of the class
    reads as the pins do. The square asks pins to bear each other out: one wrong pin, or one image
    unlike its class, says next to nothing; two or three with a name that is wrong suffice.

    Returns
    -------
    reread
        (Q,) the classes that have pins.
    readings
        (Q, C) probability that an image of each of them reads as each name; rows sum to 1.
    """
    image, label = pins[:, 0], pins[:, 1]
    reread, row, count = np.unique(label, return_inverse=True, return_counts=True)
    others = np.exp(text_votes[image])
    others[np.arange(len(image)), label] = 0.0
    readings = np.zeros((len(reread), text_votes.shape[1]), dtype=np.float32)
    np.add.at(readings, row, others)
    against = readings.sum(axis=1)
    share = np.square(against / (count + GOOD_NAME)).astype(np.float32)
    readings *= (share / np.maximum(against, 1e-12))[:, None]
    readings[np.arange(len(reread)), reread] = 1.0 - share
    return reread, readings
