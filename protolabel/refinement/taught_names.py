"""What pins teach about the names: a small change of every text vector.

As in the task residuals of Yu et al. ("Task Residual for Tuning Vision-Language Models", CVPR
2023), a vector is added to each text vector, and it is kept small so that few images do not undo
what the text knows (Silva-Rodriguez et al., CVPR 2024).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.threads import one_matrix_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.clustering.image_space import ImageSpace
    from protolabel.common.vectors import Float32Array

__all__ = ["taught_names"]

TAUGHT_VARIANCE = 8.0  # squared log-odds: how far the text may be wrong about a typical image
_STEPS = 60  # of the fit
_LEAST_SPREAD = 1e-6  # mean squared distance from the mean image: images that are all alike


def taught_names(
    space: ImageSpace, text_votes: Float32Array, pins: NDArray[np.int64], prior_pins: float
) -> Float32Array:
    """Return what to add to the scaled text vectors, (C, d) float32.

    The most likely change W of a logistic regression of the pins on their vectors around the mean
    image, z, beside the votes of the text::

        sum over pins of w log softmax_c(text_votes_c + W_c . z)_label - |W|^2 / (2 v)

    The prior variance v is such that the change of a vote on a typical image has a variance of 8
    before any pin. A class with P pins has w = P / (P + prior_pins), so that a single pin, which
    may be wrong or unusual, changes little.

    Parameters
    ----------
    space : ImageSpace
        N images in d dimensions.
    text_votes : (N, C) float32
        Log-probabilities of the text.
    pins : (P, 2) int64
        Image index and class index, one pin or more.
    prior_pins : float
        Pseudo-count of pins that agree with the name, 0 or more.
    """
    from scipy.optimize import minimize

    image, label = pins[:, 0], pins[:, 1]
    z = (space.unit(image) - space.mean).astype(np.float64)
    votes = text_votes[image].astype(np.float64)
    said = np.zeros_like(votes)
    said[np.arange(len(label)), label] = 1.0
    count = np.bincount(label)[label]
    weight = count / (count + prior_pins)
    spread = float(space.square.mean(dtype=np.float64))
    deviation = np.sqrt(TAUGHT_VARIANCE / max(spread, _LEAST_SPREAD))

    with one_matrix_thread():
        # W lies in the span of the pins, so it is sought along their principal axes.
        left, size, axes = np.linalg.svd(z, full_matrices=False)
        along = left * size * deviation

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            change = flat.reshape(along.shape[1], -1)
            logits = votes + along @ change
            logits -= logits.max(axis=1, keepdims=True)
            odds = np.exp(logits)
            total = odds.sum(axis=1)
            unlikely = float(weight @ (np.log(total) - (logits * said).sum(axis=1)))
            slope = along.T @ (weight[:, None] * (odds / total[:, None] - said)) + change
            return unlikely + 0.5 * float(flat @ flat), slope.ravel()

        start = np.zeros(along.shape[1] * votes.shape[1])
        options = {"maxiter": _STEPS}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
        change = axes.T @ found.reshape(along.shape[1], -1)
    taught: Float32Array = (deviation * change).T.astype(np.float32)
    return taught
