"""The input of a loop, the state after one pass, and the result of a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from protolabel.common.vectors import column_sums, row_argmax, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.clustering.image_space import ImageSpace
    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.common.progress import ProgressFn
    from protolabel.embedding.prompts import ClassVectors
    from protolabel.refinement.prototypes import PrototypeModel

__all__ = [
    "Iteration",
    "LoopInput",
    "LoopResult",
    "Passes",
    "Seen",
    "hold_pins",
    "no_further",
    "summarize",
]

_FURTHER = 3  # classes on record after the runner-up


@dataclass(frozen=True, eq=False)
class Seen:
    """The images in the vectors of one encoder.

    Attributes
    ----------
    space : ImageSpace
        N image vectors.
    graph : KnnGraph or None
        Their nearest neighbours; None if the loop has to find them.
    """

    space: ImageSpace
    graph: KnnGraph | None


@dataclass(frozen=True, eq=False)
class LoopInput:
    """What a loop is prepared for: parameters of `refine`, after its checks.

    Attributes
    ----------
    images : Seen
        The images in the vectors that share a space with the text.
    second : Seen or None
        The same images in the visual vectors.
    classes : ClassVectors
        C class names and their text vectors.
    clusters : Clusters or None
        Micro- and meta-clusters of the images, by the visual vectors if there are some.
    first_clusters : Clusters or None
        Those by the other vectors; None if the loop has to find them.
    units : str
        As in `refine`.
    pins : (P, 2) int64
        Image index and class index.
    """

    images: Seen
    second: Seen | None
    classes: ClassVectors
    clusters: Clusters | None
    first_clusters: Clusters | None
    units: str
    pins: NDArray[np.int64]

    @property
    def is_trivial(self) -> bool:
        """Whether there is nothing to learn from: fewer than 3 images or 2 classes."""
        return len(self.images.space) < 3 or len(self.classes.names) < 2


class Passes(NamedTuple):
    """How a prepared loop is run.

    Attributes
    ----------
    temperature, iterations
        As in `refine`.
    progress : callable
        ``progress(phase, done, total)``.
    """

    temperature: float
    iterations: int
    progress: ProgressFn


@dataclass(frozen=True, eq=False)
class LoopResult:
    """The result of a loop.

    Attributes
    ----------
    iterations : tuple of Iteration
        T + 1 states; the first is zero-shot.
    micro_alignment, meta_alignment : (K, C) and (M, C) float32
        As in `Refinement`.
    visual_weight : float or None
        As in `Refinement`.
    """

    iterations: tuple[Iteration, ...]
    micro_alignment: NDArray[np.float32]
    meta_alignment: NDArray[np.float32]
    visual_weight: float | None


@dataclass(frozen=True, eq=False)
class Iteration:
    """Labels and prototypes after one pass; iteration 0 is zero-shot.

    Attributes
    ----------
    labels
        (N,) int32 class index of every image.
    agreement
        (N,) float32 in 0..1, an estimate of the probability that the label is right; see
        `protolabel.refinement.agreement`.
    runner_up
        (N,) int32 second-best class; the label itself if there is only one class.
    margin
        (N,) float32 in -1..1: agreement of the label minus that of the runner-up; negative if the
        neighbours favour the runner-up.
    further
        (N, F) class indices of the third to fifth best, F = min(3, C - 2) but at least 0, in the
        smallest type that holds them: there are T + 1 of these.
    further_agreement
        (N, F) float16, the agreement that each of them would have.
    prototypes
        (C, d) float32 unit rows: the prototypes among the images (iteration 0: the text vectors).
    class_mass
        (C,) float32, sums to N: the sum of the responsibilities of each class.
    shift
        Mean distance that the prototypes moved in this pass; 0 at iteration 0.
    model
        Scores new images as this iteration does, without the votes of neighbours and clusters.
    text_fraction
        How much of the agreement is the probability of the text alone, 0..0.8: high where the
        classes lie elsewhere than their names; see `protolabel.refinement.agreement`.
    """

    labels: NDArray[np.int32]
    agreement: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    margin: NDArray[np.float32]
    further: NDArray[np.unsignedinteger]
    further_agreement: NDArray[np.float16]
    prototypes: NDArray[np.float32]
    class_mass: NDArray[np.float32]
    shift: float
    model: PrototypeModel
    text_fraction: float = 0.0


def hold_pins(log_g: NDArray[np.float32], pins: NDArray[np.int64]) -> NDArray[np.float32]:
    """Assign pinned images entirely to their class, in place; other classes keep their order.

    Parameters
    ----------
    log_g
        (N, C) log-responsibilities.
    pins
        (P, 2) image index and class index.
    """
    image, fixed = pins[:, 0], pins[:, 1]
    log_g[image] -= np.float32(1e4)  # exp gives exactly 0, and a second place can be ranked
    log_g[image, fixed] = 0.0
    return log_g


def no_further(n: int, n_classes: int) -> tuple[NDArray[np.unsignedinteger], NDArray[np.float16]]:
    """Return zeros of the shape and type of `Iteration.further` and `further_agreement`."""
    shape = (n, max(0, min(_FURTHER, n_classes - 2)))
    return np.zeros(shape, np.min_scalar_type(n_classes - 1)), np.zeros(shape, np.float16)


def summarize(
    log_g: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    shift: float,
    model: PrototypeModel,
    log_confidence: NDArray[np.float32] | None = None,
    *,
    text_fraction: float = 0.0,
) -> Iteration:
    """Reduce the responsibilities of a pass to the `Iteration` that is kept.

    Parameters
    ----------
    log_g
        (N, C) float32 log-responsibilities, rows normalised: they decide the labels.
    log_confidence
        (N, C) float32 how much speaks for every class, rows normalised, from `NeighborEvidence`;
        the responsibilities themselves where one model decided alone.
    """
    n, n_classes = log_g.shape
    if log_confidence is None:
        log_confidence = log_g
    rows = np.arange(n)
    labels = row_argmax(log_g)
    agreement = np.exp(log_confidence[rows, labels])
    runner_up, margin = labels, agreement
    further, further_agreement = no_further(n, n_classes)
    if n_classes > 1:
        rest = log_confidence.copy()
        rest[rows, labels] = -np.inf
        runner_up = row_argmax(rest)
        margin = agreement - np.exp(rest[rows, runner_up])
        last = runner_up
        for rank in range(further.shape[1]):
            rest[rows, last] = -np.inf
            last = row_argmax(rest)
            further[:, rank], further_agreement[:, rank] = last, np.exp(rest[rows, last])
    return Iteration(
        labels=labels.astype(np.int32),
        agreement=agreement,
        runner_up=runner_up.astype(np.int32),
        margin=margin,
        further=further,
        further_agreement=further_agreement,
        prototypes=unit_rows(prototypes),
        class_mass=column_sums(np.exp(log_g)).astype(np.float32),
        shift=float(shift),
        model=model,
        text_fraction=text_fraction,
    )
