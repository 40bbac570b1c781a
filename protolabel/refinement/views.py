"""Image vectors as the anchored loop reads them: where classes stand, how far each image is.

There may be two views of the same images: the vectors that share a space with the text, and the
visual vectors of a second encoder, which has no text but may tell classes apart better. (Two spaces
learnt apart from one another agree on what is really there: TURTLE, Gadetsky et al., ICML 2024.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protolabel.clustering.image_space import (
    ImageSpace,
    axis_weights,
    image_space,
    squared_distances,
)
from protolabel.common.vectors import FloatArray, remember, unit_blocks
from protolabel.refinement.prototypes import Prototypes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.refinement.agreement import Witnesses

__all__ = ["View", "Visual", "trust"]

Floats = NDArray[np.float32]

ANCHOR_WEIGHT = 4.0  # alpha: the anchor counts like so many images of its class
DOUBT = 0.05  # autocorrelation at which visual vectors are trusted by half


@dataclass(frozen=True, eq=False)
class Visual:
    """Visual vectors (N, d2), the (N, N) vote matrix of their neighbours, and the witnesses."""

    vectors: FloatArray
    neighbors: csr_array
    witnesses: Witnesses


class View:
    """The classes in one set of image vectors; `update` moves them.

    Parameters
    ----------
    vectors
        (N, d) floating; read block by block.
    anchors
        (C, d) float32, relative to the mean image: where a class without images stands.
    weight
        (N, 1) float32, how much each image counts.
    share
        0..1, how much the distances in this view count.
    """

    def __init__(self, vectors: FloatArray, anchors: Floats, weight: Floats, share: float) -> None:
        self.vectors, self.anchors, self.share = vectors, anchors, share
        self.centres = anchors.astype(np.float64)
        self.space: ImageSpace = space_of(vectors)
        self._weight, self._total = weight, float(weight.sum(dtype=np.float64))
        self._square = float(weight[:, 0] @ self.space.square.astype(np.float64)) / self._total
        self._square_along = (
            weight[:, 0] @ np.square(self.space.along, dtype=np.float64) / self._total
        )

    def update(self, g: Floats, temperature: float) -> tuple[Prototypes, Floats]:
        """Move the prototypes to where responsibilities `g` (N, C) put them.

        Returns
        -------
        prototypes, distances
            Where the classes stand now, and (N, C) float32 squared distances to them.
        """
        space, total = self.space, self._total
        # In float64: a float32 sum down a column of a million rows loses its small terms.
        held = (self._weight * g).sum(axis=0, dtype=np.float64)[:, None]
        sums = _weighted_sums(self.vectors, space.mean, self._weight * g)
        self.centres = centres = (sums + ANCHOR_WEIGHT * self.anchors) / (held + ANCHOR_WEIGHT)
        # Variance within the classes from sums that are at hand, without another pass:
        # sum g (z - P)^2 = sum z^2 - 2 P sum g z + P^2 sum g.
        within = self._square + _moved(held, centres, sums).sum() / total
        axes = space.axes.T.astype(np.float64)
        along = self._square_along + _moved(held, centres @ axes, sums @ axes).sum(axis=0) / total
        weights = axis_weights(along, float(within) / len(space.mean), len(self.vectors))
        near = centres.astype(np.float32)
        distance = squared_distances(self.vectors, space, near, weights)
        spread = float(np.einsum("ic,ic->i", g, distance).mean(dtype=np.float64))
        sharpness = self.share / (2.0 * max(spread, 1e-12) * temperature)
        return Prototypes(space.mean, near, space.axes, weights, sharpness), distance


def space_of(vectors: FloatArray) -> ImageSpace:
    """Describe images around their mean; kept as long as the vectors are, where they can be."""
    return remember(vectors, "image space", None, lambda: image_space(vectors))


def trust(neighbors: csr_array, g: Floats) -> float:
    """How far visual vectors know the classes, 0..1, from the text votes `g` (N, C) alone.

    Moran's I (Biometrika 1950) of the text votes over the neighbours: 0 where neighbours agree
    on classes no more than strangers do, as in vectors that only see style. The text cannot see
    these vectors, so what agrees is neither's error. ``I^2 / (I^2 + 0.05^2 + 1/edges)``: the last
    term is what chance gives in a small folder.
    """
    centred = g - g.mean(axis=0, dtype=np.float64).astype(np.float32)
    own = float(np.square(centred).sum(dtype=np.float64)) / len(g)
    edges = float(neighbors.nnz) / 2
    if own <= 0 or edges == 0:
        return 0.0
    total = float(neighbors.sum(dtype=np.float64))
    shared = float((centred * (neighbors @ centred)).sum(dtype=np.float64)) / total
    square = max(shared / own, 0.0) ** 2
    return square / (square + DOUBT**2 + 1.0 / edges)


def _moved(
    held: NDArray[np.float64], centres: NDArray[np.float64], sums: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Change of the sum of squares of each class by taking it around its centre, not the mean."""
    return held * centres**2 - 2.0 * centres * sums


def _weighted_sums(vectors: FloatArray, mean: Floats, g: Floats) -> NDArray[np.float64]:
    """Return sum_i g_ic (x_i - mean), (C, d) float64."""
    sums = -np.outer(g.sum(axis=0, dtype=np.float64), mean)
    for rows, x in unit_blocks(vectors):
        sums += g[rows].T @ x
    return sums
