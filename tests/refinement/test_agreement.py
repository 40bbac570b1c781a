from __future__ import annotations

import numpy as np
import pytest
from worlds import clustered_world, make_world

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.vectors import log_softmax
from protolabel.evaluation.calibration import calibration_error, error_auroc
from protolabel.refinement import agreement
from protolabel.refinement.agreement import (
    SLOPE_CORRECTION,
    NeighborEvidence,
    believed_fraction,
    class_odds,
    fitted_sharpness,
    label_odds,
    level_shift,
    size_odds,
    text_fraction,
    text_weight,
    with_label_odds,
)

NOBODY = np.empty((0, 2), np.int64)
EVEN = np.zeros(1000, np.float32)  # classes as large as the text expects them


def votes(n: int, n_classes: int = 3, scale: float = 4.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return log_softmax((scale * rng.normal(size=(n, n_classes))).astype(np.float32))


def ring(n: int, k: int) -> pl.KnnGraph:
    """Images in a ring whose neighbours are the next ones."""
    near = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    return pl.KnnGraph(near.astype(np.int32), np.ones((n, k), np.float32))


# --- the scale of the votes ----------------------------------------------------------------------


@pytest.mark.parametrize("true", [0.2, 0.5, 1.5])
def test_the_exponent_makes_the_votes_as_sure_as_the_neighbours_find_them(true):
    log_g = votes(20_000)
    rng = np.random.default_rng(1)
    # A neighbour has a class with the probability that the votes would have at their true scale.
    share = np.exp(log_softmax(np.float32(true) * log_g))
    said = (rng.random((20_000, 1)) > share.cumsum(axis=1)).sum(axis=1)
    got = fitted_sharpness(log_g, said, NOBODY[:, 0])
    assert got / SLOPE_CORRECTION == pytest.approx(true, rel=0.05)


def test_the_confidence_does_not_depend_on_the_scale_of_the_votes():
    log_g = votes(500)
    zero_shot = votes(500, seed=1).argmax(axis=1)
    exponent = fitted_sharpness(log_g, zero_shot, NOBODY[:, 0])
    assert fitted_sharpness(4 * log_g, zero_shot, NOBODY[:, 0]) == pytest.approx(exponent / 4)


def test_few_neighbours_move_the_exponent_little():
    log_g = votes(6)
    best, worst = log_g.argmax(axis=1), log_g.argmin(axis=1)
    agreed, silent_ = (fitted_sharpness(log_g, said, NOBODY[:, 0]) for said in (best, worst))
    top = np.sort(log_g, axis=1)
    typical = np.median(top[:, -1] - top[:, -2])
    # Without a word the median image is taken to deserve log-odds of 4.
    assert silent_ == pytest.approx(SLOPE_CORRECTION * 4 / typical, rel=1e-4)
    assert silent_ < agreed < 1.5 * silent_


def test_fixed_images_say_nothing_of_the_scale():
    log_g = votes(200)
    said = votes(200, seed=1).argmax(axis=1)
    pinned = np.array([3, 50])
    want = fitted_sharpness(np.delete(log_g, pinned, 0), np.delete(said, pinned), NOBODY[:, 0])
    log_g[pinned] -= 1e4
    log_g[pinned, 0] = 0
    assert fitted_sharpness(log_g, said, pinned) == pytest.approx(want, rel=1e-5)


def test_votes_that_are_all_the_same_stay_so():
    log_g = np.full((5, 2), np.log(0.5), np.float32)
    assert fitted_sharpness(log_g, np.zeros(5, int), NOBODY[:, 0]) == 1
    evidence = NeighborEvidence.of(ring(5, 2), 1)
    got = evidence.log_confidence(
        log_g, log_g, np.zeros(5, int), NOBODY, fraction=0.2, odds=EVEN[:2]
    )
    np.testing.assert_allclose(np.exp(got), 0.5, rtol=1e-6)


@pytest.mark.parametrize("every", [0, 1, 2])
def test_neighbours_that_never_or_always_agree_leave_it_finite(every):
    log_g = votes(5000, scale=50)
    order = np.argsort(-log_g, axis=1)
    got = fitted_sharpness(log_g, order[:, every], NOBODY[:, 0])
    assert 0 < got < np.inf


def test_a_sample_of_a_large_folder_is_enough(monkeypatch):
    log_g, said = votes(30_000), votes(30_000, seed=1).argmax(axis=1)
    sampled = fitted_sharpness(log_g, said, NOBODY[:, 0])
    monkeypatch.setattr(agreement, "_SAMPLE", 10**9)
    assert fitted_sharpness(log_g, said, NOBODY[:, 0]) == pytest.approx(sampled, rel=0.2)


# --- what the neighbours say ---------------------------------------------------------------------


def test_closed_form():
    log_g, log_text = votes(40, 3), votes(40, 3, seed=1)
    zero_shot = log_text.argmax(axis=1)
    graph = ring(40, 6)
    evidence = NeighborEvidence.of(graph, 1)
    got = np.exp(
        evidence.log_confidence(log_g, log_text, zero_shot, NOBODY, fraction=0.2, odds=EVEN[:3])
    )
    exponent = fitted_sharpness(log_g, zero_shot[graph.indices[:, 0]], NOBODY[:, 0])
    g = np.exp(log_g)
    # Three neighbours for each that votes.
    want = g**exponent * (1 + g[graph.indices[:, :3]].sum(axis=1)) ** 0.6
    want = 0.8 * want / want.sum(axis=1, keepdims=True) + 0.2 * np.exp(log_text)
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_of_a_thousand_names_the_tail_takes_nothing():
    log_g = np.full((30, 1000), -9.0, np.float32)
    log_g[:, 0], log_g[:, 1] = 0.0, -1.0
    log_g = log_softmax(log_g)
    zero_shot = np.zeros(30, int)
    evidence = NeighborEvidence.of(ring(30, 3), 1)
    many = np.exp(evidence.log_confidence(log_g, log_g, zero_shot, NOBODY, fraction=0.2, odds=EVEN))
    few = log_softmax(log_g[:, :10])
    ten = np.exp(evidence.log_confidence(few, few, zero_shot, NOBODY, fraction=0.2, odds=EVEN[:10]))
    np.testing.assert_allclose(many[:, 0], ten[:, 0], atol=0.05)
    np.testing.assert_allclose(many.sum(axis=1), 1, atol=1e-4)


def test_a_graph_with_fewer_neighbours_is_used_as_it_is():
    around = NeighborEvidence.of(ring(40, 4), 5).around
    np.testing.assert_array_equal(around.sum(axis=1), np.full(40, 4))


def test_an_image_among_others_has_less_agreement_than_one_among_its_own():
    log_g = np.log(np.tile(np.array([[0.9, 0.1]], np.float32), (30, 1)))
    log_g[10:13] = log_g[10:13, ::-1]
    labels = log_g.argmax(axis=1)
    evidence = NeighborEvidence.of(ring(30, 3), 1)
    sure = np.exp(
        evidence.log_confidence(log_g, log_g, labels, NOBODY, fraction=0.2, odds=EVEN[:2])
    )
    of_label = sure[np.arange(30), labels]
    assert of_label[12] == of_label.min()  # three neighbours are of the other class
    assert of_label[20] == of_label.max()


def test_the_text_counts_where_classes_lie_elsewhere_than_their_names():
    rng = np.random.default_rng(0)
    text = np.eye(6, 40, dtype=np.float32)
    mass = np.array([30.0, 20.0, 10.0, 5.0, 0.2, 0.0])
    names = text - mass[:4] @ text[:4] / 65.0
    assert text_fraction(names, text, mass) == 0
    assert text_fraction(rng.normal(size=(6, 40)), text, mass) == pytest.approx(0.9)
    half = np.sqrt(1 - 0.37**2) * text[:, ::-1]  # cosine half-way between 0.32 and 0.42
    lengths = np.linalg.norm(names, axis=1, keepdims=True)
    assert text_fraction(0.37 * names / lengths + half, text, mass) == pytest.approx(0.45)
    assert text_fraction(names, text, np.array([9.0, 0, 0, 0, 0, 0])) == 0  # nothing to compare


def test_the_text_counts_half_where_surely_no_name_is_absent():
    assert [text_weight(0.8, sure) for sure in (0.0, 0.5, 1.0)] == pytest.approx([0.8, 0.6, 0.4])


def test_the_text_learns_how_large_the_classes_are():
    log_g, log_text = votes(40, 3), votes(40, 3, seed=1)
    evidence = NeighborEvidence.of(ring(40, 6), 1)
    odds = size_odds(np.array([29.0, 9.0, 2.0]), np.array([9.0, 14.0, 17.0]))
    np.testing.assert_allclose(odds, np.log([3.0, 10 / 15, 3 / 18]), rtol=1e-6)
    alone, half = (
        np.exp(
            evidence.log_confidence(
                log_g, log_text, log_text.argmax(axis=1), NOBODY, fraction=f, odds=odds
            )
        )
        for f in (0.0, 0.5)
    )
    text = np.exp(log_text) * np.exp(odds)
    want = 0.5 * alone + 0.5 * text / text.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(half, want, rtol=1e-4)


# --- which labels are right ----------------------------------------------------------------------


def agreement_of(log_g, log_text, pins=NOBODY, believed=1.0):
    """Agreement of the labels of 3 classes, with prototypes that vote like the text."""
    sizes, expected = (np.exp(x).sum(axis=0, dtype=np.float64) for x in (log_g, log_text))
    evidence = NeighborEvidence.of(ring(len(log_g), 6), 1)
    every = evidence.log_agreement(
        log_g, log_text, log_text.argmax(axis=1), pins, prototypes=log_text, sizes=sizes,
        expected=expected, fraction=0.2, believed=believed,
    )  # fmt: skip
    return np.exp(every), log_g.argmax(axis=1)


def test_the_odds_of_a_label_are_pooled_from_three_opinions():
    opinions = [votes(50, 4, scale=2.0, seed=seed) for seed in range(3)]
    labels = opinions[0].argmax(axis=1)
    chance = [np.exp(x.astype(float))[np.arange(50), labels] for x in opinions]
    each = [np.clip(np.log(p / (1 - p)), -8, 8) for p in chance]
    want = 0.6 * each[0] + 0.15 * each[1] + 0.25 * each[2]
    np.testing.assert_allclose(label_odds(*opinions, labels), want, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mean", [0.0, 0.3, 0.97, 1.0])
def test_a_shift_of_all_odds_gives_the_mean_that_is_wanted(mean):
    odds = np.random.default_rng(0).normal(scale=5, size=300)
    got = 1 / (1 + np.exp(-odds - level_shift(odds, mean)))
    assert got.mean() == pytest.approx(mean, abs=4e-4)
    assert (np.diff(got[np.argsort(odds)]) >= 0).all()


def test_the_other_classes_share_what_a_label_leaves_in_proportion():
    before = votes(30, 5)
    labels = before.argmin(axis=1)
    after = np.exp(with_label_odds(before, labels, np.full(30, np.log(3.0))))
    np.testing.assert_allclose(after[np.arange(30), labels], 0.75, rtol=1e-5)
    np.testing.assert_allclose(after.sum(axis=1), 1, rtol=1e-5)
    others = np.arange(5) != labels[:, None]
    ratio = (after / np.exp(before))[others].reshape(30, 4)
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(4, axis=1), rtol=1e-3)


def test_the_text_and_the_prototypes_rank_labels_but_do_not_change_how_many_are_right():
    log_g, log_text = votes(400), votes(400, seed=1)
    every, labels = agreement_of(log_g, log_text)
    np.testing.assert_allclose(every.sum(axis=1), 1, rtol=1e-4)
    evidence = NeighborEvidence.of(ring(400, 6), 1)
    sizes, expected = (np.exp(x).sum(axis=0, dtype=np.float64) for x in (log_g, log_text))
    odds = size_odds(sizes, expected)
    before = np.exp(
        evidence.log_confidence(
            log_g, log_text, log_text.argmax(axis=1), NOBODY, fraction=0.2, odds=odds
        )
    )
    at = np.arange(400), labels
    assert every[at].mean() == pytest.approx(before[at].mean(), rel=1e-4)
    same = log_text.argmax(axis=1) == labels
    assert every[at][same].mean() > before[at][same].mean()
    half, _ = agreement_of(log_g, log_text, believed=0.5)
    assert half[at].mean() == pytest.approx(before[at].mean() / 2, rel=1e-4)


def test_a_name_that_attracts_images_of_others_is_trusted_less():
    labels = np.repeat([0, 1, 2], 20)
    chance = np.full((60, 3), 0.02)
    chance[np.arange(60), labels] = 0.96
    clear = np.log(chance.astype(np.float32))
    sizes = np.array([20.0, 20, 20])
    nobody = NOBODY[:, 1]
    even = class_odds(clear, labels, sizes, chance.sum(axis=0), nobody)
    np.testing.assert_allclose(even, 0.5 * np.log((0.96 * 20 + 1) / (0.04 * 20 + 1)), atol=0.06)
    chance[20:] = [0.4, 0.02, 0.02]  # the first name is read in every image
    chance[np.arange(20, 60), labels[20:]] = 0.58
    said = np.log(chance.astype(np.float32))
    hub = class_odds(said, labels, sizes, chance.sum(axis=0), nobody)
    assert hub[0] < even[0] - 1
    assert hub[0] < min(hub[1:])
    expected = chance[:, 0].sum()
    outside = 0.4 * 40
    want = 0.5 * np.log((19.2 + 1) / (outside + 1)) - np.log((expected + 1) / 20)
    assert hub[0] == pytest.approx(want, rel=1e-4)
    pinned = class_odds(said, labels, sizes, chance.sum(axis=0), np.array([0, 0]))
    np.testing.assert_allclose(pinned, hub / [3, 1, 1], rtol=1e-5)  # pins show what a name means


def test_pinned_images_are_certain_and_lift_no_others():
    log_g, log_text = votes(60), votes(60, seed=1)
    pins = np.array([[3, 2], [50, 0]])
    for x in (log_g, log_text):
        x[pins[:, 0]] = -1e4
        x[pins[:, 0], pins[:, 1]] = 0
    every, labels = agreement_of(log_g, log_text, pins)
    np.testing.assert_array_equal(every[pins[:, 0], pins[:, 1]], 1)
    assert np.delete(every[np.arange(60), labels], pins[:, 0]).max() < 1
    every, _ = agreement_of(log_g[[3, 50, 3]], log_text[[3, 50, 3]],
                            np.array([[0, 2], [1, 0], [2, 2]]))  # fmt: skip
    assert (every.max(axis=1) == 1).all()


def test_less_is_believed_where_classes_lie_far_from_their_names():
    rng = np.random.default_rng(0)
    text = np.eye(8, 60, dtype=np.float32)
    mass = np.full(8, 10.0)
    names = text - text.mean(axis=0)
    away = text[:, ::-1] * np.linalg.norm(names, axis=1, keepdims=True)

    def aligned(cosine):
        return cosine * names + np.sqrt(1 - cosine**2) * away

    several = 1 - 2 / 8
    assert believed_fraction(aligned(0.33), text, mass, 0) == 1
    assert believed_fraction(aligned(0.28), text, mass, 0) == pytest.approx(1 - 0.2 * several)
    assert believed_fraction(rng.normal(size=(8, 60)), text, mass, 0) == pytest.approx(
        1 - 0.5 * several
    )
    pinned = believed_fraction(aligned(0.28), text, mass, 8)  # one of each class
    assert pinned == pytest.approx(1 - 0.1 * several)
    two = np.array([30.0, 30, 0, 0, 0, 0, 0, 0])
    assert believed_fraction(rng.normal(size=(8, 60)), text, two, 0) == pytest.approx(1)


# --- in the loop ---------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.3])
def test_agreement_is_near_the_share_that_is_right_at_every_temperature(temperature):
    sure, right = [], []
    for seed in range(3):
        world = make_world((80, 80, 80, 80), seed=seed)
        run = pl.refine(world.vectors, world.classes, temperature=temperature, progress=silent)
        sure.append(run.iterations[-1].agreement)
        right.append(run.iterations[-1].labels == world.truth)
    sure, right = np.concatenate(sure), np.concatenate(right)
    assert calibration_error(sure, right) < 0.08
    assert error_auroc(sure, right) > 0.8


def test_the_least_certain_come_first():
    world, graph, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    labels = pl.label(run)
    wrong = labels.label != world.truth
    first = labels.least_certain[: len(wrong) // 5]
    assert wrong[first].sum() > 0.5 * wrong.sum()


def test_a_fixed_neighbour_speaks_for_its_class():
    world, graph, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    image = int(pl.label(run).least_certain[0])
    label = int(run.iterations[-1].labels[image])
    pins = dict.fromkeys(graph.indices[image, :5].tolist(), label)
    again = pl.refine(world.vectors, world.classes, clusters, graph=graph, pins=pins,
                      progress=silent)  # fmt: skip
    assert again.iterations[-1].labels[image] == label
    assert again.iterations[-1].agreement[image] > run.iterations[-1].agreement[image] + 0.1
