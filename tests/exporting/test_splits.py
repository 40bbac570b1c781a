from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protolabel.errors import InputError
from protolabel.exporting import groups_of, lasting_split
from protolabel.exporting.splits import split_dataset


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    n = draw(st.integers(1, 120))
    label = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n))
    groups = draw(st.lists(st.integers(0, 60), min_size=n, max_size=n))
    shares = draw(st.sampled_from([(0.7, 0.15, 0.15), (0.8, 0.2, 0.0), (1, 0, 0), (0.2, 0.4, 0.4)]))
    return np.array(label), np.array(groups), shares


@given(grouped(), st.integers(0, 3))
def test_groups_are_never_divided_and_no_closed_side_is_used(case, seed: int) -> None:
    label, groups, shares = case
    side = split_dataset(label, groups, shares, seed)
    assert side.dtype == np.int8
    assert side.shape == label.shape
    for group in np.unique(groups):
        assert len(np.unique(side[groups == group])) == 1
    assert all(shares[one] > 0 for one in np.unique(side))
    np.testing.assert_array_equal(side, split_dataset(label, groups, shares, seed))


@given(grouped())
def test_a_class_with_enough_groups_of_its_own_is_everywhere(case) -> None:
    label, groups, shares = case
    groups = groups * 5 + label  # no group of two classes
    side = split_dataset(label, groups, shares)
    sides = sum(share > 0 for share in shares)
    for one in np.unique(label):
        if len(np.unique(groups[label == one])) >= sides:
            assert len(np.unique(side[label == one])) == sides


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300))
def test_single_images_meet_the_shares_class_by_class(label: list[int]) -> None:
    labels = np.array(label)
    side = split_dataset(labels)
    for one in np.unique(labels):
        count = np.bincount(side[labels == one], minlength=3)
        wanted = np.array([0.7, 0.15, 0.15]) * count.sum()
        assert (np.abs(count - wanted) <= 2).all()


def test_the_usual_case_is_exact() -> None:
    label = np.repeat(np.arange(5), 100)
    side = split_dataset(label)
    for one in range(5):
        np.testing.assert_array_equal(np.bincount(side[label == one]), [70, 15, 15])


def test_many_small_classes_still_give_the_shares_as_a_whole() -> None:
    for size in (1, 2, 10):
        counts = np.bincount(split_dataset(np.repeat(np.arange(200), size)), minlength=3)
        np.testing.assert_allclose(counts / (200 * size), [0.7, 0.15, 0.15], atol=0.02)


def test_a_large_group_does_not_push_the_class_out_of_the_other_sides() -> None:
    groups = np.r_[np.zeros(80, int), np.arange(1, 21)]
    side = split_dataset(np.zeros(100, int), groups)
    assert len(np.unique(side[groups == 0])) == 1
    np.testing.assert_array_equal(np.bincount(side), [80, 10, 10])


def test_another_seed_is_another_split() -> None:
    label = np.zeros(100, int)
    assert (split_dataset(label, seed=0) != split_dataset(label, seed=1)).any()


def test_no_images_give_no_sides() -> None:
    assert split_dataset(np.empty(0, int)).shape == (0,)


@pytest.mark.parametrize(
    "shares",
    [(0.7, 0.3), (0.7, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1), (np.nan, 0.5, 0.5), "abc", 1],
)
def test_shares_that_make_no_sense_are_refused(shares) -> None:
    with pytest.raises(InputError, match="sum to 1"):
        split_dataset(np.zeros(3, int), shares=shares)


@pytest.mark.parametrize("label", [[0.5, 1.0], [-1, 0], [[0, 1]]])
def test_labels_must_be_class_indices(label) -> None:
    with pytest.raises(InputError, match="label"):
        split_dataset(np.array(label))


# Sides that follow from the content


def some_keys(n: int, seed: int = 0) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(16) for _ in range(n)]


@given(grouped(), st.integers(0, 3))
def test_lasting_sides_divide_no_group_and_use_no_closed_side(case, seed: int) -> None:
    label, groups, shares = case
    side = lasting_split(label, groups, some_keys(len(label)), shares, seed)
    assert side.dtype == np.int8
    for group in np.unique(groups):
        assert len(np.unique(side[groups == group])) == 1
    assert all(shares[one] > 0 for one in np.unique(side))


@given(grouped(), st.integers(0, 9))
def test_lasting_sides_hold_every_class_with_enough_groups(case, seed: int) -> None:
    label, groups, shares = case
    groups = groups * 5 + label  # no group of two classes
    side = lasting_split(label, groups, some_keys(len(label), seed), shares)
    sides = sum(share > 0 for share in shares)
    for one in np.unique(label):
        count = len(np.unique(groups[label == one]))
        assert len(np.unique(side[label == one])) >= min(sides, count)
        assert (side[label == one] == 0).any()


@pytest.mark.parametrize("seed", range(40))
def test_one_more_image_moves_at_most_one_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, keys = rng.integers(0, 100, 200), some_keys(200, seed)
    label = rng.integers(0, 3, 100)[groups]
    before = lasting_split(label, groups, keys)
    place = seed % 5 * 50  # first, last or between
    group = [999, int(groups[0])][seed % 2]  # alone, or in a group
    after = lasting_split(
        np.insert(label, place, label[0]),
        np.insert(groups, place, group),
        [*keys[:place], rng.bytes(16), *keys[place:]],
    )
    moved = np.unique(groups[np.delete(after, place) != before])
    assert len(moved) <= 1


def test_sides_do_not_depend_on_order_or_on_what_else_is_there() -> None:
    keys, label = some_keys(300), np.repeat([0, 1, 2], 100)
    side = lasting_split(label, np.arange(300), keys)
    order = np.random.default_rng(0).permutation(300)
    shuffled = lasting_split(label[order], np.arange(300), [keys[i] for i in order])
    np.testing.assert_array_equal(shuffled, side[order])
    half = lasting_split(label[:100], np.arange(100), keys[:100])
    np.testing.assert_array_equal(half, side[:100])
    assert (lasting_split(label, np.arange(300), keys, seed=1) != side).any()


def test_lasting_sides_meet_the_shares_on_average() -> None:
    side = lasting_split(np.zeros(20_000, int), np.arange(20_000), some_keys(20_000))
    np.testing.assert_allclose(np.bincount(side) / 20_000, [0.7, 0.15, 0.15], atol=0.01)


def test_a_large_group_is_trained_on() -> None:
    groups = np.r_[np.zeros(40, int), np.arange(1, 61)]
    for seed in range(20):
        side = lasting_split(np.zeros(100, int), groups, some_keys(100, seed))
        assert (side[groups == 0] == 0).all()


def test_groups_come_from_a_pattern_a_function_or_a_column() -> None:
    names = ["p1/a.png", "p2/b.png", "p1/c.png", "x.png", "y.png"]
    wanted = [0, 1, 0, 2, 3]
    columns = ["one", "two", "one", None, ""], np.array([1, 2, 1, np.nan, np.nan])
    patterns = r"p\d", r"(p\d)/", r"^p(\d)"
    for groups in (*patterns, *columns, lambda name: name[:2] if "/" in name else None):
        assert groups_of(names, groups).tolist() == wanted


@pytest.mark.parametrize(
    ("groups", "message"),
    [("(", "regular expression"), ([1, 2], "3 images"), ([[], [], []], "compared")],
)
def test_groups_that_cannot_be_used_are_refused(groups, message: str) -> None:
    with pytest.raises(InputError, match=message):
        groups_of(["a", "b", "c"], groups)
