"""The images of a run that a classifier remembers, to label new images.

In the loop, about half of the evidence for a label comes from the neighbours. So a bounded sample
of the images is kept with their labels, and the nearest of them vote on a new image. Their weight
grows with their agreement: where names describe an attribute by which images do not cluster, the
neighbours contradict each other and the prototypes decide. Micro-clusters do not vote: on new
images of real sets that lowered the accuracy by half a point.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.image_space import image_space
from protolabel.clustering.neighbors import NeighborIndex
from protolabel.common.vectors import (
    Float32Array,
    FloatArray,
    column_sums,
    log_softmax,
    row_argmax,
)
from protolabel.refinement.agreement import (
    believed_fraction,
    class_odds,
    fitted_sharpness,
    label_odds,
    level_shift,
    log_confidence,
    size_odds,
    text_fraction,
    text_weight,
    with_label_odds,
)
from protolabel.refinement.anchored import MOST_NEIGHBORS, NEIGHBOR_WEIGHT, none_absent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.refinement.labels import Labels
    from protolabel.refinement.prototypes import PrototypeModel

__all__ = ["MEMORY_LIMIT", "Memory", "calibrated", "remember"]

MEMORY_LIMIT = 50_000
"""The most images that are remembered: 51 MB of 512 dimensions."""

CONSENSUS_NEIGHBORS = 15  # neighbours whose consensus is measured; the nearest 5 of them vote
CONSENSUS_FROM, CONSENSUS_TO = 0.6, 0.9  # fraction with the same label: below no weight, above full

_SAMPLED = 20_000  # remembered images that the scale of the agreement is fitted to


@dataclass(frozen=True, eq=False)
class Memory:
    """M images of a run and their labels.

    Attributes
    ----------
    index : NeighborIndex
        Their vectors.
    visual : NeighborIndex or None
        Their visual vectors, where the run had them.
    visual_weight : float
        How far the visual vectors are trusted, 0..1.
    label : (M,) int32
        Class index of every image.
    pinned : (M,) bool
        Whether a person fixed its label.
    exponent : float
        Calibrates the log-responsibilities of new images; see `fitted_sharpness`.
    text_fraction : float
        How much of their agreement is the probability of the text alone; see `text_fraction`.
    odds : (C,) float32
        Correct that probability by the sizes of the classes; see `size_odds`.
    class_odds : (C,) float32
        How far the name of each class is to be trusted, with the shift to the level of the
        remembered images; see `class_odds` and `level_shift`.
    temperature : float
        Of the run.
    iterations : int
        Passes of the run up to these labels.
    """

    index: NeighborIndex
    visual: NeighborIndex | None
    visual_weight: float
    label: NDArray[np.int32]
    pinned: NDArray[np.bool_]
    exponent: float
    text_fraction: float
    odds: Float32Array
    class_odds: Float32Array
    temperature: float
    iterations: int

    def __len__(self) -> int:
        return len(self.label)

    def votes(
        self, vectors: FloatArray, visual: FloatArray | None, n_classes: int, *, known: bool = False
    ) -> tuple[Float32Array, Float32Array]:
        """Return the votes of the nearest remembered images.

        Parameters
        ----------
        vectors : (n, d) floating
        visual : (n, d2) floating or None
        n_classes : int
            C.
        known : bool
            Whether the images are remembered ones: each is then left out of its own neighbours.

        Returns
        -------
        votes : (n, C) float32
            To be added to the scores of the prototypes.
        around : (n, C) float32
            How many neighbours are of each class.
        """
        votes, around = self._neighbor_votes(self.index, vectors, n_classes, known=known)
        if self.visual is not None and visual is not None and self.visual_weight:
            others, beside = self._neighbor_votes(self.visual, visual, n_classes, known=known)
            weight = np.float32(self.visual_weight)
            votes, around = votes + weight * others, around + weight * beside
        return votes, around

    def log_agreement(
        self,
        log_g: Float32Array,
        around: Float32Array,
        log_text: Float32Array,
        prototypes: Float32Array,
    ) -> Float32Array:
        """Return the logarithm of the agreement that every class would have, (n, C) float32.

        Parameters
        ----------
        log_g, around : (n, C) float32
            Log-responsibilities of new images, and neighbours from `votes`.
        log_text, prototypes : (n, C) float32
            Log-probabilities of the text alone, and votes of the prototypes alone.
        """
        confidence = self.log_confidence(log_g, around, log_text)
        labels = row_argmax(log_g)
        odds = label_odds(confidence, log_text + self.odds, prototypes, labels)
        return with_label_odds(confidence, labels, odds + self.class_odds[labels])

    def log_confidence(
        self, log_g: Float32Array, around: Float32Array, log_text: Float32Array
    ) -> Float32Array:
        """Return the confidence that is a part of it, (n, C) float32; see `log_agreement`."""
        return log_confidence(
            log_g, around, log_text, self.exponent, fraction=self.text_fraction, odds=self.odds
        )

    def _neighbor_votes(
        self, index: NeighborIndex, vectors: FloatArray, n_classes: int, *, known: bool
    ) -> tuple[Float32Array, Float32Array]:
        near, _ = index.search(vectors, CONSENSUS_NEIGHBORS + known)
        labels = self.label[near[:, int(known) :]]
        around = _counts(labels, n_classes)
        most = around.max(axis=1, keepdims=True) / max(1, labels.shape[1])
        weight = np.clip((most - CONSENSUS_FROM) / (CONSENSUS_TO - CONSENSUS_FROM), 0.0, 1.0)
        voters = labels[:, :MOST_NEIGHBORS]
        votes = _counts(voters, n_classes)
        votes *= np.float32(NEIGHBOR_WEIGHT / max(1, voters.shape[1])) * weight
        return votes, around


def remember(
    labels: Labels, vectors: FloatArray, visual: FloatArray | None, seed: int = 0
) -> Memory | None:
    """Choose images of a run to remember: all of them, or the pinned ones and a random sample.

    Parameters
    ----------
    labels : Labels
        Of a run.
    vectors : (N, d) floating
        The vectors that were labelled; may be a memory map.
    visual : (N, d2) floating or None
        The visual vectors, likewise.
    seed : int
        Seed of the sample.

    Returns
    -------
    Memory or None
        None for zero-shot labels and those of the plain loop, because no neighbour voted on
        them, and where the visual vectors of the run are missing.
    """
    run, model = labels.run, labels.model
    if run is None or run.method != "anchored" or not labels.iteration or len(labels.names) < 2:
        return None
    if (visual is None) != (model.visual_dim == 0):
        return None
    rows = np.arange(len(labels))
    if len(rows) > MEMORY_LIMIT:
        order = np.random.default_rng(seed).permutation(len(rows))
        first = np.argsort(~labels.pinned[order], kind="stable")
        rows = np.sort(order[first][:MEMORY_LIMIT])
    memory = Memory(
        index=_saved(vectors[rows], seed),
        visual=None if visual is None else _saved(visual[rows], seed),
        visual_weight=run.visual_weight or 0.0,
        label=labels.label[rows],
        pinned=labels.pinned[rows],
        exponent=1.0,
        text_fraction=0.0,
        odds=np.zeros(len(model.text), np.float32),
        class_odds=np.zeros(len(model.text), np.float32),
        temperature=float(run.parameters["temperature"]),
        iterations=labels.iteration,
    )
    return calibrated(memory, model)


def _saved(vectors: FloatArray, seed: int) -> NeighborIndex:
    """Return an index with the rounding of a saved one, which has float16."""
    index = NeighborIndex.of(vectors, seed)
    return replace(index, vectors=index.vectors.astype(np.float16).astype(np.float32))


def calibrated(memory: Memory, model: PrototypeModel) -> Memory:
    """Fit the agreement to the remembered images, as though they were new."""
    rows = np.arange(len(memory))[:: -(-len(memory) // _SAMPLED)]
    vectors = memory.index.in_order()
    x = vectors[rows]
    also = None if memory.visual is None else memory.visual.in_order()[rows]
    votes, around = memory.votes(x, also, len(model.text), known=True)
    log_g = log_softmax(model.scores(x, also) + votes)
    near, _ = memory.index.search(x, 2)
    neighbors = vectors[near[:, -1]]
    if model.taught is None:
        read = neighbors @ model.text.T
    else:
        read = model.text_votes(image_space(neighbors, model.own.mean, model.own.axes))
    log_text = model.text_votes(image_space(x, model.own.mean, model.own.axes))
    expected = column_sums(np.exp(log_text))
    sizes = np.bincount(memory.label[rows], minlength=len(model.text)).astype(np.float64)
    means, mass = _means(memory, model)
    memory = replace(
        memory,
        exponent=fitted_sharpness(log_g, read.argmax(axis=1), np.flatnonzero(memory.pinned[rows])),
        text_fraction=text_weight(text_fraction(means, model.read_text, mass), none_absent(mass)),
        odds=size_odds(sizes, expected),
    )
    confidence = memory.log_confidence(log_g, around, log_text)
    labels = row_argmax(log_g)
    pinned = memory.label[memory.pinned]
    trust = class_odds(log_text, labels, sizes, expected, pinned)
    near_votes = model.prototype_votes(x, also)
    found = label_odds(confidence, log_text + memory.odds, near_votes, labels) + trust[labels]
    sure = float(np.exp(confidence[np.arange(len(labels)), labels]).mean(dtype=np.float64))
    believed = believed_fraction(means, model.read_text, mass, len(pinned))
    shift = level_shift(found, believed * sure)
    return replace(memory, class_odds=trust + np.float32(shift))


def _means(memory: Memory, model: PrototypeModel) -> tuple[Float32Array, NDArray[np.float64]]:
    """Return the mean of the images of each class, around their mean, and their number."""
    mass = np.bincount(memory.label, minlength=len(model.text)).astype(np.float64)
    sums = np.zeros(model.text.shape, np.float32)
    np.add.at(sums, memory.label, memory.index.in_order() - model.own.mean)
    return (sums / np.maximum(mass, 1)[:, None]).astype(np.float32), mass


def _counts(labels: NDArray[np.int32], n_classes: int) -> Float32Array:
    """Count each class in every row of labels, (n, C) float32."""
    counts = np.zeros((len(labels), n_classes), np.float32)
    np.add.at(counts, (np.arange(len(labels))[:, None], labels), 1.0)
    return counts
