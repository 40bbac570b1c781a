"""Cosines of nearest neighbours as a sparse matrix."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

import protolabel as pl

__all__ = ["image_graph", "text_graph"]


def image_graph(vectors: np.ndarray, k: int) -> csr_array:
    """(N, N) float64: max(0, x_i . x_j) where j is among the `k` nearest of i, not i itself."""
    graph = pl.knn_graph(vectors, k)
    return _rows(graph.indices, graph.similarities, len(vectors))


def text_graph(vectors: np.ndarray, text: np.ndarray, k: int) -> csr_array:
    """(N, C) float64: max(0, x_i . t_c) where c is among the `k` nearest names of i."""
    cosine = vectors @ text.T
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return _rows(nearest, np.take_along_axis(cosine, nearest, axis=1), len(text))


def _rows(columns: np.ndarray, cosine: np.ndarray, width: int) -> csr_array:
    n, k = columns.shape
    weights = np.maximum(cosine, 0).astype(float).ravel()
    return csr_array((weights, columns.ravel(), np.arange(n + 1) * k), shape=(n, width))
