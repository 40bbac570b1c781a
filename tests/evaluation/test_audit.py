from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, hypergeom

import protolabel as pl
from protolabel.evaluation import (
    Audit,
    anytime_interval,
    draw_sample,
    fixed_size_interval,
)

SLACK = 1e-9


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


class TestTheIntervals:
    @pytest.mark.parametrize(("population", "n"), [(30, 10), (60, 20), (200, 40)])
    def test_a_fixed_size_covers_every_possible_folder(self, population, n):
        """By the exact distribution: at least 95 % for each number of right labels."""
        ends = [fixed_size_interval(np.arange(n) < x, population) for x in range(n + 1)]
        low, high = (np.array([pair[side] for pair in ends]) for side in (0, 1))
        right = np.arange(population + 1)
        inside = (low - SLACK <= right[:, None] / population) & (
            right[:, None] / population <= high + SLACK
        )
        chance = hypergeom.pmf(np.arange(n + 1), population, right[:, None], n)
        assert (chance * inside).sum(axis=1).min() >= 0.95 - SLACK

    @pytest.mark.parametrize("x", [20, 30, 36, 40])
    def test_it_is_shorter_than_clopper_and_pearsons(self, x):
        low, high = fixed_size_interval(np.arange(40) < x, 2000)
        theirs = (
            beta.ppf(0.025, x, 41 - x),
            1.0 if x == 40 else beta.ppf(0.975, x + 1, 40 - x),
        )
        assert high - low < theirs[1] - theirs[0]

    @pytest.mark.parametrize("accuracy", [0.6, 0.9, 0.98])
    def test_someone_who_stops_at_the_worst_moment_is_still_covered(self, accuracy):
        rng = np.random.default_rng(7)
        population, runs, missed = 60, 150, 0
        truth = np.arange(population) < round(accuracy * population)
        for _ in range(runs):
            right = truth[rng.permutation(population)[:30]]
            missed += any(
                not low - SLACK <= truth.mean() <= high + SLACK
                for low, high in (anytime_interval(right[:n], population) for n in range(5, 31, 5))
            )
        assert missed / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)

    def test_between_two_looks_only_what_is_certain_changes(self):
        right = np.ones(19, dtype=bool)
        assert anytime_interval(right[:17], 500) == anytime_interval(right[:15], 500)

    def test_a_folder_that_was_checked_whole_has_no_interval(self):
        right = np.array([True, True, False, True])
        assert fixed_size_interval(right, 4) == (0.75, 0.75)
        assert anytime_interval(right, 4) == (0.75, 0.75)

    def test_nothing_checked_says_nothing(self):
        assert fixed_size_interval(np.zeros(0, dtype=bool), 50) == (0, 1)
        assert anytime_interval(np.zeros(0, dtype=bool), 50) == (0, 1)

    def test_a_large_folder_is_like_an_endless_one(self):
        right = np.arange(100) < 93
        small, large = (fixed_size_interval(right, n) for n in (50_000, 1_000_000))
        np.testing.assert_allclose(small, large, atol=3e-3)
        assert large[0] < 0.93 < large[1]


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
