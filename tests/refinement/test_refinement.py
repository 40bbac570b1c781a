from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from worlds import World, clustered_world, make_world

import protolabel as pl
from protolabel.clustering import image_space as space_module
from protolabel.clustering.clusters import Clusters
from protolabel.clustering.image_space import image_space
from protolabel.common import vectors as vectors_module
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.refinement import anchored, iteration, plain
from protolabel.refinement import prototypes as prototypes_module
from protolabel.refinement.anchored import anchored_neighbors
from protolabel.refinement.loop import check_parameters, prepare
from protolabel.refinement.prototypes import text_model

METHODS = ("anchored", "plain")


def refine(world: World, clusters: pl.Clusters | None = None, **options) -> pl.Refinement:
    return pl.refine(world.vectors, world.classes, clusters, progress=silent, **options)


def accuracy(run: pl.Refinement, world: World, iteration: int = -1) -> float:
    return float(np.mean(run.iterations[iteration].labels == world.truth))


def same(a: pl.Refinement, b: pl.Refinement, atol: float = 1e-4) -> None:
    assert len(a.iterations) == len(b.iterations)
    for one, other in zip(a.iterations, b.iterations, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.agreement, other.agreement, atol=atol)
        np.testing.assert_allclose(one.prototypes, other.prototypes, atol=atol)


# --- what the method promises -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_anchored_gains_where_plain_collapses(seed):
    world = make_world(seed=seed)
    run = refine(world)
    zero_shot = accuracy(run, world, 0)
    assert 0.7 < zero_shot < 0.92
    assert accuracy(run, world) > zero_shot + 0.02
    plain_run = refine(world, method="plain", units="images", iterations=7)
    assert accuracy(plain_run, world) < zero_shot - 0.08
    assert plain_run.lambda_max < 0.1  # the temperature is above: collapse foretold


def test_clusters_as_units_collapse_too_and_help_the_anchored_loop():
    world, graph, clusters = clustered_world()
    run = refine(world, clusters, graph=graph)
    assert accuracy(run, world) > accuracy(run, world, 0) + 0.04
    lost = refine(world, clusters, method="plain")
    assert accuracy(lost, world) < accuracy(lost, world, 0) - 0.1


def test_the_world_has_a_modality_gap():
    world = make_world()
    images = world.vectors @ world.vectors.T
    assert 0.5 < images.mean() < 0.75
    cosines = world.vectors @ world.classes.vectors.T
    own = cosines[np.arange(len(world.truth)), world.truth].mean()
    assert 0.2 < cosines.mean() < own < 0.28


def test_absent_names_stay_nearly_empty():
    world = make_world((80, 80, 80), absent=3)
    run = refine(world)
    assert accuracy(run, world) >= accuracy(run, world, 0)
    assert np.mean(run.iterations[-1].labels >= 3) <= np.mean(run.iterations[0].labels >= 3)


def test_sharp_separated_classes_are_found_by_both_methods():
    rng = np.random.default_rng(0)
    text = np.eye(4, 12, dtype=np.float32)
    truth = rng.permutation(np.repeat(np.arange(4), 25))
    x = unit_rows(text[truth] + rng.normal(scale=0.05, size=(100, 12)))
    world = World(x, pl.ClassVectors(list("abcd"), text, logit_scale=20.0), truth)
    # Fewer meta-clusters than classes would give two classes one prototype in the coarse pass.
    clusters = pl.cluster(x, n_meta=4, progress=silent)
    for method in METHODS:
        run = refine(world, clusters, method=method)
        np.testing.assert_array_equal(run.iterations[-1].labels, truth)


# --- iteration 0 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("iterations", [0, 3])
def test_iteration_0_is_zero_shot(method, iterations):
    world, _, clusters = clustered_world()
    run = refine(world, clusters, method=method, iterations=iterations)
    assert len(run.iterations) == iterations + 1
    first = run.iterations[0]
    logits = (100.0 * world.vectors @ world.classes.vectors.T).astype(np.float64)
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(first.labels, logits.argmax(axis=1))
    np.testing.assert_array_equal(first.runner_up, np.argsort(-logits, axis=1)[:, 1])
    np.testing.assert_allclose(first.agreement, share.max(axis=1), atol=1e-4)
    np.testing.assert_allclose(first.class_mass, share.sum(axis=0), rtol=1e-3)
    np.testing.assert_array_equal(first.prototypes, world.classes.vectors)
    assert first.shift == 0
    assert len(run.churn) == iterations


# --- the anchored loop, word for word -----------------------------------------------------------


def literal(
    world: World,
    micro: np.ndarray | None,
    *,
    temperature: float = 0.1,
    iterations: int = 5,
    pins: dict[int, int] | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Run algorithm by the letter in float64, with dense matrices and loops over images.

    Returns log-responsibilities and prototypes of every iteration from 1 on.
    """
    x = world.vectors.astype(float)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    t = world.classes.vectors.astype(float)
    (n, _), c = x.shape, len(t)
    pins = pins or {}

    def log_softmax(s: np.ndarray) -> np.ndarray:
        s = s - s.max(axis=1, keepdims=True)
        return s - np.log(np.exp(s).sum(axis=1, keepdims=True))

    def hold(g: np.ndarray) -> np.ndarray:
        for image, label in pins.items():
            g[image] = np.eye(c)[label]
        return g

    k = int(np.clip(n // (2 * c), 1, 5))
    cosine = x @ x.T
    np.fill_diagonal(cosine, -2)
    near = np.zeros((n, n))
    for i in range(n):
        near[i, np.argsort(-cosine[i], kind="stable")[:k]] = 1 / k
    w = (near + near.T) / 2

    def like(mass: np.ndarray) -> float:  # how many equally common classes the folder is like
        share = mass / mass.sum()
        return np.exp(-(share * np.log(share + 1e-300)).sum())

    def coherent(g: np.ndarray, w: np.ndarray) -> np.ndarray:
        return (g * (w @ g)).sum(axis=0) / (w.sum() / n * np.maximum(g.sum(axis=0), 1e-9))

    fifth = np.median(1 - np.sort(cosine, axis=1)[:, -5])  # copies are no evidence of a class
    distinct = np.where(1 - cosine < 0.25 * fifth, 0, w)

    votes = log_softmax(100.0 * x @ t.T)
    first = votes.argmax(axis=1)
    mass = np.exp(votes).sum(axis=0)
    owed = np.clip(-np.log(mass / n * c), 0, 3)  # weak names are owed what they win too little
    won = np.eye(c)[(votes + owed).argmax(axis=1)]
    belief = np.clip((coherent(won, distinct) - 0.2) / 0.2, 0, 1) * (
        won.sum(axis=0) >= max(3, 0.3 * n / c)
    )
    bias = owed * belief * np.clip((like(mass) / c - 0.3) / 0.2, 0, 1)
    for label in set(pins.values()):
        bias[label] = owed[label]
    votes = log_softmax(votes + bias)
    q, mean = np.exp(votes), x.mean(axis=0)
    z = x - mean
    taught = np.zeros_like(t)  # pins teach names: the most likely change, by steps uphill
    for _ in range(2_000 if pins else 0):
        uphill = -taught * (z**2).sum(axis=1).mean() / 8
        for i, label in pins.items():
            same = list(pins.values()).count(label)
            now = np.exp(log_softmax(votes[i : i + 1] + z[i : i + 1] @ taught.T))[0]
            uphill += same / (same + 2) * np.outer(np.eye(c)[label] - now, z[i])
        taught += uphill
    votes = log_softmax(votes + z @ taught.T)
    read = np.exp(votes)
    for label in set(pins.values()):  # what pins read as, the class may read as
        seen = np.array([q[i] for i in pins if pins[i] == label])
        other = seen.sum(axis=0) * (np.arange(c) != label)
        share = (other.sum() / (len(seen) + 2)) ** 2
        reading = share * other / other.sum()
        reading[label] = 1 - share
        votes[:, label] = np.log(read @ reading)
    votes = log_softmax(votes)
    g = hold(np.exp(votes))
    u = t - t.mean(axis=0)
    s = sum(z[i] @ u[first[i]] for i in range(n)) / sum(u[first[i]] @ u[first[i]] for i in range(n))
    anchor = np.clip(s, 0.05, 3) * u
    count = np.array([4.0 if i in pins else 1.0 for i in range(n)])[:, None]
    axes = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))[1][:, ::-1][:, :8].T
    expected = g.sum(axis=0)
    competing = (expected >= min(0.1, 0.02 * n / c)).sum()  # names that win images
    states, log_g = [], votes
    for step in range(iterations):
        last = log_g
        if step <= 2:  # from then on the prior and the weights stay as they are
            mass = g.sum(axis=0)
            alike = like(mass)
            even = np.clip((alike / competing - 0.3) / 0.4, 0, 1)
            full = np.clip((alike / c - 0.7) / 0.2, 0, 1)
            sure = np.clip((alike / c - 0.85) / 0.05, 0, 1)
            few = 10 / (n / alike + 10)
            weight = 2 * few + 0.5 * (1 - even / 2) * (1 - few)
            prior = 0.7 * np.log((mass + 1) / (n + c))
            prior += 1.5 * np.log(np.clip(coherent(g, w), 0.05, 0.45))
            prior *= (1 - even) * min(1, 0.1 / temperature)
        lost = np.log((mass + 1) / (g.sum(axis=0) + 1))  # 0 while the prior is still estimated
        for label in set(pins.values()):  # pins may win back more than the names saw
            lost[label] = max(lost[label], 0)
        held = (count * g).sum(axis=0)
        # The anchor counts less the farther the means of the classes lie from their anchors.
        means, total, alike_now = (count * g).T @ z / held[:, None], held.sum(), like(held)
        within = (count * z**2).sum() / total - held @ (means**2).sum(axis=1) / total
        within *= total / (total - alike_now)
        off = held @ ((means - anchor) ** 2).sum(axis=1) / total - within * alike_now / total
        alpha = 4 / (1 + full * max(0, 4 * off / within - 1))
        p = ((count * g).T @ z + alpha * anchor) / (held + alpha)[:, None]
        away = z[:, None] - p[None]  # (N, C, d)
        v = np.einsum("ic,icd->", count * g, away**2) / count.sum() / x.shape[1]
        v_axis = np.einsum("ic,ica->a", count * g, (away @ axes.T) ** 2) / count.sum()
        own = 0.5 * n / (n + 500)
        keep = np.minimum(1, v / (own * v_axis + (1 - own) * v))
        d2 = (away**2).sum(axis=2) - ((1 - keep) * (away @ axes.T) ** 2).sum(axis=2)
        sigma2 = (g * d2).sum(axis=1).mean()
        d = x.shape[1]
        rest = (v * d - v_axis.sum()) ** 2 / (d - 8)
        sharpest = 2 * (np.square(v_axis).sum() + rest) / (v * d) ** 2  # 2 / effective dimensions
        soft = max(temperature * (1 - 0.4 * full * few), sharpest)
        soft = (1 - sure / 2) * np.log(soft) + sure / 2 * np.log(sharpest)
        # Where neighbours do not share their labels, the text counts in full.
        label = first if step == 0 else g.argmax(axis=1)
        shared = (w @ g)[np.arange(n), label].sum() / w.sum()
        chance = (np.bincount(label, minlength=c) / n) @ (g.sum(axis=0) / n)
        kappa = (shared - chance) / (1 - chance)
        e = max(weight, np.clip((0.85 - kappa) / 0.15, 0, 1)) * votes
        e -= d2 / (2 * sigma2 * np.exp(soft))
        e += prior + lost
        for i in range(n if micro is not None else 0):
            rest = (micro == micro[i]) & (np.arange(n) != i)
            if micro[i] >= 0 and rest.any():
                e[i] += np.average(g[rest], axis=0, weights=count[rest, 0])
        for _ in range(2):
            log_g = log_softmax(e + (3 - 2 * full * few) * w @ g)
            g = hold(np.exp(log_g))
        if step >= 4:  # half of the way, a quarter of it, and so on
            part = 0.5 ** (step - 3)
            log_g = np.log((1 - part) * np.exp(last) + part * np.exp(log_g))
            g = hold(np.exp(log_g))
        points = mean + p
        states.append((log_g, points / np.linalg.norm(points, axis=1, keepdims=True)))
    return states


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.05, "iterations": 3},
        {"temperature": 0.3},
        {"pins": {3: 1, 10: 0, 77: 5}},
    ],
)
def test_the_loop_is_the_algorithm_by_the_letter(monkeypatch, options):
    world, graph, clusters = clustered_world()
    seen = []

    def spy(log_g, *rest, **options):
        seen.append(log_g.copy())
        return summarize(log_g, *rest, **options)

    summarize = anchored.summarize
    monkeypatch.setattr(anchored, "summarize", spy)
    run = refine(world, clusters, graph=graph, **options)
    wanted = literal(world, clusters.micro, **options)
    assert len(wanted) == len(run.iterations) - 1
    free = np.setdiff1d(np.arange(len(world.truth)), list(options.get("pins", {})))
    for state, got, (log_g, prototypes) in zip(run.iterations[1:], seen[1:], wanted, strict=True):
        np.testing.assert_array_equal(state.labels[free], log_g.argmax(axis=1)[free])
        np.testing.assert_allclose(got[free], log_g[free], atol=0.02)
        np.testing.assert_allclose(state.prototypes, prototypes, atol=1e-4)


def test_without_clusters_and_in_small_folders_too():
    world = make_world((4, 3, 3), modes=1, seed=3)
    run = refine(world)
    for state, (log_g, prototypes) in zip(run.iterations[1:], literal(world, None), strict=True):
        np.testing.assert_array_equal(state.labels, log_g.argmax(axis=1))
        np.testing.assert_allclose(state.prototypes, prototypes, atol=1e-4)


def test_the_variance_within_the_classes_is_the_direct_one(monkeypatch):
    world, graph, _ = clustered_world()
    pooled, directly = [], []

    def spy_weights(along, mean, n):
        pooled.append((along, mean))
        return axis_weights(along, mean, n)

    def spy_distances(space, centres, weights):
        directly.append((space, centres))
        return squared_distances(space, centres, weights)

    module = prototypes_module
    axis_weights, squared_distances = module.axis_weights, module.squared_distances
    monkeypatch.setattr(module, "axis_weights", spy_weights)
    monkeypatch.setattr(module, "squared_distances", spy_distances)
    run = refine(world, graph=graph, iterations=1)
    logits = 100.0 * world.vectors @ world.classes.vectors.T + run.iterations[1].model.text_bias
    g = np.exp(logits - logits.max(axis=1, keepdims=True))
    g /= g.sum(axis=1, keepdims=True)
    space, centres = directly[0]
    away = world.vectors[:, None] - space.mean - centres
    along = np.einsum("ic,ica->a", g, (away @ space.axes.T) ** 2) / len(g)
    mean = np.einsum("ic,icd->", g, away**2) / away.shape[2] / len(g)
    np.testing.assert_allclose(pooled[0][0], along, rtol=1e-3)
    np.testing.assert_allclose(pooled[0][1], mean, rtol=1e-3)


def test_the_weights_follow_what_the_folder_seems_to_hold():
    def weigh(mass: np.ndarray, temperature: float, competing: int = 10) -> anchored._VoteWeights:
        return anchored._vote_weights(mass, competing, temperature)

    # All ten names, 1,000 images each: prototypes of so many images count, no class is preferred.
    all_present = weigh(np.full(10, 1000.0), 0.1)
    assert all_present.text == pytest.approx(2 * 10 / 1010 + 0.25 * 1000 / 1010)
    assert all_present.prior == all_present.coherence == 0
    assert all_present.neighbors == pytest.approx(3 - 2 * 10 / 1010)
    assert all_present.all_present == all_present.none_absent == 1
    assert all_present.temperature == pytest.approx(0.1 - 0.04 * 10 / 1010)
    # Three of ten names and fewer: common and coherent classes are preferred, less where distances
    # are soft.
    few = np.array([1000.0] * 3 + [1e-9] * 7)
    absent = weigh(few, 0.1)
    assert absent.text == pytest.approx(2 * 10 / 1010 + 0.5 * 1000 / 1010, rel=1e-4)
    assert absent.prior == pytest.approx(0.7, abs=1e-6)
    assert absent.coherence == pytest.approx(1.5, abs=1e-6)
    assert absent.neighbors == 3
    assert absent.temperature == 0.1
    assert absent.all_present == absent.none_absent == 0
    assert weigh(few, 0.3).prior == pytest.approx(0.7 / 3, abs=1e-6)
    assert weigh(few, 0.05).prior == pytest.approx(0.7, abs=1e-6)
    # Two images a class: the text leads, and distances count for more than neighbours.
    assert weigh(np.full(10, 2.0), 0.1).text > 1.5
    assert weigh(np.full(10, 2.0), 0.1).neighbors < 1.5
    assert weigh(np.full(10, 2.0), 0.1).temperature < 0.07
    # In between, between.
    half = weigh(np.array([1000.0] * 5 + [1e-9] * 5), 0.1)
    assert half.prior == pytest.approx(0.7 / 2, abs=1e-6)
    nearly = weigh(np.array([1000.0] * 7 + [1e-9]), 0.1)
    assert nearly.none_absent == pytest.approx((7 / 8 - 0.85) / 0.05)
    some = weigh(np.array([10.0] * 8 + [1e-9] * 2), 0.1)
    assert some.none_absent == 0
    assert some.neighbors == pytest.approx(3 - 2 * 0.5 * 0.5)
    assert some.temperature == pytest.approx(0.1 - 0.04 * 0.5 * 0.5)
    # Names that win no image do not make classes that do rare: here 3 of 3 are present.
    alone = weigh(few, 0.1, 3)
    assert alone.prior == alone.coherence == 0
    assert alone.text == pytest.approx(2 * 10 / 1010 + 0.25 * 1000 / 1010, rel=1e-4)


def test_names_that_the_text_expects_on_no_image_do_not_compete():
    # 5 images a name: a fiftieth of an even share is a tenth of an image.
    assert anchored._competing(np.array([9.0, 10.9, 0.101, 0.099, 5.0, 4.9])) == 5
    # In a small folder a name competes with less, in a large one a tenth of an image is enough.
    assert anchored._competing(np.array([0.999, 0.99, 0.011, 0.0])) == 3
    assert anchored._competing(np.array([999.0, 1000.8, 0.11, 0.09])) == 3


def test_the_text_counts_in_full_unless_neighbors_share_labels():
    labels, sizes = np.array([0, 0, 1, 1]), np.array([2.0, 2.0])
    # Chance is 1/2, so kappa is .6, .7, .8, .85 and 1.
    for shared, least in ((0.8, 1.0), (0.85, 1.0), (0.9, 1 / 3), (0.925, 0.0), (1.0, 0.0)):
        got = anchored._least_text(np.full(4, shared, np.float32), labels, sizes)
        assert got == pytest.approx(least, abs=1e-5)
    # That all images of one class have neighbours of that class says nothing.
    alone = anchored._least_text(np.ones(4, np.float32), np.zeros(4, int), np.array([4.0, 0.0]))
    assert alone == 1.0


def test_common_and_coherent_classes_are_preferred():
    weights = anchored._VoteWeights(
        text=1.0, prior=0.7, coherence=1.5, neighbors=3.0, temperature=0.1,
        all_present=0.0, none_absent=0.0,
    )  # fmt: skip
    got = anchored._log_prior(weights, np.array([9.0, 99.0, 0.0]), np.array([0.2, 0.9, 0.0]))
    common = 0.7 * np.log(np.array([10, 100, 1]) / 111)
    np.testing.assert_allclose(got, common + 1.5 * np.log([0.2, 0.45, 0.05]), rtol=1e-6)


def test_the_vote_of_a_micro_cluster_is_that_of_its_other_images():
    g = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.3, 0.7], [0.9, 0.1]], np.float32)
    micro = np.array([0, 0, 0, -1, 1], np.int32)
    centroids = np.eye(2, 3, dtype=np.float32)
    clusters = Clusters(micro, np.maximum(micro, 0), centroids, np.arange(2), centroids)
    once = np.ones((5, 1), np.float32)
    got = anchored._ClusterVotes(clusters, once)(g)
    wanted = [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25], [0, 0], [0, 0]]
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_anchors_stand_on_centred_text_scaled_like_the_images():
    text = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    x = unit_rows(np.array([[1.0, 0.2], [1.0, 0.4], [0.2, 1.0], [0.4, 1.0]]))
    mean, space = x.mean(axis=0), image_space(x)
    labels = np.array([0, 0, 1, 1], np.int32)
    z, u = x - mean, text - text.mean(axis=0)
    scale = (z * u[labels]).sum() / (u[labels] ** 2).sum()

    def anchors(text: np.ndarray, labels: np.ndarray) -> np.ndarray:
        classes = pl.ClassVectors(["a", "b"], text, logit_scale=20.0)
        votes = text_model(text, 20.0).text_votes(space)
        return anchored._anchors(space, classes, votes, labels)

    np.testing.assert_allclose(anchors(text, labels), scale * u, atol=1e-6)
    far = anchors(text, labels[::-1].copy())  # turned round: clipped
    np.testing.assert_allclose(far, 0.05 * u, atol=1e-6)
    np.testing.assert_array_equal(anchors(text[[0, 0]], labels), np.zeros((2, 2)))


@pytest.mark.parametrize(("n", "c", "k"), [(1, 5, 1), (20, 10, 1), (60, 10, 3), (10**6, 10, 5)])
def test_few_images_for_each_class_have_few_neighbours(n, c, k):
    assert anchored_neighbors(n, c) == k


# --- the plain loop, word for word --------------------------------------------------------------


def soften(units: np.ndarray, prototypes: np.ndarray, temperature: float) -> np.ndarray:
    gamma = np.exp(units @ prototypes.T / temperature)
    return gamma / gamma.sum(axis=1, keepdims=True)


def moved(units: np.ndarray, prototypes: np.ndarray, temperature: float) -> np.ndarray:
    gamma = soften(units, prototypes, temperature)
    mean = (gamma.T @ units) / gamma.sum(axis=0)[:, None]
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


@pytest.mark.parametrize("coarse", [True, False])
def test_plain_moves_by_meta_clusters_first_and_micro_clusters_after(coarse):
    world, graph, _ = clustered_world()
    # Fewer meta-clusters than classes would merge two of them: then there is no coarse pass.
    n_meta = len(world.classes) - (0 if coarse else 1)
    clusters = pl.cluster(world.vectors, graph, n_meta=n_meta, progress=silent)
    assert clusters.n_meta == n_meta
    run = refine(world, clusters, method="plain", temperature=0.05, iterations=3)
    prototypes = world.classes.vectors.astype(float)
    for step, state in enumerate(run.iterations[1:]):
        first = coarse and step == 0
        units = (clusters.meta_centroids if first else clusters.centroids).astype(float)
        before, prototypes = prototypes, moved(units, prototypes, 0.05)
        np.testing.assert_allclose(state.prototypes, prototypes, atol=1e-5)
        np.testing.assert_array_equal(state.labels, (world.vectors @ prototypes.T).argmax(axis=1))
        shift = np.linalg.norm(prototypes - before, axis=1).mean()
        np.testing.assert_allclose(state.shift, shift, atol=1e-5)
    wanted = soften(clusters.centroids, prototypes, 0.05)
    np.testing.assert_allclose(run.micro_alignment, wanted, atol=1e-4)
    wanted = soften(clusters.meta_centroids, prototypes, 0.05)
    np.testing.assert_allclose(run.meta_alignment, wanted, atol=1e-4)


def test_plain_by_images_moves_to_the_weighted_mean():
    world = make_world(seed=2)
    run = refine(world, method="plain", units="images", iterations=2)
    prototypes = world.classes.vectors.astype(float)
    for state in run.iterations[1:]:
        prototypes = moved(world.vectors.astype(float), prototypes, 0.1)
        np.testing.assert_allclose(state.prototypes, prototypes, atol=1e-5)


@pytest.mark.parametrize("units", ["clusters", "images"])
def test_a_class_whose_weights_vanish_stays_where_it_was(units):
    """At a tiny temperature exp(-difference / temperature) is 0 in float32, or nearly."""
    world = make_world()
    off = np.zeros((1, world.vectors.shape[1]))
    off[0] = -world.vectors.mean(axis=0)
    text = np.concatenate([world.classes.vectors, off])
    classes = pl.ClassVectors([*world.classes.names, "nothing like it"], text)
    _, _, clusters = clustered_world()
    for temperature in (0.01, 0.003, 0.0001):
        run = pl.refine(
            world.vectors, classes, clusters, method="plain", units=units,
            temperature=temperature, iterations=3, progress=silent,
        )  # fmt: skip
        lengths = np.linalg.norm(run.iterations[-1].prototypes, axis=1)
        np.testing.assert_allclose(lengths, 1.0, atol=1e-4)
        assert np.isfinite(run.iterations[-1].agreement).all()


def test_directions_of_tiny_sums_are_not_lost():
    total = np.array([[3e-30, 4e-30], [0.0, 0.0]])
    before = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    np.testing.assert_allclose(plain._directions(total, before), [[0.6, 0.8], [0, 1]], rtol=1e-6)


def test_plain_needs_units():
    with pytest.raises(pl.InputError, match="units='images'"):
        refine(make_world(), method="plain")


# --- invariants ---------------------------------------------------------------------------------


def permuted(clusters: Clusters, order: np.ndarray) -> Clusters:
    return Clusters(
        clusters.micro[order], clusters.nearest[order], clusters.centroids, clusters.meta,
        clusters.meta_centroids,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_permuted_folder_gives_permuted_labels(method):
    world, _, clusters = clustered_world()
    order = np.random.default_rng(1).permutation(len(world.truth))
    run = refine(world, clusters, method=method, pins={int(order[4]): 2})
    turned = World(world.vectors[order], world.classes, world.truth[order])
    other = refine(turned, permuted(clusters, order), method=method, pins={4: 2})
    for a, b in zip(run.iterations, other.iterations, strict=True):
        np.testing.assert_array_equal(b.labels, a.labels[order])
        np.testing.assert_allclose(b.prototypes, a.prototypes, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_permuted_classes_give_permuted_labels(method):
    world, graph, clusters = clustered_world()
    order = np.array([3, 0, 5, 1, 4, 2])
    classes = pl.ClassVectors([world.classes.names[i] for i in order], world.classes.vectors[order])
    run = refine(world, clusters, method=method, graph=graph)
    other = refine(World(world.vectors, classes, world.truth), clusters, method=method, graph=graph)
    for a, b in zip(run.iterations, other.iterations, strict=True):
        np.testing.assert_array_equal(order[b.labels], a.labels)
        np.testing.assert_allclose(b.class_mass, a.class_mass[order], rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_input_gives_the_same_run_to_the_bit(method):
    world, graph, clusters = clustered_world()
    same(
        refine(world, clusters, method=method, graph=graph),
        refine(world, clusters, method=method, graph=graph),
        atol=0,
    )


@pytest.mark.parametrize("method", METHODS)
def test_memory_maps_rows_of_any_length_and_lists_agree(tmp_path, method):
    world, _, clusters = clustered_world()
    run = refine(world, clusters, method=method, graph=pl.knn_graph(world.vectors, 15))
    np.save(tmp_path / "x.npy", world.vectors)
    for other in (
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        world.vectors.astype(np.float64) * np.linspace(0.01, 100, len(world.truth))[:, None],
        world.vectors.tolist(),
    ):
        same(refine(World(other, world.classes, world.truth), clusters, method=method), run, 1e-3)


def test_float16_agrees_with_float32():
    world, _, clusters = clustered_world()
    half = World(world.vectors.astype(np.float16), world.classes, world.truth)
    run, other = refine(world, clusters), refine(half, clusters)
    agree = np.mean(run.iterations[-1].labels == other.iterations[-1].labels)
    assert agree >= 1 - 2 / len(world.truth)


@pytest.mark.parametrize("options", [{}, {"method": "plain", "units": "images"}])
def test_blocks_and_one_block_agree(monkeypatch, options):
    world, graph, clusters = clustered_world()
    run = refine(world, clusters, graph=graph, pins={5: 1}, **options)
    monkeypatch.setattr(vectors_module, "_BLOCK_BYTES", 4 * world.vectors.shape[1] * 19)
    blocks = refine(world, clusters, graph=graph, pins={5: 1}, **options)
    same(blocks, run, atol=1e-3)
    np.testing.assert_allclose(blocks.lambda_max, run.lambda_max, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_number_is_in_its_range(method):
    world, graph, clusters = clustered_world()
    run = refine(world, clusters, method=method, graph=graph)
    n, c = len(world.truth), len(world.classes)
    for state in run.iterations:
        assert state.labels.dtype == state.runner_up.dtype == np.int32
        assert (state.labels != state.runner_up).all()
        assert (state.agreement > 0).all()
        assert (state.agreement <= 1 + 1e-6).all()
        # Where the neighbours speak for another class, the margin is below 0.
        assert (state.agreement[state.margin >= 0] >= 1 / c - 1e-6).all()
        assert (state.margin > -1).all()
        assert (state.margin <= state.agreement).all()
        np.testing.assert_allclose(state.class_mass.sum(), n, rtol=1e-4)
        np.testing.assert_allclose(np.linalg.norm(state.prototypes, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(run.micro_alignment.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(run.meta_alignment.sum(axis=1), 1, atol=1e-5)
    assert run.micro_alignment.shape == (clusters.n_micro, c)
    assert run.meta_alignment.shape == (clusters.n_meta, c)


def test_alignments_are_means_over_the_images_of_a_cluster():
    g = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], np.float32)
    centroids = np.eye(2, 4, dtype=np.float32)
    nearest = np.array([0, 0, 1], np.int32)
    clusters = Clusters(nearest, nearest, centroids, np.zeros(2, np.int32), centroids[:1])
    micro, meta = anchored.alignments(g, clusters)
    np.testing.assert_allclose(micro, [[0.75, 0.25], [0, 1]])
    np.testing.assert_allclose(meta, [[0.5, 0.5]])
    micro, meta = anchored.alignments(g, None)
    assert micro.shape == meta.shape == (0, 2)


def test_churn_and_lambda_max():
    world, graph, clusters = clustered_world()
    run = refine(world, clusters, graph=graph)
    states = [state.labels for state in run.iterations]
    wanted = [np.mean(a != b) for a, b in pairwise(states)]
    np.testing.assert_allclose(run.churn, wanted)
    top = np.linalg.eigvalsh(np.cov(world.vectors.astype(float), rowvar=False, bias=True))[-1]
    np.testing.assert_allclose(run.lambda_max, top, rtol=1e-4)


def test_lambda_max_of_two_points():
    # Covariance of e1 and e2: eigenvalue 1/2 along their difference.
    text = pl.ClassVectors(["one"], np.eye(1, 2, dtype=np.float32))
    run = pl.refine(np.eye(2, dtype=np.float32), text, iterations=0)
    np.testing.assert_allclose(run.lambda_max, 0.5, atol=1e-6)
    same = pl.refine(np.ones((5, 2), np.float32), text, iterations=0)
    np.testing.assert_allclose(same.lambda_max, 0.0, atol=1e-6)


# --- pins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_pins_hold_in_every_later_iteration_and_never_in_zero_shot(method):
    world, graph, clusters = clustered_world()
    zero_shot = refine(world, iterations=0).iterations[0].labels
    pins = {int(i): int((zero_shot[i] + 1) % 6) for i in (0, 7, 100)}
    run = refine(world, clusters, method=method, graph=graph, pins=pins)
    image, label = np.array(list(pins.items())).T
    np.testing.assert_array_equal(run.iterations[0].labels, zero_shot)
    for state in run.iterations[1:]:
        np.testing.assert_array_equal(state.labels[image], label)
        np.testing.assert_allclose(state.agreement[image], 1.0)
        assert (state.runner_up[image] != label).all()
    np.testing.assert_array_equal(run.pins, sorted(pins.items()))


def test_the_runner_up_of_a_pin_is_what_the_votes_would_have_said():
    world, graph, _ = clustered_world()
    free = refine(world, graph=graph, iterations=1).iterations[1]
    sure = int(free.margin.argmax())
    pin = {sure: int((free.labels[sure] + 3) % 6)}
    state = refine(world, graph=graph, iterations=1, pins=pin).iterations[1]
    assert state.runner_up[sure] == free.labels[sure]


def test_pins_pull_their_neighbours():
    """An image that wavers follows its neighbours when they are all pinned to its runner-up."""
    world, graph, clusters = clustered_world()
    free = refine(world, clusters, graph=graph).iterations[-1]
    wavering = np.argsort(free.margin)[:12]
    followed = []
    for image in wavering:
        second = int(free.runner_up[image])
        pins = {int(near): second for near in graph.indices[image, :5]}
        run = refine(world, clusters, graph=graph, pins=pins)
        followed.append(run.iterations[-1].labels[image] == second)
    assert np.mean(followed) > 0.7


@pytest.mark.parametrize("pins", [{}, None, [], np.empty((0, 2), int)])
def test_no_pins(pins):
    run = refine(make_world(), iterations=1, pins=pins)
    assert run.pins.shape == (0, 2)


def test_pins_may_be_rows_of_two():
    run = refine(make_world(), iterations=1, pins=np.array([[9, 1], [2, 0]]))
    np.testing.assert_array_equal(run.pins, [[2, 0], [9, 1]])


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ({240: 0}, "image indices 0..239 and class indices 0..5"),
        ({-1: 0}, "0..239"),
        ({0: 6}, "class indices 0..5"),
        ([[1, 0], [1, 2]], "an image twice"),
        ([[1, 2, 3], [4, 5, 0]], "shape"),
        ([1, 2], "shape"),
        ([[1.5, 0.0]], "float64"),
        ({"a.png": "dog"}, "image index to class index"),
    ],
)
def test_bad_pins_are_refused(pins, message):
    with pytest.raises(pl.InputError, match=message):
        refine(make_world(), pins=pins)


# --- edges --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 20])
@pytest.mark.parametrize("c", [1, 2, 30])
def test_few_images_and_few_or_many_classes(method, n, c):
    rng = np.random.default_rng(n + c)
    x, text = unit_rows(rng.normal(size=(n, 8)) + 2), unit_rows(rng.normal(size=(c, 8)) + 2)
    classes = pl.ClassVectors([f"c{i}" for i in range(c)], text)
    clusters = pl.cluster(x, progress=silent)
    run = pl.refine(x, classes, clusters, method=method, pins={0: c - 1}, progress=silent)
    assert len(run.iterations) == 6
    assert run.n_images == n
    for state in run.iterations:
        assert np.isfinite(state.agreement).all()
        assert np.isfinite(state.prototypes).all()
    if n < 3 or c < 2:  # nothing to learn from
        for state in run.iterations[1:]:
            np.testing.assert_array_equal(state.labels, run.iterations[0].labels)
    np.testing.assert_allclose(run.micro_alignment.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_equal_images_all_get_one_label(method):
    x = np.tile(unit_rows(np.arange(1.0, 9.0)[None]), (30, 1))
    text = unit_rows(np.random.default_rng(0).normal(size=(3, 8)))
    clusters = pl.cluster(x, progress=silent)
    run = pl.refine(x, pl.ClassVectors(list("abc"), text), clusters, method=method, progress=silent)
    for state in run.iterations:
        assert len(set(state.labels)) == 1
        assert np.isfinite(state.agreement).all()


@pytest.mark.parametrize("method", METHODS)
def test_equal_texts_do_not_break_it(method):
    world, graph, clusters = clustered_world()
    text = np.repeat(world.classes.vectors[:1], 3, axis=0)
    run = pl.refine(
        world.vectors, pl.ClassVectors(list("abc"), text), clusters, method=method, graph=graph,
        progress=silent,
    )  # fmt: skip
    assert np.isfinite(run.iterations[-1].agreement).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("temperature", [1e-5, 1e3])
def test_extreme_temperatures_stay_finite(method, temperature):
    world, graph, clusters = clustered_world()
    run = refine(world, clusters, method=method, graph=graph, temperature=temperature)
    for state in run.iterations:
        assert np.isfinite(state.agreement).all()
        assert np.isfinite(state.prototypes).all()


def test_duplicates_agree_with_each_other():
    world = make_world()
    doubled = World(np.repeat(world.vectors, 2, axis=0), world.classes, np.repeat(world.truth, 2))
    labels = refine(doubled).iterations[-1].labels
    np.testing.assert_array_equal(labels[::2], labels[1::2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "anchored, plain, got 'magic'"),
        ({"units": "pixels"}, "clusters, images, got 'pixels'"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": -0.1}, "above 0"),
        ({"temperature": float("nan")}, "got nan"),
        ({"temperature": float("inf")}, "got inf"),
        ({"temperature": 1e-40}, "at least 1e-05"),
        ({"temperature": "0.1"}, "got '0.1'"),
        ({"temperature": None}, "got None"),
        ({"iterations": -1}, "whole number, 0 or more, got -1"),
        ({"iterations": 2.5}, "got 2.5"),
        ({"iterations": float("nan")}, "got nan"),
        ({"iterations": "five"}, "got 'five'"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(pl.InputError, match=message):
        refine(make_world((5, 5)), **options)


def test_numpy_numbers_are_numbers():
    given = {"method": "plain", "units": "images"}
    check_parameters(temperature=np.float32(0.2), iterations=np.int64(3), **given)


def test_names_instead_of_class_vectors_are_refused():
    with pytest.raises(pl.InputError, match="ClassVectors, got list: pass what embed"):
        pl.refine(make_world().vectors, ["dog", "cat"], progress=silent)


def test_other_dimensions_and_other_folders_are_refused():
    world, graph, clusters = clustered_world()
    with pytest.raises(pl.InputError, match="same encoder"):
        pl.refine(world.vectors[:, :10], world.classes, progress=silent)
    with pytest.raises(pl.InputError, match=r"clusters of 9 images.* got 240"):
        pl.refine(world.vectors[:9], world.classes, clusters, progress=silent)
    with pytest.raises(pl.InputError, match=r"graph of .* got 10 neighbours of 240 images"):
        pl.refine(world.vectors[:9], world.classes, graph=graph, progress=silent)
    narrow = pl.knn_graph(world.vectors, 2)
    with pytest.raises(pl.InputError, match="with 5 neighbours each"):
        pl.refine(world.vectors, world.classes, graph=narrow, progress=silent)


def test_zero_and_broken_rows_are_refused():
    world = make_world()
    x = world.vectors.copy()
    x[4], x[9, 2] = 0, np.nan
    with pytest.raises(pl.InputError, match="finite and not zero, got 2 of 240 rows"):
        pl.refine(x, world.classes, progress=silent)


def test_progress_counts_the_iterations_and_may_stop_them():
    seen = []
    pl.refine(make_world().vectors, make_world().classes, progress=lambda *step: seen.append(step))
    assert seen == [("refining", done, 5) for done in range(1, 6)]

    def stop(phase, done, total):
        raise pl.Stopped("enough")

    with pytest.raises(pl.Stopped):
        pl.refine(make_world().vectors, make_world().classes, progress=stop)


def test_parameters_are_plain_and_cannot_be_changed():
    run = refine(make_world((9, 9)), temperature=np.float32(0.25), iterations=np.int64(1))
    assert dict(run.parameters) == {
        "method": "anchored", "temperature": 0.25, "iterations": 1,
        "units": "clusters",
    }  # fmt: skip
    assert isinstance(run.parameters, MappingProxyType)
    assert type(run.parameters["iterations"]) is int
    assert run.method == "anchored"


# --- what is prepared once ------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_prepared_space_gives_the_same_run_to_the_bit(method):
    world, graph, clusters = clustered_world()
    options = {"method": method, "graph": graph, "pins": {3: 1}, "progress": silent}
    half = world.vectors.astype(np.float16)
    run = pl.refine(half, world.classes, clusters, **options)
    space = image_space(half)
    for _ in range(2):
        same(pl.refine(space, world.classes, clusters, **options), run, atol=0)


def test_a_prepared_second_view_gives_the_same_run_to_the_bit():
    world, graph, clusters = clustered_world()
    visual = world.vectors[:, ::-1].astype(np.float16)
    options = {"graph": graph, "progress": silent}
    run = pl.refine(world.vectors, world.classes, clusters, visual=visual, **options)
    prepared = image_space(visual)
    other = pl.refine(world.vectors, world.classes, clusters, visual=prepared, **options)
    same(other, run, atol=0)
    assert other.visual_weight == run.visual_weight


def test_a_prepared_space_is_checked_like_vectors():
    world = make_world()
    narrow = image_space(world.vectors[:, :9])
    with pytest.raises(pl.InputError, match=r"columns, .* got 9"):
        pl.refine(narrow, world.classes)
    with pytest.raises(pl.InputError, match=r"visual vectors of 240 images.* got 5"):
        pl.refine(world.vectors, world.classes, visual=image_space(world.vectors[:5]))


def test_unit_rows_in_memory_are_not_copied():
    world = make_world()
    unit = unit_rows(world.vectors)
    assert image_space(unit).vectors is unit


@pytest.mark.parametrize("options", [{}, {"temperature": 0.05}, {"pins": {3: 1, 10: 0}}])
def test_the_strongest_axes_give_the_labels_of_whole_vectors(monkeypatch, options):
    world = make_world((600, 500, 400, 400, 300, 200), dim=256)
    graph = pl.knn_graph(world.vectors)
    clusters = pl.cluster(world.vectors, graph, progress=silent)
    whole = refine(world, clusters, graph=graph, **options)
    monkeypatch.setattr(space_module, "_STRONG", ((6, 1, 128),))
    near = refine(world, clusters, graph=graph, **options)
    for before, after in zip(whole.iterations, near.iterations, strict=True):
        assert np.mean(before.labels == after.labels) >= 0.998
        np.testing.assert_allclose(after.prototypes, before.prototypes, atol=0.02)
        np.testing.assert_allclose(after.agreement, before.agreement, atol=0.2)
    assert (whole.iterations[0].labels != whole.iterations[-1].labels).mean() > 0.02


def test_a_prepared_loop_runs_at_every_temperature_as_a_new_one_does():
    world, graph, clusters = clustered_world()
    prepared = prepare(world.vectors, world.classes, clusters, graph=graph, pins={4: 2})
    for temperature in (0.3, 0.05, 0.3):
        run = prepared.refine(temperature, 3, silent)
        fresh = refine(
            world, clusters, graph=graph, pins={4: 2}, temperature=temperature, iterations=3
        )
        same(run, fresh, atol=1e-6)
        assert run.parameters == fresh.parameters


def test_only_labels_are_computed_before_somebody_asks_how_sure_they_are(monkeypatch):
    world, graph, clusters = clustered_world()
    asked = []
    evidence = anchored.NeighborEvidence

    def counted(self, *given, **options):
        asked.append(1)
        return confidence(self, *given, **options)

    confidence = evidence.log_confidence
    monkeypatch.setattr(evidence, "log_confidence", counted)
    run = refine(world, clusters, graph=graph)
    assert not asked
    assert pl.label(run).agreement.shape == (len(world.truth),)
    assert len(asked) == 1
    assert [state.margin.shape for state in run.iterations] == [(len(world.truth),)] * 6
    assert len(asked) == 5
    monkeypatch.setattr(iteration, "_HELD", 0)
    at_once = refine(world, clusters, graph=graph)
    assert len(asked) == 10
    for one, other in zip(run.iterations, at_once.iterations, strict=True):
        np.testing.assert_allclose(one.agreement, other.agreement, atol=1e-6)
        np.testing.assert_array_equal(one.further, other.further)
