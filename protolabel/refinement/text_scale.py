"""The logit scale of the text, estimated where the given one is too low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.vectors import log_softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.common.vectors import Float32Array

__all__ = ["calibrated_scale"]

UNRELATED = 0.05  # assumed fraction of nearest neighbours that are of an unrelated class

_SAMPLE, _CELLS = 3_000, 2_000_000  # the most images, and cosines, that are used
_STEPS = 20  # of a bisection
_SHARPEST = 1000.0  # times the given scale


def calibrated_scale(
    space: ImageSpace, nearest: NDArray[np.int32], text: Float32Array, scale: float
) -> float:
    """Return the logit scale, raised if the neighbours show that it is too low.

    An encoder that was trained with its own loss, or vectors without a recorded scale, may give
    probabilities that are nearly even. The scale is then the most likely one by temperature
    scaling (Guo et al., ICML 2017), with the name that the nearest neighbour wins in place of the
    true class. On OpenAI's CLIP, whose own scale is 100, this estimate is 50 to 105.

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
    cosine = space.unit(some) @ text.T
    neighbor_name = (space.unit(nearest[some]) @ text.T).argmax(axis=1)
    seen = (1.0 - UNRELATED) * cosine[np.arange(len(some)), neighbor_name]
    seen += UNRELATED * cosine.mean(axis=1)

    def slope(scale: float) -> float:
        """Compute the slope of the log-likelihood, which is concave in the scale."""
        expected = np.einsum("ic,ic->i", np.exp(log_softmax(np.float32(scale) * cosine)), cosine)
        return float((seen - expected).mean(dtype=np.float64))

    if slope(scale) <= 0:
        return scale
    low, high = scale, scale * _SHARPEST
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return high
