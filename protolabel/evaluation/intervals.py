"""Confidence intervals for the fraction of right labels, from a sample without replacement.

They are exact for a finite folder: they invert tests of every possible number of right labels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.checks import as_count, as_numbers, checked
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ALPHA", "anytime_interval", "fixed_size_interval"]

ALPHA = 0.05
_LOOK = 5  # images between two looks of the anytime interval
_HALF_SPENT = 35.0  # images after which half of the error probability is spent
_GRID = 2000  # numbers of right labels that are tested at most; a grid of them in larger folders
_WORTH = 20.0  # the expected fraction is a prior worth so many checked images ...
_DOUBT = 0.2  # ... mixed with a flat prior of this weight
_ROUNDED = 3  # decimals of the expected fraction, so that acceptance regions can be cached

_Region = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@checked
def fixed_size_interval(
    right: NDArray[np.bool_], population: int, expected: float | None = None
) -> tuple[float, float]:
    """Return the 95 % interval for a sample whose size was chosen in advance.

    Parameters
    ----------
    right : ndarray
        (n,) bool: whether each checked label is right.
    population : int
        Number of labels, N, from which they were drawn without replacement.
    expected : float, optional
        The fraction of right labels, 0..1, that is expected before any is checked, such as the
        mean agreement. The interval is shorter if it is near the truth, but holds in any case.

    Returns
    -------
    tuple of float
        Lower and upper end in 0..1; (0, 1) without images.

    Notes
    -----
    The interval inverts exact tests of every possible number of right labels, K, by the
    hypergeometric distribution of a simple random sample. Each test accepts counts that hold 95 %
    of its probability, and among such sets the one that is least likely under a prior. The
    interval therefore has the least expected length under the prior, and 95 % coverage for every
    K (Pratt, JASA 1961; Yu and Hoff, Biometrika 2018). The prior is a beta-binomial around the
    expected fraction, mixed with a flat one. For a stratified sample, which varies about as much
    or less, coverage is measured, not proven (``tests/benchmarks/audit_coverage.py``).
    """
    return _invert(right, population, expected, {np.size(right): ALPHA})


@checked
def anytime_interval(
    right: NDArray[np.bool_], population: int, expected: float | None = None
) -> tuple[float, float]:
    """Return the 95 % interval that holds whenever the person stops.

    Parameters
    ----------
    right : ndarray
        (n,) bool: whether each checked label is right, in the order of the draw.
    population : int
        Number of labels, N, from which they were drawn without replacement.
    expected : float, optional
        As for `fixed_size_interval`.

    Returns
    -------
    tuple of float
        Lower and upper end in 0..1.

    Notes
    -----
    A confidence sequence (Waudby-Smith and Ramdas, NeurIPS 2020, for sampling without
    replacement): the probability that any of the intervals, from the first image to the last,
    misses the truth is at most 5 %. Instead of betting, the exact distribution of the running
    count is followed for each K, and the 5 % are spent by an error-spending function (Lan and
    DeMets, 1983) at a look after every fifth image; between two looks the last interval holds.
    """
    answers = np.size(right)
    looks = {n: ALPHA * (1.0 - 0.5 ** (n / _HALF_SPENT)) for n in range(_LOOK, answers + 1, _LOOK)}
    return _invert(right, population, expected, looks)


def _invert(
    right: NDArray[np.bool_], population: int, expected: float | None, looks: dict[int, float]
) -> tuple[float, float]:
    """Return the ends of the fractions K / N that no look rejects.

    Raises
    ------
    InputError
        If the answers are no sample of the population, or the expected fraction is not in 0..1.

    Parameters
    ----------
    right : (n,) bool
        In the order of the draw.
    population : int
        N.
    expected : float or None
        Fraction in 0..1.
    looks : mapping of int to float
        Number of images at each look -> error probability that is spent up to it.
    """
    right = as_numbers(right, "right", None).astype(bool)
    x_now, n_now = int(right.sum()), len(right)
    population = as_count(population, f"the number of labels of which {n_now} were drawn",
                          max(1, n_now))  # fmt: skip
    if expected is not None:
        if not 0.0 <= expected <= 1.0:
            raise InputError(
                f"Expected a fraction of right labels from 0 to 1, got {expected!r}: divide a "
                "percentage by 100."
            )
        expected = round(float(expected), _ROUNDED)
    tested = _tested(population)
    kept = np.ones(len(tested), dtype=bool)
    regions = _regions(population, expected, tuple(looks.items()))
    for n, (low, high) in zip(looks, regions, strict=True):
        x = int(right[:n].sum())
        accepted = kept & (low <= x) & (x <= high)
        if accepted.any():  # all rejected: the last interval stays
            kept = accepted
    # Numbers between two tested ones may hold too; images not checked may all be wrong, or right.
    step, tested = max(1.0, population / _GRID) - 1.0, tested[kept]
    low_end = max(float(x_now), float(tested[0]) - step)
    high_end = min(float(population - n_now + x_now), float(tested[-1]) + step)
    return low_end / population, high_end / population


def _tested(population: int) -> NDArray[np.float64]:
    """Return the numbers of right labels, K, that are tested."""
    tested: NDArray[np.float64] = np.unique(np.linspace(0, population, _GRID + 1).round())
    return tested


@lru_cache(maxsize=256)
def _regions(
    population: int, expected: float | None, looks: tuple[tuple[int, float], ...]
) -> list[_Region]:
    """Return the lowest and highest accepted count of each tested K at each look."""
    budget, k = dict(looks), _tested(population)
    spent, mass = np.zeros(len(k)), np.ones((len(k), 1))
    regions = [(np.zeros(len(k), dtype=np.int64),) * 2] if 0 in budget else []
    for n in range(1, max(budget, default=0) + 1):
        before = mass.shape[1]
        more = np.clip((k[:, None] - np.arange(before)) / (population - n + 1), 0.0, 1.0)
        grown = np.zeros((len(k), before + 1))
        grown[:, :-1] = mass * (1.0 - more)
        grown[:, 1:] += mass * more
        mass = grown
        if n in budget:
            low, high = _acceptance(mass, budget[n] - spent, _prior(n, expected))
            inside = np.arange(n + 1)
            outside = (inside < low[:, None]) | (inside > high[:, None])
            spent += mass.sum(axis=1, where=outside)
            mass[outside] = 0.0
            regions.append((low, high))
    return regions


def _prior(n: int, expected: float | None) -> NDArray[np.float64]:
    """Return the probability of each count of right labels among n, before any is checked."""
    from scipy.special import betaln

    flat = np.full(n + 1, 1.0 / (n + 1))
    if expected is None:
        return flat
    a = _WORTH * min(max(expected, 0.5 / _WORTH), 1.0 - 0.5 / _WORTH)
    b, x = _WORTH - a, np.arange(n + 1)
    choices = -np.log(n + 1) - betaln(n - x + 1, x + 1)
    around = np.exp(choices + betaln(x + a, n - x + b) - betaln(a, b))
    prior: NDArray[np.float64] = (1.0 - _DOUBT) * around + _DOUBT * flat
    return prior


def _acceptance(
    mass: NDArray[np.float64], budget: NDArray[np.float64], prior: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ends of each row's acceptance region, with at most the budget outside.

    Counts are dropped at either end in turn, first those with the highest ratio of prior to mass.
    """
    rows, last = np.arange(len(mass)), mass.shape[1] - 1
    low = np.zeros(len(mass), dtype=np.int64)
    high = np.full(len(mass), last, dtype=np.int64)
    left = budget.copy()
    going = low < high
    while going.any():
        below, above = mass[rows, low], mass[rows, high]
        first = prior[low] * above >= prior[high] * below
        cut_low = going & (below <= left) & (first | (above > left))
        cut_high = going & (above <= left) & ~cut_low
        left -= np.where(cut_low, below, 0.0) + np.where(cut_high, above, 0.0)
        low, high = low + cut_low, high - cut_high
        going = (cut_low | cut_high) & (low < high)
    return low, high
