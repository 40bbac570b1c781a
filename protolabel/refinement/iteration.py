"""The input of a loop, the state after one pass, and the result of a loop."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from protolabel.common.later import Later
from protolabel.common.vectors import column_sums, row_argmax, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "Ranks",
    "Seen",
    "hold_pins",
    "no_further",
    "summarize",
]

_FURTHER = 3  # classes on record after the runner-up
_HELD = 2**24  # responsibilities of a pass that are kept until its ranks are read: 64 MB


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
    temperature, iterations : float, int
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
class Ranks:
    """The best classes of N images after one pass, and their agreement; see `Iteration`."""

    agreement: NDArray[np.float32]
    runner_up: NDArray[np.int32]
    margin: NDArray[np.float32]
    further: NDArray[np.unsignedinteger]
    further_agreement: NDArray[np.float16]

    def at(self, rows: NDArray[np.integer]) -> Ranks:
        """Return the ranks of some images."""
        return Ranks(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Iteration:
    """Labels and prototypes after one pass; iteration 0 is zero-shot.

    Attributes
    ----------
    labels : (N,) int32
        Class index of every image.
    ranks : Later of Ranks
        Computes the attributes from `agreement` to `further_agreement` when the first of them is
        read; of most iterations only the labels are.
    prototypes : (C, d) float32
        Unit rows: the prototypes among the images (iteration 0: the text vectors).
    class_mass : (C,) float32
        The sum of the responsibilities of each class; sums to N.
    shift : float
        Mean distance that the prototypes moved in this pass; 0 at iteration 0.
    model : PrototypeModel
        Scores new images as this iteration does, without the votes of neighbours and clusters.
    text_fraction : float
        How much the agreement has to rely on the text alone, 0..0.9: high where the classes lie
        elsewhere than their names; see `protolabel.refinement.agreement`.
    """

    labels: NDArray[np.int32]
    ranks: Later[Ranks]
    prototypes: NDArray[np.float32]
    class_mass: NDArray[np.float32]
    shift: float
    model: PrototypeModel
    text_fraction: float = 0.0

    @property
    def agreement(self) -> NDArray[np.float32]:
        """(N,) float32 in 0..1, an estimate of the probability that the label is right.

        See `protolabel.refinement.agreement`.
        """
        return self.ranks().agreement

    @property
    def runner_up(self) -> NDArray[np.int32]:
        """(N,) int32 second-best class; the label itself if there is only one class."""
        return self.ranks().runner_up

    @property
    def margin(self) -> NDArray[np.float32]:
        """(N,) float32 in -1..1: agreement of the label minus that of the runner-up.

        It is negative if the neighbours favour the runner-up.
        """
        return self.ranks().margin

    @property
    def further(self) -> NDArray[np.unsignedinteger]:
        """(N, F) class indices of the third to fifth best, F = min(3, C - 2) but at least 0.

        They have the smallest type that holds them: there are T + 1 of these.
        """
        return self.ranks().further

    @property
    def further_agreement(self) -> NDArray[np.float16]:
        """(N, F) float16, the agreement that each of the further classes would have."""
        return self.ranks().further_agreement


def hold_pins(log_g: NDArray[np.float32], pins: NDArray[np.int64]) -> NDArray[np.float32]:
    """Assign pinned images entirely to their class, in place; other classes keep their order.

    Parameters
    ----------
    log_g : (N, C) float32
        Log-responsibilities.
    pins : (P, 2) int64
        Image index and class index.
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
    log_confidence: Callable[[], NDArray[np.float32]] | None = None,
    *,
    mass: NDArray[np.float64] | None = None,
    text_fraction: float = 0.0,
) -> Iteration:
    """Reduce the responsibilities of a pass to the `Iteration` that is kept.

    Parameters
    ----------
    log_g : (N, C) float32
        Log-responsibilities, rows normalised: they decide the labels.
    log_confidence : callable, optional
        Returns (N, C) float32, the calibrated log-probability of every class, from
        `NeighborEvidence`; by default the responsibilities themselves, for a single model. It is
        called later, unless the responsibilities are too large to be held until then.
    mass : (C,) float64, optional
        Sums of the responsibilities, if they are known.
    """
    labels = row_argmax(log_g).astype(np.int32)
    ranks = Later(lambda: _ranks(labels, log_g if log_confidence is None else log_confidence()))
    if log_g.size > _HELD:
        ranks()
    mass = column_sums(np.exp(log_g)) if mass is None else mass
    return Iteration(
        labels=labels,
        ranks=ranks,
        prototypes=unit_rows(prototypes),
        class_mass=mass.astype(np.float32),
        shift=float(shift),
        model=model,
        text_fraction=text_fraction,
    )


def _ranks(labels: NDArray[np.int32], log_confidence: NDArray[np.float32]) -> Ranks:
    n, n_classes = log_confidence.shape
    rows = np.arange(n)
    agreement = np.exp(log_confidence[rows, labels])
    further, further_agreement = no_further(n, n_classes)
    if n_classes == 1:
        return Ranks(agreement, labels, agreement, further, further_agreement)
    rest = log_confidence.copy()
    rest[rows, labels] = -np.inf
    last = runner_up = row_argmax(rest)
    margin = agreement - np.exp(rest[rows, runner_up])
    for rank in range(further.shape[1]):
        rest[rows, last] = -np.inf
        last = row_argmax(rest)
        further[:, rank], further_agreement[:, rank] = last, np.exp(rest[rows, last])
    return Ranks(agreement, runner_up.astype(np.int32), margin, further, further_agreement)
