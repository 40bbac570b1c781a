"""The learning loop: one prototype per class, refined iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protolabel.clustering.image_space import ImageSpace, image_space
from protolabel.common.checks import checked_apart_from
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import FloatArray, as_vectors, as_visual, is_whole_number
from protolabel.common.wording import counted
from protolabel.embedding.prompts import ClassVectors
from protolabel.errors import InputError
from protolabel.refinement.anchored import AnchoredLoop
from protolabel.refinement.iteration import LoopInput, LoopResult, Passes, Seen
from protolabel.refinement.ordering import by_cluster
from protolabel.refinement.plain import plain_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.refinement.iteration import Iteration

__all__ = ["LOOPS", "METHODS", "Loop", "PreparedLoop", "Refinement", "prepare", "refine"]


@dataclass(frozen=True)
class Loop:
    """A method of refinement.

    Attributes
    ----------
    prepare : callable
        Makes of a `LoopInput` the prepared loop, a function from `Passes` to `LoopResult`.
    needs_clusters : bool
        Whether it averages over clusters unless ``units="images"``.
    is_calibrated : bool
        Whether its agreement estimates the probability that a label is right; otherwise it is the
        softmax of one model, which only ranks images.
    can_collapse : bool
        Whether all prototypes can fall onto one direction.
    """

    prepare: Callable[[LoopInput], Callable[[Passes], LoopResult]]
    needs_clusters: bool
    is_calibrated: bool
    can_collapse: bool


LOOPS = {
    "anchored": Loop(
        partial(by_cluster, AnchoredLoop),
        needs_clusters=False,
        is_calibrated=True,
        can_collapse=False,
    ),
    "plain": Loop(
        partial(partial, plain_loop), needs_clusters=True, is_calibrated=False, can_collapse=True
    ),
}
"""Every method by name. The first is the default of the command line and of a session."""

METHODS = tuple(LOOPS)
"""Names of the loops that `refine` knows."""
UNITS = ("clusters", "images")
MIN_TEMPERATURE = 1e-5  # below, scores leave the range of float32


@dataclass(frozen=True, eq=False)
class Refinement:
    """A run of the loop: every iteration, and the input.

    Attributes
    ----------
    iterations : tuple of Iteration
        Index 0 is zero-shot, index t the state after t passes.
    classes : ClassVectors
        The C class names and their text vectors.
    clusters : Clusters or None
        The micro- and meta-clusters that took part; None where there were none.
    pins : ndarray
        (P, 2) int64: image index and class index of every pinned label.
    micro_alignment, meta_alignment : ndarray
        (K, C) and (M, C) float32, rows sum to 1: mean responsibilities of each cluster for each
        class at the last iteration. Zero rows if there are no clusters.
    lambda_max : float
        Largest eigenvalue of the covariance of the image vectors. The plain loop collapses onto
        one direction if its temperature is above.
    visual_weight : float or None
        Weight of the visual vectors, 0..1; None if there were none.
    parameters : mapping of str
        All other parameters of the run, as plain JSON values.
    """

    iterations: tuple[Iteration, ...]
    classes: ClassVectors
    clusters: Clusters | None
    pins: NDArray[np.int64]
    micro_alignment: NDArray[np.float32]
    meta_alignment: NDArray[np.float32]
    lambda_max: float
    visual_weight: float | None
    parameters: Mapping[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        # A mapping proxy can be neither pickled nor copied.
        return {**vars(self), "parameters": dict(self.parameters)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, parameters=MappingProxyType(state["parameters"]))

    def __repr__(self) -> str:
        last = counted(len(self.iterations) - 1, "iteration")
        names = counted(len(self.classes.names), "class", "classes")
        return f"Refinement({self.method}, {last} of {counted(self.n_images, 'image')}, {names})"

    @property
    def n_images(self) -> int:
        """Number of images, N."""
        return len(self.iterations[0].labels)

    @property
    def method(self) -> str:
        """``"anchored"`` or ``"plain"``."""
        return str(self.parameters["method"])

    @property
    def loop(self) -> Loop:
        """Properties of the method."""
        return LOOPS[self.method]

    @property
    def churn(self) -> NDArray[np.float64]:
        """(T,) fraction of the labels that each iteration changed, 0..1."""
        pairs = zip(self.iterations[:-1], self.iterations[1:], strict=True)
        return np.array([float(np.mean(a.labels != b.labels)) for a, b in pairs])


@checked_apart_from("classes", "temperature", "iterations", "units", "method")
def refine(
    vectors: FloatArray | ImageSpace,
    classes: ClassVectors,
    clusters: Clusters | None = None,
    *,
    visual: FloatArray | ImageSpace | None = None,
    method: Literal["anchored", "plain"] = "anchored",
    temperature: float = 0.1,
    iterations: int = 5,
    units: Literal["clusters", "images"] = "clusters",
    pins: Mapping[int, int] | ArrayLike | None = None,
    graph: KnnGraph | None = None,
    visual_graph: KnnGraph | None = None,
    first_clusters: Clusters | None = None,
    progress: ProgressFn | None = None,
) -> Refinement:
    """Refine one prototype per class and keep every iteration.

    Parameters
    ----------
    vectors : ndarray of floating or ImageSpace
        (N, d) floating image embeddings; may be a memory map. Or the `image_space` of them, which
        prepares them once for runs with other names, pins or temperatures.
    classes : ClassVectors
        Text vectors of the C classes, from `embed_classes`.
    clusters : Clusters or None
        Micro- and meta-clusters from `cluster`. They are one of the votes of the anchored method,
        which also works without them; the plain method needs them unless ``units="images"``.
    visual : ndarray of floating, ImageSpace or None
        (N, d2) floating image embeddings of a second encoder, of the same images in the same
        order, or their `image_space`; may be a memory map. They add distances to prototypes,
        neighbours and (pass clusters of them) micro-clusters, weighted by how well they separate
        the classes: see Notes. The text vote and iteration 0 use `vectors` alone. The plain method
        ignores visual vectors.
    method : {"anchored", "plain"}
        ``"anchored"``: the label of an image follows from its text, its prototype, its neighbours,
        its micro-cluster and the frequency of the class. ``"plain"``: prototypes move to the
        softmax-weighted mean of the clusters; on CLIP vectors it collapses at most temperatures,
        and it is included for demonstration.
    temperature : float
        Softness, above 0; 0.05 (sharp) to 0.3 (soft) is useful. Anchored: distances relative to
        the typical spread within a class. Plain: cosines.
    iterations : int
        Number of passes T, 0 or more; 0 is zero-shot.
    units : {"clusters", "images"}
        What the plain loop averages over; the anchored method ignores it.
    pins : mapping of int to int, array_like or None
        Labels that a person fixed: a mapping from image index to class index, or (P, 2) rows of
        the two. They hold in every iteration and influence the other labels.
    graph : KnnGraph or None
        A `knn_graph` of `vectors`, to avoid computing it again. At most 5 neighbours vote; the
        agreement uses three times as many if the graph has them.
    visual_graph : KnnGraph or None
        A `knn_graph` of `visual`, likewise.
    first_clusters : Clusters or None
        Where `clusters` are those of `visual`: the clusters of `vectors` alone, likewise. They vote
        as far as the visual vectors are not trusted.

    Returns
    -------
    Refinement
        ``iterations[0]`` is zero-shot. With fewer than 3 images or 2 classes there is nothing to
        learn from, so every iteration repeats it.

    Raises
    ------
    InputError
        If an argument does not fit.

    Notes
    -----
    The weight of the visual vectors, w in 0..1, is the autocorrelation of the zero-shot votes
    over their neighbours (Moran's I, Biometrika 1950), I^2 / (I^2 + 0.05^2 + 1/edges): vectors in
    which neighbours share no class get no weight, and neither do vectors that know no more of the
    classes than a noisy copy of the first ones would. Their distances, neighbours and
    micro-clusters join the vote with weight w; the micro-clusters of `vectors` keep 1 - w, and the
    distances in `vectors`, which repeat part of the text vote, 1 - w/2. It is
    `Refinement.visual_weight`. Classes that look the same in the visual vectors alone share these
    votes.
    """
    check_parameters(method=method, temperature=temperature, iterations=iterations, units=units)
    prepared = prepare(
        vectors,
        classes,
        clusters,
        visual=visual,
        method=method,
        units=units,
        pins=pins,
        graph=graph,
        visual_graph=visual_graph,
        first_clusters=first_clusters,
    )
    return prepared.refine(temperature, iterations, progress)


@dataclass(frozen=True, eq=False)
class PreparedLoop:
    """A loop over given images, names and pins, to be run at one temperature after another.

    Attributes
    ----------
    method : str
        As for `refine`.
    given : LoopInput
        Images, names and pins.
    run : callable
        The loop, prepared for them.
    """

    method: str
    given: LoopInput
    run: Callable[[Passes], LoopResult]

    def refine(
        self, temperature: float, iterations: int, progress: ProgressFn | None = None
    ) -> Refinement:
        """Run the loop, as `refine` does."""
        given = self.given
        found = self.run(Passes(float(temperature), int(iterations), resolve(progress)))
        parameters: dict[str, Any] = {
            "method": self.method,
            "temperature": float(temperature),
            "iterations": int(iterations),
            "units": given.units,
        }
        return Refinement(
            iterations=found.iterations,
            classes=given.classes,
            clusters=given.clusters,
            pins=given.pins,
            micro_alignment=found.micro_alignment,
            meta_alignment=found.meta_alignment,
            lambda_max=given.images.space.lambda_max,
            visual_weight=found.visual_weight,
            parameters=MappingProxyType(parameters),
        )


def prepare(
    vectors: FloatArray | ImageSpace,
    classes: ClassVectors,
    clusters: Clusters | None = None,
    *,
    visual: FloatArray | ImageSpace | None = None,
    method: Literal["anchored", "plain"] = "anchored",
    units: Literal["clusters", "images"] = "clusters",
    pins: Mapping[int, int] | ArrayLike | None = None,
    graph: KnnGraph | None = None,
    visual_graph: KnnGraph | None = None,
    first_clusters: Clusters | None = None,
) -> PreparedLoop:
    """Compute what a run needs at any temperature; the parameters are those of `refine`.

    Raises
    ------
    InputError
        If an argument does not fit.
    """
    if not isinstance(classes, ClassVectors):
        raise InputError(
            f"Expected classes as ClassVectors, got {type(classes).__name__}: pass what "
            "embed_classes returns."
        )
    space = _space(vectors, classes.vectors.shape[1])
    n = len(space)
    second = None
    if visual is not None:
        if not isinstance(visual, ImageSpace):
            visual = image_space(as_visual(visual, n))
        elif len(visual) != n:
            raise InputError(
                f"Expected visual vectors of {n} images, as many as there are vectors, got "
                f"{len(visual)}: pass those of the same images."
            )
        second = Seen(visual, visual_graph)
    elif visual_graph is not None:
        raise InputError(
            "Expected visual together with visual_graph, got the graph alone: pass both, or "
            "neither."
        )
    for grouped in (clusters, first_clusters):
        if grouped is not None and len(grouped.micro) != n:
            raise InputError(
                f"Expected clusters of {n} images, as many as there are vectors, got "
                f"{len(grouped.micro)}: pass clusters of the same images."
            )
    if LOOPS[method].needs_clusters and units == "clusters" and clusters is None:
        raise InputError(
            f"Expected clusters for the {method} method, which averages over them: pass "
            "clusters=cluster(vectors), or units='images' to use every image by itself."
        )
    fixed = _check_pins(pins, n, len(classes.names))
    given = LoopInput(
        images=Seen(space, graph),
        second=second,
        classes=classes,
        clusters=clusters,
        first_clusters=first_clusters,
        units=units,
        pins=fixed,
    )
    return PreparedLoop(method, given, LOOPS[method].prepare(given))


def check_parameters(*, method: str, temperature: Any, iterations: Any, units: str) -> None:
    """Raise `InputError` unless the parameters of `refine` are usable."""
    if method not in METHODS:
        raise InputError(
            f"Expected a method, one of {', '.join(METHODS)}, got {method!r}: choose one of them."
        )
    if units not in UNITS:
        raise InputError(
            f"Expected units, one of {', '.join(UNITS)}, got {units!r}: choose one of them."
        )
    if not isinstance(temperature, Real) or not MIN_TEMPERATURE <= float(temperature) < np.inf:
        raise InputError(
            "Expected a temperature above 0 (0.05 sharp to 0.3 soft; at least "
            f"{MIN_TEMPERATURE:g}), got {temperature!r}: try 0.1."
        )
    if not is_whole_number(iterations, 0):
        raise InputError(
            f"Expected iterations as a whole number, 0 or more, got {iterations!r}: try 5."
        )


def _space(vectors: FloatArray | ImageSpace, dim: int) -> ImageSpace:
    if not isinstance(vectors, ImageSpace):
        return image_space(as_vectors(vectors, dim=dim))
    if vectors.dim != dim:
        raise InputError(
            f"Expected vectors with {dim} columns, as the class vectors have, got {vectors.dim}: "
            "embed images and class names with the same encoder."
        )
    return vectors


def _check_pins(
    pins: Mapping[int, int] | ArrayLike | None, n: int, n_classes: int
) -> NDArray[np.int64]:
    if pins is None:
        return np.empty((0, 2), dtype=np.int64)
    table = np.asarray(list(pins.items()) if isinstance(pins, Mapping) else pins)
    if table.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if table.ndim != 2 or table.shape[1] != 2 or not np.issubdtype(table.dtype, np.integer):
        raise InputError(
            "Expected pins as a mapping of image index to class index, or (P, 2) rows of the "
            f"two, got {table.dtype} of shape {table.shape}: write for example {{12: 0}}."
        )
    table = table.astype(np.int64)
    image, label = table[:, 0], table[:, 1]
    if len(np.unique(image)) != len(image):
        raise InputError(
            "Expected one class for each pinned image, got an image twice: remove one of its pins."
        )
    if ((image < 0) | (image >= n)).any() or ((label < 0) | (label >= n_classes)).any():
        raise InputError(
            f"Expected pins with image indices 0..{n - 1} and class indices 0..{n_classes - 1}, "
            "got others: correct them."
        )
    return table[np.argsort(image)]
