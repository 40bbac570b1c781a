"""Logit scales that are too soft, and encoders of other geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import make_world

import protolabel as pl
from protolabel.clustering.image_space import image_space
from protolabel.common.progress import silent
from protolabel.refinement.text_scale import calibrated_scale


@pytest.fixture(scope="module")
def world():
    return make_world((40,) * 8, seed=3)


def accuracy(world, **changes) -> float:
    classes = replace(world.classes, **changes)
    run = pl.refine(world.vectors, classes, graph=pl.knn_graph(world.vectors), progress=silent)
    return float(np.mean(pl.label(run).label == world.truth))


@pytest.mark.parametrize("scale", [10.0, 25.0, 50.0])
def test_a_soft_scale_costs_next_to_nothing(world, scale):
    assert accuracy(world, logit_scale=scale) > accuracy(world, logit_scale=100.0) - 0.02


def test_only_a_low_scale_is_raised(world):
    space = image_space(world.vectors)
    nearest = pl.knn_graph(world.vectors, 1).indices[:, 0]
    text = world.classes.vectors
    assert calibrated_scale(space, nearest, text, 200.0) == 200.0
    assert calibrated_scale(space, nearest, text, 5.0) > 30.0
    assert calibrated_scale(space, nearest[:0], text, 5.0) == 5.0  # nothing to compare


def test_a_wide_modality_gap_as_of_siglip_changes_no_label(world):
    """A sigmoid's bias is the same for all names; its cosines lie near 0, the gap is wider."""
    gap = np.zeros((1, world.vectors.shape[1]), np.float32)
    gap[0, 0] = 2.0
    centred = world.classes.vectors - world.classes.vectors.mean(axis=0)
    text = centred - gap
    norm = np.linalg.norm(text, axis=1, keepdims=True)
    scale = 112.0 * float(norm.mean())
    wide = accuracy(world, vectors=text / norm, logit_scale=scale)
    assert wide > accuracy(world) - 0.02


@pytest.mark.parametrize("given", [1.0, 10.0, 40.0])
def test_the_same_scale_is_found_whatever_soft_scale_was_given(world, given):
    space = image_space(world.vectors)
    nearest = pl.knn_graph(world.vectors, 1).indices[:, 0]
    found = calibrated_scale(space, nearest, world.classes.vectors, given)
    assert found == pytest.approx(
        calibrated_scale(space, nearest, world.classes.vectors, 5.0), rel=0.01
    )
    assert 40.0 < found < 150.0


def test_iteration_0_keeps_the_given_scale(world):
    classes = replace(world.classes, logit_scale=10.0)
    first = pl.refine(world.vectors, classes, progress=silent).iterations[0]
    cosine = world.vectors @ classes.vectors.T
    p = np.exp(10 * cosine) / np.exp(10 * cosine).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(first.agreement, p.max(axis=1), rtol=1e-4)


def test_late_iterations_move_no_further_than_a_single_pass(world):
    run = pl.refine(world.vectors, world.classes, iterations=40, progress=silent)
    shift = [step.shift for step in run.iterations]
    assert (np.diff(shift[-10:]) <= 1e-6).all()
    assert shift[-1] < 1e-4


def test_more_iterations_cost_no_class_its_images():
    world = make_world((60, 60, 40, 30, 20, 12, 8, 8), absent=10, seed=5)
    graph = pl.knn_graph(world.vectors)
    run = pl.refine(world.vectors, world.classes, graph=graph, iterations=30, progress=silent)
    five, thirty = (run.iterations[step].labels for step in (5, 30))
    recall = [
        [np.mean(labels[world.truth == c] == c) for c in range(8)] for labels in (five, thirty)
    ]
    assert (np.array(recall[1]) >= np.array(recall[0]) - 0.05).all()
    assert np.mean(thirty == world.truth) > np.mean(five == world.truth) - 0.005
