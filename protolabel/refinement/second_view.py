"""A second view of the images: the visual vectors of an encoder without text.

It may separate the classes better than the first view. (Two independently trained spaces agree on
the true classes: TURTLE, Gadetsky et al., ICML 2024.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from protolabel.common.vectors import Float32Array

__all__ = ["autocorrelation", "visual_weight"]

DOUBT = 0.05  # autocorrelation at which visual vectors are trusted by half
USELESS, USEFUL = 0.15, 0.4  # autocorrelation relative to the first view's: no trust, and all of it


def visual_weight(second: csr_array, first: csr_array, g: Float32Array) -> float:
    """Return the weight of the visual vectors, 0..1, from the text votes alone.

    With I the autocorrelation of the text votes over the visual neighbours, the weight is
    ``I^2 / (I^2 + 0.05^2 + 1/edges)``, where the last term is what chance gives in a small folder,
    times a rise from 0 at 15 % of the autocorrelation in the first view to 1 at 40 % of it: raw
    pixels carry some information about the classes, but much less than the vectors they would
    overrule.

    Parameters
    ----------
    second, first : (N, N) sparse
        Vote matrices of the neighbours in the visual vectors, and in the vectors of the text.
    g : (N, C) float32
        Probabilities of the text votes.
    """
    edges = float(second.nnz) / 2
    known, reference = autocorrelation(second, g), autocorrelation(first, g)
    if edges == 0 or known <= 0:
        return 0.0
    square = known**2
    alone = square / (square + DOUBT**2 + 1.0 / edges)
    if reference <= 0:
        return alone
    return alone * float(np.clip((known / reference - USELESS) / (USEFUL - USELESS), 0.0, 1.0))


def autocorrelation(neighbors: csr_array, g: Float32Array) -> float:
    """Return Moran's I (Biometrika 1950) of responsibilities over neighbours, about -1..1.

    It is 0 if neighbours agree on classes no more than random images do, as in vectors that
    encode only style. Text and visual vectors err independently, so their agreement is evidence.

    Parameters
    ----------
    neighbors : (N, N) sparse
        Vote matrix of the neighbours.
    g : (N, C) float32
        Responsibilities.
    """
    total = float(neighbors.sum(dtype=np.float64))
    centred = g - g.mean(axis=0, dtype=np.float64).astype(np.float32)
    own = float(np.square(centred).sum(dtype=np.float64)) / len(g)
    if own <= 0 or total <= 0:
        return 0.0
    return float((centred * (neighbors @ centred)).sum(dtype=np.float64)) / total / own
