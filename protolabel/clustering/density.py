"""Clusters by density: HDBSCAN on the edges of a graph, from the densest groups upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

__all__ = ["density_clusters"]


def density_clusters(
    edges: csr_matrix, min_cluster_size: int, min_samples: int
) -> NDArray[np.int32]:
    """Cluster the nodes of a graph by HDBSCAN (Campello et al., 2013).

    The clusters and their numbers are those of scikit-learn's ``HDBSCAN(metric="precomputed")``,
    which calls Python for every node more than once and takes four times as long.

    Parameters
    ----------
    edges : (n, n) scipy.sparse.csr_matrix of float64
        Symmetric distances above 0 along the edges of a connected graph, n >= 2; at least
        `min_samples` in every row.
    min_cluster_size : int
        Smallest number of nodes in a cluster, 2..n.
    min_samples : int
        The core distance of a node reaches its neighbour of this rank, 1 or more.

    Returns
    -------
    (n,) int32
        Cluster of every node, 0..K-1; -1 is noise. A single cluster of everything is none: all
        nodes are noise then.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = edges.shape[0]
    first, second, distance = _spanning_tree(edges, min_samples)
    grown = _grow(first, second, min_cluster_size)
    group, large = grown.group, grown.group >= 0
    cluster = _selected(grown, 1.0 / distance)
    # A cluster is what its edges connect, with the edges between few nodes.
    inside = large & (cluster[group] >= 0)
    kept = inside | ~large
    joined = coo_array((np.ones(np.count_nonzero(kept)), (first[kept], second[kept])), (n, n))
    count, part = connected_components(joined, directed=False)
    found = np.full(count, -1, np.int32)
    found[part[first[inside]]] = cluster[group[inside]]
    return np.asarray(found[part])


@dataclass(frozen=True, eq=False)
class _Grown:
    """Groups of nodes that grow while edges are added, and end where two of them meet.

    Attributes
    ----------
    group : (n - 1,) int64
        Group whose nodes each edge connects, 0..G-1; -1 while they are few.
    arriving : (n - 1,) int64
        Number of nodes that each edge brings into its group.
    halves : list of G pairs of int, or None
        The two groups that met and became a group, the earlier ones first; None for a group that
        grew out of few nodes.
    """

    group: NDArray[np.int64]
    arriving: NDArray[np.int64]
    halves: list[tuple[int, int] | None]


def _spanning_tree(
    edges: csr_matrix, min_samples: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Return the ends and lengths of the minimum spanning tree, the shortest edges first.

    A length is the mutual reachability: at least the core distance of either end.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = edges.shape[0]
    edges = edges.sorted_indices()
    row = np.repeat(np.arange(n, dtype=np.int32), np.diff(edges.indptr))
    # Conversion to rows is a stable sort: it leaves the distances of each node in their order.
    order = np.argsort(edges.data)
    rising = csr_matrix((edges.data[order], (row[order], np.arange(len(row)))), (n, len(row)))
    core = rising.data[edges.indptr[:-1] + min_samples - 1]
    length = np.maximum(edges.data, np.maximum(core[row], core[edges.indices]))
    tree = minimum_spanning_tree(csr_matrix((length, edges.indices, edges.indptr), (n, n))).tocoo()
    order = np.argsort(tree.data)
    return tree.row[order], tree.col[order], tree.data[order]


def _grow(first: NDArray[np.int32], second: NDArray[np.int32], smallest: int) -> _Grown:
    """Add the edges of the tree in their order, and follow groups of at least `smallest` nodes."""
    n = len(first) + 1
    above, size, own = list(range(n)), [1] * n, [-1] * n  # a forest; the last two of its roots
    group, arriving = [-1] * (n - 1), [0] * (n - 1)
    halves: list[tuple[int, int] | None] = []
    for number, ends in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        root, other = ends
        while above[root] != root:
            above[root] = root = above[above[root]]
        while above[other] != other:
            above[other] = other = above[above[other]]
        left, right, total = own[root], own[other], size[root] + size[other]
        joined, more = max(left, right), total
        if left >= 0 and right >= 0:
            joined = len(halves)
            halves.append((left, right))
        elif joined >= 0:
            more = size[root] if left < 0 else size[other]
        elif total >= smallest:
            joined = len(halves)
            halves.append(None)
        if size[root] < size[other]:
            root, other = other, root
        above[other], size[root], own[root] = root, total, joined
        group[number], arriving[number] = joined, more
    return _Grown(np.array(group), np.array(arriving), halves)


def _selected(grown: _Grown, density: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the cluster of every group, (G,) int32, -1 if it is in none, by excess of mass.

    The excess of a group is the sum over its nodes of how much denser they were when they arrived
    than where the group ended. A group is a cluster if its own excess is at least that of the
    clusters inside it.
    """
    halves, large = grown.halves, grown.group >= 0
    group, density = grown.group[large], density[large]
    count = len(halves)
    born = np.full(count, np.inf)
    np.minimum.at(born, group, -density)  # the first edge is the densest
    end = np.zeros(count)
    for own, pair in enumerate(halves):
        if pair is not None:
            end[list(pair)] = -born[own]
    excess = np.bincount(group, (density - end[group]) * grown.arriving[large], minlength=count)

    best = excess.tolist()
    chosen = [True] * count
    for own, pair in enumerate(halves[:-1]):
        if pair is not None and (inner := best[pair[0]] + best[pair[1]]) > best[own]:
            best[own], chosen[own] = inner, False
    # Clusters are numbered as a search of the tree of all edges meets them, level by level, from
    # the last group on, which is never a cluster.
    edges = np.bincount(group, minlength=count).tolist()
    splits: list[tuple[int, int, tuple[int, int]]] = []
    below = [(count - 1, 0)]
    while below:
        own, level = below.pop()
        pair, level = halves[own], level + edges[own]
        if pair is not None and (own == count - 1 or not chosen[own]):
            splits.append((level, len(splits), pair))
            below += (pair[1], level), (pair[0], level)
    tops = [own for *_, pair in sorted(splits) for own in pair if chosen[own]]
    cluster = np.full(count, -1, np.int32)
    cluster[tops] = np.arange(len(tops))
    for own in range(count - 1, -1, -1):
        if cluster[own] >= 0 and (pair := halves[own]) is not None:
            cluster[list(pair)] = cluster[own]
    return cluster
