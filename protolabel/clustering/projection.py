"""The two-dimensional map of the images, and the places of prototypes and centroids on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from protolabel.clustering.clusters import Clusters, cluster_means
from protolabel.clustering.neighbors import KnnGraph, check_graph, knn_graph
from protolabel.clustering.presets import Preset, choose_preset
from protolabel.clustering.reduction import principal_components, umap_layout
from protolabel.common.checks import as_numbers, as_seed, checked, checked_apart_from
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import FloatArray, as_vectors, unit_blocks
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.refinement.loop import Refinement

__all__ = ["place", "place_centroids", "place_prototypes", "project"]

_NEAREST = 15  # images whose coordinates are averaged to place a prototype
_PARTS = 5  # an empty strip takes at most one part of the map in so many


@checked_apart_from("preset", "seed", "method")
def project(
    vectors: FloatArray,
    graph: KnnGraph | None = None,
    *,
    method: Literal["umap", "pca"] = "umap",
    preset: str | Preset | None = None,
    seed: int = 0,
    progress: ProgressFn | None = None,
) -> NDArray[np.float32]:
    """Lay out the images on a plane.

    With more than `Preset.map_sample` images, UMAP lays out a random sample, and every other image
    is placed among its neighbours. Between groups that UMAP puts far from each other, empty strips
    are narrowed until none takes more than a fifth of the map's width or height: such distances say
    little, and one far group would leave most of the map empty. Groups keep their shapes, and what
    is left of another group, or above it, stays there.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors; may be a memory map.
    graph : KnnGraph, optional
        Neighbours of the same vectors, to save their computation.
    method : {"umap", "pca"}
        ``"umap"`` keeps neighbours together, but takes time; ``"pca"`` projects on the two
        strongest axes, at once.
    preset : {"small", "medium", "large"} or Preset, optional
        Settings; by default chosen by N.
    seed : int
        Seed of the neighbours, the sample and the layout, 0..2**32 - 1. The same seed gives the
        same map on the same machine with the same number of threads. With another number, the
        starting points can differ by a rounding error, which UMAP amplifies. To repeat a map
        elsewhere, set ``OMP_NUM_THREADS`` before Python starts.
    progress : callable, optional
        ``progress(phase, done, total)``, counting steps; by default a tqdm bar.

    Returns
    -------
    (N, 2) float32
        Coordinates without a unit.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    vectors = as_vectors(vectors)
    seed = as_seed(seed)
    if not isinstance(method, str) or method not in ("umap", "pca"):
        raise InputError(f"Expected the method umap or pca, got {method!r}: choose one of the two.")
    n = len(vectors)
    settings = choose_preset(preset, n)
    if graph is not None:
        check_graph(graph, n)
    if method == "pca" or n <= 6:  # UMAP adds nothing to the axes of so few images
        return principal_components(vectors, 2)
    report = resolve(progress)
    report("map", 0, 2)
    if graph is None:
        graph = knn_graph(vectors, settings.neighbors, seed=seed)
    report("map", 1, 2)
    if n <= settings.map_sample:
        xy = _layout(vectors, graph, settings, seed)
    else:
        chosen = np.sort(np.random.default_rng(seed).choice(n, settings.map_sample, replace=False))
        part = vectors[chosen]
        inner = knn_graph(part, settings.neighbors, seed=seed)
        xy = _spread(graph, chosen, _layout(part, inner, settings, seed))
    report("map", 2, 2)
    return np.column_stack([_narrowed(xy[:, axis]) for axis in range(2)])


@checked
def place(
    points: NDArray[np.float32], vectors: FloatArray, xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Place points of the embedding space on the map, among their nearest images.

    A point goes to the weighted mean of the coordinates of the 15 images with the largest cosine.
    (UMAP's own `transform` would put a prototype, which is not an image, far from all images.)

    Parameters
    ----------
    points : (P, d) float32
        Unit rows.
    vectors : (N, d) floating
        Image vectors; may be a memory map.
    xy : (N, 2) float32
        Map of the same images, from `project`.

    Returns
    -------
    (P, 2) float32
        Coordinates on the map.

    Raises
    ------
    InputError
        If the three arrays do not fit together.
    """
    vectors = as_vectors(vectors)
    points = as_vectors(points, what="points", dim=vectors.shape[1])
    xy = as_numbers(xy, "xy, the map of the images,", None, 2)
    if len(xy) != len(vectors):
        raise InputError(
            f"Expected xy, the map of {len(vectors)} images, got one of {len(xy)}: pass the map "
            "and the vectors of the same images."
        )
    k = min(_NEAREST, len(vectors))
    best = np.full((len(points), k), -np.inf, dtype=np.float32)
    near = np.zeros((len(points), k), dtype=np.int64)
    step = max(k, 2**24 // len(points))  # 64 MB of cosines at a time
    for rows, x in unit_blocks(vectors):
        for start in range(0, len(x), step):
            cosine = points @ x[start : start + step].T
            top = np.argpartition(-cosine, min(k, cosine.shape[1]) - 1, axis=1)[:, :k]
            found = np.column_stack([best, np.take_along_axis(cosine, top, axis=1)])
            where = np.column_stack([near, top + rows.start + start])
            top = np.argpartition(-found, k - 1, axis=1)[:, :k]
            best = np.take_along_axis(found, top, axis=1)
            near = np.take_along_axis(where, top, axis=1)
    weight = np.exp((best - best.max(axis=1, keepdims=True)) / 0.02)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("pk,pkc->pc", weight, xy[near]), dtype=np.float32)


@checked
def place_prototypes(
    run: Refinement, vectors: FloatArray, xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Place the prototypes of every iteration on the map.

    Parameters
    ----------
    run : Refinement
        A run of T iterations with C classes.
    vectors : (N, d) floating
        The image vectors of the run.
    xy : (N, 2) float32
        Map of the same images, from `project`.

    Returns
    -------
    (T + 1, C, 2) float32
        Coordinates on the map; the first entry is iteration 0.
    """
    points = np.concatenate([state.prototypes for state in run.iterations])
    return place(points, vectors, xy).reshape(len(run.iterations), -1, 2)


@checked
def place_centroids(clusters: Clusters, xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place the micro-clusters on the map, each at the mean of its images.

    Parameters
    ----------
    clusters : Clusters
        K micro-clusters of N images.
    xy : (N, 2) float32
        Map of the same images, from `project`.

    Returns
    -------
    (K, 2) float32
        Coordinates on the map.
    """
    xy = as_numbers(xy, "xy, the map of the same images,", len(clusters.micro), 2)
    inside = clusters.micro >= 0
    if not inside.any():
        return np.asarray(xy.mean(axis=0, keepdims=True))
    return cluster_means(xy[inside], clusters.micro[inside], clusters.n_micro)


def _layout(
    vectors: FloatArray, graph: KnnGraph, settings: Preset, seed: int
) -> NDArray[np.float32]:
    # Few images are kept apart, so that none hides another; many may be close together.
    apart = float(np.clip(25.0 / len(vectors) ** 0.5, 0.1, 0.8))
    return umap_layout(
        vectors, graph, dimensions=2, min_dist=apart, epochs=settings.epochs, seed=seed
    )


def _narrowed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Narrow the gaps between the values of an axis until none takes more than its part."""
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order].astype(np.float64))
    widest = -np.sort(np.partition(-gaps, _PARTS - 1)[:_PARTS])
    # With k gaps of the same width w, the others take the rest: (parts - k) * w.
    for k in range(_PARTS):
        widths = (gaps.sum() - widest[:k].sum()) / (_PARTS - k)
        if widest[k] <= widths:
            break
    if k == 0 or widths == 0:
        return values
    moved = np.empty_like(values)
    moved[order] = values[order[0]] + np.append(0, np.minimum(gaps, widths).cumsum())
    return moved


def _spread(
    graph: KnnGraph, chosen: NDArray[np.intp], xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Place every image among its neighbours that have a place, in waves from the sample."""
    n = len(graph)
    places = np.zeros((n, 2), dtype=np.float32)
    placed = np.zeros(n, dtype=bool)
    places[chosen], placed[chosen] = xy, True
    while True:
        rest = np.flatnonzero(~placed)
        near = graph.indices[rest]
        known = placed[near]
        reached = known.any(axis=1)
        if not reached.any():
            break
        # Three neighbours, the nearest with the most weight: the image lies close to that
        # neighbour but not on top of it.
        known &= known.cumsum(axis=1) <= 3
        weight = known / (1.0 + np.arange(graph.k, dtype=np.float32))
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        here = np.einsum("nk,nkc->nc", weight, places[near])
        places[rest[reached]] = here[reached]
        placed[rest[reached]] = True
    if not placed.all():  # components without a sampled image go to the centre of the map
        places[~placed] = xy.mean(axis=0)
    return places
