"""What TransCLIP and StatA share: Gaussians, and assignments that neighbours and text pull at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax, softmax

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from tasks import Task

__all__ = ["FLOOR", "INNER", "NEIGHBOURS", "OUTER", "assign", "log_density", "scatter", "text_log"]

NEIGHBOURS = 3
OUTER = 10  # rounds of assignments, means, variances
INNER = 5  # steps of the assignments in each
FLOOR = 1e-12
"""Below this a variance, or the mass of a class, is zero: identical images, or none."""


def text_log(task: Task) -> np.ndarray:
    """(N, C) float64 log of the zero-shot probabilities."""
    return log_softmax(task.logit_scale * (task.vectors @ task.text.T).astype(float), axis=1)


def log_density(x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """(N, C) log of diagonal Gaussians, less d/2 log 2 pi: mean (C, d), variance (d,) or (C, d)."""
    precision = np.broadcast_to(1 / np.maximum(variance, FLOOR), mean.shape)
    square = (x * x) @ precision.T - 2 * x @ (precision * mean).T
    offset = (precision * mean * mean - np.log(precision)).sum(axis=1)
    return -(square + offset) / 2


def scatter(x: np.ndarray, z: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(C, d) sum_i z_ik (x_i - m_k)^2, without an array of N x C x d."""
    mass = z.sum(axis=0)[:, None]
    return z.T @ (x * x) - 2 * (z.T @ x) * mean + mass * mean * mean


def assign(unary: np.ndarray, graph: csr_array, z: np.ndarray) -> np.ndarray:
    """Repeat z <- softmax(unary + W z): each step majorises the Laplacian by its tangent."""
    for _ in range(INNER):
        z = softmax(unary + graph @ z, axis=1)
    return z
