"""The methods that the benchmark compares with: closed forms, and the pattern they published."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from peers import PEERS
from peers.baselines import centred_zero_shot, kmeans_hungarian, prompt_ensemble, zero_shot
from peers.graph import image_graph, text_graph
from peers.mixture import assign, log_density, scatter, text_log
from peers.stata import stata
from peers.transclip import transclip
from peers.zlap import propagate, zlap
from scipy.sparse import csr_array
from scipy.special import softmax
from scipy.stats import multivariate_normal
from tasks import Task, unit
from worlds import make_world

ALL = pytest.mark.parametrize("method", PEERS.values(), ids=PEERS)


def task_of(**options) -> Task:
    """One simulated world of the tests as a task of the benchmark."""
    world = make_world(**options)
    return Task(world.vectors, world.truth, unit(np.asarray(world.classes.vectors)))


def blobs(*, seed: int = 0) -> Task:
    """Three classes of 12 that touch neither in images nor in names, across a modality gap."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(3), 12))
    axes = np.eye(16)
    images = axes[3] + axes[truth] + rng.normal(scale=0.05, size=(len(truth), 16))
    return Task(unit(images), truth, unit(0.3 * axes[3] + axes[4] + 0.5 * axes[:3]))


def random_task(n: int, classes: int, *, seed: int = 0) -> Task:
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=n)
    return Task(unit(rng.normal(size=(n, 8))), truth, unit(rng.normal(size=(classes, 8))))


def accuracy(method, task: Task) -> float:
    return float(np.mean(method(task).argmax(axis=1) == task.truth))


@ALL
def test_separated_blobs_are_found(method) -> None:
    assert accuracy(method, blobs()) == 1


@ALL
@pytest.mark.parametrize(("n", "classes"), [(1, 3), (2, 2), (5, 12), (40, 2)])
def test_rows_are_probabilities(method, n: int, classes: int) -> None:
    chances = method(random_task(n, classes))
    assert chances.shape == (n, classes)
    assert chances.dtype == np.float32
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)


@ALL
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_identical_images_get_one_label(method) -> None:
    task = blobs()
    labels = method(task.take(np.zeros(9, dtype=int))).argmax(axis=1)
    assert len(set(labels.tolist())) == 1


@ALL
def test_no_method_looks_at_the_truth(method) -> None:
    task = blobs()
    hidden = replace(task, truth=np.full_like(task.truth, -1))
    np.testing.assert_array_equal(method(task), method(hidden))


def test_zero_shot_is_the_softmax_of_scaled_cosines() -> None:
    task = Task(np.eye(2, dtype=np.float32), np.arange(2), np.eye(2, dtype=np.float32))
    expected = 1 / (1 + np.exp(-3))
    chances = zero_shot(replace(task, logit_scale=3.0))
    np.testing.assert_allclose(chances, [[expected, 1 - expected], [1 - expected, expected]], 1e-6)


def test_prompts_are_averaged_as_unit_vectors() -> None:
    task = random_task(6, 2)
    prompts = unit(np.random.default_rng(1).normal(size=(2, 5, 8)))
    expected = zero_shot(replace(task, text=unit(prompts.sum(axis=1))))
    given = prompt_ensemble(replace(task, prompts=prompts))
    np.testing.assert_allclose(given, expected, rtol=1e-4)
    np.testing.assert_array_equal(prompt_ensemble(task), zero_shot(task))


def test_centring_takes_a_common_direction_away() -> None:
    task = random_task(30, 4)
    gap = np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32)
    moved = replace(task, vectors=task.vectors + gap[0], text=task.text + gap[1])
    np.testing.assert_allclose(centred_zero_shot(moved), centred_zero_shot(task), atol=1e-3)


def test_clusters_and_classes_pair_one_to_one() -> None:
    task = blobs()
    # All three names point at the first blob; even so each cluster gets a name of its own.
    task = replace(task, text=unit(task.text[:1] + [[1e-3], [2e-3], [3e-3]] * task.text))
    labels = kmeans_hungarian(task).argmax(axis=1)
    pairs = set(zip(labels.tolist(), task.truth.tolist(), strict=True))
    assert len(pairs) == 3
    assert set(labels.tolist()) == {0, 1, 2}


def test_image_graph_holds_the_cosines_of_the_nearest_only() -> None:
    angle = np.radians([0, 10, 25, 180])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    graph = image_graph(vectors, 1).toarray()
    near, far = np.cos(np.radians([10, 15]))
    expected = [[0, near, 0, 0], [near, 0, 0, 0], [0, far, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(graph, expected, atol=1e-6)


def test_text_graph_holds_the_nearest_names() -> None:
    vectors = unit(np.array([[3.0, 2, 1], [-1, 0, 2]]))
    graph = text_graph(vectors, np.eye(3, dtype=np.float32), 2).toarray()
    np.testing.assert_allclose(graph[0], [vectors[0, 0], vectors[0, 1], 0])
    np.testing.assert_allclose(graph[1], [0, 0, vectors[1, 2]])


@pytest.mark.parametrize("shared", [True, False])
def test_log_density_is_the_gaussian(shared: bool) -> None:
    rng = np.random.default_rng(0)
    x, mean = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    variance = rng.uniform(0.5, 2, size=3 if shared else (4, 3))
    each = np.broadcast_to(variance, mean.shape)
    expected = [
        multivariate_normal(m, np.diag(v)).logpdf(x) for m, v in zip(mean, each, strict=True)
    ]
    expected = np.transpose(expected) + 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_density(x, mean, variance), expected)


def test_scatter_sums_weighted_squares() -> None:
    rng = np.random.default_rng(0)
    x, mean, z = rng.normal(size=(6, 2)), rng.normal(size=(3, 2)), rng.uniform(size=(6, 3))
    expected = (z[:, :, None] * (x[:, None] - mean) ** 2).sum(axis=0)
    np.testing.assert_allclose(scatter(x, z, mean), expected)


def test_without_neighbours_an_assignment_is_its_own_evidence() -> None:
    evidence = np.log([[0.2, 0.8], [0.7, 0.3]])
    given = assign(evidence, csr_array((2, 2)), np.full((2, 2), 0.5))
    np.testing.assert_allclose(given, np.exp(evidence))


def test_an_assignment_settles_where_neighbours_agree() -> None:
    evidence = np.log([[0.9, 0.1], [0.45, 0.55]])
    z = assign(evidence, csr_array(np.array([[0, 1.0], [1, 0]])), np.exp(evidence))
    assert (z.argmax(axis=1) == 0).all()
    np.testing.assert_allclose(z, softmax(evidence + z[::-1], axis=1), atol=0.01)


def test_labels_spread_over_two_nodes() -> None:
    graph = csr_array(np.array([[0, 7.0], [7, 0]]))
    spread = propagate(graph, np.eye(2), 0.3)
    np.testing.assert_allclose(spread, np.array([[1, 0.3], [0.3, 1]]) / (1 - 0.3**2), rtol=1e-6)


def test_an_image_that_no_name_reaches_gets_every_class_alike() -> None:
    task = Task(unit(np.array([[-1.0, 0]])), np.zeros(1, int), unit(np.array([[1.0, 0], [1, 0.1]])))
    np.testing.assert_allclose(zlap(task), [[0.5, 0.5]])


def test_mixtures_without_densities_and_neighbours_are_zero_shot() -> None:
    task = blobs().take(np.array([0]))  # one image has no neighbour
    for method in (transclip, stata):
        np.testing.assert_allclose(
            method(task, density_weight=0.0), np.exp(text_log(task)), atol=1e-6
        )


def test_a_heavy_anchor_holds_stata_at_the_text() -> None:
    task = task_of(seed=1)
    x, text = task.vectors.astype(float), text_log(task)
    spread = scatter(x, np.exp(text), task.text).sum(axis=0) / len(x)
    fixed = text + log_density(x, task.text.astype(float), spread)
    held, z = stata(task, alpha=1e12), np.exp(text)
    graph = image_graph(task.vectors, 3)
    for _ in range(10):
        z = assign(fixed, graph, z)
    np.testing.assert_allclose(held, z, atol=1e-3)


@cache
def mean_accuracy(absent: bool) -> dict[str, float]:
    """Of six simulated worlds with all of 6 classes present, or with 2 of 10."""
    options = {"sizes": (60, 60), "absent": 8} if absent else {"sizes": (60,) * 6}
    tasks = [task_of(**options, seed=seed) for seed in range(6)]
    return {
        name: float(np.mean([accuracy(method, task) for task in tasks]))
        for name, method in PEERS.items()
    }


def test_published_pattern_with_all_classes_present() -> None:
    mean = mean_accuracy(absent=False)
    assert mean["TransCLIP"] > mean["StatA"] > mean["zero-shot"] + 0.02
    assert mean["ZLaP"] > mean["zero-shot"] + 0.02


def test_published_pattern_with_most_names_absent() -> None:
    """Zanella et al., CVPR 2025: TransCLIP and ZLaP fall far below zero-shot, StatA does not."""
    mean = mean_accuracy(absent=True)
    for name in ("TransCLIP", "ZLaP", "k-means + Hungarian", "centred zero-shot"):
        assert mean[name] < mean["zero-shot"] - 0.05, name
    assert mean["StatA"] > mean["zero-shot"]


def test_tempered_densities_keep_the_gain_where_names_are_absent() -> None:
    absent, present = mean_accuracy(absent=True), mean_accuracy(absent=False)
    for name in ("TransCLIP, tempered", "StatA, tempered"):
        assert absent[name] > absent["zero-shot"] + 0.05
        assert present[name] > present["zero-shot"] + 0.02
