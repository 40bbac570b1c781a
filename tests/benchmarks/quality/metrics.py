"""What the benchmark says of labels against the truth, and of a method over its draws.

How far the confidence can be trusted (calibration, AUROC) is measured by `protolabel.calibration`.
"""

from __future__ import annotations

import numpy as np

__all__ = ["found_errors", "gain_interval", "harm_share", "macro_accuracy", "micro_accuracy"]


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


def found_errors(confidence: np.ndarray, right: np.ndarray, share: float) -> float:
    """Share of all errors among the least confident `share` of the images.

    A random order finds `share` of them; the best that is possible is share / error rate, at most
    1. Images of the same confidence count as in random order, so that saturated confidences gain
    nothing from the order of the files.

    Parameters
    ----------
    confidence
        (N,) floating.
    right
        (N,) bool.
    share
        In 0..1.

    Returns
    -------
    float
        In 0..1; NaN where there is no error to find.
    """
    wrong = ~np.asarray(right, dtype=bool)
    if not wrong.any():
        return float("nan")
    _, level = np.unique(confidence, return_inverse=True)
    seen = np.concatenate([[0], np.cumsum(np.bincount(level))])
    found = np.concatenate([[0], np.cumsum(np.bincount(level, weights=wrong))])
    return float(np.interp(share * len(wrong), seen, found) / wrong.sum())
