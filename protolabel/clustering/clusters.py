"""Micro-clusters of images that look alike, and meta-clusters that group them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.density import density_clusters
from protolabel.clustering.neighbors import KnnGraph, check_graph, knn_graph
from protolabel.clustering.presets import Preset, choose_preset
from protolabel.clustering.reduction import principal_components
from protolabel.common.checks import (
    as_count,
    as_indices,
    as_seed,
    checked,
    checked_apart_from,
    described,
)
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import (
    FloatArray,
    as_vectors,
    as_visual,
    is_whole_number,
    unit_blocks,
    unit_rows,
)
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

__all__ = ["Clusters", "cluster", "cluster_means", "cluster_sums", "numbered_by_appearance"]

_STEPS = 4

# Chosen so that labels are as good as with UMAP to 5 dimensions and HDBSCAN, on seven sets of real
# features and eight simulated worlds.
_SMOOTHINGS = 4  # times that an image moves towards its neighbours
_DIMENSIONS = 4  # power of a distance
_CLOSEST = 0.1  # smallest distance, as a fraction of the median
_JOININGS = 3  # rounds in which noise joins the clusters of its neighbours
_JOIN = 0.2  # fraction of the neighbours that must be mutual and in the cluster

_MOST_GROUPS = 10_000_000
_BLOCK = 2**24  # numbers at a time: 64 MB of float32


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of images that look alike, at two scales.

    Attributes
    ----------
    micro : (N,) int32
        Micro-cluster of every image, 0..K-1; -1 is noise, an image that few others resemble.
    nearest : (N,) int32
        Micro-cluster of every image, 0..K-1; noise belongs to the nearest centroid.
    centroids : (K, d) float32
        Unit rows, K >= 1: the mean direction of each micro-cluster.
    meta : (K,) int32
        Meta-cluster of every micro-cluster, 0..M-1.
    meta_centroids : (M, d) float32
        Unit rows, 1 <= M <= K: the mean direction of each meta-cluster.

    Raises
    ------
    InputError
        If the shapes do not fit together, or an array refers to a cluster that does not exist.
    """

    micro: NDArray[np.int32]
    nearest: NDArray[np.int32]
    centroids: NDArray[np.float32]
    meta: NDArray[np.int32]
    meta_centroids: NDArray[np.float32]

    def __post_init__(self) -> None:
        centroids = as_vectors(self.centroids, what="centroids")
        meta_centroids = as_vectors(
            self.meta_centroids, what="meta_centroids", dim=centroids.shape[1]
        )
        micro = as_indices(self.micro, len(centroids), "micro", least=-1)
        nearest = as_indices(self.nearest, len(centroids), "nearest")
        meta = as_indices(self.meta, len(meta_centroids), "meta")
        if micro.ndim != 1 or micro.shape != nearest.shape or meta.shape != (len(centroids),):
            raise InputError(
                "Expected micro and nearest of shape (N,) and meta of shape "
                f"({len(centroids)},), got {micro.shape}, {nearest.shape} and {meta.shape}: "
                "pass one number per image, and one per micro-cluster."
            )
        for name, value in (("micro", micro), ("nearest", nearest), ("meta", meta)):
            object.__setattr__(self, name, value)

    @property
    def n_micro(self) -> int:
        """K, the number of micro-clusters."""
        return len(self.centroids)

    @property
    def n_meta(self) -> int:
        """M, the number of meta-clusters."""
        return len(self.meta_centroids)

    @property
    def meta_of_images(self) -> NDArray[np.int32]:
        """Meta-cluster of every image, (N,) int32 in 0..M-1."""
        return self.meta[self.nearest]


@checked_apart_from("preset", "min_cluster_size", "n_meta", "seed")
def cluster(
    vectors: FloatArray,
    graph: KnnGraph | None = None,
    *,
    visual: FloatArray | None = None,
    preset: str | Preset | None = None,
    min_cluster_size: int | None = None,
    n_meta: int | None = None,
    seed: int = 0,
    progress: ProgressFn | None = None,
) -> Clusters:
    """Find micro-clusters by density and group them into meta-clusters.

    Every image moves towards the mean of its neighbours a few times, which draws groups together
    (mean shift on the neighbour graph: Cheng, PAMI 1995). HDBSCAN (Campello et al., 2013) on the
    edges of the graph then finds the micro-clusters, and noise joins the cluster of enough
    of its mutual neighbours. Without the shift, HDBSCAN calls a quarter of a folder noise.
    Agglomerative clustering of the centroids makes the meta-clusters. With more than
    `Preset.sample` images, all of this is done on a random sample, and every other image goes to
    its nearest centroid. Nothing is compiled, and everything but the sample and the neighbours of
    a large folder is deterministic.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors, N >= 1; may be a memory map.
    graph : KnnGraph, optional
        Neighbours of the clustered vectors (`visual` if given, else `vectors`), to save their
        computation.
    visual : (N, d2) floating, optional
        Vectors of a second encoder. Images are grouped by them; the centroids are still means of
        `vectors`, which share a space with the text.
    preset : {"small", "medium", "large"} or Preset, optional
        Settings; by default chosen by N.
    min_cluster_size : int, optional
        Smallest number of images in a micro-cluster, 2 or more; by default the preset's.
    n_meta : int, optional
        Number of meta-clusters, 1 or more; by default about sqrt(2 K), and at most K.
    seed : int
        Seed of the neighbours and the sample, 0..2**32 - 1.
    progress : callable, optional
        ``progress(phase, done, total)``, counting steps; by default a tqdm bar.

    Returns
    -------
    Clusters
        If no group is dense enough, all images are noise (-1) and there is one centroid.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    vectors = as_vectors(vectors)
    seed = as_seed(seed)
    n = len(vectors)
    settings = choose_preset(preset, n)
    smallest = settings.min_cluster_size if min_cluster_size is None else min_cluster_size
    if not is_whole_number(smallest, 2):
        raise InputError(
            f"Expected a min_cluster_size of 2 images or more, got {smallest!r}: choose a whole "
            "number in that range."
        )
    if n_meta is not None and not is_whole_number(n_meta, 1):
        raise InputError(
            f"Expected n_meta of 1 meta-cluster or more, got {n_meta!r}: choose a whole number in "
            "that range, or pass None."
        )
    if graph is not None:
        check_graph(graph, n)
    report = resolve(progress)
    looks = vectors if visual is None else as_visual(visual, n)

    report("clustering", 0, _STEPS)
    fitted = _sample(n, settings.sample, seed)
    part = looks[fitted] if len(fitted) < n else looks
    if graph is None or len(fitted) < n:
        graph = knn_graph(part, settings.neighbors, seed=seed)
    report("clustering", 1, _STEPS)
    points = _smooth(part, graph, settings.dimensions)
    report("clustering", 2, _STEPS)
    found = _join(_density(points, graph, smallest, min(settings.min_samples, smallest)), graph)
    report("clustering", 3, _STEPS)

    count = int(found.max(initial=-1)) + 1
    if count == 0:
        centroids = unit_rows(cluster_sums(part, np.zeros(len(part), np.int32), 1))
    else:
        centroids = unit_rows(cluster_sums(part, found, count))
    nearest = nearest_centroids(looks, centroids)
    micro = nearest.copy()
    micro[fitted] = found
    nearest[fitted[found >= 0]] = found[found >= 0]
    if count == 0:
        micro[:] = -1
    meta = _agglomerate(centroids, n_meta)
    if visual is not None:
        inside = micro if count else nearest
        centroids = unit_rows(cluster_sums(vectors, inside, len(centroids)))
    weight = np.bincount(nearest, minlength=len(centroids)).astype(np.float32)
    meta_centroids = unit_rows(cluster_means(centroids, meta, int(meta.max()) + 1, weight))
    report("clustering", _STEPS, _STEPS)
    return Clusters(micro, nearest, centroids, meta, meta_centroids)


@checked
def cluster_means(
    values: FloatArray,
    assignment: NDArray[np.integer],
    count: int,
    weight: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Compute the mean of the rows in each group.

    Parameters
    ----------
    values : (n, columns) floating
        Rows to average.
    assignment : (n,) integer
        Group of each row, 0..count-1.
    count : int
        Number of groups, 1 or more.
    weight : (n,) float32, optional
        Weight of each row, 0 or more; by default all rows weigh the same.

    Returns
    -------
    (count, columns) float32
        The mean of an empty group is 0.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    from scipy.sparse import csr_array

    count = as_count(count, "the number of groups")
    n = _check_groups(values, assignment, count, least=0)
    if weight is None:
        weight = np.ones(n, np.float32)
    elif np.shape(weight) != (n,):
        raise InputError(f"Expected a weight for each of {n} rows, got shape {np.shape(weight)}.")
    member = csr_array((weight, (assignment, np.arange(n))), shape=(count, n))
    total = np.maximum(member.sum(axis=1), np.finfo(np.float32).tiny)
    return np.asarray((member @ values) / total[:, None], dtype=np.float32)


def nearest_centroids(vectors: FloatArray, centroids: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the centroid with the largest cosine to each vector, (N,) int32, block by block."""
    nearest = np.empty(len(vectors), dtype=np.int32)
    step = max(1, 2**24 // len(centroids))
    for rows, x in unit_blocks(vectors):
        for start in range(0, len(x), step):
            part = x[start : start + step]
            first = rows.start + start
            nearest[first : first + len(part)] = (part @ centroids.T).argmax(axis=1)
    return nearest


def _sample(n: int, size: int, seed: int) -> NDArray[np.intp]:
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def _smooth(vectors: FloatArray, graph: KnnGraph, dimensions: int) -> NDArray[np.float32]:
    """Move every image towards the mean of its neighbours, in the space of the strongest axes."""
    points = unit_rows(principal_components(vectors, min(dimensions, vectors.shape[1])))
    if graph.k == 0:
        return points
    directed = _edges(graph)
    beside = directed + directed.T
    mean = 1.0 / beside.sum(axis=1, dtype=np.float32)[:, None]
    for _ in range(_SMOOTHINGS):
        points = unit_rows(points + (beside @ points) * mean)
    return points


def _density(
    points: NDArray[np.float32], graph: KnnGraph, min_cluster_size: int, min_samples: int
) -> NDArray[np.int32]:
    """Cluster the edges of the graph by HDBSCAN, (n,) int32 with -1 for noise."""
    n, k = len(graph), graph.k
    if n < 2 * min_cluster_size or k == 0:
        return np.full(n, -1, dtype=np.int32)
    return density_clusters(_distances(points, graph), min_cluster_size, min(min_samples, k))


def _distances(points: NDArray[np.float32], graph: KnnGraph) -> csr_array:
    """Return the distances along the edges as one connected, symmetric sparse matrix."""
    from scipy.sparse import csgraph, csr_array, csr_matrix

    n, k = len(graph), graph.k
    length = np.empty((n, k))
    step = max(1, _BLOCK // (k * points.shape[1]))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        cosine = np.einsum("nd,nkd->nk", points[rows], points[graph.indices[rows]])
        length[rows] = np.sqrt(np.maximum(2.0 - 2.0 * cosine, 0.0))
    # Excess of mass adds up densities. With the plain distance it prefers a few huge clusters; the
    # power of the distance is a density in a space of that many dimensions.
    length = np.maximum(length / max(np.median(length), 1e-6), _CLOSEST) ** _DIMENSIONS
    directed = _edges(graph, length)
    edges = directed.maximum(directed.T)
    # HDBSCAN needs a connected graph: the first images of all components are linked in a chain,
    # farther apart than any two neighbours.
    _, component = csgraph.connected_components(edges, directed=False)
    first = np.unique(component, return_index=True)[1]
    far = np.full(len(first) - 1, 2.0 * length.max())
    chain = csr_array((far, (first[:-1], first[1:])), shape=(n, n))
    return csr_matrix(edges + chain + chain.T)


def _join(found: NDArray[np.int32], graph: KnnGraph) -> NDArray[np.int32]:
    """Move noise to the cluster of enough of its mutual neighbours.

    An outlier has neighbours, but is itself a neighbour of none of them, so it stays noise.
    """
    from scipy.sparse import csr_array

    found = found.copy()
    if found.max(initial=-1) < 0:
        return found
    directed = _edges(graph)
    mutual = csr_array(directed.multiply(directed.T))
    for _ in range(_JOININGS):
        noise = np.flatnonzero(found < 0)
        edges = mutual[noise].tocoo()
        inside = found[edges.col] >= 0
        votes = csr_array(
            (edges.data[inside], (edges.row[inside], found[edges.col[inside]])),
            shape=(len(noise), int(found.max()) + 1),
        )
        if not votes.nnz:
            break
        joining = votes.max(axis=1).toarray().ravel() >= _JOIN * graph.k
        found[noise[joining]] = votes.argmax(axis=1).ravel()[joining]
    return found


def _edges(graph: KnnGraph, weights: NDArray[np.floating] | None = None) -> csr_array:
    """Return the directed edges of the graph, (n, n), with weights of 1 or those given, (n, k)."""
    from scipy.sparse import csr_array

    n, k = len(graph), graph.k
    if weights is None:
        weights = np.ones((n, k), np.float32)
    starts = np.arange(n + 1) * k
    return csr_array((weights.ravel(), graph.indices.ravel(), starts), shape=(n, n))


@checked
def cluster_sums(
    vectors: FloatArray, assignment: NDArray[np.int32], count: int
) -> NDArray[np.float32]:
    """Sum the unit vectors of each group, block by block.

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length, which are scaled to length 1; may be a memory map.
    assignment : (N,) int32
        Group of each row, 0..count-1; -1 leaves the row out.
    count : int
        Number of groups, 1 or more.

    Returns
    -------
    (count, d) float32
        The sum of an empty group is 0.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    count = as_count(count, "the number of groups")
    _check_groups(vectors, assignment, count, least=-1)
    total = np.zeros((count, vectors.shape[1]), dtype=np.float32)
    for rows, x in unit_blocks(vectors):
        inside = assignment[rows] >= 0
        group = assignment[rows][inside]
        size = np.bincount(group, minlength=count).astype(np.float32)
        total += cluster_means(x[inside], group, count) * size[:, None]
    return total


def _check_groups(
    values: FloatArray, assignment: NDArray[np.integer], count: int, *, least: int
) -> int:
    """Return the number of rows, or raise `InputError` if they and their groups do not fit."""
    shape, dtype = np.shape(values), getattr(values, "dtype", None)
    if len(shape) != 2 or dtype is None or dtype.kind not in "fiu":
        raise InputError(f"Expected rows of numbers, (n, columns), got {described(values)}.")
    if np.shape(assignment) != shape[:1]:
        raise InputError(
            f"Expected a group for each of {shape[0]} rows, got shape {np.shape(assignment)}."
        )
    if count > _MOST_GROUPS:
        raise InputError(
            f"Expected at most {_MOST_GROUPS:,} groups, got {count:,}: number the groups from 0."
        )
    as_indices(assignment, count, "groups", least=least)
    return int(shape[0])


def _agglomerate(centroids: NDArray[np.float32], n_meta: int | None) -> NDArray[np.int32]:
    count = len(centroids)
    wanted = min(count, n_meta or max(2, round((2 * count) ** 0.5)))
    if wanted == count:
        return np.arange(count, dtype=np.int32)
    from sklearn.cluster import AgglomerativeClustering

    model = AgglomerativeClustering(n_clusters=wanted, metric="cosine", linkage="average")
    labels = model.fit_predict(centroids)
    return numbered_by_appearance(labels)


def numbered_by_appearance(groups: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return groups numbered by first appearance, (n,), so that equal data has equal numbers."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]
