from __future__ import annotations

import numpy as np
import pytest

from protolabel.clustering.image_space import image_space
from protolabel.common.vectors import log_softmax, unit_rows
from protolabel.refinement.iteration import hold_pins, summarize
from protolabel.refinement.prototypes import (
    PrototypeModel,
    Prototypes,
    PrototypeUpdate,
    _dimensions,
    fit_prototypes,
    text_model,
)


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=shape))


def fitted(x: np.ndarray, label: np.ndarray, n_classes: int, **options: float) -> PrototypeModel:
    options = {"temperature": 0.1, "prior_weight": 0.5} | options
    return fit_prototypes(x, label, n_classes, **options)


def test_the_prototype_of_one_image_is_the_image():
    x = unit(2, 5)
    np.testing.assert_allclose(fitted(x, np.array([1, 0]), 2).prototypes, x[::-1], atol=1e-6)


def test_the_prototype_of_two_images_is_their_normalised_mean():
    x = unit(4, 5)
    got = fitted(x, np.array([0, 0, 1, 1]), 2).prototypes
    for row, pair in zip(got, (x[:2], x[2:]), strict=True):
        mean = pair.mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_scores_are_the_formula_of_the_docstring():
    rng = np.random.default_rng(3)
    x, text = unit(20, 6, seed=1), unit(3, 6, seed=2)
    model = PrototypeModel(
        text=text,
        text_scale=30.0,
        text_weight=1.5,
        text_bias=np.array([0.0, 2.0, 0.5], np.float32),
        confused_classes=np.array([1]),
        confusion=np.array([[0.1, 0.7, 0.2]], np.float32),
        own=Prototypes(
            mean=rng.normal(size=6).astype(np.float32) / 9,
            centres=rng.normal(size=(3, 6)).astype(np.float32) / 9,
            axes=np.eye(2, 6, k=1, dtype=np.float32),
            axis_weights=np.array([0.25, 0.5], np.float32),
            sharpness=7.0,
        ),
        visual=None,
        log_prior=np.log(np.array([0.5, 0.3, 0.2], np.float32)),
    )
    logits = 30.0 * x @ text.T + model.text_bias
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    share[:, 1] = share @ np.array([0.1, 0.7, 0.2])
    votes = np.log(share / share.sum(axis=1, keepdims=True))
    away = x[:, None] - model.own.mean - model.own.centres
    counts = np.array([1, 0.25, 0.5, 1, 1, 1])  # the axes are the second and third coordinate
    wanted = 1.5 * votes - 7.0 * (counts * away**2).sum(axis=2) + model.log_prior
    np.testing.assert_allclose(model.scores(x), wanted, atol=1e-4)


def test_the_model_of_the_text_is_zero_shot():
    x, text = unit(8, 5, seed=4), unit(3, 5, seed=5)
    model = text_model(text, 100.0)
    wanted = 100.0 * x @ text.T
    wanted = np.exp(wanted - wanted.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(model.scores(x)), wanted, atol=1e-5)
    np.testing.assert_array_equal(model.prototypes, text)


def test_fit_measures_the_spread_within_the_classes():
    rng = np.random.default_rng(9)
    label = rng.integers(2, size=400)
    x = unit_rows(rng.normal(size=(2, 5))[label] + 0.1 * rng.normal(size=(400, 5)))
    model = fitted(x, label, 2, temperature=0.2)
    z = x - x.mean(axis=0)
    centres = np.array([z[label == c].mean(axis=0) for c in range(2)])
    off = z - centres[label]
    variance = np.square(off).mean()
    own = 0.5 * 400 / 900
    shrunk = own * np.square(off @ model.own.axes.T).mean(axis=0) + (1 - own) * variance
    weights = np.minimum(1, variance / shrunk)
    np.testing.assert_allclose(model.own.axis_weights, weights, rtol=1e-3)
    along = (off @ model.own.axes.T) ** 2
    spread = (np.square(off).sum(axis=1) - along @ (1 - weights)).mean()
    np.testing.assert_allclose(model.own.sharpness, 1 / (2 * spread * 0.2), rtol=1e-3)
    share = (np.bincount(label) + 1) / 402
    np.testing.assert_allclose(model.log_prior, 0.5 * np.log(share), rtol=1e-5)


@pytest.mark.parametrize(("ratio", "present", "wanted"), [(0.2, 1, 4), (1, 1, 1), (1, 0, 4)])
def test_an_anchor_counts_less_if_images_lie_elsewhere_and_names_are_present(
    ratio, present, wanted
):
    label = np.arange(400) % 2
    x = unit_rows(3 * unit(2, 16)[label] + unit(400, 16, seed=1))
    space, g = image_space(x), np.eye(2, dtype=np.float32)[label]
    means = np.array([(x - space.mean)[label == c].mean(axis=0) for c in range(2)])
    within = np.square(x - space.mean - means[label]).sum(axis=1).mean()
    anchors = means + np.sqrt(ratio * within) * np.eye(16)[5]
    every = np.ones((400, 1), np.float32)
    update = PrototypeUpdate(space, anchors.astype(np.float32), every, 1.0, g)
    moved = update(g, 0.1, present, 0.0).prototypes.centres - means
    part = moved[0, 5] / (anchors[0] - means[0])[5]
    assert 200 * part / (1 - part) == pytest.approx(wanted, rel=0.02)


def test_distances_are_sharper_the_surer_it_is_that_no_name_is_absent():
    space, g = image_space(unit(400, 64)), np.eye(2, dtype=np.float32)[np.arange(400) % 2]
    every, anchors = np.ones((400, 1), np.float32), np.zeros((2, 64), np.float32)
    update = PrototypeUpdate(space, anchors, every, 1.0, g)
    sharpest = update(g, 1e-9, 1.0, 0.0).prototypes.sharpness
    maybe, half, sure = (update(g, 0.2, 1.0, at).prototypes.sharpness for at in (0.0, 0.5, 1.0))
    assert maybe < sharpest
    np.testing.assert_allclose(sure, np.sqrt(maybe * sharpest), rtol=1e-4)
    np.testing.assert_allclose(half, np.sqrt(maybe * sure), rtol=1e-4)


def test_of_one_model_the_agreement_is_its_share():
    log_g = np.log(np.array([[0.64, 0.36], [0.01, 0.99]], np.float32))
    state = summarize(log_g, np.eye(2, dtype=np.float32), 0.5, text_model(unit(2, 2), 1.0))
    np.testing.assert_array_equal(state.labels, [0, 1])
    np.testing.assert_array_equal(state.runner_up, [1, 0])
    np.testing.assert_allclose(state.agreement, [0.64, 0.99], rtol=1e-5)
    np.testing.assert_allclose(state.margin, [0.28, 0.98], rtol=1e-5)
    np.testing.assert_allclose(state.class_mass, [0.65, 1.35], rtol=1e-5)
    assert state.shift == 0.5


def test_the_confidence_sets_agreement_and_runner_up_but_no_label():
    log_g = np.log(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32))
    sure = np.log(np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7]], np.float32))
    prototypes, model = np.eye(3, dtype=np.float32), text_model(unit(3, 3), 1.0)
    state = summarize(log_g, prototypes, 0.0, model, lambda: sure)
    np.testing.assert_array_equal(state.labels, [0, 0])
    np.testing.assert_array_equal(state.runner_up, [2, 2])
    np.testing.assert_allclose(state.agreement, [0.6, 0.2], rtol=1e-5)
    np.testing.assert_allclose(state.margin, [0.3, -0.5], rtol=1e-5)
    np.testing.assert_allclose(state.class_mass, [1.0, 0.6, 0.4], rtol=1e-5)


def test_one_class_is_its_own_runner_up():
    log_g = np.zeros((3, 1), np.float32)
    state = summarize(log_g, np.ones((1, 2), np.float32), 0.0, text_model(unit(1, 2), 1.0))
    np.testing.assert_array_equal(state.runner_up, [0, 0, 0])
    np.testing.assert_array_equal(state.margin, [1, 1, 1])


def test_class_mass_of_a_million_images_loses_no_small_share():
    log_g = log_softmax(np.tile(np.array([0.0, -5.0], np.float32), (1_000_000, 1)))
    state = summarize(log_g, np.eye(2, dtype=np.float32), 0.0, text_model(unit(2, 2), 1.0))
    share = 1 / (1 + np.exp(5.0))
    np.testing.assert_allclose(state.class_mass, [1e6 * (1 - share), 1e6 * share], rtol=1e-5)


def test_held_pins_are_certain_and_keep_the_order_of_the_rest():
    log_g = np.log(np.array([[0.5, 0.2, 0.3], [0.1, 0.3, 0.6]], np.float32))
    held = hold_pins(log_g.copy(), np.array([[0, 1]]))
    np.testing.assert_array_equal(np.exp(held[0]), [0, 1, 0])
    assert held[0, 0] > held[0, 2]
    np.testing.assert_array_equal(held[1], log_g[1])


@pytest.mark.parametrize("n", [1, 5])
def test_equal_images_give_finite_scores(n):
    x = np.tile(unit(1, 5), (n, 1))
    model = fitted(x, np.zeros(n, int), 1)
    assert np.isfinite(model.scores(x)).all()


@pytest.mark.parametrize("dim", [1, 6, 40])
def test_images_that_differ_alike_along_every_axis_have_all_dimensions(dim):
    along = np.full(min(dim, 8), 0.3)
    assert _dimensions(along, 0.3 * dim, dim) == pytest.approx(dim)


def test_images_that_differ_along_one_axis_have_one_dimension():
    assert _dimensions(np.array([2.0, 0, 0]), 2.0, 500) == pytest.approx(1)
    assert _dimensions(np.zeros(8), 0.0, 500) == 1  # equal images
