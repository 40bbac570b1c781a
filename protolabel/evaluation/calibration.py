"""Scores of a confidence: its calibration, and how well it ranks right labels above wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import checked
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["calibration_error", "error_auroc", "found_errors"]


@checked
def calibration_error(confidence: ArrayLike, right: ArrayLike, *, bins: int = 15) -> float:
    """Return the expected calibration error.

    Images are binned by confidence into `bins` of equal width. The error is the absolute
    difference of mean confidence and accuracy in each bin, averaged with the bins' image counts
    as weights (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

    Parameters
    ----------
    confidence : array_like
        (N,) floating in 0..1.
    right : array_like
        (N,) bool: whether the label is right.
    bins : int
        Number of bins, at least 1.

    Returns
    -------
    float
        0 (perfectly calibrated) to 1; NaN without images.

    Raises
    ------
    InputError
        If the shapes, types or ranges do not fit.
    """
    p, hit = _pair(confidence, right)
    if bins < 1:
        raise InputError(f"Expected at least 1 bin, got {bins}: try 15.")
    if ((p < 0) | (p > 1)).any():
        raise InputError(
            f"Expected confidence in 0..1, got {p.min():g} to {p.max():g}: pass probabilities."
        )
    if not len(p):
        return float("nan")
    place = np.minimum(np.floor(p * float(bins)), float(bins) - 1.0)
    # Only bins that hold an image, however many bins there are.
    excess = np.bincount(np.unique(place, return_inverse=True)[1], weights=p - hit)
    return float(np.abs(excess).sum() / len(p))


@checked
def error_auroc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the area under the ROC curve of right against wrong labels.

    This is the fraction of pairs of a right and a wrong label in which the right one has the
    higher confidence, ties counting half (the rank statistic of Mann and Whitney, 1947).

    Parameters
    ----------
    confidence : array_like
        (N,) floating, any scale.
    right : array_like
        (N,) bool: whether the label is right.

    Returns
    -------
    float
        0.5 (uninformative) to 1 (every error ranks below every right label); NaN if all labels are
        right, or all are wrong.

    Raises
    ------
    InputError
        If the shapes, types or ranges do not fit.
    """
    p, hit = _pair(confidence, right)
    n_right = int(hit.sum())
    n_wrong = len(hit) - n_right
    if not n_right or not n_wrong:
        return float("nan")
    _, place, count = np.unique(p, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2.0  # ties share the mean of their ranks
    above = float(rank[place][hit].sum()) - n_right * (n_right + 1) / 2.0
    return above / (n_right * n_wrong)


@checked
def found_errors(confidence: ArrayLike, right: ArrayLike, fraction: float) -> float:
    """Return the recall of errors among the least confident images.

    Parameters
    ----------
    confidence : array_like
        (N,) floating, any scale. For ties, the expectation over their order is taken.
    right : array_like
        (N,) bool: whether the label is right.
    fraction : float
        Fraction of the images that a person reviews, 0..1, the least confident first.

    Returns
    -------
    float
        0..1, in expectation `fraction` if the confidence is uninformative; NaN without an error.

    Raises
    ------
    InputError
        If the shapes, types or ranges do not fit.
    """
    p, hit = _pair(confidence, right)
    if not 0 <= fraction <= 1:
        raise InputError(
            f"Expected fraction as a share of the images in 0..1, got {fraction!r}: try 0.1."
        )
    wrong = len(hit) - int(hit.sum())
    if not wrong:
        return float("nan")
    values, place, count = np.unique(p, return_inverse=True, return_counts=True)
    errors = np.bincount(place, weights=~hit, minlength=len(values))
    seen, found = (np.concatenate([[0.0], np.cumsum(values)]) for values in (count, errors))
    return float(np.interp(fraction * len(p), seen, found)) / wrong


def _pair(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    p, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right)
    if p.ndim != 1 or p.shape != hit.shape or hit.dtype != np.bool_:
        raise InputError(
            "Expected confidence as (N,) numbers and right as (N,) bools of the same images, got "
            f"{p.shape} and {hit.dtype} of shape {hit.shape}: pass one value for each image to "
            "both."
        )
    return p, hit
