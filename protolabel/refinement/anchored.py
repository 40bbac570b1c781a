"""The anchored loop: five votes decide the label of every image.

They are its text, its prototype, its neighbours, its micro-cluster, and the frequency of the
class. The prototypes are points in the space of the images, each tied to its text by an anchor
across the modality gap (Liang et al., "Mind the Gap", NeurIPS 2022). They can be wrong, but they
cannot all collapse onto the mean of the data as those of the plain loop do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.clusters import Clusters, cluster, cluster_means
from protolabel.clustering.neighbors import knn_graph
from protolabel.common.progress import silent
from protolabel.common.vectors import (
    Float32Array,
    column_sums,
    log_mixed,
    log_softmax,
    row_argmax,
    row_slices,
    sparse_product,
)
from protolabel.errors import InputError
from protolabel.refinement.agreement import (
    NEIGHBORS_PER_VOTER,
    NeighborEvidence,
    believed_fraction,
    text_fraction,
    text_weight,
)
from protolabel.refinement.iteration import (
    LoopInput,
    LoopResult,
    Passes,
    Seen,
    hold_pins,
    summarize,
)
from protolabel.refinement.label_bias import (
    coherence,
    effective_classes,
    label_bias,
    without_copies,
)
from protolabel.refinement.prototypes import (
    PrototypeModel,
    PrototypeUpdate,
    confused_votes,
    text_model,
)
from protolabel.refinement.second_view import mixed_classes, new_information, visual_weight
from protolabel.refinement.taught_names import taught_names
from protolabel.refinement.text_scale import calibrated_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.embedding.prompts import ClassVectors

__all__ = ["AnchoredLoop"]

CLUSTER_WEIGHT = 1.0  # mu: the micro-cluster's vote
NEIGHBOR_WEIGHT = 3.0  # nu: the neighbours' vote
NEIGHBOR_WEIGHT_FEW = 1.0  # where all names are present, but few images of each: most are strangers
TEMPERATURE_FEW = 0.6  # times the temperature, likewise: prototypes are no strangers
FULL_FROM, FULL_TO = 0.7, 0.9  # effective classes for each name: from some absent to all present
COMPLETE_FROM, COMPLETE_TO = 0.85, 0.9  # the same: a name may be absent, and none is
MOST_NEIGHBORS = 5  # that vote on an image
PIN_WEIGHT = 4.0  # a pin counts in its prototype like the anchor, in its cluster like 4 images
PRIOR_PINS = 2.0  # pseudo-count: every name starts with this many pins that agree with it
PRIOR_WEIGHT = 0.7  # eta: how far common classes are preferred, where names may be absent
COHERENCE_WEIGHT = 1.5  # theta: how far coherent classes are preferred, likewise
INCOHERENT, COHERENT = 0.05, 0.45  # below and above, a class is no less and no more preferred
DAMPED_AFTER = 4  # passes: the next one moves the responsibilities half of the way ...
DAMPING = 0.25  # ... and each further one this much as far as the last
SETTLED_AFTER = 2  # passes: a prior that is estimated in every pass starves small classes
TEXT_WEIGHT_FEW, TEXT_WEIGHT_MANY = 2.0, 0.5  # lambda, by the images that stand behind a prototype
FEW_IMAGES = 10.0  # behind each prototype at which the text weight is half-way between the two
EVEN_FROM, EVEN_TO = 0.3, 0.7  # share of the names that the folder is like: few of them, or all
SHARED_FROM, SHARED_TO = 0.7, 0.85  # kappa of neighbours' labels: the text in full, and as above
HARDLY_WON, HARDLY_SHARE = 0.1, 0.02  # images, and of an even share: a name that expects fewer
PRIOR_TEMPERATURE = 0.1  # softer distances would leave the prior too strong: it softens as well


class AnchoredLoop:
    """The anchored loop, prepared: all that does not depend on the temperature is computed once.

    Parameters
    ----------
    given : LoopInput
        Images, names and pins.
    """

    def __init__(self, given: LoopInput) -> None:
        images, classes, pins = given.images, given.classes, given.pins
        n, n_classes = len(images.space), len(classes.names)
        visual_dim = 0 if given.second is None else given.second.space.dim
        graph = _graph(images, n_classes, "graph")
        neighbors, evidence = _voters(graph, n_classes)
        zero_shot = text_model(classes.vectors, classes.logit_scale, visual_dim)
        text_votes = zero_shot.text_votes(images.space)
        self.given = given
        self.zero_shot = summarize(text_votes, classes.vectors, 0.0, zero_shot)
        anchors = _anchors(images.space, classes, text_votes, self.zero_shot.labels)
        self.reading, self.text_votes = _corrected_text(
            zero_shot,
            images.space,
            text_votes,
            nearest=evidence.nearest,
            neighbors=without_copies(neighbors, graph),
            pins=pins,
        )
        self.log_text = hold_pins(self.text_votes.copy(), pins)
        # What the text reads, as evidence for the agreement: with pins, as they moved the names.
        self.read = row_argmax(self.log_text) if len(pins) else self.zero_shot.labels
        self.trusted = None if given.second is None else 0.0
        if given.is_trivial:
            return

        g = np.exp(self.log_text)
        # A pin is certain, so it weighs more than one image in the mean of its class.
        weight = np.ones((n, 1), dtype=np.float32)
        weight[pins[:, 0]] = PIN_WEIGHT
        self.neighbors, own_weight, updates = _Neighbors(neighbors), 1.0, []
        if given.second is not None:
            trusted, self.neighbors, second_evidence = _second_view(
                given.second, neighbors, images.space, g
            )
            # This space has no text vectors: the prototype of an empty class is the mean image.
            nowhere = np.zeros((n_classes, visual_dim), np.float32)
            shared = self.neighbors.for_second_view(g)
            updates.append(PrototypeUpdate(given.second.space, nowhere, weight, trusted, shared))
            evidence = evidence.beside(second_evidence, trusted)
            own_weight -= 0.5 * trusted  # these distances repeat the text
            self.trusted = trusted
        updates.insert(0, PrototypeUpdate(images.space, anchors, weight, own_weight, g))
        self.updates = updates
        self.evidence = evidence
        self.cluster_votes = _cluster_votes(given, weight, self.trusted)

    def __call__(self, passes: Passes) -> LoopResult:
        """Run the loop.

        Returns
        -------
        LoopResult
            The alignments are the mean responsibilities of the images of each cluster at the end.
        """
        given, pins = self.given, self.given.pins
        classes, space = given.classes, given.images.space
        states, log_g = [self.zero_shot], self.log_text
        g = np.exp(log_g)
        if given.is_trivial:
            states += states * passes.iterations
            return LoopResult(tuple(states), *alignments(g, given.clusters), self.trusted)
        neighbors, centres = self.neighbors, self.updates[0].anchors
        sizes = expected = column_sums(g)
        competing = _competing(expected)
        for step in range(passes.iterations):
            around = neighbors(g)
            if step <= SETTLED_AFTER:
                mass = sizes
                weights = _vote_weights(mass, competing, passes.temperature)
                coherent = coherence(neighbors.together, g, around)
                settled = log_prior = _log_prior(weights, mass, coherent)
            else:
                log_prior = settled + _held(mass, sizes, pins)
            of_views = g, neighbors.for_second_view(g)
            moved = [
                update(of_view, weights.temperature, weights.all_present, weights.none_absent)
                for update, of_view in zip(self.updates, of_views, strict=False)
            ]
            own = moved[0]
            own_text = text_fraction(own.means, classes.vectors, own.mass)
            moved_text = text_fraction(own.means, self.reading.read_text, own.mass)
            labels = states[-1].labels
            shared = around[np.arange(len(labels)), labels] / neighbors.typical
            of_text = max(weights.text, _least_text(shared, labels, sizes))
            model = replace(
                self.reading,
                text_weight=of_text,
                own=own.prototypes,
                visual=None if given.second is None else moved[1].prototypes,
                log_prior=log_prior,
            )
            near = [(-found.prototypes.sharpness, found.distances) for found in moved]
            votes = [(of_text, self.text_votes), *near]
            votes += [(share, vote(of_views[view])) for view, share, vote in self.cluster_votes]
            counted = _weighted(votes, log_prior)
            decided = _decided(counted, weights.neighbors, around, pins)
            decided = _decided(counted, weights.neighbors, neighbors(np.exp(decided)), pins)
            log_g = _damped(log_g, decided, step)
            g = np.exp(log_g)
            sizes = column_sums(g)
            before, centres = centres, own.prototypes.centres
            shift = float(np.linalg.norm(centres - before, axis=1).mean())
            log_confidence = partial(
                self._log_agreement,
                log_g,
                near,
                sizes=sizes,
                expected=expected,
                fraction=text_weight(moved_text, weights.none_absent),
                believed=believed_fraction(own.means, self.reading.read_text, own.mass, len(pins)),
            )
            states.append(
                summarize(
                    log_g,
                    space.mean + centres,
                    shift,
                    model,
                    log_confidence,
                    mass=sizes,
                    text_fraction=own_text,
                )
            )
            passes.progress("refining", step + 1, passes.iterations)
        return LoopResult(tuple(states), *alignments(g, given.clusters), self.trusted)

    def _log_agreement(
        self,
        log_g: Float32Array,
        near: list[tuple[float, Float32Array]],
        *,
        sizes: NDArray[np.float64],
        expected: NDArray[np.float64],
        fraction: float,
        believed: float,
    ) -> Float32Array:
        """Return the log-agreement of every class, (N, C), when it is asked for.

        `near` are the weights and distances of the prototypes, and the rest is as in
        `NeighborEvidence.log_agreement`.
        """
        return self.evidence.log_agreement(
            log_g,
            self.log_text,
            self.read,
            self.given.pins,
            prototypes=_weighted(near, np.zeros(log_g.shape[1], np.float32)),
            sizes=sizes,
            expected=expected,
            fraction=fraction,
            believed=believed,
        )


def _weighted(votes: list[tuple[float, Float32Array]], log_prior: Float32Array) -> Float32Array:
    """Return the sum of the votes times their weights and of the prior, (N, C)."""
    total = np.empty_like(votes[0][1])
    for rows in row_slices(*total.shape):
        total[rows] = log_prior
        for weight, vote in votes:
            total[rows] += np.float32(weight) * vote[rows]
    return total


def _decided(
    votes: Float32Array, pull: float, around: Float32Array, pins: NDArray[np.int64]
) -> Float32Array:
    """Return log-responsibilities by the votes and those of the neighbours, (N, C)."""
    log_g = np.empty_like(votes)
    for rows in row_slices(*votes.shape):
        log_g[rows] = log_softmax(votes[rows] + np.float32(pull) * around[rows])
    return hold_pins(log_g, pins)


@dataclass(frozen=True, eq=False)
class _Neighbors:
    """The votes of the neighbours of every image.

    Attributes
    ----------
    first, second : (N, N) scipy.sparse.csr_array
        Vote matrices of the two views; None without a second view.
    mixed : (C, C) scipy.sparse.csr_array or None
        From `mixed_classes`; None if the second view mixes no classes.
    """

    first: csr_array
    second: csr_array | None = None
    mixed: csr_array | None = None

    @cached_property
    def together(self) -> csr_array:
        """The votes of both views, (N, N)."""
        return self.first if self.second is None else self.first + self.second

    @cached_property
    def typical(self) -> float:
        """The votes on an image, on average."""
        return float(self.together.sum(dtype=np.float64)) / int(self.together.shape[0])

    def for_second_view(self, g: Float32Array) -> Float32Array:
        """Return the responsibilities shared among classes that the second view mixes, (N, C)."""
        return g if self.mixed is None else g @ self.mixed

    def __call__(self, g: Float32Array) -> Float32Array:
        """Return the votes of the neighbours on every image, (N, C)."""
        if self.second is None or self.mixed is None:
            votes = sparse_product(self.together, g)
        else:
            votes = sparse_product(self.first, g)
            votes += sparse_product(self.second, self.for_second_view(g))
        return votes


def _second_view(
    second: Seen, first: csr_array, space: ImageSpace, g: Float32Array
) -> tuple[float, _Neighbors, NeighborEvidence]:
    """Return the trust in the second view, the neighbours in both, and the evidence in it.

    `first` are the neighbours in the first view, `space` its vectors, `g` the text votes.
    """
    neighbors, evidence = _voters(_graph(second, g.shape[1], "visual_graph"), g.shape[1])
    trusted = visual_weight(neighbors, first, g)
    if trusted:
        trusted *= new_information(second.space, space, g, anchored_neighbors(*g.shape))
    mixed = mixed_classes(neighbors, first, g) if trusted else None
    return trusted, _Neighbors(first, trusted * neighbors, mixed), evidence


def _held(
    mass: NDArray[np.float64], now: NDArray[np.float64], pins: NDArray[np.int64]
) -> Float32Array:
    """Return log-odds (C,) that hold the sizes of the classes, given then and now.

    A class that has lost images wins the next ones more easily, and one that has won some less
    easily, unless it has pins: these may win back more images than the name did.
    """
    held = np.log((mass + 1.0) / (now + 1.0)).astype(np.float32)
    held[pins[:, 1]] = np.maximum(held[pins[:, 1]], 0.0)
    return held


def _damped(before: Float32Array, after: Float32Array, step: int) -> Float32Array:
    """Mix log-responsibilities with those of the pass before: late passes move less and less.

    All passes after the fifth together move the responsibilities a sixth of the way, so that more
    iterations cannot drift away from the text.
    """
    if step < DAMPED_AFTER:
        return after
    moved = 0.5 * DAMPING ** (step - DAMPED_AFTER)
    return log_mixed(before, after, moved)


def _corrected_text(
    zero_shot: PrototypeModel,
    space: ImageSpace,
    text_votes: Float32Array,
    *,
    nearest: NDArray[np.int32],
    neighbors: csr_array,
    pins: NDArray[np.int64],
) -> tuple[PrototypeModel, Float32Array]:
    """Return the text side of the model, corrected by the folder and the pins, and its votes."""
    scale = calibrated_scale(space, nearest, zero_shot.text, zero_shot.text_scale)
    if scale != zero_shot.text_scale:
        zero_shot = replace(zero_shot, text_scale=scale)
        text_votes = zero_shot.text_votes(space)
    bias = label_bias(text_votes, neighbors, pins[:, 1])
    votes = log_softmax(text_votes + bias)
    confused_classes, confusion = _confusion(votes, pins)
    taught = None
    if len(pins):
        taught = taught_names(space, votes, pins, PRIOR_PINS)
        moved = -(taught @ space.mean)
        bias = bias + moved
        votes = log_softmax(votes + space.products(taught) + moved)
    model = replace(
        zero_shot,
        text_bias=bias,
        taught=taught,
        confused_classes=confused_classes,
        confusion=confusion,
    )
    return model, confused_votes(votes, confused_classes, confusion)


def anchored_neighbors(n_images: int, n_classes: int) -> int:
    """Neighbours that vote on an image: few where classes are small."""
    return int(np.clip(n_images // (2 * n_classes), 1, MOST_NEIGHBORS))


def _graph(seen: Seen, n_classes: int, what: str) -> KnnGraph:
    """Return the given graph of the images after a check, or compute one."""
    n = len(seen.space)
    wanted, graph = anchored_neighbors(n, n_classes), seen.graph
    if graph is None:
        return knn_graph(seen.space.vectors, k=NEIGHBORS_PER_VOTER * wanted)
    if len(graph) != n or graph.k < min(wanted, n - 1):
        raise InputError(
            f"Expected a {what} of {n} images with {wanted} neighbours each (1 to 5, by the "
            f"number of images for each class), got {graph.k} neighbours of {len(graph)} images: "
            "pass the graph of the same images."
        )
    return graph


def _voters(graph: KnnGraph, n_classes: int) -> tuple[csr_array, NeighborEvidence]:
    """Return the vote matrix W, (N, N), and the neighbours whose labels enter the agreement."""
    wanted = anchored_neighbors(len(graph), n_classes)
    return graph.weights(wanted), NeighborEvidence.of(graph, wanted)


def alignments(g: Float32Array, clusters: Clusters | None) -> tuple[Float32Array, Float32Array]:
    """Mean responsibilities of the images of each micro- and meta-cluster, (K, C) and (M, C)."""
    if clusters is None:
        empty = np.empty((0, g.shape[1]), dtype=np.float32)
        return empty, empty
    return (
        cluster_means(g, clusters.nearest, clusters.n_micro),
        cluster_means(g, clusters.meta_of_images, clusters.n_meta),
    )


@dataclass(frozen=True)
class _VoteWeights:
    """The weights of the votes, and how sharp distances are, by how many names are present."""

    text: float
    prior: float
    coherence: float
    neighbors: float
    temperature: float
    all_present: float
    none_absent: float


def _competing(expected: NDArray[np.float64]) -> int:
    """Return how many names win images, of which the text expects `expected`, (C,).

    A name that is expected on less than a tenth of an image, and less than a fiftieth of an even
    share, takes no image from others: that it is absent does not matter.
    """
    least = min(HARDLY_WON, HARDLY_SHARE * float(expected.mean()))
    return int(np.count_nonzero(expected >= least))


def _least_text(
    own: Float32Array, labels: NDArray[np.integer], sizes: NDArray[np.float64]
) -> float:
    """Return the least weight of the text, 0..1.

    Where neighbours share their labels, clusters tell the classes apart, and the text needs only to
    name them. Where they do not, the prototypes of large classes are certain of what the images of
    a class have in common, which need not be what its name means. The text then counts in full. How
    far neighbours share labels beyond chance is Cohen's kappa (Educational and Psychological
    Measurement 1960).

    Parameters
    ----------
    own : (N,) float32
        The fraction of the neighbours of every image that have its label.
    labels : (N,) integer
        Class of every image.
    sizes : (C,) float64
        Estimated number of images of each class; they sum to N.
    """
    chance = float(np.bincount(labels, minlength=len(sizes)) @ sizes) / len(labels) ** 2
    kappa = (float(own.mean(dtype=np.float64)) - chance) / max(1.0 - chance, 1e-9)
    return float(np.clip((SHARED_TO - kappa) / (SHARED_TO - SHARED_FROM), 0.0, 1.0))


def _vote_weights(mass: NDArray[np.float64], competing: int, temperature: float) -> _VoteWeights:
    """Weigh the votes by how many of the names the folder is like.

    If the effective number of classes is 70 % of the names that win images or more (as in a long
    tail), no class is preferred for being common, and prototypes count for more. At 30 % or fewer,
    most names are absent, so common and coherent classes are preferred. The prototype of few
    images is uncertain, so the text counts for more. If all names are present (70 % to 90 %) with
    few images of each, neighbours count for less and distances for more. Distances also count for
    more if surely no name is absent (85 % to 90 %), because no prototype can then move to images
    of other classes.

    Parameters
    ----------
    mass : (C,) float64
        Estimated number of images of each class.
    competing : int
        Number of names that win images, from `_competing`.
    temperature : float
        Above 0.
    """
    alike = effective_classes(mass)
    present = alike / len(mass)
    even = float(np.clip((alike / competing - EVEN_FROM) / (EVEN_TO - EVEN_FROM), 0.0, 1.0))
    full = float(np.clip((present - FULL_FROM) / (FULL_TO - FULL_FROM), 0.0, 1.0))
    few = FEW_IMAGES / (float(mass.sum()) / alike + FEW_IMAGES)
    uneven = (1.0 - even) * min(1.0, PRIOR_TEMPERATURE / temperature)
    return _VoteWeights(
        text=few * TEXT_WEIGHT_FEW + (1.0 - few) * TEXT_WEIGHT_MANY * (1.0 - 0.5 * even),
        prior=PRIOR_WEIGHT * uneven,
        coherence=COHERENCE_WEIGHT * uneven,
        neighbors=NEIGHBOR_WEIGHT - full * few * (NEIGHBOR_WEIGHT - NEIGHBOR_WEIGHT_FEW),
        temperature=temperature * (1.0 - full * few * (1.0 - TEMPERATURE_FEW)),
        all_present=full,
        none_absent=none_absent(mass),
    )


def none_absent(mass: NDArray[np.floating]) -> float:
    """Return how sure it is that no class of these sizes, (C,), is without images, 0..1."""
    present = effective_classes(mass) / len(mass)
    return float(np.clip((present - COMPLETE_FROM) / (COMPLETE_TO - COMPLETE_FROM), 0.0, 1.0))


def _log_prior(
    weights: _VoteWeights, mass: NDArray[np.float64], coherent: NDArray[np.float64]
) -> Float32Array:
    """Return the log-prior of each class, (C,) float32."""
    common = np.log((mass + 1.0) / (mass.sum() + len(mass)))
    together = np.log(np.clip(coherent, INCOHERENT, COHERENT))
    prior: Float32Array = (weights.prior * common + weights.coherence * together).astype(np.float32)
    return prior


def _anchors(
    images: ImageSpace, classes: ClassVectors, text_votes: Float32Array, labels: NDArray[np.int32]
) -> Float32Array:
    """Text vectors moved across the modality gap: centred, and scaled to the spread of the images.

    The scale is the least-squares one of the centred images on the centred text of their
    zero-shot labels, `labels`, from the votes of the text without bias.
    """
    direction = classes.vectors - classes.vectors.mean(axis=0)
    # Differences of votes are differences of scaled cosines, so no pass over the images is needed.
    above = text_votes[np.arange(len(labels)), labels] - text_votes.mean(axis=1)
    products = above / np.float32(classes.logit_scale) - (direction @ images.mean)[labels]
    along = float(products.sum(dtype=np.float64))
    length = float(np.square(direction).sum(axis=1)[labels].sum())
    scale = along / length if length > 0 else 1.0
    anchors: Float32Array = np.float32(np.clip(scale, 0.05, 3.0)) * direction
    return anchors


def _cluster_votes(
    given: LoopInput, weight: Float32Array, trusted: float | None
) -> list[tuple[int, float, _ClusterVotes]]:
    """Return the votes of micro-clusters: of which view (0 or 1), their weight, and the votes.

    Clusters by visual vectors vote as far as these are trusted, and those without them as far as
    they are not, so that a view without trust changes nothing.
    """
    if given.clusters is None:
        return []
    votes = _ClusterVotes(given.clusters, weight)
    if trusted is None:
        return [(0, CLUSTER_WEIGHT, votes)]
    images = given.images
    first = given.first_clusters or cluster(images.space.vectors, images.graph, progress=silent)
    return [
        (1, CLUSTER_WEIGHT * trusted, votes),
        (0, CLUSTER_WEIGHT * (1.0 - trusted), _ClusterVotes(first, weight)),
    ]


class _ClusterVotes:
    """The votes of micro-clusters: the images of a cluster vote on one another.

    Parameters
    ----------
    clusters : Clusters
        K micro-clusters of N images.
    weight : (N, 1) float32
        Weight of each image.
    """

    def __init__(self, clusters: Clusters, weight: Float32Array) -> None:
        from scipy.sparse import csr_array

        self._micro, self._weight = clusters.micro, weight
        inside = np.flatnonzero(clusters.micro >= 0)
        entries = (weight[inside, 0], (clusters.micro[inside], inside))
        shape = (max(1, clusters.n_micro), len(weight))
        self._members = csr_array(entries, shape=shape, dtype=np.float32)
        others = np.maximum(self._members.sum(axis=1)[self._micro] - weight[:, 0], 1.0)
        self._scale = np.where(clusters.micro < 0, 0.0, 1.0 / others).astype(np.float32)[:, None]

    def __call__(self, g: Float32Array) -> Float32Array:
        """Mean responsibility of the rest of each image's micro-cluster; none for noise, (N, C)."""
        votes: Float32Array = (self._members @ g)[self._micro]
        votes -= self._weight * g
        votes *= self._scale
        return votes


def _confusion(
    text_votes: Float32Array, pins: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Float32Array]:
    """Estimate from the pinned images how the text confuses names.

    The text is an annotator that confuses names, as in Dawid and Skene (Applied Statistics, 1979).
    If the text takes pinned images of a class for other names, it may do so with the rest of the
    class. With m the probability that the text gives to other names, summed over the P pins of a
    class, the fraction (m / (P + 2))^2 of the class is confused as its pins are. Because of the
    square, one wrong or unusual pin has almost no effect, while five pins suffice for a class
    whose name is wrong.

    Returns
    -------
    confused_classes
        (Q,) the classes that have pins.
    confusion
        (Q, C) probability that an image of each of them reads as each name; rows sum to 1.
    """
    image, label = pins[:, 0], pins[:, 1]
    confused_classes, row, count = np.unique(label, return_inverse=True, return_counts=True)
    others = np.exp(text_votes[image])
    others[np.arange(len(image)), label] = 0.0
    confusion = np.zeros((len(confused_classes), text_votes.shape[1]), dtype=np.float32)
    np.add.at(confusion, row, others)
    against = confusion.sum(axis=1)
    share = np.square(against / (count + PRIOR_PINS)).astype(np.float32)
    confusion *= (share / np.maximum(against, 1e-12))[:, None]
    confusion[np.arange(len(confused_classes)), confused_classes] = 1.0 - share
    return confused_classes, confusion
