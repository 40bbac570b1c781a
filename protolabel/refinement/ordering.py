"""Sort many images by cluster, so that neighbours are near in memory.

Neighbours vote on one another in every pass, and with a million images in random order each vote
waits for the memory. With the images of a cluster side by side, most votes are read from the
processor's cache. The vectors keep their order on disk.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from protolabel.clustering.neighbors import KnnGraph
from protolabel.common.later import Later

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from protolabel.clustering.clusters import Clusters
    from protolabel.refinement.iteration import Iteration, LoopInput, LoopResult, Passes, Seen

__all__ = ["by_cluster"]

FEWEST = 50_000  # images: the responsibilities of fewer fit in the cache anyway


def by_cluster(
    prepare: Callable[[LoopInput], Callable[[Passes], LoopResult]], given: LoopInput
) -> Callable[[Passes], LoopResult]:
    """Prepare a loop for the images in the order of their clusters.

    Parameters
    ----------
    prepare : callable
        Prepares a loop whose result does not depend on the order of the images.
    given : LoopInput
        Its input. Few images, images without clusters, and images whose neighbours or clusters
        the loop has to find keep their order.

    Returns
    -------
    callable
        The loop; its results are in the order of the input.
    """
    clusters, n = given.clusters, len(given.images.space)
    if n < FEWEST or clusters is None or not _is_found(given):
        return prepare(given)
    order = np.lexsort((clusters.nearest, clusters.meta_of_images))
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    pins = given.pins.copy()
    pins[:, 0] = place[pins[:, 0]]
    first, second = given.first_clusters, given.second
    loop = prepare(
        replace(
            given,
            images=_reordered(given.images, order, place),
            second=None if second is None else _reordered(second, order, place),
            clusters=_clusters(clusters, order),
            first_clusters=None if first is None else _clusters(first, order),
            pins=pins[np.argsort(pins[:, 0])],
        )
    )

    def run(passes: Passes) -> LoopResult:
        result = loop(passes)
        return replace(result, iterations=tuple(_back(state, place) for state in result.iterations))

    return run


def _is_found(given: LoopInput) -> bool:
    """Return whether the loop has no neighbours and no clusters to find by itself."""
    seen = [given.images] if given.second is None else [given.images, given.second]
    graphs = [view.graph for view in seen]
    return all(
        graph is not None and len(graph) == len(given.images.space) for graph in graphs
    ) and (given.second is None or given.first_clusters is not None)


def _clusters(clusters: Clusters, order: NDArray[np.int64]) -> Clusters:
    return replace(clusters, micro=clusters.micro[order], nearest=clusters.nearest[order])


def _reordered(seen: Seen, order: NDArray[np.int64], place: NDArray[np.int64]) -> Seen:
    graph = seen.graph
    if graph is not None:
        near = place.astype(np.int32)[graph.indices[order]]
        graph = KnnGraph(near, graph.similarities[order])
    return replace(seen, space=seen.space.reordered(order), graph=graph)


def _back(state: Iteration, place: NDArray[np.int64]) -> Iteration:
    ranks = state.ranks
    return replace(state, labels=state.labels[place], ranks=Later(lambda: ranks().at(place)))
