from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from worlds import make_world

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.vectors import log_softmax
from protolabel.refinement.label_bias import (
    coherence,
    effective_classes,
    label_bias,
    without_copies,
)

NO_PINS = np.empty(0, int)


def ring(n: int) -> csr_array:
    """Images in a ring, neighbours of the one before and the one after."""
    half = np.full(n, 0.5, np.float32)
    after = csr_array((half, (np.arange(n), (np.arange(n) + 1) % n)), shape=(n, n))
    return csr_array(after + after.T)


def votes(labels: np.ndarray, n_classes: int, sure: float = 9.0) -> np.ndarray:
    return log_softmax((sure * np.eye(n_classes)[labels]).astype(np.float32))


def test_effective_classes_closed_forms():
    assert effective_classes(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_classes(np.array([5.0, 0.0])) == pytest.approx(1)
    assert effective_classes(np.array([2, 1, 1])) == pytest.approx(2**1.5)


def test_coherence_is_1_for_a_cluster_and_0_for_unrelated_images():
    labels = np.repeat([0, 1], 50)
    g = np.eye(3, dtype=np.float32)[labels]
    got = coherence(ring(100), g)
    np.testing.assert_allclose(got, [0.98, 0.98, 0], atol=1e-6)  # the ring crosses twice
    strangers = np.eye(2, dtype=np.float32)[np.arange(100) % 2]
    np.testing.assert_allclose(coherence(ring(100), strangers), 0, atol=1e-6)


def test_coherence_does_not_depend_on_the_weight_of_the_neighbours():
    g = np.exp(votes(np.repeat([0, 1], 50), 2, 1.0))
    np.testing.assert_allclose(coherence(3 * ring(100), g), coherence(ring(100), g), rtol=1e-5)


def test_names_that_win_their_share_get_no_bias():
    got = label_bias(votes(np.repeat(np.arange(4), 25), 4), ring(100), NO_PINS)
    np.testing.assert_allclose(got, 0, atol=1e-3)


def test_a_weak_name_with_images_gets_a_bias():
    labels = np.concatenate([np.repeat(np.arange(3), 30), np.full(10, 3)])
    got = label_bias(votes(labels, 4), ring(100), NO_PINS)
    assert got[3] == pytest.approx(np.log(25 / 10), rel=0.05)
    np.testing.assert_allclose(got[:3], 0, atol=1e-3)


def test_a_name_without_images_gets_no_bias():
    labels = np.repeat(np.arange(3), 30)
    np.testing.assert_allclose(label_bias(votes(labels, 4), ring(90), NO_PINS)[3], 0)


def test_a_name_that_wins_unrelated_images_gets_no_bias():
    labels = np.repeat(np.arange(3), 30)
    labels[::9] = 3
    np.testing.assert_allclose(label_bias(votes(labels, 4), ring(90), NO_PINS)[3], 0)


def test_a_pin_proves_that_its_name_is_present():
    labels = np.repeat(np.arange(3), 30)
    labels[::9] = 3
    got = label_bias(votes(labels, 4), ring(90), np.array([3, 3]))
    assert got[3] == pytest.approx(np.log(90 / 4 / 10), rel=0.05)
    np.testing.assert_allclose(got[:3], 0, atol=1e-3)


def test_copies_of_an_image_do_not_make_a_weak_name_believed():
    """Each image that the weak name wins has a copy, and otherwise lies among strangers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 24))
    x[np.arange(0, 200, 20) + 1] = x[np.arange(0, 200, 20)] + 1e-3 * rng.normal(size=(10, 24))
    graph = pl.knn_graph(x.astype(np.float32), 5)
    neighbors = graph.weights(1)
    won = np.zeros((200, 2), np.float32)
    won[np.isin(np.arange(200) % 20, (0, 1)), 1] = 1
    won[:, 0] = 1 - won[:, 1]
    assert coherence(neighbors, won)[1] > 0.9
    assert coherence(without_copies(neighbors, graph), won)[1] < 0.4


def test_no_name_gets_a_bias_if_most_are_absent():
    labels = np.concatenate([np.repeat([0, 1], 45), np.full(10, 2)])
    np.testing.assert_allclose(label_bias(votes(labels, 30), ring(100), NO_PINS), 0)


def test_iteration_0_is_zero_shot_and_new_images_are_read_with_the_bias():
    world = make_world(seed=1)
    run = pl.refine(world.vectors, world.classes, progress=silent)
    assert not run.iterations[0].model.text_bias.any()
    biases = [state.model.text_bias for state in run.iterations[1:]]
    for bias in biases:
        assert (bias >= 0).all()
        np.testing.assert_array_equal(bias, biases[0])
