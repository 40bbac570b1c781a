"""Methods that ask every image alone, and plain clustering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import softmax
from sklearn.cluster import KMeans
from tasks import Task, unit

__all__ = ["centred_zero_shot", "kmeans_hungarian", "prompt_ensemble", "zero_shot"]


def zero_shot(task: Task) -> np.ndarray:
    """Softmax of the scaled cosines (Radford et al., "CLIP", ICML 2021)."""
    logits = task.logit_scale * (task.vectors @ task.text.T)
    return softmax(logits.astype(np.float32), axis=1)


def prompt_ensemble(task: Task) -> np.ndarray:
    """Zero-shot with the mean of each class's prompt vectors (Radford et al., ICML 2021).

    A task without prompts has nothing to average: its text is the answer, as in zero-shot.
    """
    if task.prompts is None:
        return zero_shot(task)
    return zero_shot(replace(task, text=unit(task.prompts.mean(axis=1))))


def centred_zero_shot(task: Task) -> np.ndarray:
    """Zero-shot after taking its mean from each modality, which closes the modality gap.

    The mean image stands for no class only where all classes are about equally common.
    """
    images = _centred(task.vectors)
    return zero_shot(replace(task, vectors=images, text=_centred(task.text)))


def kmeans_hungarian(task: Task, *, seed: int = 0) -> np.ndarray:
    """k-means with one cluster a class; clusters take the classes one to one.

    The matching maximises the mean zero-shot probability (Kuhn, "The Hungarian method", 1955).
    Fewer images than classes make fewer clusters, so that some classes stay without.
    """
    text = zero_shot(task)
    count = min(text.shape[1], len(text))
    cluster = KMeans(count, n_init=4, random_state=seed).fit_predict(task.vectors)
    member = np.eye(count, dtype=np.float32)[cluster]
    # A cluster of identical images can leave another empty: it then matches with zeros.
    score = member.T @ text / np.maximum(member.sum(axis=0), 1)[:, None]
    rows, classes = linear_sum_assignment(score, maximize=True)
    label = np.empty(count, dtype=np.int64)
    label[rows] = classes
    return np.eye(text.shape[1], dtype=np.float32)[label[cluster]]


def _centred(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=0)
    # One row alone is its own mean: it has no direction left, and keeps its zeros.
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
