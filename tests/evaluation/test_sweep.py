"""Both loops over a range of temperatures."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import make_world

from protolabel.common.progress import silent
from protolabel.errors import InputError
from protolabel.evaluation import SWEPT_METHODS, sweep_temperatures
from protolabel.refinement import refine


@pytest.fixture(scope="module")
def world():
    return make_world(seed=1)


@pytest.fixture(scope="module")
def sweep(world):
    truth = [world.classes.names[c] for c in world.truth]
    return sweep_temperatures(world.vectors, world.classes, truth=truth)


def test_a_sweep_holds_the_runs_of_both_methods_at_each_temperature(world, sweep):
    assert np.all(np.diff(sweep.temperatures) > 0)
    place = int(np.abs(sweep.temperatures - 0.1).argmin())
    for m, method in enumerate(SWEPT_METHODS):
        run = refine(
            world.vectors,
            world.classes,
            method=method,
            units="images",
            temperature=float(sweep.temperatures[place]),
            iterations=8,
            progress=silent,
        )
        for t, state in enumerate(run.iterations):
            np.testing.assert_array_equal(sweep.labels[m, place, t], state.labels)
            right = np.mean(state.labels == world.truth)
            assert sweep.accuracy[m, place, t] == pytest.approx(right)


def test_all_runs_start_from_zero_shot(sweep):
    for values in (sweep.labels, sweep.prototypes, sweep.spread, sweep.accuracy):
        assert np.all(values[:, :, 0] == values[0, 0, 0])


def test_above_the_limit_the_plain_loop_leaves_the_first_axis_alone_and_collapses(sweep):
    hot = sweep.temperatures > 2 * sweep.limit
    assert hot.any()
    share = sweep.first_axis[0, hot, 1:7]
    assert np.all(np.diff(share) > 0)
    assert np.all(share[:, -1] > 2 * sweep.first_axis[0, hot, 0])
    # As the power iteration says, by the factor limit / temperature in each pass.
    factor = sweep.spread[0, hot, 5] / sweep.spread[0, hot, 4]
    np.testing.assert_allclose(factor, sweep.limit / sweep.temperatures[hot], rtol=0.06)
    assert sweep.collapse[0, -1] > 0
    assert np.all(sweep.spread[0, hot, -1] < 0.05 * sweep.spread[0, hot, 0])


def test_the_anchored_loop_collapses_at_no_temperature(sweep):
    assert np.all(sweep.collapse[1] == -1)
    assert np.all(sweep.accuracy[1, :, -1] > sweep.accuracy[1, :, 0] - 0.01)


def test_unknown_classes_are_left_out_and_no_truth_means_no_accuracy(world):
    few = {"temperatures": [0.1], "iterations": 1}
    assert sweep_temperatures(world.vectors, world.classes, **few).accuracy is None
    truth = [world.classes.names[c] for c in world.truth]
    known = sweep_temperatures(world.vectors, world.classes, truth=truth, **few).accuracy
    part = [name if i % 2 else None for i, name in enumerate(truth)]
    seen = sweep_temperatures(world.vectors, world.classes, truth=part, **few)
    right = seen.labels == world.truth
    np.testing.assert_allclose(seen.accuracy, right[..., 1::2].mean(axis=-1))
    assert known.shape == (2, 1, 2)


def test_two_images_or_one_class_are_refused(world):
    with pytest.raises(InputError, match="at least 3 images and 2 classes, got 2 and 6"):
        sweep_temperatures(world.vectors[:2], world.classes)
