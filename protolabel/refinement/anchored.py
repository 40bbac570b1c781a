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

from protolabel.clustering.clusters import Clusters, cluster_means
from protolabel.common.vectors import FloatArray, log_softmax, remember, unit_blocks
from protolabel.refinement.iteration import Iteration, hold_pins, summarize
from protolabel.refinement.prototypes import PrototypeModel, reread_votes, text_model
from protolabel.refinement.views import View, Visual, space_of, trust

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.common.progress import ProgressFn
    from protolabel.embedding.prompts import ClassVectors
    from protolabel.refinement.agreement import Witnesses

__all__ = ["anchored_loop"]

CLUSTER_WEIGHT = 1.0  # mu: the micro-cluster's vote
NEIGHBOR_WEIGHT = 3.0  # nu: the neighbours' vote
PIN_WEIGHT = 4.0  # a pin counts in its prototype like the anchor, in its cluster like 4 images
GOOD_NAME = 2.0  # so many pins without contradiction are taken as given for every name
PRIOR_WEIGHT = 1.3  # eta: how far common classes are preferred, where names may be absent
TEXT_WEIGHT_FEW, TEXT_WEIGHT_MANY = 2.0, 0.5  # lambda, by the images that stand behind a prototype
FEW_IMAGES = 10.0  # behind each prototype: text weight half-way between the two
EVEN_FROM, EVEN_TO = 0.3, 0.7  # share of the names that the folder is like: few of them, or all
PRIOR_TEMPERATURE = 0.1  # softer distances would leave the prior too strong: it softens as well

Floats = NDArray[np.float32]


def anchored_loop(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None,
    neighbors: csr_array,
    witnesses: Witnesses,
    *,
    visual: Visual | None = None,
    temperature: float,
    iterations: int,
    pins: NDArray[np.int64],
    progress: ProgressFn,
) -> tuple[tuple[Iteration, ...], Floats, Floats, float]:
    """Run the anchored loop; see `protolabel.refine` for the parameters.

    Parameters
    ----------
    neighbors
        (N, N) sparse symmetric vote matrix W from `KnnGraph.weights`.
    witnesses
        Who is asked for the agreement; they decide no label.
    visual
        A second view of the images.

    Returns
    -------
    iterations, micro_alignment, meta_alignment, visual_weight
        T + 1 states; the mean responsibilities of the clusters, (K, C) and (M, C); how far the
        visual vectors were trusted, 0..1.
    """
    n, n_classes = len(vectors), len(classes.names)
    extra = 0 if visual is None else visual.vectors.shape[1]
    zero_shot = text_model(classes.vectors, classes.logit_scale, extra)
    text_votes = zero_shot.text_votes(vectors)
    states = [summarize(text_votes, classes.vectors, 0.0, zero_shot)]
    reread, readings = _readings(text_votes, pins)
    text_votes = reread_votes(text_votes, reread, readings)
    g = np.exp(hold_pins(text_votes.copy(), pins))

    if n < 3 or n_classes < 2:
        states += states * iterations
        return (*tuple(states),), *alignments(g, clusters), 0.0

    # A pin speaks for more than its own image, so it weighs more in the mean of its class.
    weight = np.ones((n, 1), dtype=np.float32)
    weight[pins[:, 0]] = PIN_WEIGHT
    share = 0.0 if visual is None else trust(visual.neighbors, g)
    mean = space_of(vectors).mean
    anchors = remember(
        vectors,
        "anchors",
        (classes.vectors.tobytes(), classes.logit_scale),
        lambda: _anchors(vectors, mean, classes.vectors, states[0].labels),
    )
    # These distances repeat in part what the text, of the same space, has said.
    views = [View(vectors, anchors, weight, 1.0 - 0.5 * share)]
    cluster_weight = CLUSTER_WEIGHT
    if visual is not None:
        # No text lies in this space: a class without images stands at the mean image.
        nowhere = np.zeros((n_classes, extra), dtype=np.float32)
        views.append(View(visual.vectors, nowhere, weight, share))
        neighbors = neighbors + share * visual.neighbors
        witnesses = witnesses.beside(visual.witnesses, share)
        cluster_weight *= share  # clusters of vectors that know no class have no vote
    groups = None if clusters is None else _Groups(clusters, weight)
    for step in range(iterations):
        before = views[0].centres
        mass = g.sum(axis=0, dtype=np.float64)
        text_weight, prior_weight = _trust(mass, temperature)
        log_prior = (prior_weight * np.log((mass + 1.0) / (n + n_classes))).astype(np.float32)
        votes = np.float32(text_weight) * text_votes + log_prior
        found = []
        for view in views:
            prototypes, distance = view.update(g, temperature)
            votes -= np.float32(prototypes.sharpness) * distance
            found.append(prototypes)
        model = PrototypeModel(
            text=classes.vectors,
            text_scale=classes.logit_scale,
            text_weight=text_weight,
            reread=reread,
            readings=readings,
            own=found[0],
            visual=None if visual is None else found[1],
            log_prior=log_prior,
        )
        if groups is not None:
            votes += cluster_weight * groups.votes(g)
        for _ in range(2):
            log_g = hold_pins(log_softmax(votes + NEIGHBOR_WEIGHT * (neighbors @ g)), pins)
            g = np.exp(log_g)
        shift = float(np.linalg.norm(views[0].centres - before, axis=1).mean())
        sure = witnesses.log_confidence(log_g, states[0].labels, pins)
        states.append(summarize(log_g, mean + model.own.centres, shift, model, sure))
        progress("refining", step + 1, iterations)
    return tuple(states), *alignments(g, clusters), share


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
    that is 70 % of the names or more (a long tail is), no class is preferred for being common, and
    prototypes count for more; where it is 30 % or fewer, most names are absent and common classes
    are preferred. A prototype of few images is uncertain, so the text counts for more.

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


class _Groups:
    """The images of every micro-cluster, who vote on each other.

    Parameters
    ----------
    clusters
        K micro-clusters of N images.
    weight
        (N, 1) float32, how much each image counts.
    """

    def __init__(self, clusters: Clusters, weight: Floats) -> None:
        from scipy.sparse import csr_array

        self._micro, self._weight = clusters.micro, weight
        inside = np.flatnonzero(clusters.micro >= 0)
        entries = (weight[inside, 0], (clusters.micro[inside], inside))
        shape = (max(1, clusters.n_micro), len(weight))
        self._members = csr_array(entries, shape=shape, dtype=np.float32)
        others = np.maximum(self._members.sum(axis=1)[self._micro] - weight[:, 0], 1.0)
        self._scale = np.where(clusters.micro < 0, 0.0, 1.0 / others).astype(np.float32)[:, None]

    def votes(self, g: Floats) -> Floats:
        """Mean responsibility of the rest of each image's micro-cluster; none for noise, (N, C)."""
        votes: Floats = (self._members @ g)[self._micro]
        votes -= self._weight * g
        votes *= self._scale
        return votes


def _readings(text_votes: Floats, pins: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """How images of the pinned classes read: the text is an annotator who may confuse names.

    After Dawid and Skene (Applied Statistics, 1979), from the pins alone. Where pins of a class
    read as other names, so may the rest of the class. With m the probability that the text gives
    to other names, summed over the P pins of a class, a share of (m / (P + 2))^2 of the class
    reads as the pins do. The square asks pins to bear each other out: one wrong pin, or one image
    unlike its class, says next to nothing; of a class whose name is wrong, five say enough.

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
