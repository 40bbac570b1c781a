from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, hypergeom

import protolabel as pl
from protolabel.evaluation import anytime_interval, fixed_size_interval

SLACK = 1e-9


@pytest.mark.parametrize("expected", [None, 0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("population", "n"), [(30, 10), (60, 20), (200, 40)])
def test_a_fixed_size_covers_every_possible_folder_whatever_is_expected(population, n, expected):
    """By the exact distribution: at least 95 % for each number of right labels."""
    ends = [fixed_size_interval(np.arange(n) < x, population, expected) for x in range(n + 1)]
    low, high = (np.array([pair[side] for pair in ends]) for side in (0, 1))
    right = np.arange(population + 1)
    inside = (low - SLACK <= right[:, None] / population) & (
        right[:, None] / population <= high + SLACK
    )
    chance = hypergeom.pmf(np.arange(n + 1), population, right[:, None], n)
    assert (chance * inside).sum(axis=1).min() >= 0.95 - SLACK


@pytest.mark.parametrize("x", [30, 34, 38])
def test_it_is_shorter_where_the_expectation_is_right_and_little_longer_where_it_is_wrong(x):
    width = {}
    for expected in (None, x / 40, x / 40 - 0.3):
        low, high = fixed_size_interval(np.arange(40) < x, 1000, expected)
        assert low < x / 40 < high
        width[expected] = high - low
    assert width[x / 40] < 0.97 * width[None]
    assert width[x / 40 - 0.3] < 1.3 * width[None]


@pytest.mark.parametrize("expected", [-0.1, 1.5, np.nan])
def test_an_expectation_that_is_no_fraction_is_refused(expected):
    with pytest.raises(pl.InputError, match="from 0 to 1"):
        fixed_size_interval(np.ones(3, dtype=bool), 30, expected)


@pytest.mark.parametrize("x", [20, 30, 36, 40])
def test_it_is_shorter_than_clopper_and_pearsons(x):
    low, high = fixed_size_interval(np.arange(40) < x, 2000)
    theirs = (
        beta.ppf(0.025, x, 41 - x),
        1.0 if x == 40 else beta.ppf(0.975, x + 1, 40 - x),
    )
    assert high - low < theirs[1] - theirs[0]


@pytest.mark.parametrize("expected", [None, 0.9])
@pytest.mark.parametrize("accuracy", [0.6, 0.9, 0.98])
def test_someone_who_stops_at_the_worst_moment_is_still_covered(accuracy, expected):
    rng = np.random.default_rng(7)
    population, runs, missed = 60, 150, 0
    truth = np.arange(population) < round(accuracy * population)
    for _ in range(runs):
        right = truth[rng.permutation(population)[:30]]
        missed += any(
            not low - SLACK <= truth.mean() <= high + SLACK
            for low, high in (
                anytime_interval(right[:n], population, expected) for n in range(5, 31, 5)
            )
        )
    assert missed / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


def test_between_two_looks_only_what_is_certain_changes():
    right = np.ones(19, dtype=bool)
    assert anytime_interval(right[:17], 500) == anytime_interval(right[:15], 500)


def test_a_folder_that_was_checked_whole_has_no_interval():
    right = np.array([True, True, False, True])
    assert fixed_size_interval(right, 4) == (0.75, 0.75)
    assert anytime_interval(right, 4) == (0.75, 0.75)


def test_nothing_checked_says_nothing():
    assert fixed_size_interval(np.zeros(0, dtype=bool), 50) == (0, 1)
    assert anytime_interval(np.zeros(0, dtype=bool), 50) == (0, 1)


def test_the_size_of_a_large_folder_does_not_matter():
    right = np.arange(100) < 93
    small, large = (fixed_size_interval(right, n) for n in (50_000, 1_000_000))
    np.testing.assert_allclose(small, large, atol=3e-3)
    assert large[0] < 0.93 < large[1]
