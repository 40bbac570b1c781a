"""Which images a person should correct next, so that few corrections improve many labels."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import as_count, checked
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.refinement.labels import Labels

__all__ = ["next_to_correct"]

NEIGHBORS = 15  # neighbours that a correction tells something about
REACH = 0.5  # a neighbour counts 1/e at this fraction of the median distance to the fifth
_FIFTH = 4


@checked
def next_to_correct(labels: Labels, graph: KnnGraph, count: int) -> NDArray[np.int64]:
    """Choose the images that a person should look at next, the most useful first.

    An image is useful if its own label and those of its neighbours are doubtful, and if no pinned
    or chosen image is near, because a correction also tells something about its neighbours.

    Parameters
    ----------
    labels : Labels
        Labels of N images.
    graph : KnnGraph
        Neighbours of the same images.
    count : int
        Number of images to choose, 0 or more; all that are not pinned if there are fewer.

    Returns
    -------
    ndarray
        (n,) int64 image indices, without pinned images.

    Raises
    ------
    InputError
        If the graph is of other images, or `count` is not a whole number of 0 or more.

    Notes
    -----
    Greedy maximisation of ``sum_j (1 - agreement_j) max_i k_ij`` over the chosen and the pinned
    images i, with ``k_ij = exp(-(1 - cosine) / reach)`` for an image and its neighbours. This is
    uncertainty herding (Bae et al., ICLR 2025): coverage (ProbCover, Yehuda et al., NeurIPS 2022)
    weighted by doubt. The sum is submodular, so a gain that was computed earlier is an upper bound
    (Minoux, 1978), and few gains have to be computed again.
    """
    if len(graph) != len(labels):
        raise InputError(
            f"Expected neighbours of {len(labels)} images, got {len(graph)}: pass the graph of the "
            "labelled images."
        )
    count = as_count(count, "a number of images", 0)
    n, k = len(labels), min(NEIGHBORS, graph.k)
    doubt = 1.0 - labels.agreement
    near, kernel = graph.indices[:, :k], _kernel(graph, k)
    covered = np.zeros(n, dtype=np.float32)

    def gain(image: int) -> float:
        around = near[image]
        more = np.maximum(kernel[image] - covered[around], 0.0)
        return float(doubt[around] @ more + doubt[image] * (1.0 - covered[image]))

    def cover(images: NDArray[np.int64]) -> None:
        np.maximum.at(covered, near[images], kernel[images])
        covered[images] = 1.0

    pinned = np.flatnonzero(labels.pinned)
    cover(pinned)
    bound = (doubt[near] * np.maximum(kernel - covered[near], 0.0)).sum(axis=1)
    bound += doubt * (1.0 - covered)
    bound[pinned] = -np.inf
    order = np.argsort(-bound, kind="stable")[: n - len(pinned)]
    limit = np.append(bound[order], -np.inf)
    chosen: list[int] = []
    waiting: list[tuple[float, int]] = []  # (-gain, image), as it was when last computed
    seen = 0
    while len(chosen) < min(count, len(order)):
        while limit[seen] > (-waiting[0][0] if waiting else -np.inf):
            image = int(order[seen])
            heapq.heappush(waiting, (-gain(image), image))
            seen += 1
        image = heapq.heappop(waiting)[1]
        now = gain(image)
        if (waiting and now < -waiting[0][0]) or now < limit[seen]:
            heapq.heappush(waiting, (-now, image))
        else:
            chosen.append(image)
            cover(np.array([image]))
    return np.array(chosen, dtype=np.int64)


def _kernel(graph: KnnGraph, k: int) -> NDArray[np.float32]:
    """Return how much a correction tells about each of `k` neighbours, (N, k) float32 in 0..1."""
    away = 1.0 - graph.similarities[:, :k]
    if not away.size:
        return away
    typical = float(np.median(away[:, min(_FIFTH, k - 1)]))
    kernel: NDArray[np.float32] = np.exp(-np.maximum(away, 0.0) / max(REACH * typical, 1e-6))
    return kernel
