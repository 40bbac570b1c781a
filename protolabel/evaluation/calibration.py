"""Whether a confidence means something: is it a probability, and do errors have less of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["calibration_error", "error_auroc", "found_errors"]


def calibration_error(confidence: ArrayLike, right: ArrayLike, *, bins: int = 15) -> float:
    """Return the expected calibration error: how far confidence is from the share that is right.

    The images are put into `bins` of equal width by their confidence; the differences between
    mean confidence and share of right labels are averaged, each bin weighing as many images as it
    holds (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

    Parameters
    ----------
    confidence
        (N,) 0..1.
    right
        (N,) bool: whether the label is right.
    bins
        Number of bins, at least 1.

    Returns
    -------
    float
        0 (a probability) to 1; NaN without images.

    Raises
    ------
    InputError
        If the arguments do not fit.
    """
    p, hit = _pair(confidence, right)
    if bins < 1:
        raise InputError(f"bins must be at least 1; got {bins}.")
    if ((p < 0) | (p > 1)).any():
        raise InputError(f"confidence must be in 0..1; got {p.min():g} to {p.max():g}.")
    if not len(p):
        return float("nan")
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    excess = np.bincount(place, weights=p - hit, minlength=bins)
    return float(np.abs(excess).sum() / len(p))


def error_auroc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the share of pairs in which a right label has more confidence than a wrong one.

    Ties count half: the area under the ROC curve of right against wrong, from the rank statistic
    (Mann and Whitney, 1947).

    Parameters
    ----------
    confidence
        (N,) any scale.
    right
        (N,) bool: whether the label is right.

    Returns
    -------
    float
        0.5 (says nothing) to 1 (every error is below every right label); NaN where all are right
        or all are wrong.

    Raises
    ------
    InputError
        If the arguments do not fit.
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


def found_errors(confidence: ArrayLike, right: ArrayLike, share: float) -> float:
    """Return the share of all errors that a person finds who looks at the least confident images.

    Parameters
    ----------
    confidence
        (N,) any scale. Among equal values the expectation over their order is taken.
    right
        (N,) bool: whether the label is right.
    share
        How many of the images are looked at, 0..1.

    Returns
    -------
    float
        0..1, `share` itself where the confidence says nothing; NaN without an error.

    Raises
    ------
    InputError
        If the arguments do not fit.
    """
    p, hit = _pair(confidence, right)
    if not 0 <= share <= 1:
        raise InputError(f"share must be in 0..1; got {share!r}.")
    wrong = len(hit) - int(hit.sum())
    if not wrong:
        return float("nan")
    values, place, count = np.unique(p, return_inverse=True, return_counts=True)
    errors = np.bincount(place, weights=~hit, minlength=len(values))
    seen, found = (np.concatenate([[0.0], np.cumsum(one)]) for one in (count, errors))
    return float(np.interp(share * len(p), seen, found)) / wrong


def _pair(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    p, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right)
    if p.ndim != 1 or p.shape != hit.shape or hit.dtype != np.bool_:
        raise InputError(
            "confidence must be (N,) numbers and right (N,) bools of the same images; got "
            f"{p.shape} and {hit.dtype} of shape {hit.shape}."
        )
    return p, hit
