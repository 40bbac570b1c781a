from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from worlds import clustered_world

import protolabel as pl
from protolabel.common.progress import silent


@pytest.fixture(scope="module")
def run() -> pl.Refinement:
    world, graph, clusters = clustered_world()
    return pl.refine(
        world.vectors, world.classes, clusters, graph=graph, pins={4: 2, 9: 0}, iterations=3,
        progress=silent,
    )  # fmt: skip


def test_labels_are_those_of_the_last_iteration(run):
    labels, state = pl.label(run), run.iterations[-1]
    assert labels.iteration == 3
    np.testing.assert_array_equal(labels.label, state.labels)
    np.testing.assert_array_equal(labels.prototypes, state.prototypes)
    assert labels.names == run.classes.names
    assert labels.run is run
    assert len(labels) == run.n_images


def test_every_iteration_can_be_had(run):
    labels = pl.label(run)
    for number in range(4):
        at = labels.at(number)
        assert at.iteration == number
        free = ~at.pinned
        np.testing.assert_array_equal(at.label[free], run.iterations[number].labels[free])
    np.testing.assert_array_equal(pl.label(run, -1).label, labels.label)
    np.testing.assert_array_equal(pl.label(run, -4).label, labels.at(0).label)


@pytest.mark.parametrize("iteration", [4, -5, 99, 1.5, "last"])
def test_other_iterations_are_refused(run, iteration):
    with pytest.raises(pl.InputError, match=r"0 \(zero-shot\) to 3, got"):
        pl.label(run, iteration)


@pytest.mark.parametrize("iteration", range(4))
def test_a_pinned_image_has_its_class_at_every_iteration(run, iteration):
    labels = pl.label(run, iteration)
    np.testing.assert_array_equal(np.flatnonzero(labels.pinned), [4, 9])
    np.testing.assert_array_equal(labels.label[[4, 9]], [2, 0])
    np.testing.assert_array_equal(labels.agreement[[4, 9]], [1, 1])
    np.testing.assert_array_equal(labels.margin[[4, 9]], [1, 1])
    assert (labels.runner_up != labels.label).all()


def test_a_pin_makes_what_zero_shot_said_the_runner_up():
    world = clustered_world()[0]
    first = pl.refine(world.vectors, world.classes, iterations=0, progress=silent).iterations[0]
    said, second = int(first.labels[0]), int(first.runner_up[0])
    against = pl.refine(
        world.vectors, world.classes, iterations=0, pins={0: second}, progress=silent
    )
    assert pl.label(against).runner_up[0] == said
    along = pl.refine(world.vectors, world.classes, iterations=0, pins={0: said}, progress=silent)
    assert pl.label(along).runner_up[0] == second


def test_reading_labels_leaves_the_run_as_it_was(run):
    before = run.iterations[0].labels.copy()
    labels = pl.label(run, 0)
    labels.label[:] = 0
    labels.margin[:] = 0
    np.testing.assert_array_equal(run.iterations[0].labels, before)
    assert run.iterations[0].margin.any()


def test_counts_and_order_of_doubt(run):
    labels = pl.label(run)
    np.testing.assert_array_equal(labels.counts, [(labels.label == c).sum() for c in range(6)])
    assert labels.counts.sum() == len(labels)
    assert (np.diff(labels.margin[labels.least_certain]) >= 0).all()
    assert sorted(labels.least_certain) == list(range(len(labels)))


def test_labels_of_new_images_have_no_iterations(run):
    new = pl.PrototypeClassifier.from_labels(pl.label(run)).label(clustered_world()[0].vectors[:5])
    with pytest.raises(pl.InputError, match="labels of a run"):
        new.at(0)


def test_labels_and_runs_say_what_they_are_in_a_line():
    world, _, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, iterations=2, progress=silent)
    assert (
        repr(run) == f"Refinement(anchored, 2 iterations of {len(world.truth)} images, 6 classes)"
    )
    shown = repr(pl.label(run))
    assert shown.startswith(f"Labels({len(world.truth)} images at iteration 2: class 0 ")
    assert len(shown) < 200


@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_labels_can_be_pickled_and_copied_with_their_run(run, copied):
    labels = pl.label(run)
    again = copied(labels)
    np.testing.assert_array_equal(again.label, labels.label)
    np.testing.assert_array_equal(again.at(0).label, labels.at(0).label)
    assert again.names == labels.names
    assert again.run is not run
    assert again.run.parameters == run.parameters
    with pytest.raises(TypeError):
        again.run.parameters["method"] = "plain"
