"""What the benchmark says of labels against the truth, and of a method over its draws.

Whether confidence means something is `protolabel.evaluation.calibration`.
"""

from __future__ import annotations

import numpy as np

__all__ = ["gain_interval", "harm_share", "macro_accuracy", "micro_accuracy"]


def micro_accuracy(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of right labels; (N,) class indices, images whose truth is -1 (junk) do not count."""
    real = truth >= 0
    return float(np.mean(labels[real] == truth[real]))


def macro_accuracy(labels: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that have images of the share of theirs that are labelled right."""
    real = truth >= 0
    size = np.bincount(truth[real])
    right = np.bincount(truth[real], weights=labels[real] == truth[real])
    return float(np.mean(right[size > 0] / size[size > 0]))


def gain_interval(
    before: np.ndarray,
    after: np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean gain over the draws, and its paired bootstrap interval.

    Percentile bootstrap of the differences (Efron and Tibshirani, 1993): a draw is taken or left
    with both of its accuracies.

    Parameters
    ----------
    before, after
        (D,) accuracies of two methods on the same draws.

    Returns
    -------
    tuple
        mean, lower end, upper end. One draw gives an interval of width zero.
    """
    gain = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    picked = np.random.default_rng(seed).integers(len(gain), size=(resamples, len(gain)))
    tail = (1 - level) / 2
    low, high = np.quantile(gain[picked].mean(axis=1), [tail, 1 - tail])
    return float(gain.mean()), float(low), float(high)


def harm_share(before: np.ndarray, after: np.ndarray, *, margin: float = 0.01) -> float:
    """Share of draws, (D,) accuracies each, on which `after` loses more than `margin`."""
    loss = np.asarray(before, dtype=float) - np.asarray(after, dtype=float)
    # A loss of exactly one point is no more than one point, whatever the subtraction rounds to.
    return float(np.mean(loss > margin + 1e-9))
