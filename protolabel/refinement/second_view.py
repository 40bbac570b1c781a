"""A second view of the images: the visual vectors of an encoder without text.

It may tell classes apart better than the first one. (Two spaces learnt apart from one another agree
on what is really there: TURTLE, Gadetsky et al., ICML 2024.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.common.vectors import Float32Array

__all__ = ["visual_weight"]

DOUBT = 0.05  # autocorrelation at which visual vectors are trusted by half


def visual_weight(neighbors: csr_array, g: Float32Array) -> float:
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
