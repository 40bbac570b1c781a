"""Special folders are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import WORLDS, make
from special import SPECIAL, special_tasks


def drawn(name: str, world: str = "easy"):
    return next(special_tasks(world, name, 1, None), None)


def test_copies_lie_near_their_originals_and_every_class_keeps_its_images():
    before, after = make(WORLDS["easy"], 0)[0], drawn("near-duplicates")
    nearest = after.vectors @ after.vectors.T
    np.fill_diagonal(nearest, 0)
    assert np.quantile(nearest.max(axis=1), 0.5) > 0.95
    np.testing.assert_array_equal(before.truth, after.truth)


def test_sizes_of_small_and_rare_folders():
    few = drawn("20 images in a tail")
    assert len(few.truth) == 20
    assert np.bincount(few.truth).max() >= 4
    assert len(few.text) == 10
    assert drawn("long tail of 20 classes") is None
    tail = drawn("long tail of 20 classes", "hard")
    assert sorted(np.bincount(tail.truth))[:: len(tail.text) - 1] == [1, 25]
    assert len(tail.text) == 20


def test_two_classes_have_two_names_and_a_hub_is_near_every_image():
    two = drawn("2 classes")
    assert len(two.text) == 2
    assert set(two.truth) == {0, 1}
    hub = drawn("hub name, half absent")
    cosine = (hub.vectors @ hub.text.T).mean(axis=0)
    assert cosine.max() > cosine.mean() + 0.02


def test_many_names_and_many_classes():
    assert len(drawn("1,000 names").text) == 1000
    assert len(np.unique(drawn("1,000 classes x 4").truth)) == 1000


def test_low_cosines_change_nothing_that_zero_shot_says():
    before, after = make(WORLDS["medium"], 0)[0], drawn("low cosines (SigLIP)", "medium")
    logits = [t.logit_scale * t.vectors @ t.text.T for t in (before, after)]
    assert abs((after.vectors @ after.text.T).mean()) < 0.03
    differences = [rows - rows.mean(axis=1, keepdims=True) for rows in logits]
    np.testing.assert_allclose(*differences, atol=1e-2)


@pytest.mark.parametrize("name", ["logit scale 10", "logit scale 25", "logit scale 50"])
def test_soft_scales_keep_the_vectors(name):
    task = drawn(name)
    assert task.logit_scale == float(name.split()[-1])
    np.testing.assert_array_equal(task.vectors, make(WORLDS["easy"], 0)[0].vectors)


def test_every_special_folder_is_drawn_again_by_its_seed():
    for name in set(SPECIAL) - {"1,000 names", "1,000 classes x 4"}:
        first, again = drawn(name, "medium"), drawn(name, "medium")
        np.testing.assert_array_equal(first.vectors, again.vectors)
