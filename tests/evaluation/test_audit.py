from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

import protolabel as pl
from protolabel.evaluation import Audit, draw_sample


def folder(n: int = 300, accuracy: float = 0.9, seed: int = 0):
    """Label, agreement and truth of a folder whose errors have less agreement."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 5, n)
    right = rng.random(n) < accuracy
    agreement = np.where(right, 0.6 + 0.4 * rng.random(n), rng.random(n))
    return label, agreement.astype(np.float32), right


class TestTheDraw:
    def test_every_image_has_the_same_chance(self):
        label, agreement, _ = folder(77)
        rng = np.random.default_rng(1)
        seen = np.zeros(77)
        for _ in range(4000):
            drawn = draw_sample(label, agreement, 20, rng)
            assert len(set(drawn.tolist())) == 20
            seen[drawn] += 1
        expected = 4000 * 20 / 77
        assert np.abs(seen - expected).max() < 5 * np.sqrt(expected)

    def test_classes_have_their_share(self):
        label, agreement, _ = folder(300)
        drawn = draw_sample(label, agreement, 60, np.random.default_rng(0))
        share = np.bincount(label, minlength=5) / 5
        assert np.abs(np.bincount(label[drawn], minlength=5) - share).max() <= 1

    def test_many_classes_vary_no_more_than_a_simple_sample(self):
        # 40 of 40 classes: every third stratum, were they in the order of the agreement.
        place = np.tile(np.arange(30), 40)
        label, right = np.repeat(np.arange(40), 30), place >= 10
        rng = np.random.default_rng(0)
        count = [right[draw_sample(label, place / 30, 40, rng)].sum() for _ in range(1000)]
        assert np.var(count) < 1.15 * hypergeom.var(1200, 800, 40)

    def test_of_few_images_all_are_drawn(self):
        label, agreement, _ = folder(7)
        drawn = draw_sample(label, agreement, 40, np.random.default_rng(0))
        assert sorted(drawn.tolist()) == list(range(7))

    def test_the_same_seed_draws_the_same_images(self):
        label, agreement, _ = folder()
        names = "abcde"
        first, again = (Audit(names, label, agreement, 40, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first.images, again.images)
        other = Audit(names, label, agreement, 40, seed=4)
        assert first.images.tolist() != other.images.tolist()
        assert first.inclusion == 40 / 300


class TestAnAudit:
    def test_from_the_draw_to_the_estimate(self):
        label, agreement, right = folder()
        audit = Audit("abcde", label, agreement, 40)
        for image in audit.images.tolist():
            if right[image]:
                audit.confirm(image)
            else:
                audit.correct(image, None)
        got = audit.estimate()
        assert (got.checked, got.population) == (40, 300)
        assert got.fraction == right[audit.images].mean()
        assert got.interval == got.fixed
        assert got.anytime[0] <= got.fixed[0] + 0.02
        assert {one.name for one in got.classes} <= set("abcde")
        assert str(got).startswith(f"audited: 40 images, {got.fraction:.2f}, ")
        assert "would halve the interval" in str(got)
        assert not len(audit.remaining)

    def test_who_stops_early_or_goes_on_gets_the_interval_that_holds_then(self):
        label, agreement, _ = folder()
        audit = Audit("abcde", label, agreement, 20)
        for image in audit.images[:10].tolist():
            audit.confirm(image)
        assert audit.estimate().interval == audit.estimate().anytime
        for image in audit.remaining.tolist():
            audit.confirm(image)
        assert audit.estimate().interval == audit.estimate().fixed
        audit.extend(30)
        assert len(set(audit.images.tolist())) == 50
        for image in audit.remaining.tolist():
            audit.confirm(image)
        assert audit.estimate().interval == audit.estimate().anytime

    def test_a_correction_is_right_if_it_is_the_label_and_may_be_withdrawn(self):
        label, agreement, _ = folder()
        audit = Audit("abcde", label, agreement, 5)
        image = int(audit.images[0])
        audit.correct(image, "abcde"[label[image]].upper())
        assert audit.estimate().fraction == 1
        audit.correct(image, "a fox")
        assert (audit.estimate().fraction, audit.answers) == (0, {image: "a fox"})
        audit.withdraw(image)
        assert audit.estimate().checked == 0
        assert audit.estimate().summary == "audited: no image yet"

    def test_pinned_labels_count_as_right_and_images_set_aside_do_not_count(self):
        label, agreement, _ = folder(100)
        pinned, unfit = np.arange(100) < 20, np.arange(100) >= 70
        audit = Audit("abcde", label, agreement, 50, pinned=pinned, unfit=unfit)
        assert sorted(audit.images.tolist()) == list(range(20, 70))
        for image in audit.images.tolist():
            audit.correct(image, None)
        got = audit.estimate()
        assert (got.population, got.fraction, got.interval) == (70, 20 / 70, (20 / 70, 20 / 70))

    def test_what_cannot_be_audited_is_refused(self):
        label, agreement, _ = folder(10)
        for count in (0, -1, 2.5, True, "40"):
            with pytest.raises(pl.InputError, match="1 or more"):
                Audit("abcde", label, agreement, count)
        with pytest.raises(pl.InputError, match="all are pinned or set aside"):
            Audit("abcde", label, agreement, 4, pinned=np.ones(10, dtype=bool))
        audit = Audit("abcde", label, agreement, 4)
        other = next(image for image in range(10) if image not in audit.images)
        with pytest.raises(pl.InputError, match="image of this audit"):
            audit.confirm(other)

    def test_an_audit_is_taken_up_again(self):
        label, agreement, _ = folder()
        audit = Audit("abcde", label, agreement, 40)
        again = Audit.resume("abcde", label, agreement, audit.images)
        for image in audit.images.tolist():
            audit.confirm(image)
            again.confirm(image)
        assert str(again.estimate()) == str(audit.estimate())
