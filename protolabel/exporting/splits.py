"""Stratified splits into train, validation and test that never divide near-duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protolabel.common.checks import as_indices, as_numbers, as_seed, checked
from protolabel.errors import InputError

__all__ = ["DEFAULT_SHARES", "SPLITS", "count_sides", "lasting_split", "split_dataset"]

SPLITS = ("train", "val", "test")
"""Names of the splits, as folders and in tables."""
DEFAULT_SHARES = (0.70, 0.15, 0.15)
"""Fractions of train, val and test."""

_LARGE = 1 / 3  # fraction of its class above which a group goes to train
_CARRY = 0.5  # images by which the rounding of earlier classes may change a target

Shares = NDArray[np.float64]


@checked
def split_dataset(
    label: ArrayLike,
    groups: ArrayLike | None = None,
    shares: Sequence[float] = DEFAULT_SHARES,
    seed: int = 0,
) -> NDArray[np.int8]:
    """Assign every image to one of three sides: 0 train, 1 val, 2 test.

    In each class, starting with the largest group, each group goes to the side that lacks the most
    images. The next class makes up for rounding errors, so that many small classes still add up to
    the shares.

    Parameters
    ----------
    label : array_like
        (N,) class index of every image, 0 or more.
    groups : array_like or None
        (N,) integers; images of one group (near-duplicates) stay on one side. With None, every
        image is a group of its own.
    shares : sequence of float
        Fractions of train, val and test, each 0 or more, train above 0, which sum to 1.
    seed : int
        Seed of the assignment.

    Returns
    -------
    (N,) int8
        0 train, 1 val, 2 test. A class with at least as many groups as there are sides with a
        fraction above 0 has images on every such side. A group with images of several classes
        belongs to the most frequent of them.

    Raises
    ------
    InputError
        If an argument does not fit.
    """
    split_shares, seed = check_shares(shares), as_seed(seed)
    label = as_numbers(label, "label", None)
    groups = as_numbers(np.arange(len(label)) if groups is None else groups, "groups", len(label))
    if not len(label):
        return np.empty(0, dtype=np.int8)
    label = as_indices(label, 2**31 - 1, "label")
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    size = np.bincount(group)
    owner = _majority(label, group, len(size))
    shuffled = np.random.default_rng(seed).permutation(len(size))
    order = np.lexsort((shuffled, -size, owner))
    side = np.empty(len(size), dtype=np.int8)
    carry = np.zeros(len(SPLITS))
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]])
    for members in np.split(order, starts[1:]):
        target = split_shares * size[members].sum()
        side[members] = _place(size[members], target + carry, split_shares > 0)
        filled = np.bincount(side[members], weights=size[members], minlength=len(SPLITS))
        carry = np.clip(carry + target - filled, -_CARRY, _CARRY)
    return side[group]


@checked
def lasting_split(
    label: ArrayLike,
    groups: ArrayLike,
    keys: Sequence[bytes],
    shares: Sequence[float] = DEFAULT_SHARES,
    seed: int = 0,
) -> NDArray[np.int8]:
    """Assign every image to a side that depends on its content, so that the sides are stable.

    The hash of its smallest key places a group on a circle, which is divided among test, val and
    train by their fractions, independently of the other images. If a class would miss a side, the
    group nearest to that side on the circle moves there. A new image therefore moves at most one
    group: its own, if its key is the smallest in it, or one that had filled a gap. In a class of
    less than a dozen groups it can, rarely, move two. The fractions hold on average: with n
    groups, the number on a side varies by about half the square root of n.

    Parameters
    ----------
    label : (N,) integers
        Class index of every image, 0 or more.
    groups : (N,) integers
        Images of one group stay on one side.
    keys : sequence of bytes
        N keys of the contents, as from `content_keys`.
    shares : sequence of float
        As for `split_dataset`.
    seed : int
        Another seed gives another split.

    Returns
    -------
    (N,) int8
        0 train, 1 val, 2 test. A class with at least as many groups as there are sides with a
        fraction above 0 has images on every such side, as in `split_dataset`. A group with more
        than a third of its class is in train, unless the class would lack a side.

    Raises
    ------
    InputError
        If an argument does not fit.
    """
    split_shares = check_shares(shares)
    seed, label = as_seed(seed), as_numbers(label, "label", None)
    groups = as_numbers(groups, "groups", len(label))
    if not len(label):
        return np.empty(0, dtype=np.int8)
    label = as_indices(label, 2**31 - 1, "label")
    listed = isinstance(keys, Sequence) and len(keys) == len(label)
    if not listed or not all(isinstance(key, bytes) for key in keys):
        raise InputError(f"Expected a key of bytes for each of {len(label)} images.")
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    size = np.bincount(group)
    owner = _majority(label, group, len(size))
    smallest: list[bytes] = [b"\xff" * 65] * len(size)
    for place, key in zip(group.tolist(), keys, strict=True):
        smallest[place] = min(smallest[place], key)
    point = np.array([_point(key, seed) for key in smallest])
    # Around the circle: test, val, train.
    bounds = np.cumsum(split_shares[::-1])[:-1]
    side = (2 - np.searchsorted(bounds, point, side="right")).astype(np.int8)
    side[(size > 1) & (size > _LARGE * np.bincount(owner, weights=size)[owner])] = 0
    order = np.lexsort((point, owner))
    starts = np.flatnonzero(np.r_[True, owner[order][1:] != owner[order][:-1]])
    for members in np.split(order, starts[1:]):
        _fill_gaps(side, members, split_shares > 0)
    return side[group]


def _point(key: bytes, seed: int) -> float:
    """Return a number in [0, 1) determined by a key."""
    digest = hashlib.blake2b(key, digest_size=8, salt=str(seed).encode()[-16:]).digest()
    return int.from_bytes(digest, "big") / 2**64


def _fill_gaps(
    side: NDArray[np.int8], members: NDArray[np.int64], open_: NDArray[np.bool_]
) -> None:
    """Move groups of a class to sides without any, in place; `members` are in circle order."""
    count = np.bincount(side[members], minlength=len(SPLITS))
    wanted = min(len(members), int(open_.sum()))
    for gap in np.flatnonzero(open_ & (count == 0)).tolist():
        if gap > 0 and np.count_nonzero(count) >= wanted:
            break  # a class with fewer groups than sides; train comes first and is never empty
        donor = int(np.argmax(count))
        given = members[side[members] == donor]
        # Test begins where train ends, val where test ends: the nearest is the last or the first.
        side[given[-1] if (gap - donor) % 3 == 2 else given[0]] = gap
        count[donor] -= 1
        count[gap] += 1


def count_sides(side: NDArray[np.integer]) -> list[int]:
    """Return the number of images of train, val and test; -1 is on no side."""
    counts: list[int] = np.bincount(side[side >= 0], minlength=len(SPLITS)).tolist()
    return counts


def check_shares(shares: Sequence[float]) -> Shares:
    """Return the fractions of train, val and test, (3,) float64, or raise `InputError`."""
    try:
        given = np.asarray(shares, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(_shares_message(shares)) from error
    fits = given.shape == (len(SPLITS),) and bool(np.isfinite(given).all() and (given >= 0).all())
    if not fits or given[0] <= 0 or abs(given.sum() - 1.0) > 1e-6:
        raise InputError(_shares_message(shares))
    return np.asarray(given / given.sum())


def _shares_message(shares: object) -> str:
    return (
        "Expected shares as three numbers for train, val and test, 0 or more, train above 0, that "
        f"sum to 1, got {shares!r}: pass for example (0.7, 0.15, 0.15)."
    )


def _majority(
    label: NDArray[np.integer], group: NDArray[np.integer], count: int
) -> NDArray[np.int64]:
    """Return the most frequent class of each group, the lowest among equals, (count,)."""
    pairs, votes = np.unique(np.stack([group, label]), axis=1, return_counts=True)
    order = np.lexsort((-pairs[1], votes, pairs[0]))  # the best of each group comes last
    owner = np.empty(count, dtype=np.int64)
    owner[pairs[0, order]] = pairs[1, order]
    return owner


def _place(size: NDArray[np.integer], target: Shares, open_: NDArray[np.bool_]) -> list[int]:
    """Return the side of each group of a class; the largest groups come first in `size`."""
    missing = np.where(open_, target, -np.inf)
    empty = open_.copy()
    single = int(np.searchsorted(-size, -1, side="left"))  # where groups of one image begin
    sides: list[int] = []
    for position in range(single):
        must_fill = len(size) - position == int(empty.sum())
        best = int(np.argmax(np.where(empty, missing, -np.inf) if must_fill else missing))
        sides.append(best)
        missing[best] -= size[position]
        empty[best] = False
    for side, count in enumerate(_fill(missing, empty, len(size) - single)):
        sides.extend([side] * int(count))
    return sides


def _fill(missing: Shares, empty: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Return how many of `count` single images go to each side."""
    given = np.zeros(len(missing), dtype=np.int64)
    if count >= int(empty.sum()):  # fewer can only happen to a class of one or two groups
        given[empty] = 1
    left = count - int(given.sum())
    want = np.where(np.isfinite(missing), missing - given, -np.inf)
    # Lower all wants by the same amount until the positive ones add up to `left` ...
    above = np.sort(want[np.isfinite(want)])[::-1]
    level = max((above[:k].sum() - left) / k for k in range(1, len(above) + 1))
    whole = np.floor(np.maximum(want - level, 0.0))
    given += whole.astype(np.int64)
    # ... and give the rest to the sides that lack the most.
    rest = np.where(np.isfinite(want), want - whole, -np.inf)
    given[np.argsort(-rest, kind="stable")[: left - int(whole.sum())]] += 1
    return given
