"""The logit scale of the text, where the given one is too soft to say anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import log_softmax, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.common.vectors import Float32Array

__all__ = ["audible_scale"]

AUDIBLE = 0.5  # of the agreement of neighbours that the probabilities of the text have to expect

_SAMPLE, _CELLS = 3_000, 2_000_000  # images, and numbers, that are looked at
_STEPS = 20  # of a bisection
_SHARPEST = 1000.0  # times the given scale


def audible_scale(
    space: ImageSpace, nearest: NDArray[np.int32], text: Float32Array, scale: float
) -> float:
    """Return the logit scale, raised if the text would hardly have a say.

    An encoder that was trained with its own loss, or vectors without a recorded scale, may give
    probabilities that are nearly even, while nearest neighbours win the same name most of the
    time. Two draws from the probabilities of neighbours should then agree at least half as often
    as the names that win; those of CLIP agree 0.65 to 0.99 as often.

    Parameters
    ----------
    space : ImageSpace
        N images.
    nearest : (N,) int32
        The nearest neighbour of every image.
    text : (C, d) float32
        Unit text vectors.
    scale : float
        The given scale, above 0.

    Returns
    -------
    float
        `scale` or more.
    """
    if len(nearest) < 3 or len(text) < 2:
        return scale
    limit = max(1, min(_SAMPLE, _CELLS // len(text)))
    some = np.arange(0, len(nearest), -(-len(nearest) // limit))
    here = unit_rows(space.vectors[some]) @ text.T
    there = unit_rows(space.vectors[nearest[some]]) @ text.T
    wanted = AUDIBLE * float(np.mean(here.argmax(axis=1) == there.argmax(axis=1)))

    def expected(scale: float) -> float:
        p, q = (np.exp(log_softmax(np.float32(scale) * side)) for side in (here, there))
        return float(np.einsum("ic,ic->i", p, q).mean(dtype=np.float64))

    if expected(scale) >= wanted:
        return scale
    low, high = scale, scale * _SHARPEST
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if expected(middle) < wanted else (low, middle)
    return high
