"""StatA (Zanella, Fuchs, De Vleeschouwer and Ben Ayed, CVPR 2025), from the paper's maths.

Behaves as published on ten food classes (ViT-B/32): above zero-shot where every class is present
(0.934; zero-shot 0.911), and where few are in a batch of 64 images, the paper's size (2 of 10:
0.947 for 0.894; 2 of 100: 0.862 for 0.801). The anchor weighs as much as one image, so that it
gives way in larger folders: 400 images of 2 classes 0.863 for 0.893, 1000 of 5 0.852 for 0.917
(means of 20 draws).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from peers.graph import image_graph
from peers.mixture import NEIGHBOURS, OUTER, assign, log_density, scatter, text_log

if TYPE_CHECKING:
    from tasks import Task

__all__ = ["stata", "stata_tempered"]


def stata(task: Task, *, alpha: float = 1.0, density_weight: float = 1.0) -> np.ndarray:
    """Gaussian mixture whose means and variances are anchored in the text.

    Adds alpha sum_k KL(N(m', v') || N(m, v)) to the objective of TransCLIP, where the anchor m'_k
    is the text vector of class k and v' the spread of all images around the texts that zero-shot
    gives them. With n_k the mass of a class and b_k = n_k / (n_k + alpha), the minimiser is

        m_k = b_k (mean of its images) + (1 - b_k) m'_k
        v_k = b_k (their spread around m_k) + (1 - b_k) (v' + (m'_k - m_k)^2)

    so that a class without images stays at its text. alpha = 1; the rest as in TransCLIP.
    """
    x = task.vectors.astype(float)
    text = text_log(task)
    graph = image_graph(task.vectors, NEIGHBOURS)
    z = np.exp(text)
    anchor = task.text.astype(float)
    spread = scatter(x, z, anchor).sum(axis=0) / len(x)
    mean, variance = anchor, spread
    for _ in range(OUTER):
        z = assign(text + density_weight * log_density(x, mean, variance), graph, z)
        total = z.sum(axis=0)[:, None] + alpha
        mean = (z.T @ x + alpha * anchor) / total
        variance = (scatter(x, z, mean) + alpha * (spread + (anchor - mean) ** 2)) / total
    return z.astype(np.float32)


def stata_tempered(task: Task) -> np.ndarray:
    """StatA with log p averaged over the d coordinates, as `transclip_tempered`."""
    return stata(task, density_weight=1 / task.vectors.shape[1])
