from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pins import PINS, nearest_mean, open_folder, random_pins, tip_adapter, uncertain_pins
from simulated import World, make
from tasks import Task


@pytest.fixture(scope="module")
def folder():
    return open_folder(make(World(classes=4, per_class=30), 0)[0])


@pytest.mark.parametrize("choose", [random_pins, uncertain_pins])
def test_pins_are_true_and_more_hold_the_fewer(folder, choose):
    every = list(choose(folder, np.random.default_rng(0)))
    assert [len(pins) for pins in every] == [4 * count for count in PINS]
    for fewer, more in pairwise(every):
        assert fewer.items() <= more.items()
    assert all(folder.task.truth[image] == label for image, label in every[-1].items())


def test_random_pins_are_as_many_of_each_class(folder):
    *_, most = random_pins(folder, np.random.default_rng(0))
    assert np.bincount(list(most.values())).tolist() == [10] * 4


def test_the_first_uncertain_pins_have_the_smallest_margins(folder):
    first = list(uncertain_pins(folder, np.random.default_rng(0)))[1]
    np.testing.assert_array_equal(list(first), folder.labels({}).least_certain[:4])


def test_the_references_on_points_in_a_plane():
    x = np.array([[1.0, 0], [0.8, 0.6], [0.6, 0.8], [0, 1.0]], np.float32)
    task = Task(x, np.array([0, 0, 1, 1]), np.eye(2, dtype=np.float32))
    np.testing.assert_array_equal(nearest_mean(task, {0: 0, 3: 1}), [0, 0, 1, 1])
    np.testing.assert_array_equal(nearest_mean(task, {0: 0, 1: 1}), [0, 1, 1, 1])
    np.testing.assert_array_equal(nearest_mean(task, {3: 1}), [1, 1, 1, 1])
    np.testing.assert_array_equal(tip_adapter(task, {0: 0}), [0, 0, 1, 1])  # text decides
    np.testing.assert_array_equal(tip_adapter(task, {2: 0}, alpha=1000.0), [0, 0, 0, 0])
