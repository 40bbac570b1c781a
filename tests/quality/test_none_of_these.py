"""The benchmark of images that fit none of the names."""

from __future__ import annotations

import numpy as np
from none_of_these import Missing, Row, solve, without
from simulated import WORLDS, make

import protolabel as pl


def test_images_of_a_removed_name_are_junk_and_the_others_keep_their_class():
    task = make(WORLDS["easy"], 0)[0]
    less = without(task, np.array([0, 4]))
    np.testing.assert_array_equal(less.truth < 0, np.isin(task.truth, [0, 4]))
    assert less.vectors is task.vectors
    real = less.truth >= 0
    np.testing.assert_array_equal(less.text[less.truth[real]], task.text[task.truth[real]])


def test_junk_is_told_apart_better_than_by_the_margin():
    plain, informed = Row(), Row()  # without, and with further words
    for seed in range(3):
        task, further = make(WORLDS["junk"], seed)
        words = pl.ClassVectors([f"word {i}" for i in range(40)], further)
        for row, background in ((plain, None), (informed, words)):
            row.add(*solve(task, background), task)
    for row in (plain, informed):
        assert min(row.scores["fit"]) > 0.9
        for other in ("MCM", "cosine", "margin"):
            assert np.mean(row.scores["fit"]) > np.mean(row.scores[other])
        assert all((np.diff(caught) >= 0).all() for caught in row.caught)
        assert min(caught[4] for caught in row.caught) > 0.5
        assert np.mean([lost[4] for lost in row.lost]) < 0.05


def test_missing_names_are_counted_and_ranked():
    task = make(WORLDS["easy"], 0)[0]
    less = without(task, np.array([3]))
    junk, real = np.flatnonzero(task.truth == 3), np.flatnonzero(task.truth == 5)
    judge = Missing()
    found = (
        pl.MissingName(0, junk[:30], "class 0", 0.2, (("b", 0.3), ("a", 0.2))),
        pl.MissingName(1, real[:5], "class 4", 0.4, (("a", 0.3),)),
    )
    judge.add(found, less, task.truth, [{"x"}, {"x"}, {"x"}, {"a"}, *[{"x"}] * 6])
    assert judge.clusters == [True, False]
    assert judge.images == [30 / len(junk)]
    assert judge.rank == [1]
