"""The learning loop: one prototype per class, refined iteration by iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protolabel.clustering.image_space import principal_axes
from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import FloatArray, as_vectors, as_visual, is_whole_number, remember
from protolabel.common.wording import counted
from protolabel.embedding.prompts import ClassVectors
from protolabel.errors import InputError
from protolabel.refinement.agreement import WITNESSES, Witnesses
from protolabel.refinement.anchored import anchored_loop
from protolabel.refinement.plain import plain_loop
from protolabel.refinement.views import Visual

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from protolabel.clustering.clusters import Clusters
    from protolabel.refinement.iteration import Iteration

__all__ = ["METHODS", "Refinement", "refine"]

METHODS = ("anchored", "plain")
UNITS = ("clusters", "images")
MOST_NEIGHBORS = 5  # that vote on an image
MIN_TEMPERATURE = 1e-5  # below, scores leave the range of float32


@dataclass(frozen=True, eq=False)
class Refinement:
    """A whole run of the loop: every iteration, and what it was computed from.

    Attributes
    ----------
    iterations
        Index 0 is zero-shot, index t the state after t passes.
    classes
        The C class names and their text vectors.
    clusters
        The micro- and meta-clusters that took part; None where there were none.
    pins
        (P, 2) int64: image index and class index of every label that a person fixed.
    micro_alignment, meta_alignment
        (K, C) and (M, C) float32, rows sum to 1: how far each cluster goes with each class at the
        last iteration. Zero rows in number where there are no clusters.
    lambda_max
        Largest eigenvalue of the covariance of the image vectors: the plain loop collapses onto
        one direction where its temperature is above.
    visual_weight
        How far the run trusted the visual vectors, 0..1; None where there were none.
    parameters
        Everything else that the run was started with, as plain JSON values.
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
    def churn(self) -> NDArray[np.float64]:
        """(T,) share of the labels that each iteration changed, 0..1."""
        pairs = zip(self.iterations[:-1], self.iterations[1:], strict=True)
        return np.array([float(np.mean(a.labels != b.labels)) for a, b in pairs])


def refine(
    vectors: FloatArray,
    classes: ClassVectors,
    clusters: Clusters | None = None,
    *,
    visual: FloatArray | None = None,
    method: Literal["anchored", "plain"] = "anchored",
    temperature: float = 0.1,
    iterations: int = 5,
    units: Literal["clusters", "images"] = "clusters",
    pins: Mapping[int, int] | ArrayLike | None = None,
    graph: KnnGraph | None = None,
    visual_graph: KnnGraph | None = None,
    progress: ProgressFn | None = None,
) -> Refinement:
    """Refine one prototype per class and keep every iteration.

    Parameters
    ----------
    vectors
        (N, d) floating image embeddings; may be a memory map.
    classes
        Text vectors of the C classes, from `embed_classes`.
    clusters
        Micro- and meta-clusters from `cluster`. The anchored method uses them as one of its
        votes and works without; the plain method needs them unless ``units="images"``.
    visual
        (N, d2) floating image embeddings of a second encoder, of the same images in the same
        order; may be a memory map. Distances to prototypes, neighbours and (pass clusters of them)
        micro-clusters are seen in them as well, as far as they know the classes: see Notes. The
        text vote and iteration 0 are those of `vectors`. The plain method ignores them.
    method
        ``"anchored"``: every image is decided by its text, its prototype, its neighbours, its
        micro-cluster and how common the class seems. ``"plain"``: prototypes move to the
        softmax-weighted mean of the clusters; it collapses on CLIP vectors at most temperatures
        and is here to be watched.
    temperature
        Softness, above 0; 0.05 (sharp) to 0.3 (soft) is useful. Anchored: distances relative to
        the typical spread within a class. Plain: cosines.
    iterations
        Number of passes T, 0 or more; 0 is zero-shot.
    units
        What the plain loop averages over; the anchored method ignores it.
    pins
        Labels that a person fixed: a mapping from image index to class index, or (P, 2) rows of
        the two. They hold in every later iteration and steer it.
    graph
        A `knn_graph` of `vectors`, to share it; computed where missing. At most 5 neighbours
        vote, and three times as many are asked for the agreement, if the graph has them.
    visual_graph
        A `knn_graph` of `visual`, likewise.

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
    How far visual vectors are trusted, w in 0..1, is the autocorrelation of the zero-shot votes
    over their neighbours (Moran's I, Biometrika 1950), I^2 / (I^2 + 0.05^2 + 1/edges): vectors in
    which neighbours share no class get no say. Their distances and neighbours join the vote with
    weight w, and w is the weight of the micro-clusters; the distances in `vectors`, which repeat in
    part what the text has said, count 1 - w/2. It is `Refinement.visual_weight`.
    """
    if not isinstance(classes, ClassVectors):
        raise InputError(
            f"classes must be ClassVectors from embed_classes, got {type(classes).__name__}."
        )
    vectors = as_vectors(vectors, dim=classes.vectors.shape[1])
    check_parameters(method=method, temperature=temperature, iterations=iterations, units=units)
    n, n_classes = len(vectors), len(classes.names)
    if visual is not None:
        visual = as_visual(visual, n)
    elif visual_graph is not None:
        raise InputError("visual_graph is given without visual: pass both, or neither.")
    if clusters is not None and len(clusters.micro) != n:
        raise InputError(f"clusters are of {len(clusters.micro)} images, vectors of {n}.")
    fixed = _check_pins(pins, n, n_classes)
    report = resolve(progress)
    visual_weight = None

    if method == "plain":
        if units == "clusters" and clusters is None:
            raise InputError(
                "The plain method averages over clusters: pass clusters=cluster(vectors), or "
                'units="images" to let every image count by itself.'
            )
        states, micro, meta = plain_loop(
            vectors,
            classes,
            clusters,
            temperature=temperature,
            iterations=iterations,
            by_image=units == "images",
            pins=fixed,
            progress=report,
        )
    else:
        wanted = anchored_neighbors(n, n_classes)
        edges, witnesses = _voters(graph, vectors, wanted, "graph")
        second = None
        if visual is not None:
            second = Visual(visual, *_voters(visual_graph, visual, wanted, "visual_graph"))
        states, micro, meta, share = anchored_loop(
            vectors,
            classes,
            clusters,
            edges,
            witnesses,
            visual=second,
            temperature=temperature,
            iterations=iterations,
            pins=fixed,
            progress=report,
        )
        visual_weight = None if visual is None else share
    parameters: dict[str, Any] = {
        "method": method,
        "temperature": float(temperature),
        "iterations": int(iterations),
        "units": units,
    }
    return Refinement(
        iterations=states,
        classes=classes,
        clusters=clusters,
        pins=fixed,
        micro_alignment=micro,
        meta_alignment=meta,
        lambda_max=remember(vectors, "lambda_max", None, lambda: _lambda_max(vectors)),
        visual_weight=visual_weight,
        parameters=MappingProxyType(parameters),
    )


def check_parameters(*, method: str, temperature: Any, iterations: Any, units: str) -> None:
    """Raise `InputError` unless the parameters of `refine` are usable."""
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if units not in UNITS:
        raise InputError(f"units must be one of {', '.join(UNITS)}; got {units!r}.")
    if not isinstance(temperature, Real) or not MIN_TEMPERATURE <= float(temperature) < np.inf:
        raise InputError(
            f"temperature must be a number above 0 (0.05 sharp to 0.3 soft; at least "
            f"{MIN_TEMPERATURE:g}); got {temperature!r}."
        )
    if not is_whole_number(iterations, 0):
        raise InputError(f"iterations must be a whole number, 0 or more; got {iterations!r}.")


def anchored_neighbors(n_images: int, n_classes: int) -> int:
    """Neighbours that vote on an image: few where classes are small."""
    return int(np.clip(n_images // (2 * n_classes), 1, MOST_NEIGHBORS))


def _lambda_max(vectors: FloatArray) -> float:
    return float(principal_axes(vectors, 1)[0][0])


def _voters(
    graph: KnnGraph | None, vectors: FloatArray, wanted: int, what: str
) -> tuple[csr_array, Witnesses]:
    n = len(vectors)
    if graph is None:
        graph = knn_graph(vectors, k=WITNESSES * wanted)
    elif len(graph) != n or graph.k < min(wanted, n - 1):
        raise InputError(
            f"{what} holds {graph.k} neighbours of {len(graph)} images; these {n} images need "
            f"{wanted} neighbours each (1 to 5, by the number of images for each class)."
        )
    return graph.weights(wanted), Witnesses.of(graph, wanted)


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
            "pins must map image indices to class indices, or be (P, 2) rows of the two; got "
            f"{table.dtype} of shape {table.shape}."
        )
    table = table.astype(np.int64)
    image, label = table[:, 0], table[:, 1]
    if len(np.unique(image)) != len(image):
        raise InputError("pins name an image twice; give every image one class.")
    if ((image < 0) | (image >= n)).any() or ((label < 0) | (label >= n_classes)).any():
        raise InputError(
            f"pins must be image indices 0..{n - 1} with class indices 0..{n_classes - 1}."
        )
    return table[np.argsort(image)]
