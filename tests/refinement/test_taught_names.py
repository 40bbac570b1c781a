"""What pins teach about names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import make_world

import protolabel as pl
from protolabel.clustering.image_space import image_space
from protolabel.common.progress import silent
from protolabel.common.vectors import log_softmax, unit_rows
from protolabel.refinement.prototypes import text_model
from protolabel.refinement.taught_names import TAUGHT_VARIANCE, taught_names


def drawn(n: int = 40, dim: int = 8, count: int = 3):
    rng = np.random.default_rng(0)
    space = image_space(unit_rows(rng.normal(size=(n, dim)) + 2.0))
    return space, log_softmax(rng.normal(size=(n, count)).astype(np.float32))


def test_the_change_is_where_the_pull_of_the_pins_and_of_the_prior_are_level():
    space, votes = drawn()
    pins = np.array([[3, 0], [4, 0], [9, 2], [11, 0]])
    got = taught_names(space, votes, pins, 2.0)
    z = space.unit(np.arange(40)) - space.mean
    p = np.exp(log_softmax(votes + z @ got.T))
    variance = TAUGHT_VARIANCE / np.square(z).sum(axis=1).mean()
    wanted = np.zeros_like(got)
    for (image, label), weight in zip(pins, (3 / 5, 3 / 5, 1 / 3, 3 / 5), strict=True):
        wanted += variance * weight * np.outer(np.eye(3)[label] - p[image], z[image])
    np.testing.assert_allclose(got, wanted, atol=1e-2)
    assert np.abs(got).max() > 1


def test_pins_of_which_the_text_is_sure_teach_nothing():
    space, _ = drawn()
    votes = np.log(np.full((40, 3), 1e-9, np.float32) + np.eye(3, dtype=np.float32)[0])
    assert np.abs(taught_names(space, votes, np.array([[0, 0], [1, 0]]), 2.0)).max() < 1e-6


def test_equal_images_teach_nothing_and_break_nothing():
    space = image_space(unit_rows(np.ones((4, 5))))
    votes = np.log(np.full((4, 2), 0.5, np.float32))
    got = taught_names(space, votes, np.array([[0, 1]]), 2.0)
    np.testing.assert_allclose((space.unit(np.arange(4)) - space.mean) @ got.T, 0, atol=1e-6)


def test_what_was_taught_is_added_to_the_scaled_text():
    rng = np.random.default_rng(1)
    x, text = unit_rows(rng.normal(size=(6, 4))), unit_rows(rng.normal(size=(3, 4)))
    taught = rng.normal(size=(3, 4)).astype(np.float32)
    model = replace(text_model(text, 20.0), taught=taught)
    wanted = log_softmax(x @ (20.0 * text + taught).T)
    np.testing.assert_allclose(model.scores(x), wanted, atol=1e-5)


def test_only_runs_with_pins_were_taught():
    world = make_world()
    for pins, taught in (({}, False), ({3: 1}, True)):
        run = pl.refine(world.vectors, world.classes, pins=pins, progress=silent)
        assert run.iterations[0].model.taught is None
        assert (run.iterations[-1].model.taught is not None) is taught


@pytest.mark.parametrize("seed", [1, 2])
def test_pins_show_an_attribute_that_images_do_not_cluster_by(seed):
    """Ten kinds of thing in two sizes, whose names say next to nothing."""
    rng = np.random.default_rng(seed)
    kind, size = rng.integers(10, size=600), rng.integers(2, size=600)
    of_kind, of_size = rng.normal(size=(10, 64)), rng.normal(size=(2, 64))
    x = unit_rows(of_kind[kind] + 0.25 * of_size[size] + 0.4 * rng.normal(size=(600, 64)))
    anything = rng.normal(size=(1, 64)) + 0.1 * rng.normal(size=(2, 64))
    classes = pl.ClassVectors(["small", "large"], unit_rows(anything + 0.05 * of_size))
    free = np.arange(600) >= 100
    right = []
    for count in (0, 32, 100):
        pins = dict(enumerate(size[:count].tolist()))
        labels = pl.label(pl.refine(x, classes, pins=pins, progress=silent))
        right.append(np.mean(labels.label[free] == size[free]))
    assert right[1] > right[0] + 0.2
    assert right[2] > 0.98
    # The names say nothing still, but the agreement is of what pins taught.
    assert labels.agreement[free].mean() == pytest.approx(right[2], abs=0.02)
