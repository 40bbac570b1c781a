"""Metrics of the benchmark: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from metrics import gain_interval, harm_share, macro_accuracy, micro_accuracy


def test_accuracy_counts_images_or_classes_and_no_junk() -> None:
    truth = np.array([0, 0, 0, 2, -1, -1])
    labels = np.array([0, 0, 0, 1, 0, 2])
    assert micro_accuracy(labels, truth) == 3 / 4
    assert macro_accuracy(labels, truth) == 1 / 2  # class 1 has no image


def test_micro_and_macro_agree_on_equal_classes() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 25)
    labels = rng.integers(4, size=100)
    assert micro_accuracy(labels, truth) == pytest.approx(macro_accuracy(labels, truth))


def test_interval_of_a_constant_gain_is_the_constant() -> None:
    before = np.random.default_rng(0).uniform(size=20)
    assert gain_interval(before, before + 0.25) == pytest.approx((0.25, 0.25, 0.25))


def test_interval_of_one_draw_has_no_width() -> None:
    assert gain_interval(np.array([0.5]), np.array([0.75])) == (0.25, 0.25, 0.25)


def test_interval_is_the_one_of_a_normal_mean() -> None:
    gain = np.random.default_rng(0).normal(0.02, 0.05, size=400)
    mean, low, high = gain_interval(np.zeros(400), gain)
    half = 1.96 * gain.std() / 20
    assert mean == pytest.approx(gain.mean())
    assert low == pytest.approx(mean - half, abs=0.1 * half)
    assert high == pytest.approx(mean + half, abs=0.1 * half)


def test_interval_is_paired_and_seeded() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(size=20)
    after = before + rng.normal(0.02, 0.001, size=20)
    _, low, high = gain_interval(before, after)
    assert 0.018 < low < high < 0.022  # far narrower than the spread of the draws
    assert gain_interval(before, after) == gain_interval(before, after)
    assert gain_interval(before, after, seed=1) != gain_interval(before, after)


def test_harm_is_a_loss_of_more_than_a_point() -> None:
    before = np.array([0.9, 0.9, 0.9, 0.9])
    assert harm_share(before, np.array([0.95, 0.9, 0.89, 0.88])) == 1 / 4
    assert harm_share(before, np.array([0.95, 0.9, 0.89, 0.88]), margin=0) == 2 / 4
