"""How well images fit their names: what the numbers mean, and what they tell apart."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from worlds import World
from worlds import make_world as make_any_world

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.evaluation import fit as module

make_world = partial(make_any_world, dim=256)  # noise says as little of a text as in CLIP


def without(world: World, names: int) -> tuple[pl.ClassVectors, np.ndarray]:
    """The class vectors but for the last few, and which images really have a name."""
    kept = len(world.classes) - names
    text = pl.ClassVectors(world.classes.names[:kept], world.classes.vectors[:kept])
    return text, world.truth < kept


def measure(labels: pl.Labels, vectors: np.ndarray, graph=None, **options) -> pl.Fit:
    return pl.measure_fit(labels, vectors, graph, progress=silent, **options)


def labels_of(vectors: np.ndarray, text: pl.ClassVectors, **options) -> pl.Labels:
    return pl.label(pl.refine(vectors, text, progress=silent, **options))


def three_groups() -> tuple[pl.Labels, np.ndarray]:
    """20 images of a, 20 of b, and 10 that are like a, but only half as much."""
    axes = np.eye(4, dtype=np.float32)
    text = pl.ClassVectors(["a", "b"], axes[:2])
    a, b = 0.6 * axes[0] + 0.8 * axes[2], 0.6 * axes[1] + 0.8 * axes[2]
    half = 0.3 * axes[0] + np.sqrt(1 - 0.09).astype(np.float32) * axes[3]
    vectors = np.concatenate([np.tile(a, (20, 1)), np.tile(b, (20, 1)), np.tile(half, (10, 1))])
    return labels_of(vectors, text, iterations=0), vectors


def test_the_scale_runs_from_images_of_other_names_to_the_best_of_the_own():
    labels, vectors = three_groups()
    np.testing.assert_array_equal(labels.label, [0] * 20 + [1] * 20 + [0] * 10)
    # Images of b have a cosine of 0 with a, and all others one of 0 with b: that is no fit. The
    # best of a and b have 0.6. Equal images share what they have with none but each other.
    score = measure(labels, vectors).score
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, [1.0] * 40 + [0.5] * 10, atol=1e-6)


def test_the_model_does_not_matter():
    """A text tower that lies elsewhere, or nearer to the images, moves and scales all cosines."""
    world = make_world(seed=3)
    labels = labels_of(world.vectors, world.classes, iterations=0)
    n, text = len(world.vectors), world.classes.vectors
    far = np.hstack([0.6 * text, np.full((len(text), 1), 0.8)])
    images = np.hstack([0.8 * world.vectors, np.full((n, 1), 0.6)])
    other = labels_of(images, pl.ClassVectors(world.classes.names, far), iterations=0)
    np.testing.assert_array_equal(other.label, labels.label)
    graph = pl.knn_graph(world.vectors, 10)
    one = measure(labels, world.vectors, graph).score
    np.testing.assert_allclose(measure(other, images, graph).score, one, atol=1e-4)


def test_images_without_a_name_fit_worst():
    ranks, margins, caught, lost = [], [], [], []
    for seed in range(3):
        world = make_world(seed=seed)
        text, named = without(world, 2)
        clusters = pl.cluster(world.vectors, progress=silent)
        labels = labels_of(world.vectors, text, clusters=clusters)
        fit = measure(labels, world.vectors)
        ranks.append(roc_auc_score(named, fit.score))
        margins.append(roc_auc_score(named, labels.margin))
        caught.append(fit.unfit()[~named].mean())
        lost.append(fit.unfit()[named].mean())
    assert min(ranks) > 0.95
    assert np.mean(ranks) > np.mean(margins) + 0.02
    assert min(caught) > 0.7
    assert max(lost) < 0.05


def test_few_images_are_lost_where_every_image_has_a_name():
    for sizes, absent in (((60, 50, 40, 40), 0), ((120,), 6), ((100, 5, 5), 4)):
        world = make_world(sizes, absent=absent, seed=1)
        clusters = pl.cluster(world.vectors, progress=silent)
        labels = labels_of(world.vectors, world.classes, clusters=clusters)
        assert measure(labels, world.vectors).unfit().mean() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_background_that_knows_what_else_there_is_helps(seed):
    world = make_world(seed=seed)
    text, named = without(world, 3)
    labels = labels_of(world.vectors, text)
    alone = roc_auc_score(named, measure(labels, world.vectors).score)
    fit = measure(labels, world.vectors, background=world.classes)
    assert roc_auc_score(named, fit.score) > alone


def test_the_count_for_every_strictness_is_the_number_of_unfit_images():
    world = make_world(seed=2)
    text, _ = without(world, 2)
    fit = measure(labels_of(world.vectors, text), world.vectors)
    counts = [fit.count_at(s) for s in np.linspace(0, 1, 101)]
    assert counts == [fit.unfit(s).sum() for s in np.linspace(0, 1, 101)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert len(world.vectors) * 0.8 <= counts[-1] <= len(world.vectors)
    exact = float(fit.score[0])  # an image at the threshold has reached it
    assert not fit.unfit(exact)[0]
    assert fit.count_at(exact) == fit.unfit(exact).sum()


def test_a_pinned_image_fits():
    world = make_world(seed=2)
    text, named = without(world, 2)
    pins = {int(i): 0 for i in np.flatnonzero(~named)[:5]}
    labels = labels_of(world.vectors, text, pins=pins)
    fit = measure(labels, world.vectors)
    assert (fit.score[list(pins)] == 1).all()
    assert not fit.unfit(1.0)[list(pins)].any()


def test_a_permuted_folder_gives_permuted_scores():
    world = make_world(seed=4)
    order = np.random.default_rng(0).permutation(len(world.vectors))
    scores = [
        measure(labels_of(v, world.classes), v).score for v in (world.vectors, world.vectors[order])
    ]
    np.testing.assert_allclose(scores[1], scores[0][order], atol=1e-5)


def test_blocks_change_nothing(monkeypatch):
    world = make_world(seed=5)
    labels = labels_of(world.vectors, world.classes)
    graph = pl.knn_graph(world.vectors, 10)
    for background in (None, world.classes):
        whole = measure(labels, world.vectors, graph, background=background).score
        with monkeypatch.context() as patch:
            patch.setattr(module, "_BLOCK", 7 * len(world.classes))
            part = measure(labels, world.vectors, graph, background=background).score
        np.testing.assert_allclose(part, whole, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("names", [1, 2, 5])
def test_the_smallest_folders(n, names):
    world = make_world((n,), absent=4, seed=1)
    text = pl.ClassVectors(world.classes.names[:names], world.classes.vectors[:names])
    score = measure(labels_of(world.vectors, text), world.vectors).score
    assert score.shape == (n,)
    assert ((score >= 0) & (score <= 1)).all()
    assert np.median(score) > 0.5


def test_progress_is_reported():
    world = make_world((10, 10))
    told = []
    labels = labels_of(world.vectors, world.classes)
    pl.measure_fit(labels, world.vectors, progress=lambda *step: told.append(step))
    assert told[-1] == ("measuring fit", 20, 20)


def test_equal_images_under_one_name_fit():
    vectors = np.tile(np.eye(3, dtype=np.float32)[0], (6, 1))
    text = pl.ClassVectors(["a"], np.array([[0.3, 0.9, 0.0]]))
    score = measure(labels_of(vectors, text), vectors).score
    np.testing.assert_allclose(score, 1.0, atol=1e-6)


@pytest.mark.parametrize("strictness", [-0.1, 1.5, np.nan, "half", None])
def test_a_strictness_is_a_number_from_0_to_1(strictness):
    fit = pl.Fit(np.array([0.5], np.float32))
    with pytest.raises(pl.InputError, match="strictness from 0"):
        fit.unfit(strictness)
    with pytest.raises(pl.InputError, match="strictness from 0"):
        fit.count_at(strictness)


def test_what_does_not_fit_together_is_refused():
    world = make_world((10, 10))
    labels = labels_of(world.vectors, world.classes)
    with pytest.raises(pl.InputError, match="vectors of the 20 labelled images, got 5"):
        measure(labels, world.vectors[:5])
    with pytest.raises(pl.InputError, match=r"graph of .* got one of 5"):
        measure(labels, world.vectors, pl.knn_graph(world.vectors[:5], 2))
    other = pl.ClassVectors(["x"], np.ones((1, 3)))
    with pytest.raises(pl.InputError, match="background with 256 columns, got 3"):
        measure(labels, world.vectors, background=other)
    with pytest.raises(pl.InputError, match="saved prototypes"):
        measure(replace(labels, run=None), world.vectors)


def test_setting_aside_marks_and_keeps_every_label():
    world = make_world((10, 10))
    labels = labels_of(world.vectors, world.classes, pins={3: 0})
    assert not labels.unfit.any()
    aside = labels.set_aside(np.arange(20) < 6)
    np.testing.assert_array_equal(np.flatnonzero(aside.unfit), [0, 1, 2, 4, 5])
    np.testing.assert_array_equal(aside.label, labels.label)
    assert aside.counts.sum() == 15
    assert not labels.unfit.any()
    assert not aside.at(0).unfit.any()
    for wrong in (np.ones(19, bool), np.ones(20, int), [0, 1]):
        with pytest.raises(pl.InputError, match="images as 20 booleans"):
            labels.set_aside(wrong)


@pytest.mark.parametrize("seen", [True, False], ids=["seen before", "new"])
def test_new_images_that_fit_no_name_are_found_on_the_scale_of_the_run(seen):
    world = make_world((60,) * 6, seed=3)
    text, named = without(world, 2)
    halves = np.arange(len(named)) % 2 == 0
    old, new = np.flatnonzero(halves & (named | seen)), np.flatnonzero(~halves)
    labels = labels_of(world.vectors[old], text)
    classifier = pl.PrototypeClassifier.from_labels(labels, world.vectors[old])
    found = classifier.label(world.vectors[new], together=False)
    known = module.RememberedFit.of(classifier.memory_, classifier.model_)
    fit = known.measure(found, world.vectors[new])
    assert roc_auc_score(named[new], fit.score) > (0.88 if seen else 0.8)
    assert fit.unfit(0.0).sum() == 0
    few = classifier.label(world.vectors[new[:5]], together=False)
    part = known.measure(few, world.vectors[new[:5]])
    np.testing.assert_allclose(part.score, fit.score[:5], atol=1e-5)
