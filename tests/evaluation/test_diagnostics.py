from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import World, clustered_world, make_world

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.evaluation.diagnostics import (
    _alike,
    _effective,
    _mean_cosine,
    confused_pairs,
    named_pairs,
)


def run_of(world: World | None = None, **options) -> pl.Refinement:
    shared, graph, clusters = clustered_world()
    if world is None:
        return pl.refine(
            shared.vectors, shared.classes, clusters, graph=graph, progress=silent, **options
        )
    return pl.refine(world.vectors, world.classes, progress=silent, **options)


def texts(diagnostics: pl.Diagnostics, severity: str) -> str:
    return "\n".join(f.text for f in diagnostics.findings if f.severity == severity)


def test_numbers_are_those_of_the_labels():
    run = run_of()
    got, last, first = pl.diagnose(run), pl.label(run), pl.label(run, 0)
    changed = np.count_nonzero(last.label != first.label)
    assert got.changed == changed > 0
    assert got.agreement_with_zero_shot == pytest.approx(1 - changed / len(last))
    assert got.classes_used == len(set(last.label))
    assert got.classes_used_zero_shot == len(set(first.label))
    np.testing.assert_array_equal(got.churn, run.churn)
    assert len(got.shift) == 5
    assert got.lambda_max == run.lambda_max
    cosines = last.prototypes @ last.prototypes.T
    off = cosines[~np.eye(6, dtype=bool)].mean()
    assert got.prototype_cosine == pytest.approx(off, abs=1e-4)
    assert got.absent == tuple(n for i, n in enumerate(last.names) if not (last.label == i).any())


def test_it_can_stop_at_an_earlier_iteration():
    run = run_of()
    got = pl.diagnose(pl.label(run, 2))
    np.testing.assert_array_equal(got.churn, run.churn[:2])
    assert len(got.shift) == 2
    assert got.changed == np.count_nonzero(run.iterations[2].labels != run.iterations[0].labels)


def test_zero_shot_is_called_what_it_is():
    got = pl.diagnose(pl.label(run_of(), 0))
    assert got.changed == 0
    assert "zero-shot labels, before refinement" in texts(got, "note")
    assert not texts(got, "good")


def test_a_good_run_is_called_settled():
    got = pl.diagnose(run_of())
    assert "has settled" in texts(got, "good")
    assert not texts(got, "warning")


@pytest.mark.parametrize("units", ["images", "clusters"])
def test_collapse_is_named_with_what_to_do(units):
    run = run_of(method="plain", units=units, iterations=15)
    got = pl.diagnose(run)
    warning = texts(got, "warning")
    assert "collapsed" in warning
    assert 'method="anchored"' in warning
    assert got.prototype_cosine > 0.999 or got.effective_classes < got.effective_classes_zero_shot
    assert got.findings[0].severity == "warning"


def test_collapse_is_foretold_by_the_temperature():
    run = run_of(method="plain", units="images", iterations=1)
    got = pl.diagnose(run)
    assert run.lambda_max < 0.1
    assert f"{run.lambda_max:.3f}" in texts(got, "warning")
    sharp = pl.diagnose(
        run_of(method="plain", units="images", iterations=1, temperature=run.lambda_max / 4)
    )
    assert "eigenvalue" not in texts(sharp, "warning")


def test_absent_names_are_listed():
    got = pl.diagnose(run_of(make_world((80, 80, 80), absent=2)))
    for name in got.absent:
        assert name in texts(got, "note")
    far = make_world((50, 50))
    text = np.concatenate([far.classes.vectors, -far.classes.vectors[:1]])
    world = World(far.vectors, pl.ClassVectors(["a", "b", "unseen"], text), far.truth)
    got = pl.diagnose(run_of(world))
    assert got.absent == ("unseen",)
    assert "No image was labelled unseen" in texts(got, "note")


def test_many_absent_names_are_cut_short():
    rng = np.random.default_rng(0)
    text = np.concatenate([[[0, 1.0, 0]], rng.normal(size=(30, 3)) * [1, 0.01, 1]])
    classes = pl.ClassVectors([f"n{i}" for i in range(31)], text)
    x = np.tile(np.array([[0.0, 1.0, 0.0]]), (40, 1))
    got = pl.diagnose(pl.refine(x, classes, progress=silent))
    assert len(got.absent) == 30
    assert "and others" in texts(got, "note")


def test_names_that_look_alike_are_paired():
    prototypes = unit_rows(np.array([[1, 0, 0], [1, 0.05, 0], [0, 1, 0], [0, 0, 1]], np.float32))
    assert _alike(("wolf", "husky", "cup", "car"), prototypes) == (("wolf", "husky"),)
    assert _alike(("wolf", "husky"), prototypes[:2]) == ()


def test_in_a_small_folder_all_labels_are_to_be_checked():
    got = pl.diagnose(run_of(make_world((5, 5, 5))))
    assert "look at all of them" in texts(got, "note")


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_get_a_note(n):
    world = make_world((5, 5))
    got = pl.diagnose(run_of(World(world.vectors[:n], world.classes, world.truth[:n])))
    assert "nothing to learn" in texts(got, "note")


def test_copies_of_one_image_are_not_called_a_take_over():
    world = make_world((5, 5))
    got = pl.diagnose(run_of(World(world.vectors[[0] * 20], world.classes, world.truth[[0] * 20])))
    assert got.changed == 0
    assert not texts(got, "warning")


def test_one_class():
    world = make_world((5,))
    got = pl.diagnose(run_of(world))
    assert got.prototype_cosine == 0
    assert got.effective_classes == pytest.approx(1)
    assert "There is one class" in texts(got, "warning")
    assert not texts(got, "good")


def test_mean_cosine_and_effective_classes_closed_forms():
    assert _mean_cosine(np.eye(3, dtype=np.float32)) == pytest.approx(0)
    assert _mean_cosine(np.ones((4, 1), np.float32)) == pytest.approx(1)
    assert _effective(np.array([5, 5, 0, 5])) == pytest.approx(3)
    assert _effective(np.array([9, 0])) == pytest.approx(1)


def test_restless_runs_are_a_warning(monkeypatch):
    run = run_of()
    monkeypatch.setattr("protolabel.evaluation.diagnostics.RESTLESS_CHURN", -1.0)
    assert "last iteration still changed" in texts(pl.diagnose(run), "warning")


def test_labels_of_saved_prototypes_have_no_run():
    new = pl.PrototypeClassifier.from_labels(pl.label(run_of())).label(make_world().vectors)
    with pytest.raises(pl.InputError, match="labels of a run, got"):
        pl.diagnose(new)


def test_names_between_which_images_waver_are_named_with_advice():
    world = make_world((60, 60, 60), seed=1)
    labels = pl.label(pl.refine(world.vectors, world.classes, progress=silent))
    margin = np.ones(180, np.float32)
    margin[:7], margin[7:11] = 0.29, -0.1
    label, runner_up = np.zeros(180, np.int32), np.full(180, 2, np.int32)
    label[:4], runner_up[:4] = 2, 0  # a pair has no order
    runner_up[7:11] = 1
    labels = replace(
        labels, label=label, runner_up=runner_up, margin=margin,
        agreement=np.where(margin < 1, 0.6, 1).astype(np.float32),
    )  # fmt: skip
    a, b, c = labels.names
    assert confused_pairs(labels) == [(a, c, 7), (a, b, 4)]
    said = [finding.text for finding in pl.diagnose(labels).findings]
    advice = f"waver between names here: {a} and {c} (7 images, about 3 wrong). The right"
    assert any(advice in text and "pin five images" in text for text in said)


def test_the_pair_with_the_most_expected_errors_is_named_first():
    labels = pl.label(pl.refine(make_world((60,) * 4).vectors, make_world((60,) * 4).classes,
                                progress=silent))  # fmt: skip
    label, runner_up = np.zeros(240, np.int32), np.ones(240, np.int32)
    label[20:28], runner_up[20:28] = 2, 3
    margin, agreement = np.ones(240, np.float32), np.ones(240, np.float32)
    margin[:12], agreement[:12] = 0.39, 0.65  # twelve images, a quarter each for the other name
    margin[20:28], agreement[20:28] = -0.1, 0.45  # eight, more than half each
    nobody = np.zeros_like(labels.further_agreement)
    labels = replace(labels, label=label, runner_up=runner_up, margin=margin, agreement=agreement,
                     further_agreement=nobody)  # fmt: skip
    a, b, c, d = labels.names
    assert named_pairs(labels) == [(c, d, 8, 4), (a, b, 12, 4)]
    margin[:12] = 0.49  # less than three expected errors are too few beside another pair
    assert named_pairs(replace(labels, margin=margin)) == [(c, d, 8, 4)]


def test_clear_names_are_not_called_confused():
    world = make_world((60, 60), seed=2)
    findings = pl.diagnose(pl.refine(world.vectors, world.classes, progress=silent)).findings
    assert not any("waver" in finding.text for finding in findings)


def test_names_that_lie_elsewhere_than_their_classes_are_pointed_out():
    world, graph, clusters = clustered_world()
    run = pl.refine(world.vectors, world.classes, clusters, graph=graph, progress=silent)
    *before, last = run.iterations
    said = {}
    for fraction in (0.1, 0.6):
        other = replace(last, text_fraction=fraction)
        findings = pl.diagnose(replace(run, iterations=(*before, other))).findings
        said[fraction] = any("may be misread" in finding.text for finding in findings)
    assert said == {0.1: False, 0.6: True}
