"""TransCLIP without labels (Zanella, Gerin and Ben Ayed, NeurIPS 2024), from the paper's maths.

Behaves as published on ten food classes of 200 images (ViT-B/32): above StatA where every class
is present (0.955; zero-shot 0.911), far below zero-shot where 2 of the 10 are (0.555; zero-shot
0.893, mean of 20 draws). Of 49 images it makes too much (0.837; zero-shot 0.959): a class smaller
than `CONFIDENT` starts among the images of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from peers.graph import image_graph
from peers.mixture import FLOOR, NEIGHBOURS, OUTER, assign, log_density, scatter, text_log

if TYPE_CHECKING:
    from tasks import Task

__all__ = ["transclip", "transclip_tempered"]

CONFIDENT = 8  # images that a class's mean starts from


def transclip(task: Task, *, density_weight: float = 1.0) -> np.ndarray:
    """Gaussian mixture with one diagonal covariance, a vote of neighbours, a pull to the text.

    Minimises over assignments z, means m and variances v, by block majorise-minimise,

        - sum_i z_i . log p_i - sum_ij w_ij z_i . z_j + sum_i (z_i . log z_i - lambda z_i . log y_i)

    with p the Gaussians, w the cosines of the 3 nearest neighbours, y zero-shot, lambda = 1. A
    mean starts from the 8 images most confident of its class, the variances at 1/d.
    `density_weight` multiplies log p.
    """
    x = task.vectors.astype(float)
    text = text_log(task)
    graph = image_graph(task.vectors, NEIGHBOURS)
    z = np.exp(text)
    first = np.argsort(-z, axis=0, kind="stable")[:CONFIDENT]
    mean = x[first].mean(axis=0)
    variance = np.full(x.shape[1], 1 / x.shape[1])
    for _ in range(OUTER):
        z = assign(text + density_weight * log_density(x, mean, variance), graph, z)
        mass = z.sum(axis=0)[:, None]
        # A class that lost every image keeps its last mean.
        mean = np.where(mass > FLOOR, z.T @ x / np.maximum(mass, FLOOR), mean)
        variance = scatter(x, z, mean).sum(axis=0) / len(x)
    return z.astype(np.float32)


def transclip_tempered(task: Task) -> np.ndarray:
    """TransCLIP with log p averaged over the d coordinates in place of their sum.

    Not in the paper: coordinates of an embedding are far from independent, so that the sum
    drowns the text and the neighbours. Averaged, all three are of one size. A harder rival where
    names are absent or images few.
    """
    return transclip(task, density_weight=1 / task.vectors.shape[1])
