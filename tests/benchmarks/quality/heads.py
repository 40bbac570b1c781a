"""Few-shot heads on pins: what a person could do with the same corrections without the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pins import nearest_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks import Task

__all__ = ["HEADS", "logistic_regression", "tip_adapter_f"]

Pins = dict[int, int]


def logistic_regression(task: Task, pins: Pins) -> np.ndarray:
    """A linear probe with the strength of CLIP's paper (Radford et al., ICML 2021), (N,) int."""
    from sklearn.linear_model import LogisticRegression

    image, label = np.array(list(pins)), np.array(list(pins.values()))
    if len(np.unique(label)) < 2:
        return np.full(len(task.vectors), label[0])
    scaled = 10.0 * task.vectors  # about the length of CLIP's vectors
    return LogisticRegression(C=0.316, max_iter=100).fit(scaled[image], label).predict(scaled)


def tip_adapter_f(
    task: Task, pins: Pins, *, alpha: float = 1.0, beta: float = 5.5, epochs: int = 20
) -> np.ndarray:
    """Tip-Adapter-F (Zhang et al., ECCV 2022): vectors of the pins are trained as keys, (N,) int.

    AdamW with a step of 0.001, batches of 256, as in the paper; without its crops of the images
    and its search of alpha and beta on a validation set, which a person has not.
    """
    image, label = np.array(list(pins)), np.array(list(pins.values()))
    x, text = task.vectors[image].astype(float), task.logit_scale * (task.vectors @ task.text.T)
    keys, target = x.copy(), np.eye(len(task.text))[label]
    mean, square, step = np.zeros_like(keys), np.zeros_like(keys), 0
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(image))
        for start in range(0, len(order), 256):
            rows = order[start : start + 256]
            likeness = np.exp(-beta * (1.0 - x[rows] @ keys.T))
            logits = text[image[rows]] + alpha * likeness @ target
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            slope = (p / p.sum(axis=1, keepdims=True) - target[rows]) / len(rows)
            gradient = (beta * alpha * (slope @ target.T) * likeness).T @ x[rows]
            step += 1
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            away = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-4)
            keys -= 0.001 * (away + 0.01 * keys)
    votes = np.exp(-beta * (1.0 - task.vectors @ keys.T)) @ target
    return (text + alpha * votes).argmax(axis=1)


HEADS: dict[str, Callable[[Task, Pins], np.ndarray]] = {
    "nearest class mean": nearest_mean,
    "logistic regression": logistic_regression,
    "Tip-Adapter-F": tip_adapter_f,
}
