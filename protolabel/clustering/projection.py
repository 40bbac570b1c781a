"""A map of the images that stays still, and where prototypes and centroids stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from protolabel.clustering.clusters import Clusters, cluster_means
from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.clustering.presets import Preset, choose_preset
from protolabel.clustering.reduction import principal_components, umap_layout
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import FloatArray, as_vectors, unit_blocks
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.refinement.loop import Refinement

__all__ = ["place", "place_centroids", "place_prototypes", "project"]

_NEAREST = 15  # images whose coordinates a prototype stands among


def project(
    vectors: FloatArray,
    graph: KnnGraph | None = None,
    *,
    method: Literal["umap", "pca"] = "umap",
    preset: str | Preset | None = None,
    seed: int = 0,
    progress: ProgressFn | None = None,
) -> NDArray[np.float32]:
    """Give every image a place on a plane.

    Past `Preset.sample` images the layout is of a sample; every other image stands among its
    neighbours.

    Parameters
    ----------
    vectors
        (N, d) floating; may be a memory map.
    graph
        A `knn_graph` of the same vectors, to share it; computed where missing.
    method
        ``"umap"`` keeps neighbours together; ``"pca"`` is there at once.
    preset
        As in `cluster`.
    seed
        Same seed, same map.

    Returns
    -------
    (N, 2) float32

    Raises
    ------
    InputError
        If an argument does not fit.
    """
    vectors = as_vectors(vectors)
    if method not in ("umap", "pca"):
        raise InputError(f"method must be umap or pca; got {method!r}.")
    n = len(vectors)
    settings = choose_preset(preset, n)
    if graph is not None and len(graph) != n:
        raise InputError(f"graph is of {len(graph)} images, vectors of {n}.")
    if method == "pca" or n <= 6:  # a layout of a handful says no more than the axes do
        return principal_components(vectors, 2)
    report = resolve(progress)
    report("map", 0, 2)
    if graph is None:
        graph = knn_graph(vectors, settings.neighbors, seed=seed)
    report("map", 1, 2)
    if n <= settings.sample:
        xy = _layout(vectors, graph, settings, seed)
    else:
        chosen = np.sort(np.random.default_rng(seed).choice(n, settings.sample, replace=False))
        part = vectors[chosen]
        inner = knn_graph(part, settings.neighbors, seed=seed)
        xy = _spread(graph, chosen, _layout(part, inner, settings, seed))
    report("map", 2, 2)
    return xy


def place(
    points: NDArray[np.float32], vectors: FloatArray, xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where points of the embedding space stand on the map: among their nearest images.

    The weighted mean of the coordinates of the 15 images with the largest cosine. (UMAP's own
    `transform` puts a prototype, which is no image, far from all of them.)

    Parameters
    ----------
    points
        (P, d) float32 unit rows.
    vectors
        (N, d) image embeddings.
    xy
        (N, 2) their map.

    Returns
    -------
    (P, 2) float32

    Raises
    ------
    InputError
        If the three do not fit together.
    """
    points = as_vectors(points, what="points", dim=vectors.shape[1])
    if len(xy) != len(vectors):
        raise InputError(f"xy is the map of {len(xy)} images, vectors are of {len(vectors)}.")
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


def place_prototypes(
    run: Refinement, vectors: FloatArray, xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Places of the prototypes at every iteration, (T + 1, C, 2) float32."""
    points = np.concatenate([state.prototypes for state in run.iterations])
    return place(points, vectors, xy).reshape(len(run.iterations), -1, 2)


def place_centroids(clusters: Clusters, xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places of the micro-cluster centroids: the mean of their images' coordinates, (K, 2)."""
    inside = clusters.micro >= 0
    if not inside.any():
        return np.asarray(xy.mean(axis=0, keepdims=True))
    return cluster_means(xy[inside], clusters.micro[inside], clusters.n_micro)


def _layout(
    vectors: FloatArray, graph: KnnGraph, settings: Preset, seed: int
) -> NDArray[np.float32]:
    # Few images are kept apart, so that none hides another; many may sit tight.
    apart = float(np.clip(25.0 / len(vectors) ** 0.5, 0.1, 0.8))
    return umap_layout(
        vectors, graph, dimensions=2, min_dist=apart, epochs=settings.epochs, seed=seed
    )


def _spread(
    graph: KnnGraph, chosen: NDArray[np.intp], xy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Put every image among those of its neighbours that have a place, nearest first, in waves."""
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
        # The nearest placed neighbour holds the image, two more pull it off that very spot.
        known &= known.cumsum(axis=1) <= 3
        weight = known / (1.0 + np.arange(graph.k, dtype=np.float32))
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        here = np.einsum("nk,nkc->nc", weight, places[near])
        places[rest[reached]] = here[reached]
        placed[rest[reached]] = True
    if not placed.all():  # islands that the sample missed: beside the rest, at its middle
        places[~placed] = xy.mean(axis=0)
    return places
